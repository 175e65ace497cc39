"""What `plugin check` says, and that no plugin takes the check with it."""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from terminal import Terminal

from conserje.plugins import checks, confined, skeleton
from conserje.plugins.checks import Row

GOOD = """
import os, sys, time
from conserje import Nothing, Result, Tool
{before}

class Acme(Tool):
    name = "acme"
    contract = 1
    description = "Does nothing."
    Parameters = Credentials = Settings = Operator = Nothing

    async def run(self, call):
        return Result("done")
    {within}
"""


def package(folder: Path, before: str = "", within: str = "", **project: Any) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "conserje_acme.py").write_text(GOOD.format(before=before, within=within))
    said = {"name": "conserje-acme", "version": "1.2", "dependencies": ["conserje>=0.1"]} | project
    lines = [f"{name} = {json.dumps(value)}" for name, value in said.items()]
    entry = '[project.entry-points."conserje.tools"]\nacme = "conserje_acme:Acme"'
    (folder / "pyproject.toml").write_text("\n".join(["[project]", *lines, entry, ""]))
    return folder


def checked(folder: Path, shadow: Path, with_suite: bool = False) -> list[Row]:
    shadow.mkdir()
    return list(checks.check(checks.of_folder(folder, shadow), with_suite))


def found(rows: list[Row]) -> dict[str, str]:
    return {row.check: row.verdict for row in rows}


def wrong(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row.verdict == "error"]


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing that a check of this test has started lives on; others' run beside it."""
    monkeypatch.setattr(confined, "_MARK", mark := f"CHECKED_{secrets.token_hex(8)}")
    yield
    living = []
    for place in Path("/proc").glob("[0-9]*/environ"):
        try:
            living += [place] if mark.encode() in place.read_bytes() else []
        except OSError:
            continue
    assert not living


def test_a_good_plugin_has_a_verdict_of_each_check(tmp_path: Path) -> None:
    rows = checked(package(tmp_path / "acme"), tmp_path / "shadow")
    assert {row.check for row in rows} == {
        "clash", "requirements", "loading", "contract", "models", "methods", "making",
    }  # fmt: skip
    assert {row.verdict for row in rows} == {"ok"} and {row.plugin for row in rows} == {"acme"}


HOSTILE = {
    "it exits": ("os._exit(0)", "", "loading", "code 0"),
    "it leaves": ("sys.exit('no')", "", "loading", "SystemExit"),
    "it is killed": ("import signal; os.kill(os.getpid(), signal.SIGKILL)", "", "loading", "signal 9"),
    "it hangs": ("time.sleep(600)", "", "loading", "did not end within 3 s"),
    "it spins": ("while True: pass", "", "loading", "did not end within 3 s"),
    "it closes what is open": ("os.closerange(0, 256)", "", "loading", "code 1"),
    "it forks and hangs": (
        "os.fork() or os.setsid(); os.fork(); time.sleep(600)", "", "loading", "did not end within 3 s",
    ),
    "it forks without end": (
        "while os.fork(): time.sleep(0.005)\ntime.sleep(600)", "", "loading", "more than 64 processes",
    ),
    "its fork goes on": ("os.fork() or time.sleep(0.2)\nos.fork() and os._exit(5)", "", "loading", "code 5"),
    "it exits when it is made": ("", "def __init__(self, operator, http): os._exit(3)", "making", "code 3"),
    "its error is hostile": (
        "class Odd(Exception):\n    def __str__(self): os._exit(4)\nraise Odd", "", "loading", "code 4",
    ),
    "it says a secret": ("raise ValueError('token=S3CRETO123 \\x1b[2J')", "", "loading", "ValueError"),
}  # fmt: skip


@pytest.mark.usefixtures("left")
@pytest.mark.parametrize(("before", "within", "check", "said"), HOSTILE.values(), ids=HOSTILE)
def test_whatever_a_plugin_does_the_check_ends_with_a_verdict(
    before: str, within: str, check: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_slow = "did not end" in said
    monkeypatch.setattr(checks, "SECONDS", 3.0 if is_slow else 300.0)
    [row] = wrong(checked(package(tmp_path / "acme", before, within), tmp_path / "shadow"))
    assert said in row.text
    assert row.check == check or (is_slow and row.check == "start")  # on a busy machine
    assert "S3CRETO" not in row.text and row.text.isprintable()


@pytest.mark.usefixtures("left")
def test_what_a_plugin_prints_is_nobody_s(tmp_path: Path) -> None:
    flood = "for _ in range(2000): print('x' * 65536); sys.stderr.write('y' * 65536)"
    assert not wrong(checked(package(tmp_path / "acme", flood), tmp_path / "shadow"))


def test_a_file_without_end_is_cut(tmp_path: Path) -> None:
    words = ["dd", "if=/dev/zero", f"of={tmp_path / 'large'}", "bs=1M", "count=200"]
    limited = "from conserje.plugins import confined; import os, sys; confined.set_limits(); "
    limited += "os.execvp('dd', sys.argv[1:])"
    ended = confined.run([sys.executable, "-c", limited, *words], 30, tmp_path)
    assert ended.code != 0 and (tmp_path / "large").stat().st_size == 64 * 2**20


@pytest.mark.parametrize(
    ("within", "check", "level", "said"),
    [
        ("contract = 7", "loading", "error", "written for contract 7"),
        ("description = ''", "loading", "error", "no description"),
        ("name = 'other'", "loading", "error", "calls itself 'other'"),
        ("Settings = dict", "loading", "error", "no model Settings"),
        ("def examine(self, account): return []", "methods", "error", "async def examine"),
        ("async def examine(self): return []", "methods", "error", "examine(account)"),
        ("async def shared_credentials(self): pass", "methods", "error", "write `def shared_credentials`"),
        ("async def examin(self, account): pass", "methods", "warning", "the contract has `examine`"),
        ("examine = 7", "methods", "error", "`examine` is no method"),
    ],
)
def test_what_is_wrong_is_said_by_its_check(
    within: str, check: str, level: str, said: str, tmp_path: Path
) -> None:
    rows = checked(package(tmp_path / "acme", within=within), tmp_path / "shadow")
    [row] = [each for each in rows if each.verdict != "ok"]
    assert (row.check, row.verdict) == (check, level) and said in row.text


def test_models_that_are_open_or_show_a_secret_are_told(tmp_path: Path) -> None:
    before = (
        "from typing import Annotated\nfrom pydantic import BaseModel, Field, SecretStr\n"
        "class Open(BaseModel):\n    api_token: str = ''\n    max_tokens: int = 3\n"
        "    secret: Annotated[SecretStr, Field(min_length=1)] | None = None"
    )
    rows = checked(package(tmp_path / "acme", before, "Credentials = Open"), tmp_path / "shadow")
    said = [(row.verdict, row.text) for row in rows if row.check == "models"]
    assert [level for level, _ in said] == ["error", "warning"]
    assert "Credentials takes fields" in said[0][1] and "Credentials.api_token" in said[1][1]


def test_a_variable_of_conserje_s_own_is_no_plugin_s(tmp_path: Path) -> None:
    folder = package(
        tmp_path / "acme",
        "from conserje.kit import Closed\nclass Own(Closed):\n    allow: str = ''",
        "name = 'fetch'; Operator = Own",
    )
    text = (folder / "pyproject.toml").read_text().replace("acme =", "fetch =")
    (folder / "pyproject.toml").write_text(text)
    [row] = [each for each in checked(folder, tmp_path / "shadow") if each.check == "models"]
    assert row.verdict == "error" and "CONSERJE_FETCH_ALLOW" in row.text


@pytest.mark.parametrize(
    ("dependencies", "level", "said"),
    [
        (["conserje>=99"], "error", "requires conserje>=99"),
        ([], "warning", "does not say which Conserje"),
        (["conserje[testing]; extra == 'test'"], "warning", "does not say which Conserje"),
        (["conserje"], "ok", "requires conserje"),
    ],
)
def test_what_is_required_is_looked_at(
    dependencies: list[str], level: str, said: str, tmp_path: Path
) -> None:
    rows = checked(package(tmp_path / "acme", dependencies=dependencies), tmp_path / "shadow")
    [row] = [each for each in rows if each.check == "requirements"]
    assert row.verdict == level and said in row.text


def test_a_clash_of_names_is_told(tmp_path: Path) -> None:
    folder = package(tmp_path / "acme")
    text = (folder / "pyproject.toml").read_text().replace("acme =", "search_products =")
    (folder / "pyproject.toml").write_text(text)
    rows = checked(folder, tmp_path / "shadow")
    assert found(rows)["clash"] == "error"
    assert "is in conserje and conserje-acme" in rows[0].text


@pytest.mark.usefixtures("left")
def test_the_package_s_own_tests_are_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = package(tmp_path / "acme")
    assert found(checked(folder, tmp_path / "none", with_suite=True))["suite"] == "warning"
    (folder / "tests").mkdir()
    tests = folder / "tests/test_acme.py"
    tests.write_text("import conserje_acme\ndef test_it(): print('x' * 10)\ndef test_more(): pass")
    suite = checked(folder, tmp_path / "good", with_suite=True)[-1]
    assert (suite.verdict, suite.text) == ("ok", "Its tests pass: 2 passed.")
    tests.write_text("def test_it(): assert 0\ndef test_other(): pass")
    suite = checked(folder, tmp_path / "bad", with_suite=True)[-1]
    assert (suite.verdict, suite.text) == ("error", "Its tests fail (1 failed, 1 passed): test_it.")
    monkeypatch.setattr(checks, "SUITE_SECONDS", 2.0)
    tests.write_text("import os, time\ndef test_it(): os.fork(); time.sleep(600)")
    began = time.monotonic()
    suite = checked(folder, tmp_path / "hangs", with_suite=True)[-1]
    assert suite.verdict == "error" and "did not end within 2 s" in suite.text
    assert time.monotonic() - began < 300


async def test_a_verdict_a_line_and_the_code_says_whether_all_is_well(
    terminal: Terminal, tmp_path: Path
) -> None:
    folder = skeleton.make("tool", "acme", "none", tmp_path)
    result = await terminal.type("plugin", "check", str(folder), "--no-suite")
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["ok"] * 7
    rows = await terminal.read("plugin", "check", str(folder), "--no-suite", "--json")
    assert {tuple(row) for row in rows} == {("plugin", "check", "verdict", "text")}
    (folder / "conserje_acme.py").write_text("raise ValueError")
    result = await terminal.type("plugin", "check", str(folder), "--no-suite", code=1)
    assert "error" in result.stdout and "Traceback" not in result.output


async def test_one_that_is_installed_is_checked_by_its_name(terminal: Terminal) -> None:
    rows = await terminal.read("plugin", "check", "json", "--no-suite", "--json")
    assert {row["plugin"] for row in rows} == {"json"} and "error" not in {row["verdict"] for row in rows}


async def test_without_a_name_all_that_are_installed_are_checked(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(package(tmp_path / "acme"))
    rows = await terminal.read("plugin", "check", "--json")
    names = {row["plugin"] for row in rows}
    assert {"json", "meta", "twilio", "web", "catalog", "echo", "mcp"} <= names and "acme" not in names
    assert {row["verdict"] for row in rows} == {"ok"} and "suite" not in {row["check"] for row in rows}


@pytest.mark.parametrize("name", ["nobody", "./nowhere", "/"])
async def test_what_is_not_there_is_said_in_a_line(name: str, terminal: Terminal) -> None:
    result = await terminal.type("plugin", "check", name, code=1)
    assert result.stderr.startswith("conserje: ") and len(result.stderr.splitlines()) == 1
