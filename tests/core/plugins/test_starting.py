"""Start and close: once each, at the same time, and what fails hurts the plugin alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scene import Parrot, Post

from conserje import Assistant, Channel, Nothing, Tool
from conserje.net.client import client
from conserje.plugins import fences, guard, starting
from conserje.plugins.fences import Fences
from conserje.plugins.plugins import PluginMissing, Plugins
from conserje.plugins.starting import started
from conserje.plugins.strikes import Strikes
from conserje.telemetry.pulse import Call

Habit = Callable[[], Any]


class Wild(Post):
    """Does what the test says when it starts and when it closes."""

    name = "wild"

    def __init__(self, start: Habit | None = None, close: Habit | None = None) -> None:
        super().__init__()
        self.habits = {"start": start, "close": close}
        self.calls: list[str] = []

    async def start(self) -> None:
        await self._do("start")

    async def close(self) -> None:
        await self._do("close")

    async def _do(self, what: str) -> None:
        self.calls.append(what)
        if habit := self.habits[what]:
            said = habit()
            await said if asyncio.iscoroutine(said) else None


def raises(error: BaseException) -> Habit:
    def habit() -> None:
        raise error

    return habit


async def swallow() -> None:
    """Go on for a while, whatever is cancelled."""
    for _ in range(2):
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            continue


def plugins(wild: Wild) -> Plugins:
    return Plugins({"wild": wild, "post": Post()}, {"parrot": Parrot()})


async def test_each_is_started_once_and_closed_once() -> None:
    wild = Wild()
    async with started(plugins(wild)):
        assert wild.calls == ["start"]
    assert wild.calls == ["start", "close"]


async def test_whoever_has_neither_needs_neither() -> None:
    """As those that were written before there was a start."""
    for kind in (Channel, Assistant, Tool):
        plugin: Any = kind(Nothing(), client())
        await plugin.start()
        await plugin.close()


async def test_all_start_at_the_same_time() -> None:
    met = asyncio.Barrier(2)
    first, second = Wild(met.wait), Wild(met.wait)
    second.name = "second"  # type: ignore[misc]
    async with started(Plugins({"wild": first, "second": second})):
        assert met.n_waiting == 0


ERRORS = (
    OSError("secret-in-text"),
    SystemExit(3),
    KeyboardInterrupt(),
    GeneratorExit(),
    asyncio.CancelledError(),
)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_promise_8_one_that_does_not_start_is_broken_and_the_others_are_used(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    wild = Wild(raises(error))
    found = plugins(wild)
    async with started(found):
        assert found.channel("post") and found.assistant("parrot")
        with pytest.raises(
            PluginMissing, match=f"channel wild could not be started: {type(error).__name__} at"
        ):
            found.channel("wild")
        assert found.broken.keys() == {"wild"}
    assert wild.calls == ["start"]
    assert "Plugin wild skipped: it could not be started" in caplog.text
    assert "secret-in-text" not in caplog.text + str(found.broken)


@pytest.mark.parametrize("hangs", [lambda: asyncio.sleep(3600), swallow])
async def test_promise_8_one_whose_start_hangs_is_not_waited_for(
    hangs: Habit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "LIMIT", 0.5)
    monkeypatch.setattr(guard, "GRACE", 0.01)
    found = plugins(Wild(hangs))
    async with started(found):
        assert found.broken == {"wild": "could not be started: no end within 0.5 s"}


async def test_a_start_that_is_no_coroutine_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    wild = Wild()
    monkeypatch.setattr(wild, "start", lambda: None)
    found = plugins(wild)
    async with started(found):
        assert found.broken["wild"].startswith("could not be started: TypeError")


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_promise_8_what_close_raises_is_logged_alone(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    wild, other = Wild(close=raises(error)), Wild()
    other.name = "other"  # type: ignore[misc]
    async with started(Plugins({"wild": wild, "other": other})):
        pass
    assert other.calls == ["start", "close"]
    assert f"Plugin wild did not close well: {type(error).__name__} at" in caplog.text
    assert "secret-in-text" not in caplog.text


async def test_promise_8_one_whose_close_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "LIMIT", 0.5)
    monkeypatch.setattr(guard, "GRACE", 0.01)
    async with started(plugins(Wild(close=swallow))):
        pass


async def test_one_that_is_fenced_off_is_not_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Fences(Strikes(tmp_path / "strikes"))
    monkeypatch.setattr(fences, "_here", here)
    for _ in range(fences.ENOUGH):
        here.note(Call("wild", "start"))
    wild = Wild()
    found = plugins(wild)
    async with started(found):
        assert "`conserje plugin resume wild`, then start this anew" in found.broken["wild"]
    assert wild.calls == []
