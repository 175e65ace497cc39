"""The parent of `work`: starts it, starts another when it ends, and ends it whatever it does."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from conserje.storage.backoff import pause
from conserje.telemetry import pulse, service
from conserje.telemetry.watchdog import LOOK_EVERY, Watchdog, be_watched

log = logging.getLogger(__name__)

ENDING = (signal.SIGINT, signal.SIGTERM)
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0  # seconds before another one is started
SHORT_LIFE = 10.0  # seconds: one that lives less has not started well


def fork_watched(name: str, run: Callable[[], None], watchdog: Watchdog, end_limit: float) -> None:
    """Keep one child at `run` until this process is told to end, and the child has ended.

    It gets `end_limit` seconds for that; then it is killed.
    """
    parent = _Parent(name, run, watchdog, end_limit)
    with parent.hearing_signals():
        service.ready()
        parent.keep()


@dataclass
class _Parent:
    name: str
    run: Callable[[], None]
    watchdog: Watchdog
    end_limit: float  # seconds
    _told: bool = False
    _stirred: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def hearing_signals(self) -> Iterator[None]:
        def hear(number: int, _: object) -> None:
            self._told = self._told or number in ENDING
            self._stirred.set()

        before = {number: signal.signal(number, hear) for number in (*ENDING, signal.SIGCHLD)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def keep(self) -> None:
        short = 0
        while not self._told:
            started = time.monotonic()
            code = self._stay(self._start())
            if not self._told:
                log.error("%s ended (%s) and is started again", self.name, code)
                short = short + 1 if time.monotonic() - started < SHORT_LIFE else 0
                self._rest(pause(max(short, 1), FIRST_PAUSE, LONGEST_PAUSE))

    def _start(self) -> int:
        """The number of a new child."""
        sys.stdout.flush()
        own, me = pulse.create(), os.getpid()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)  # a child has our handlers at first
        try:
            if (child := os.fork()) == 0:
                self._be_child(own, me, before)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self.watchdog.watch(self.name, child, own)
        return child

    def _be_child(self, own: pulse.Pulse, parent: int, mask: Iterable[int]) -> None:
        code = 1
        try:
            for number in (*ENDING, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            die_with_parent(signal.SIGKILL)  # nobody else would end one that stands still
            if os.getppid() != parent:
                return
            be_watched(own)
            self.run()
            code = 0
        except Exception:
            log.critical("%s failed", self.name, exc_info=True)
        finally:
            os._exit(code)  # what the parent has open is the parent's to close

    def _stay(self, child: int) -> int:
        """Watch until it has ended; its exit code, negative for a signal."""
        killed_at: float | None = None
        while not (ended := os.waitpid(child, os.WNOHANG))[0]:
            if self._told and killed_at is None:
                os.kill(child, signal.SIGTERM)
                killed_at = time.monotonic() + self.end_limit
            if killed_at is not None and time.monotonic() > killed_at:
                log.error("%s does not end within %g s and is killed", self.name, self.end_limit)
                os.kill(child, signal.SIGKILL)
                killed_at = float("inf")
            self.watchdog.look()
            self._stirred.wait(LOOK_EVERY)
            self._stirred.clear()
        return os.waitstatus_to_exitcode(ended[1])

    def _rest(self, seconds: float) -> None:
        """Wait that long, but for a signal to end; systemd hears of us all the same."""
        deadline = time.monotonic() + seconds
        while not self._told and time.monotonic() < deadline:
            self.watchdog.look()
            self._stirred.wait(min(LOOK_EVERY, max(deadline - time.monotonic(), 0.0)))
            self._stirred.clear()


PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent(number: signal.Signals) -> None:
    """Runs in the child: even if its parent is killed, it gets this signal."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
