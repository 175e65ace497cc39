"""The supervisor of a listener's process: starts it, again when it dies, and ends it."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkProcess, SpawnProcess
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Self

from conserje.telemetry.pulse import Pulse, create
from conserje.telemetry.watchdog import Watchdog

log = logging.getLogger(__name__)

ENDING = (signal.SIGINT, signal.SIGTERM)
AGAIN_AFTER = 0.5  # seconds: a process that cannot start must not keep the processor busy
END_SECONDS = 5.0  # then it is killed

# A fork has what this process has loaded, which else takes most of a second; elsewhere forks are not safe.
_Process = ForkProcess if sys.platform == "linux" else SpawnProcess


@contextmanager
def signals_held_back() -> Iterator[None]:
    """Who is forked in this block gets signals when it is ready for them; till then they wait.

    It would have our handlers otherwise, which note a signal where nobody looks.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@dataclass
class Supervisor:
    """Keeps one process alive and watched, whose whole life is `target`, for as long as it is entered."""

    name: str  # in the log
    target: Callable[[Pulse], None]
    watchdog: Watchdog
    _ending: threading.Event = field(default_factory=threading.Event)
    _changing: threading.Lock = field(default_factory=threading.Lock)
    _tried: threading.Event = field(default_factory=threading.Event)  # to start the first time
    _process: BaseProcess | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        self._thread.start()
        self._tried.wait()  # a fork takes along what other threads have in hand: this one has nothing now
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
        while process := self._start():
            process.join()
            if not self._ending.wait(AGAIN_AFTER):
                log.error("%s ended (%s) and is started again", self.name, process.exitcode)

    def _start(self) -> BaseProcess | None:
        with self._changing, signals_held_back():
            if self._ending.is_set():
                return None
            pulse = create()
            self._process = _Process(target=_live, args=(self.target, pulse), name=self.name)
            try:
                self._process.start()
            finally:
                self._tried.set()
            assert self._process.pid is not None  # it has started
            self.watchdog.watch(self.name, self._process.pid, pulse)
            return self._process


def _live(target: Callable[[Pulse], None], pulse: Pulse) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is our parent's to pass on
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    target(pulse)
