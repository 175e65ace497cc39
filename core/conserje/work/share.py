"""Fairness: how much of a worker one tenant gets, and when what is above that comes again."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import timedelta

BUSY_FOR = 5.0  # seconds for which a tenant counts as one that has jobs, after its last one
FLOOD_RATE = 20  # jobs of a kind that a worker may do of a flood in a second beside other tenants' jobs
AHEAD = 0.1  # seconds that they may come before their time, as the queue brings them
EASY = 0.005  # seconds that the loop may come round late before a flood gets less beside others
CLOSEST = 0.005  # seconds between jobs that go back: each costs about what a short one does


@dataclass
class Pace:
    """How one tenant's jobs of a kind go through its share."""

    took: float  # seconds of one, a moving average
    due: float = 0.0  # when the next one of a flood may begin beside others
    next: float = 0.0  # when the next one that went back may come
    coming: deque[float] = field(default_factory=deque)  # when those of a flood are to come that are not here


@dataclass
class Share:
    """Gives a tenant three quarters of the slots while it is alone, else one; what is above that goes back,
    spread over the time that its share takes for it.

    Beside others, a flood gets FLOOD_RATE, the slots that it needs for that, a quarter at most, and less
    where the loop comes round late: its jobs would make all others' slow. `pace` is the seconds that a job
    takes by itself.
    """

    slots: int
    pace: float = 0.01
    late: float = 0.0  # seconds that the loop comes round late, a moving average
    running: Counter[int] = field(default_factory=Counter)
    _paces: dict[int, dict[str, Pace]] = field(default_factory=dict)
    _seen: dict[int, float] = field(default_factory=dict)  # when a tenant last had a job, the latest last

    def enter(self, tenant_id: int, kind: str, now: float, *, flooded: bool = False) -> timedelta | None:
        """None: the job may run, and `leave` must follow. Else it goes back for that long."""
        self._see(tenant_id, now)
        # One pace for each kind: a reply that is to be sent does not queue behind a flood to be read.
        pace = self._pace(tenant_id, kind)
        if flooded and pace.coming:
            pace.coming.popleft()
        paced = flooded and not self._is_alone(tenant_id, now)
        free = self.running.total() < self.slots and self.room(tenant_id, now, flooded=flooded)
        if free and not (paced and pace.due > now + AHEAD):
            self.running[tenant_id] += 1
            if paced:
                pace.due = max(pace.due, now) + 1 / self._flood_rate
            return None
        most = self._most(tenant_id, now, flooded=flooded)
        least = 1 / self._flood_rate if paced else CLOSEST
        pace.next = max(pace.next, now) + max(pace.took / most, least)
        if flooded:
            pace.coming.append(pace.next)
        return timedelta(seconds=pace.next - now)

    def leave(self, tenant_id: int, kind: str, began: float, now: float) -> None:
        self.running[tenant_id] -= 1
        if not self.running[tenant_id]:
            del self.running[tenant_id]
        self._see(tenant_id, now)
        pace = self._pace(tenant_id, kind)
        pace.took += (now - began - pace.took) / 20

    def room(self, tenant_id: int, now: float, *, flooded: bool) -> int:
        """How many more of the tenant's jobs may run."""
        return max(self._most(tenant_id, now, flooded=flooded) - self.running[tenant_id], 0)

    def _most(self, tenant_id: int, now: float, *, flooded: bool) -> int:
        quarter = max(self.slots // 4, 1)
        if self._is_alone(tenant_id, now):
            return max(self.slots - quarter, 1)
        if not flooded:
            return quarter
        needed = sum(pace.took for pace in self._paces.get(tenant_id, {}).values()) * self._flood_rate
        return min(1 + int(needed), quarter)

    @property
    def _flood_rate(self) -> float:
        return FLOOD_RATE * min(EASY / max(self.late, EASY), 1.0)

    def wanted(self, tenant_id: int, kind: str, now: float) -> tuple[int, timedelta]:
        """How many of a flood's jobs are to be brought, which are expected from then on, and in what time:
        without those that are on their way, unless others have taken them."""
        pace = self._pace(tenant_id, kind)
        while pace.coming and pace.coming[0] < now - BUSY_FOR:
            pace.coming.popleft()
        more = max(self.room(tenant_id, now, flooded=True) - len(pace.coming), 0)
        rest = 0.0 if self._is_alone(tenant_id, now) else max(pace.due - now, 0.0)
        pace.coming.extend([now + rest] * more)
        return more, timedelta(seconds=rest)

    def _pace(self, tenant_id: int, kind: str) -> Pace:
        return self._paces.setdefault(tenant_id, {}).setdefault(kind, Pace(self.pace))

    def _see(self, tenant_id: int, now: float) -> None:
        self._seen.pop(tenant_id, None)
        self._seen[tenant_id] = now
        while self._seen[first := next(iter(self._seen))] < now - BUSY_FOR:
            del self._seen[first]
            self._paces.pop(first, None)

    def _is_alone(self, tenant_id: int, now: float) -> bool:
        return not any(seen >= now - BUSY_FOR for other, seen in self._seen.items() if other != tenant_id)
