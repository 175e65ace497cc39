"""The supervisor of a listener's process: starts it, again when it dies, and ends it."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Self

from conserje.telemetry.pulse import Pulse, create
from conserje.telemetry.watchdog import Watchdog

log = logging.getLogger(__name__)

AGAIN_AFTER = 0.5  # seconds: a process that cannot start must not keep the processor busy
END_SECONDS = 5.0  # then it is killed


@dataclass
class Supervisor:
    """Keeps one process alive and watched, whose whole life is `target`, for as long as it is entered."""

    name: str  # in the log
    target: Callable[[Pulse], None]
    watchdog: Watchdog
    _ending: threading.Event = field(default_factory=threading.Event)
    _changing: threading.Lock = field(default_factory=threading.Lock)
    _process: SpawnProcess | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changing:
            self._ending.set()
            process = self._process
        if process:
            process.terminate()
            self._thread.join(END_SECONDS)
            process.kill()
        self._thread.join()

    def _supervise(self) -> None:
        resource_tracker.ensure_running()  # later it would undo the next line, which holds for the child too
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # Ctrl-C is ours to pass on
        while process := self._start():
            process.join()
            if not self._ending.wait(AGAIN_AFTER):
                log.error("%s ended (%s) and is started again", self.name, process.exitcode)

    def _start(self) -> SpawnProcess | None:
        with self._changing:
            if self._ending.is_set():
                return None
            pulse = create()
            self._process = multiprocessing.get_context("spawn").Process(
                target=self.target, args=(pulse,), name=self.name
            )
            self._process.start()
            assert self._process.pid is not None  # it has started
            self.watchdog.watch(self.name, self._process.pid, pulse)
            return self._process
