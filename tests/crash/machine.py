"""The machine: Conserje's processes, kept as a service manager keeps them, and the ways to kill them."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from crash.points import BY_NAME, ORDERS, Program
from crash.postgres import Postgres
from processes import alive, children
from waiting import LIMIT, until

STALLED_FOR = 6.0  # seconds: longer than a lease, shorter than an uncertain sending is left alone
PATIENCE = 3.0  # seconds from an order to a death, before other things happen beside


@dataclass
class Kept:
    """A command of Conserje that its launcher starts again whenever it ends."""

    program: Program
    launcher: asyncio.subprocess.Process

    @property
    def alive(self) -> bool:
        return bool(self._running)

    @property
    def pid(self) -> int:
        """Of the command's own process, while it is alive."""
        return self._running[0]

    @property
    def workers(self) -> list[int]:
        """The edge workers, which are children of its main thread."""
        with suppress(IndexError, FileNotFoundError, ProcessLookupError):
            found = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
            return [int(pid) for pid in found if alive(int(pid))]
        return []

    @property
    def _running(self) -> list[int]:
        assert self.launcher.returncode is None, "a launcher ended"  # its number may be another's now
        return [pid for pid in children(self.launcher.pid) if alive(pid)]


@dataclass(frozen=True)
class Death:
    """A process that was killed, or that was stopped for STALLED_FOR seconds."""

    what: str  # the point, or the random kind
    program: str
    at: float  # seconds since the epoch
    stalled: bool = False


@dataclass
class Machine:
    """One node: `serve` with two workers, `work` twice, and its Postgres."""

    postgres: Postgres
    environment: Mapping[str, str]
    chance: random.Random
    deaths: list[Death] = field(default_factory=list)
    _kept: list[Kept] = field(default_factory=list)
    _stalls: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def orders(self) -> Path:
        return Path(self.environment[ORDERS])

    async def start(self) -> None:
        programs: tuple[Program, ...] = ("serve", "work", "work")
        self._kept = [await self._start(program, number) for number, program in enumerate(programs)]
        self._burying = asyncio.create_task(self._bury())

    async def _start(self, program: Program, number: int) -> Kept:
        with (Path(self.environment["CONSERJE_DATA_DIR"]) / f"{program}-{number}.log").open("ab") as log:
            launcher = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "crash.launch", program),
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        return Kept(program, launcher)

    def logs(self, program: Program) -> list[str]:
        """What its processes wrote until now."""
        folder = Path(self.environment["CONSERJE_DATA_DIR"])
        return [file.read_text(errors="replace") for file in folder.glob(f"{program}-*.log")]

    async def stop(self) -> None:
        """End all processes; raises what went wrong with watching them."""
        for each in self._kept:
            if each.launcher.returncode is None:
                each.launcher.terminate()
        await asyncio.wait_for(asyncio.gather(*(each.launcher.wait() for each in self._kept)), LIMIT)
        self._burying.cancel()
        with suppress(asyncio.CancelledError):
            await self._burying

    async def until_serving(self) -> None:
        """Return when webhooks are answered."""
        host, _, port = self.environment["CONSERJE_LISTEN"].rpartition(":")

        async def serving() -> bool:
            with suppress(OSError):
                (await asyncio.open_connection(host, int(port)))[1].close()
                return True
            return False

        await until(serving)

    # By an order, at a point

    async def order(self, point: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Have whoever passes the point next killed; return then, or go on after PATIENCE."""
        await self._write_order(point, number)
        with suppress(TimeoutError):
            await until(lambda: not self._pending((point,)), PATIENCE)

    async def order_without_postgres(self, point: str) -> None:
        """Have whoever passes the point next killed, and Postgres before that."""
        await self._write_order(point, signal.SIGKILL)
        while self._pending((point,)):
            await self.kill_postgres()
            with suppress(TimeoutError):
                await until(lambda: not self._pending((point,)), PATIENCE)

    async def _write_order(self, point: str, number: signal.Signals) -> None:
        await self.until_obeyed((point,))
        draft = self.orders / f".{point}"
        draft.write_text(number.name)
        draft.rename(self.orders / point)

    async def until_all_go_on(self) -> None:
        """Return when nobody stands still any more."""
        await until(lambda: not self._stalls)

    async def until_obeyed(self, points: tuple[str, ...]) -> None:
        """Raises TimeoutError, naming the points that nobody reached."""
        try:
            await until(lambda: not self._pending(points))
        except TimeoutError:
            raise TimeoutError(f"Nobody reached {', '.join(self._pending(points))}") from None

    def _pending(self, points: tuple[str, ...]) -> list[str]:
        return [point for point in points if (self.orders / point).exists()]

    async def _bury(self) -> None:
        """See who obeyed: each left a file with the point and its own number."""
        while True:
            for left in self.orders.glob("[a-z]*.*"):
                point, _, pid = left.name.partition(".")
                stalled = left.read_text() == signal.SIGSTOP.name
                self._record(point, BY_NAME[point].program, stalled)
                left.unlink()
                if stalled:
                    task = asyncio.create_task(_go_on_later(int(pid)))
                    self._stalls.add(task)
                    task.add_done_callback(self._stalls.discard)
                else:
                    await until(lambda pid=int(pid): not alive(pid))  # type: ignore[misc]
            await asyncio.sleep(0.01)

    # At a random moment

    async def kill_edge_worker(self) -> None:
        serve = self._kept[0]
        await until(lambda: len(serve.workers) == 2)
        os.kill(self.chance.choice(serve.workers), signal.SIGKILL)
        self._record("edge worker", "serve")

    async def kill_edge_parent(self) -> None:
        await self._kill(self._kept[0], "edge parent")

    async def kill_worker(self) -> None:
        await self._kill(self.chance.choice(self._kept[1:]), "worker")

    async def kill_postgres(self) -> None:
        await self.postgres.kill()
        self._record("postgres", "postgres")
        await asyncio.sleep(self.chance.uniform(0, 0.5))
        await self.postgres.start()

    async def _kill(self, kept: Kept, what: str) -> None:
        await until(lambda: kept.alive)
        os.kill(kept.pid, signal.SIGKILL)
        self._record(what, kept.program)

    def _record(self, what: str, program: str, stalled: bool = False) -> None:
        self.deaths.append(Death(what, program, time.time(), stalled))


async def _go_on_later(pid: int) -> None:
    await asyncio.sleep(STALLED_FOR)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
