"""The pulse: the loop's beat, whose code runs, and how long a loop stood still."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
import uvloop

from conserje.telemetry import pulse
from conserje.telemetry.pulse import Call, Pulse, at_work, awaited, beating


@pytest.fixture
def watched() -> Iterator[Pulse]:
    """The pulse of this process, as another one would see it."""
    before = pulse._here.pulse
    mine = pulse.create()
    pulse.adopt(mine)
    yield mine
    pulse.adopt(before)
    mine.close()


async def test_a_loop_counts_while_it_runs_and_says_when_it_ends(watched: Pulse) -> None:
    assert watched.beats == 0
    async with beating():
        while watched.beats < 2:
            await asyncio.sleep(0.01)
    assert watched.beats == 0


def test_another_process_sees_who_is_at_work(watched: Pulse) -> None:
    if not (child := os.fork()):
        with at_work("carta", "verify", "acme"):
            os._exit(0)  # as one that is killed in it
    os.waitpid(child, 0)
    assert watched.call == Call("carta", "verify", "acme")


def test_who_was_at_work_before_is_again_also_after_an_error(watched: Pulse) -> None:
    with at_work("outer", "parse"):
        with pytest.raises(ValueError, match="wrong"), at_work("inner", "verify", "acme"):
            assert watched.call == Call("inner", "verify", "acme")
            raise ValueError("wrong")
        assert watched.call == Call("outer", "parse")
    assert watched.call is None


def test_names_that_are_too_long_are_cut(watched: Pulse) -> None:
    with at_work("ñ" * 500, "verify"):
        assert watched.call
        assert watched.call.plugin.startswith("ñ" * 100)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_interleaved_coroutines_are_each_named_while_they_run(
    watched: Pulse, run: Callable[[Coroutine[Any, Any, None]], None]
) -> None:
    run(_interleaved(watched))


async def _interleaved(watched: Pulse) -> None:
    seen: list[tuple[str, Call | None]] = []

    async def plugin(name: str) -> str:
        for _ in range(3):
            seen.append((name, watched.call))
            await asyncio.sleep(0)
        return name

    async def ours() -> None:
        for _ in range(3):
            assert watched.call is None
            await asyncio.sleep(0)

    async with beating():
        pulse.turn.set("7:9")
        answers = await asyncio.gather(
            awaited(plugin("a"), "a", "reply", "acme"), ours(), awaited(plugin("b"), "b", "send")
        )
    assert list(answers) == ["a", None, "b"]
    assert len(seen) == 6
    for name, call in seen:
        assert call == (Call("a", "reply", "acme", "7:9") if name == "a" else Call("b", "send", "", "7:9"))


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_task_that_a_plugin_starts_bears_its_name(
    watched: Pulse, run: Callable[[Coroutine[Any, Any, None]], None]
) -> None:
    run(_tasks(watched))


async def _tasks(watched: Pulse) -> None:
    async def part() -> Call | None:
        await asyncio.sleep(0)
        return watched.call

    async def plugin() -> list[Call | None]:
        return list(await asyncio.gather(asyncio.create_task(part()), part()))

    async with beating():
        calls = await awaited(plugin(), "carta", "reply", "acme")
        own = await asyncio.create_task(part())
    assert calls == [Call("carta", "reply", "acme")] * 2
    assert own is None


async def test_errors_and_cancellation_go_through(watched: Pulse) -> None:
    caught: list[type[BaseException]] = []

    async def plugin() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError as error:
            caught.append(type(error))
            raise

    async with beating():
        task = asyncio.create_task(awaited(plugin(), "carta", "reply"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        never = asyncio.create_task(awaited(plugin(), "carta", "reply"))
        never.cancel()  # before its first step
        await asyncio.wait({never})
    assert caught == [asyncio.CancelledError]
    assert watched.call is None


async def test_what_is_no_coroutine_can_be_awaited_too(watched: Pulse) -> None:
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, 7)
    assert await awaited(future, "carta", "reply") == 7


async def test_libraries_find_a_coroutine_in_it() -> None:
    async def plugin() -> None:
        await asyncio.sleep(0)

    steps: Any = awaited(plugin(), "carta", "reply")
    assert inspect.getcoroutinestate(steps) == inspect.CORO_CREATED  # as anyio asks
    task = asyncio.create_task(steps)
    assert "plugin" in repr(task)
    await task
