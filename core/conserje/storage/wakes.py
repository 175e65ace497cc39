"""What wakes a worker, as seldom as it can be: a look at the queue costs more than what a job does."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Callable, Sequence
from datetime import timedelta

from pgqueuer.domain.models import Job

from conserje.storage.jobs import CHANNEL

# Wakes the queue as if something had been enqueued.
MISSED = (
    '{"channel": "%s", "operation": "insert", "sent_at": "2000-01-01T00:00:00+00:00",'
    ' "table": "pgqueuer", "type": "table_changed_event"}'
)
SOON = timedelta(milliseconds=100)  # what is due sooner the library looks for then
LATER = timedelta(milliseconds=100)  # until the others look whether the one whose turn it was did
ABSENT_FOR = 5.0  # seconds for which nobody waits for one who did not: it stands still, or starts again


class Wakes:
    """Passes on that jobs came, once for each look: at once where it is this worker's turn, else later."""

    def __init__(self, wake: Callable[[str, str], None]) -> None:
        self.place, self.workers = 0, 1  # among all that live
        self.told = False  # of jobs that the last look may not have seen
        self.full = False  # the worker has its hands full, and looks when it has not
        self._wake = wake
        self._looks = 0
        self._late: int | None = None  # whose turn it was that the next look is for
        self._absent: dict[int, float] = {}  # until when each place is not waited for

    def hear(self, channel: str, payload: str) -> None:
        """Somebody changed the queue's table, or asks whether this worker hears."""
        if "table_changed_event" not in payload:
            self._wake(channel, payload)
        elif '"insert"' not in payload:
            return
        elif self.is_ours(payload):
            self._tell(channel, payload)
        else:
            asyncio.get_running_loop().call_later(
                LATER.total_seconds(), self._tell_for_another, self._looks, channel, payload
            )

    def wake_in(self, eta: timedelta) -> None:
        """Look when the next job is due, unless somebody has come by then: it would be taken with theirs."""
        asyncio.get_running_loop().call_later(
            eta.total_seconds(), self._tell_if_unseen, self._looks, CHANNEL, MISSED % CHANNEL
        )

    def is_ours(self, what: str) -> bool:
        """Whether it is this worker's turn, or that of one who is absent."""
        whose = self._whose(what)
        return whose == self.place or self._absent.get(whose, 0.0) > time.monotonic()

    def looked(self) -> None:
        """What was told until now is seen."""
        self._looks += 1
        self.told = False

    def found(self, taken: Sequence[Job]) -> None:
        """What a look took: where it had waited, the one whose turn it was is absent."""
        whose, self._late = self._late, None
        if whose is not None and any(each.updated - each.execute_after >= LATER for each in taken):
            self._absent[whose] = time.monotonic() + ABSENT_FOR

    def stand(self, place: int, workers: int) -> None:
        """Have this place among so many that live."""
        if (place, workers) != (self.place, self.workers):
            self.place, self.workers = place, workers
            self._absent.clear()

    def _whose(self, what: str) -> int:
        return zlib.crc32(what.encode()) % self.workers

    def make_room(self) -> None:
        """Look now, if the worker had its hands full."""
        if self.full:
            self.full, self.told = False, True
            self._wake(CHANNEL, MISSED % CHANNEL)

    def fill(self) -> None:
        """Look for nothing until there is room, which there may be without a job's end."""
        self.full = True
        asyncio.get_running_loop().call_later(LATER.total_seconds(), self.make_room)

    def _tell(self, channel: str, payload: str) -> None:
        if not self.told:
            self.told = True
            if not self.full:
                self._wake(channel, payload)

    def _tell_if_unseen(self, looks: int, channel: str, payload: str) -> None:
        if looks == self._looks:
            self._tell(channel, payload)

    def _tell_for_another(self, looks: int, channel: str, payload: str) -> None:
        if looks == self._looks:
            self._late = self._whose(payload)
            self._tell(channel, payload)
