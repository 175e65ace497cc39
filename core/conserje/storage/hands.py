"""Hands: which jobs a worker has in hand, and how many more it can take."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

LATE = 0.005  # seconds that the loop may come round late before no more than a few begin at once
FEW = 10  # jobs: enough for one worker's processor while some of them wait for Postgres or a provider
YOUNG = 0.25  # seconds: a job that is still in hand then waits for others


@dataclass
class Hands:
    """Takes what there are slots for; where the processor is what jobs wait for, a few at a time.

    More would only wait for each other: in this process, in Postgres' and in the processor's caches. What is
    left waits in the queue, where a worker that has time finds it.
    """

    slots: int
    late: float = 0.0  # seconds that the loop comes round late, a moving average
    _taken: dict[int, float] = field(default_factory=dict)  # when each job in hand was, the latest last

    def room(self) -> int:
        """How many more jobs can be taken."""
        free = max(self.slots - len(self._taken), 0)
        return free if self.late <= LATE else min(free, max(FEW - self._young(), 0))

    def take(self, ids: Iterable[int]) -> None:
        now = time.monotonic()
        for each in ids:
            self._taken.pop(each, None)
            self._taken[each] = now

    def end(self, job_id: int) -> bool:
        """Whether it was in hand."""
        return self._taken.pop(job_id, None) is not None

    def _young(self) -> int:
        since = time.monotonic() - YOUNG
        return sum(taken > since for taken in self._taken.values())
