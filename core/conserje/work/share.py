"""Fairness: how much of a worker one tenant gets, and when what is above that comes again."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import timedelta

BUSY_FOR = 5.0  # seconds for which a tenant counts as one that has jobs, after its last one
FLOOD_RATE = 20  # jobs of a flood that a worker may do in a second beside other tenants' jobs
EASY = 0.005  # seconds that the loop may come round late before a flood gets less beside others


@dataclass
class Pace:
    """How fast one tenant's jobs of a kind go through its share."""

    interval: float  # seconds from one job's end to the next one's, a moving average
    ended: float = 0.0  # when the last job did
    next: float = 0.0  # when the next job that went back may come


@dataclass
class Share:
    """Gives a tenant three quarters of the slots while it is alone, else one; what is above that goes back,
    spread over the time that its share takes for it.

    Beside others, a flood gets no more than it needs for FLOOD_RATE: little where a job is work, a quarter
    where it is waiting, and no more than the loop can bear: its jobs would make all others' slow, and so its
    own, of which it would then be given more. `pace` is the seconds that a job takes by itself.
    """

    slots: int
    pace: float = 0.01
    late: float = 0.0  # seconds that the loop comes round late, a moving average
    running: Counter[int] = field(default_factory=Counter)
    _brought: dict[int, deque[float]] = field(default_factory=dict)  # when a flood's jobs were, not here yet
    _paces: dict[int, dict[str, Pace]] = field(default_factory=dict)
    _took: dict[int, float] = field(default_factory=dict)  # seconds of a tenant's job, a moving average
    _seen: dict[int, float] = field(default_factory=dict)  # when a tenant last had a job, the latest last

    def enter(self, tenant_id: int, kind: str, now: float, *, flooded: bool = False) -> timedelta | None:
        """None: the job may run, and `leave` must follow. Else it goes back for that long."""
        self._see(tenant_id, now)
        if flooded and (brought := self._brought.get(tenant_id)):
            brought.popleft()
        if self.room(tenant_id, now, flooded=flooded) and self.running.total() < self.slots:
            self.running[tenant_id] += 1
            return None
        # One pace for each kind: a reply that is to be sent does not queue behind a flood to be read.
        pace = self._paces.setdefault(tenant_id, {}).setdefault(kind, Pace(self.pace, ended=now))
        pace.next = max(pace.next, now) + pace.interval
        return timedelta(seconds=pace.next - now)

    def leave(self, tenant_id: int, kind: str, began: float, now: float) -> None:
        self.running[tenant_id] -= 1
        self._see(tenant_id, now)  # what is known of how long its jobs take goes with it
        took = self._took.setdefault(tenant_id, now - began)
        self._took[tenant_id] = took + (now - began - took) / 20
        if not self.running[tenant_id]:
            del self.running[tenant_id]
            self._paces.pop(tenant_id, None)
        elif pace := self._paces.get(tenant_id, {}).get(kind):
            pace.interval += (now - pace.ended - pace.interval) / 20
            pace.ended = now

    def room(self, tenant_id: int, now: float, *, flooded: bool) -> int:
        """How many more of the tenant's jobs may run."""
        quarter = max(self.slots // 4, 1)
        if self._is_alone(tenant_id, now):
            most = max(self.slots - quarter, 1)
        else:
            most = min(quarter, self._flood_s(tenant_id, quarter)) if flooded else quarter
        return max(most - self.running[tenant_id], 0)

    def _flood_s(self, tenant_id: int, quarter: int) -> int:
        """How many of a flood's jobs may run beside others: what its pace needs, and the loop can bear."""
        needed = 1 + int(self._took.get(tenant_id, 0.0) * FLOOD_RATE)
        return min(needed, max(int(quarter * EASY / max(self.late, EASY)), 1))

    def wanted(self, tenant_id: int, now: float) -> int:
        """How many of a flood's jobs are to be brought now, which are expected from then on: without those
        that are on their way, unless others have taken them."""
        brought = self._brought.setdefault(tenant_id, deque())
        while brought and brought[0] < now - BUSY_FOR:
            brought.popleft()
        more = max(self.room(tenant_id, now, flooded=True) - len(brought), 0)
        brought.extend([now] * more)
        return more

    def _see(self, tenant_id: int, now: float) -> None:
        self._seen.pop(tenant_id, None)
        self._seen[tenant_id] = now
        while self._seen[first := next(iter(self._seen))] < now - BUSY_FOR:
            del self._seen[first]
            self._took.pop(first, None)
            self._brought.pop(first, None)

    def _is_alone(self, tenant_id: int, now: float) -> bool:
        return not any(seen >= now - BUSY_FOR for other, seen in self._seen.items() if other != tenant_id)
