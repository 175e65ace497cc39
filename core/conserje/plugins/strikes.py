"""The watchdog's strikes, and an operator's word against them: a file of the node, also without Postgres."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from conserje.telemetry.pulse import Call

log = logging.getLogger(__name__)

LARGEST = 256 * 1024  # bytes; then the older half is forgotten


@dataclass(frozen=True, slots=True)
class Strike:
    """A process was ended because its loop stood still in this plugin's method."""

    at: float  # seconds since the epoch
    plugin: str
    slug: str
    method: str
    turn: str = ""  # as in `pulse.Call`


@dataclass(frozen=True, slots=True)
class Resumed:
    """An operator wants the plugin to be called again, for this tenant or for all."""

    at: float  # seconds since the epoch
    resumed: str
    slug: str | None


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A loop stands still in this plugin's method, not for long yet: others of the node wait with it."""

    at: float  # seconds since the epoch
    suspected: str
    slug: str


Event = Strike | Resumed | Suspicion


@dataclass(frozen=True, slots=True)
class Strikes:
    """One line for each, the oldest first; any process of the node may write."""

    path: Path

    def note(self, call: Call) -> None:
        """Write a strike down; should that fail, the log says so."""
        self._try(Strike(time.time(), call.plugin, call.slug, call.method, call.turn), call)

    def suspect(self, call: Call) -> None:
        """The same of a suspicion."""
        self._try(Suspicion(time.time(), call.plugin, call.slug), call)

    def try_again(self, call: Call, is_free: Callable[[Sequence[Event]], bool]) -> bool:
        """Suspect a call that is about to be made, if it may be by what is written down until then.

        Of several processes that ask at once, one may. Raises OSError.
        """
        with self._locked() as file:
            if not is_free(list(_events(file))):
                return False
            _write(file, Suspicion(time.time(), call.plugin, call.slug))
            return True

    def resume(self, plugin: str, slug: str | None) -> None:
        """Forgive a plugin's strikes, for one tenant or for all. Raises OSError."""
        self._append(Resumed(time.time(), plugin, slug))

    def read(self) -> list[Event]:
        """All that is written down. Raises OSError."""
        try:
            with self.path.open() as file:
                fcntl.flock(file, fcntl.LOCK_SH)
                return list(_events(file))
        except FileNotFoundError:
            return []

    def stamp(self) -> tuple[int, int]:
        """What is another one once something was written."""
        try:
            found = self.path.stat()
        except OSError:
            return 0, 0
        return found.st_mtime_ns, found.st_size

    def _try(self, event: Event, call: Call) -> None:
        try:
            self._append(event)
        except OSError as error:
            log.error("A strike of %s is not written down: %s", call.plugin, error)

    def _append(self, event: Event) -> None:
        with self._locked() as file:
            if file.seek(0, os.SEEK_END) > LARGEST:
                file.seek(0)
                lines = file.readlines()
                file.seek(0)
                file.truncate()
                file.writelines(lines[len(lines) // 2 :])
            _write(file, event)

    @contextmanager
    def _locked(self) -> Iterator[IO[str]]:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file


def _write(file: IO[str], event: Event) -> None:
    file.seek(0, os.SEEK_END)
    file.write(json.dumps(asdict(event)) + "\n")


def _events(lines: Iterable[str]) -> Iterator[Event]:
    for line in lines:
        try:
            fields = json.loads(line)
            kind = Resumed if "resumed" in fields else Suspicion if "suspected" in fields else Strike
            yield kind(**fields)
        except (ValueError, TypeError):  # cut off, or of another release
            continue
