"""Fairness: how much of a worker one tenant gets, and when what is above that comes again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta


@dataclass
class Pace:
    """How fast one tenant's jobs of a kind go through its share."""

    interval: float  # seconds from one job's end to the next one's, a moving average
    ended: float = 0.0  # when the last job did
    next: float = 0.0  # when the next job that went back may come


@dataclass
class Share:
    """Gives one tenant at most a quarter of the slots; the rest of its jobs go back, spread over
    the time that its share takes for them. `pace` is the seconds that a job takes by itself."""

    slots: int
    pace: float = 0.01
    running: Counter[int] = field(default_factory=Counter)
    _paces: dict[int, dict[str, Pace]] = field(default_factory=dict)

    def enter(self, tenant_id: int, kind: str, now: float) -> timedelta | None:
        """None: the job may run, and `leave` must follow. Else it goes back for that long."""
        if self.running[tenant_id] < self.slots // 4 and self.running.total() < self.slots:
            self.running[tenant_id] += 1
            return None
        # One pace for each kind: a reply that is to be sent does not queue behind a flood to be read.
        pace = self._paces.setdefault(tenant_id, {}).setdefault(kind, Pace(self.pace, ended=now))
        pace.next = max(pace.next, now) + pace.interval
        return timedelta(seconds=pace.next - now)

    def leave(self, tenant_id: int, kind: str, now: float) -> None:
        self.running[tenant_id] -= 1
        if not self.running[tenant_id]:
            del self.running[tenant_id]
            self._paces.pop(tenant_id, None)
        elif pace := self._paces.get(tenant_id, {}).get(kind):
            pace.interval += (now - pace.ended - pace.interval) / 20
            pace.ended = now
