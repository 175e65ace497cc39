"""The parent of a watched process: what stands still is replaced, what was stopped is not, and all ends."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from processes import Running, alive, bare_environment
from stuck import ORDERS
from waiting import LIMIT, until

TESTS = Path(__file__).parents[2]
END_LIMIT = 1.0  # seconds

PROGRAM = """
import asyncio, logging, sys
from pathlib import Path
from stuck import ORDERS, swallow
from conserje.telemetry.pulse import awaited, beating
from conserje.telemetry.watchdog import Watchdog
from conserje.work.parent import fork_watched

async def plugin(order):
    if order == "swallow":
        await swallow()
    ORDERS[order]()
    await asyncio.Event().wait()

async def work():
    orders = Path(sys.argv[1])
    order = orders.read_text()
    orders.write_text("")
    async with beating():
        print("child", flush=True)
        if order:
            await awaited(plugin(order), "stuck", "reply", "acme")
        await asyncio.Event().wait()

logging.basicConfig()
fork_watched("work", lambda: asyncio.run(work()), Watchdog(200), float(sys.argv[2]))
print("over", flush=True)
"""


@dataclass
class Kept(Running):
    """A program that keeps one child, as `conserje work` does."""

    @property
    def starts(self) -> int:
        return self.said.count("child\n")


Start = Callable[..., AbstractAsyncContextManager[Kept]]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Run a program whose first child gets this order, until the block ends."""

    @asynccontextmanager
    async def start(order: str, **environment: str) -> AsyncIterator[Kept]:
        orders, log = tmp_path / "order", tmp_path / "log"
        orders.write_text(order)
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", PROGRAM, str(orders), str(END_LIMIT)),
                env=bare_environment() | {"PYTHONPATH": str(TESTS)} | environment,
                stdout=output,
                stderr=output,
            )
        kept = Kept(process, log)
        try:
            await until(lambda: kept.starts)
            yield kept
        finally:
            if process.returncode is None:
                process.terminate()
            ended = await asyncio.wait_for(process.wait(), LIMIT)
            assert ended == -signal.SIGKILL or kept.said.endswith("over\n"), kept.said

    return start


@pytest.mark.parametrize("order", ["expression", "sleep", "C call"])
async def test_promise_8_a_process_that_stands_still_is_replaced_and_says_where(
    start: Start, order: str
) -> None:
    assert order in ORDERS
    async with start(order) as kept:
        await until(lambda: kept.starts == 2)
    assert "stood still" in kept.said
    assert "in stuck.reply for acme" in kept.said
    assert "Fatal Python error: Aborted" in kept.said
    assert f"in {ORDERS[order].__name__}" in kept.said  # its stack


@pytest.mark.parametrize("whole", [False, True], ids=["the child", "both"])
async def test_what_was_stopped_lives_on(start: Start, whole: bool) -> None:
    async with start("") as kept:
        [child] = kept.workers
        stopped = [child, kept.pid] if whole else [child]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(10)  # which is the case
        for pid in reversed(stopped):
            os.kill(pid, signal.SIGCONT)
        looks = looked_at(child)
        await until(lambda: looked_at(child) > looks + 4)
        assert kept.workers == [child]
    assert "stood still" not in kept.said


def looked_at(pid: int) -> int:
    """How often a process was given the processor: its loop beats four times a second, and does nothing."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[2])


async def test_one_that_holds_too_much_memory_is_replaced(start: Start) -> None:
    async with start("hoard") as kept:
        await until(lambda: kept.starts == 2)
    assert "more than CONSERJE_MEMORY_LIMIT=200" in kept.said
    assert "stood still" not in kept.said


@pytest.mark.parametrize("order", ["swallow", "expression", "C call"])
async def test_it_ends_whatever_a_task_does(start: Start, order: str) -> None:
    async with start(order) as kept:
        [child] = kept.workers
    assert not alive(child)
    assert kept.starts == 1


async def test_a_child_dies_with_its_parent(start: Start) -> None:
    async with start("") as kept:
        [child] = kept.workers
        kept.process.kill()
        await kept.process.wait()
        await until(lambda: not alive(child))


async def test_one_that_dies_is_started_again(start: Start) -> None:
    async with start("") as kept:
        [child] = kept.workers
        os.kill(child, signal.SIGKILL)
        await until(lambda: kept.starts == 2)
    assert "work ended (-9) and is started again" in kept.said


async def test_the_service_manager_hears_that_it_is_ready_and_goes_on(start: Start, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(LIMIT)
        async with start("", NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="1000000"):
            told = [await asyncio.to_thread(manager.recv, 100) for _ in range(3)]
    assert told == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
