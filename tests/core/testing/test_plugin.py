"""The suites' coroutines are run, whatever else runs coroutines in the same pytest."""

from __future__ import annotations

from pathlib import Path

import pytest

SUITE = """
from typing import ClassVar

import pytest
from conserje.testing import AssistantContract
from conserje_echo import Echo


class TestEcho(AssistantContract):
    assistant = Echo

    async def test_of_its_own(self, tmp_path) -> None:
        reply = await self.reply(self.turn("hola"))
        assert reply.messages[0].text == "hola" and tmp_path.is_dir()

    async def test_that_fails(self) -> None:
        values = [1, 2]
        assert values == [1, 3]
{more}
"""
WITHOUT = ("-p", "no:asyncio", "-p", "no:anyio")


def run(folder: Path, *options: str, more: str = "") -> int:
    module = f"test_{folder.name}"  # else it would be the one that was imported before
    (folder / f"{module}.py").write_text(SUITE.replace("{more}", more))
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    given = [str(folder), "-c", str(folder / "pytest.ini"), "--import-mode=importlib", "-q"]
    for plugin in ("cacheprovider", "xdist", "timeout"):
        given += ["-p", f"no:{plugin}"]
    return int(pytest.main([*given, *options]))


@pytest.mark.parametrize(
    "options",
    [WITHOUT, ("-o", "asyncio_mode=strict"), ("-o", "asyncio_mode=auto")],
    ids=["without a plugin", "strict", "auto"],
)
def test_coroutines_are_run_beside_other_plugins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    assert run(tmp_path, *options) == pytest.ExitCode.TESTS_FAILED
    said = capsys.readouterr().out
    assert "1 failed" in said and "test_that_fails" in said and "assert [1, 2] == [1, 3]" in said
    assert "not natively supported" not in said


def test_a_test_of_the_suite_is_not_overridden_silently(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    silent = "\n    def test_shows_no_secret(self): ...\n"
    assert run(tmp_path, *WITHOUT, "-k", "silently", more=silent) == pytest.ExitCode.TESTS_FAILED
    assert "`test_shows_no_secret` is overridden" in capsys.readouterr().out


@pytest.mark.parametrize(
    "more",
    [
        "    test_shows_no_secret = None",
        "    test_shows_no_secret = pytest.mark.skip(reason='later')(lambda self: None)",
        "    test_shows_no_secret = pytest.mark.xfail(reason=' ')(lambda self: None)",
        "    def _check_reply(self, reply): ...",
    ],
)
def test_nothing_else_of_it_is_either(tmp_path: Path, more: str) -> None:
    assert run(tmp_path, *WITHOUT, "-k", "silently", more=more) == pytest.ExitCode.TESTS_FAILED


def test_a_reason_is_the_way_out(tmp_path: Path) -> None:
    why = '    @pytest.mark.xfail(reason="It is told.")\n    def test_shows_no_secret(self): assert False'
    assert run(tmp_path, *WITHOUT, "-k", "silently or secret", more=why) == pytest.ExitCode.OK
