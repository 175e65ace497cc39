"""Fairness: how much of a worker one tenant gets, and when what is above that comes again."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import timedelta

BUSY_FOR = 5.0  # seconds for which a tenant counts as one that has jobs, after its last one
RATE = 20  # jobs of a kind that a worker may do of a flood in a second beside other tenants' jobs
SLOWEST = 4  # the same where the loop comes round late
AHEAD = 0.1  # seconds that they may come before their time, as the queue brings them
BURST = 0.5  # the same of a tenant that is no flood
EASY = 0.001  # seconds that the loop may come round late before the rate is less, and everybody's
LATEST = EASY * RATE / SLOWEST  # seconds late from which on the rate is that
DRAINS = 0.5  # seconds: by then what a flood had in hand when it was alone is done, and the loop comes round
CLOSEST = 0.005  # seconds between jobs that go back: each costs about what a short one does


@dataclass
class Pace:
    """How one tenant's jobs of a kind go through its share."""

    took: float  # seconds of one, a moving average
    due: float = 0.0  # when the next one may begin beside others
    next: float = 0.0  # when the next one that went back may come
    coming: deque[float] = field(default_factory=deque)  # when those of a flood are to come that are not here


@dataclass
class Share:
    """Gives a tenant three quarters of the slots while it is alone, else one; what is above that goes back,
    spread over the time that its share takes for it.

    Beside others, a flood gets RATE, and the slots that it needs for that, a quarter at most. Where the loop
    comes round late everybody has a rate, and a lower one: one tenant's jobs would make all others' slow. But
    who comes beside a flood does not pay for what that had while it was alone.
    `pace` is the seconds that a job takes by itself.
    """

    slots: int
    pace: float = 0.01
    late: float = 0.0  # seconds that the loop comes round late, a moving average
    running: Counter[int] = field(default_factory=Counter)
    _paces: dict[int, dict[str, Pace]] = field(default_factory=dict)
    # When a tenant last had a job, and when one that was no flood's; the latest last.
    _seen: dict[int, tuple[float, float]] = field(default_factory=dict)
    _unbound: float = float("-inf")  # when a flood's job last began without a rate

    def enter(self, tenant_id: int, kind: str, now: float, *, flooded: bool = False) -> timedelta | None:
        """None: the job may run, and `leave` must follow. Else it goes back for that long."""
        self._see(tenant_id, now, flooded=flooded)
        # One pace for each kind: a reply that is to be sent does not queue behind a flood to be read.
        pace = self._pace(tenant_id, kind)
        if flooded and pace.coming:
            pace.coming.popleft()
        rate = self._rate_of(tenant_id, now, flooded=flooded)
        free = self.running.total() < self.slots and self.room(tenant_id, now, flooded=flooded)
        if free and not (rate and pace.due > now + (AHEAD if flooded else BURST)):
            self.running[tenant_id] += 1
            if rate:
                pace.due = max(pace.due, now) + 1 / rate
            elif flooded:
                self._unbound = now
            return None
        most = self._most(tenant_id, now, flooded=flooded)
        pace.next = max(pace.next, now) + max(pace.took / most, 1 / rate if rate else CLOSEST)
        pace.next = min(pace.next, now + BUSY_FOR) if rate else pace.next  # by then there may be room
        if flooded:
            pace.coming.append(pace.next)
        return timedelta(seconds=pace.next - now)

    def leave(self, tenant_id: int, kind: str, began: float, now: float) -> None:
        self.running[tenant_id] -= 1
        if not self.running[tenant_id]:
            del self.running[tenant_id]
        self._see(tenant_id, now, flooded=True)
        pace = self._pace(tenant_id, kind)
        pace.took += (now - began - pace.took) / 20

    def room(self, tenant_id: int, now: float, *, flooded: bool) -> int:
        """How many more of the tenant's jobs may run."""
        return max(self._most(tenant_id, now, flooded=flooded) - self.running[tenant_id], 0)

    def _most(self, tenant_id: int, now: float, *, flooded: bool) -> int:
        quarter = max(self.slots // 4, 1)
        if not self._is_beside_others(tenant_id, now, flooded=flooded):
            return max((self.slots - quarter) // (1 + self._others(tenant_id, now)), 1)
        if not flooded:
            return quarter
        needed = sum(pace.took for pace in self._paces.get(tenant_id, {}).values()) * RATE
        return min(1 + int(needed), quarter)

    def _rate_of(self, tenant_id: int, now: float, *, flooded: bool) -> float | None:
        """How many of the tenant's jobs of a kind may begin in a second; None: any number."""
        is_late = self.late > EASY and now > self._unbound + DRAINS
        if not (flooded or is_late) or not self._is_beside_others(tenant_id, now, flooded=flooded):
            return None
        return max(RATE * EASY / max(self.late, EASY), SLOWEST)

    def wanted(self, tenant_id: int, kind: str, now: float) -> tuple[int, timedelta]:
        """How many of a flood's jobs are to be brought, which are expected from then on, and in what time:
        without those that are on their way, unless others have taken them."""
        pace = self._pace(tenant_id, kind)
        while pace.coming and pace.coming[0] < now - BUSY_FOR:
            pace.coming.popleft()
        more = max(self.room(tenant_id, now, flooded=True) - len(pace.coming), 0)
        rest = max(pace.due - now, 0.0) if self._rate_of(tenant_id, now, flooded=True) else 0.0
        pace.coming.extend([now + rest] * more)
        return more, timedelta(seconds=rest)

    def _pace(self, tenant_id: int, kind: str) -> Pace:
        return self._paces.setdefault(tenant_id, {}).setdefault(kind, Pace(self.pace))

    def _see(self, tenant_id: int, now: float, *, flooded: bool) -> None:
        since = self._seen.pop(tenant_id, (now, float("-inf")))[1]
        self._seen[tenant_id] = (now, since if flooded else now)
        while self._seen[first := next(iter(self._seen))][0] < now - BUSY_FOR:
            del self._seen[first]
            self._paces.pop(first, None)

    def _is_beside_others(self, tenant_id: int, now: float, *, flooded: bool) -> bool:
        """Whether others have jobs; to a flood, who is none: floods share what all of them may have."""
        return self._others(tenant_id, now, but_floods=flooded) > 0

    def _others(self, tenant_id: int, now: float, *, but_floods: bool = False) -> int:
        since = now - BUSY_FOR
        return sum(seen[but_floods] >= since for other, seen in self._seen.items() if other != tenant_id)
