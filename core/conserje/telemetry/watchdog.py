"""The watchdog: looks from outside whether each process's loop runs, and ends one whose loop stands still.

Nothing inside a process can: who holds the interpreter's lock silences every thread of it.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import resource
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from conserje.telemetry import niceness, procfs, pulse, service
from conserje.telemetry.pulse import Call, Pulse

log = logging.getLogger(__name__)

LOOK_EVERY = 0.5  # seconds; longer than the time between two beats
STILL_LIMIT = 3.0  # seconds without a beat in which it could have run
GIVE_WAY_AFTER = 0.4  # seconds without a beat, after which it has the processor where nobody else wants it
GIVE_WAY_UNTIL = 6.0  # the same: where others always want it, nobody would ever know that it stands still
SUSPECT_LIMIT = 1.0  # seconds without a beat before others of the machine, who may take over, are warned
SUSPECT_AGAIN = 4.0  # seconds after which they are warned again
START_LIMIT = 60.0  # the same before its first beat, and after its last one
ABORT_SECONDS = 2.0  # to write where it stands; then it is killed
TERM_SECONDS = 5.0  # for one that holds too much memory to end what it has in hand
MEGABYTE = 1024 * 1024


def be_watched(by: Pulse) -> None:
    """From now on this process writes to `by`; told to abort, it writes the stack of every thread to stderr.

    It leaves no core, in which secrets would stand.
    """
    pulse.adopt(by)
    faulthandler.enable(sys.__stderr__ or 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


@dataclass
class _Watched:
    """One process, as it was when it was last looked at."""

    name: str
    pid: int
    pulse: Pulse
    handle: int  # of the process itself: its number may be another's one day
    beats: int = 0
    still: float = 0.0  # seconds without a beat in which it could have run
    cpu: float = 0.0  # what it had had when its last beat was seen
    waited: dict[str, float] = field(default_factory=dict)  # for a processor, by thread
    silent: float = 0.0  # seconds without a beat, also those in which it waited for a processor
    gave_way: bool = False  # since its last beat
    warned_at: float | None = None  # in those seconds, when others were
    killed_at: float | None = None  # when it is killed, having been told to end

    @property
    def has_ended(self) -> bool:
        return bool(select.select([self.handle], [], [], 0)[0])

    def look(self, seconds: float) -> None:
        """Count how long it stands still, of the seconds since the last look."""
        beats, waited = self.pulse.beats, procfs.waited(self.pid)
        if beats != self.beats:
            self.beats, self.still, self.cpu = beats, 0.0, procfs.cpu(self.pid)
            self.silent, self.warned_at = 0.0, None
        elif procfs.can_run(self.pid):
            self.silent += seconds
            self.still += max(seconds - self._waited_since(waited), 0.0)
        self.waited = waited

    @property
    def is_to_be_told_of(self) -> bool:
        """Whether others are to be warned now: one that spins on a busy machine stands still for longer."""
        return self.silent >= (SUSPECT_LIMIT if self.warned_at is None else self.warned_at + SUSPECT_AGAIN)

    def give_way(self, whether: bool) -> None:
        """Whoever spins keeps the others of the machine waiting, until it is known that it spins for ever."""
        if whether != self.gave_way:
            self.gave_way = niceness.give_way(self.pid) if whether else not niceness.take_back(self.pid)

    def _waited_since(self, waited: dict[str, float]) -> float:
        """Whichever thread holds the interpreter's lock may be the one that waits for a processor."""
        return max((now - self.waited.get(thread, now) for thread, now in waited.items()), default=0.0)

    def tell(self, number: signal.Signals, seconds: float) -> None:
        """Send a signal by which it ends within so many seconds, or is killed."""
        self.give_way(False)
        self.killed_at = time.monotonic() + seconds
        self.send(number)

    def send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.handle, number)

    def close(self) -> None:
        os.close(self.handle)
        self.pulse.close()


@dataclass
class Watchdog:
    """Looks at the processes that it was given; whoever started one starts another when it has ended."""

    memory_limit: int  # megabytes
    note: Callable[[Call], None] = lambda _: None  # in which call of a plugin one stood still
    suspect: Callable[[Call], None] = lambda _: None  # in which one may do so
    _watched: list[_Watched] = field(default_factory=list)
    _looked_at: float = field(default_factory=time.monotonic)
    _feed: service.Feed = field(default_factory=service.Feed)

    def watch(self, name: str, pid: int, pulse: Pulse) -> None:
        """Look at a process until it ends; `pulse` is what it writes to."""
        if (
            pid is None or sys.platform != "linux"
        ):  # where there is nothing to tell what stands still from what was stopped
            return
        with suppress(ProcessLookupError):
            self._watched.append(_Watched(name, pid, pulse, os.pidfd_open(pid)))

    def run(self, stop: threading.Event) -> None:
        """Look, again and again, until told to stop."""
        while not stop.wait(LOOK_EVERY):
            self.look()

    def look(self) -> None:
        """Look at every process once, and tell systemd that this one goes on."""
        self._feed.tell()
        now = time.monotonic()
        seconds = min(
            now - self._looked_at, 2 * LOOK_EVERY
        )  # who looks late was kept from it, as they may be
        self._looked_at = now
        for each in list(self._watched):
            if each.has_ended:
                self._watched.remove(each)
                each.close()
            else:
                with suppress(OSError):  # it has just ended
                    self._judge(each, seconds)

    def _judge(self, watched: _Watched, seconds: float) -> None:
        if watched.killed_at is not None:
            if time.monotonic() > watched.killed_at:
                watched.send(signal.SIGKILL)
            return
        watched.look(seconds)
        watched.give_way(watched.still >= GIVE_WAY_AFTER and watched.silent < GIVE_WAY_UNTIL)
        if watched.is_to_be_told_of and (call := watched.pulse.call):
            watched.warned_at = watched.silent
            self.suspect(call)
        if watched.still >= (STILL_LIMIT if watched.beats else START_LIMIT):
            self._strike(watched)
        elif (resident := procfs.resident(watched.pid)) > self.memory_limit * MEGABYTE:
            self._free(watched, resident)

    def _strike(self, watched: _Watched) -> None:
        call = watched.pulse.call
        log.critical(
            "%s (%d) stood still for %.1f s, with %.1f s of processor, in %s: it is ended; see its stack",
            *(watched.name, watched.pid, watched.still, procfs.cpu(watched.pid) - watched.cpu),
            named(call),
        )
        if call:
            self.note(call)  # before anybody can take over what it had in hand
        watched.tell(signal.SIGABRT, ABORT_SECONDS)

    def _free(self, watched: _Watched, resident: int) -> None:
        log.critical(
            "%s (%d) holds %d MB, more than CONSERJE_MEMORY_LIMIT=%d, while in %s: it is ended",
            *(watched.name, watched.pid, resident // MEGABYTE, self.memory_limit, named(watched.pulse.call)),
        )
        watched.tell(signal.SIGTERM, TERM_SECONDS)


def named(call: Call | None) -> str:
    """Whose code it is, for an operator."""
    if call is None:
        return "no plugin"
    return f"{call.plugin}.{call.method}" + (f" for {call.slug}" if call.slug else "")
