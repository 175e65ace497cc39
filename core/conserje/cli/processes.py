"""Processes that belong together: started, started again when they die, and ended as one."""

from __future__ import annotations

import asyncio
import functools
import logging
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from conserje.errors import OperatorError
from conserje.work.parent import die_with_parent

log = logging.getLogger(__name__)

TERM_LIMIT = 25.0  # seconds that a process gets to end by itself
SHORT_LIFE = 10.0  # seconds: a process that lives less has not started well
SHORT_LIVES = 3  # in a row, after which it is given up


class ProcessFailed(OperatorError):
    """A process does not stay up; what it says stands above."""


@dataclass
class Processes:
    """The children of this process."""

    _running: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    _kept: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start a process, and again whenever it dies."""
        await self._spawn(name, command, environment)
        self._kept.append(asyncio.create_task(self._keep(name, command, environment)))

    async def wait(self) -> None:
        """Until one of the processes is given up. Raises ProcessFailed."""
        done, _ = await asyncio.wait(self._kept, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def end(self) -> None:
        """End all, the last started first; whoever does not end in time is killed."""
        for task in self._kept:
            task.cancel()
        for process in self._running.values():
            if process.returncode is None:
                process.terminate()
        for name, process in self._running.items():
            try:
                await asyncio.wait_for(process.wait(), TERM_LIMIT)
            except TimeoutError:
                log.warning("%s does not end and is killed", name)
                process.kill()
                await process.wait()

    async def _spawn(
        self, name: str, command: Sequence[str], environment: Mapping[str, str]
    ) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is ours to pass on, in order
            preexec_fn=functools.partial(die_with_parent, signal.SIGTERM),
        )
        self._running[name] = process
        return process

    async def _keep(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        process, short = self._running[name], 0
        while True:
            started = time.monotonic()
            code = await process.wait()
            short = short + 1 if time.monotonic() - started < SHORT_LIFE else 0
            if short >= SHORT_LIVES:
                raise ProcessFailed(f"{name} does not stay up (exit code {code}): see above what it said.")
            log.warning("%s ended with %s and is started again", name, code)
            await asyncio.sleep(0.2)
            process = await self._spawn(name, command, environment)
