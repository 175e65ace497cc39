"""The priority of a new message's job: the more its tenant has waiting, the lower, until it gets none."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from typing import Self

from cachetools import LRUCache

from conserje.conversations import messages
from conserje.storage.database import Connection
from conserje.storage.jobs import FLOODED

FLOOD = -FLOODED  # waiting messages of a tenant from which on they are a flood
CHAINS = 10  # jobs of a flood that are in the queue at first: each brings others when it ends
FEW = 5  # messages of a tenant that are taken without a look at how many wait
LOOK_AGAIN = 0.25  # seconds that a look at how many wait is good for


@dataclass(slots=True)
class Load:
    """What a tenant has waiting: as Postgres said, and what this node took since."""

    waiting: int
    asked: float
    in_flight: int = 0  # of those, in transactions that have not ended: Postgres does not count them yet

    def has_room(self, messages: int) -> bool:
        """Whether each of so many more is to have a job; what has none waits until it is brought."""
        return self.waiting + messages <= FLOOD + CHAINS

    def one_more(self) -> int | None:
        """The priority of the next message's job; None: it is to have none."""
        self.waiting += 1
        return max(1 - self.waiting, FLOODED) if self.has_room(0) else None


@dataclass
class Loads:
    """The loads of the tenants that this process lately wrote for."""

    _known: LRUCache[int, Load] = field(default_factory=lambda: LRUCache(10_000))
    _floods: set[int] = field(default_factory=set)  # each webhook asks, and this costs it nothing

    async def of(self, connection: Connection, tenant_ids: Set[int], now: float) -> dict[int, Load]:
        """The load of each tenant; Postgres is asked, now and then, where more than a few may wait."""
        for tenant_id in tenant_ids:
            if tenant_id not in self._known:
                self._known[tenant_id] = Load(0, 0.0)
        if old := [tenant_id for tenant_id in tenant_ids if self._is_old(tenant_id, now)]:
            for tenant_id, waiting in (await messages.waiting(connection, old, FLOOD + CHAINS)).items():
                load = self._known[tenant_id]
                load.waiting, load.asked = waiting + load.in_flight, now
                mark = self._floods.add if load.waiting > FLOOD else self._floods.discard
                mark(tenant_id)
        return {tenant_id: self._known[tenant_id] for tenant_id in tenant_ids}

    def is_flood(self, tenant_id: int) -> bool:
        """Whether the tenant was one when it was last looked at."""
        return tenant_id in self._floods

    def _is_old(self, tenant_id: int, now: float) -> bool:
        load = self._known[tenant_id]
        return load.waiting >= FEW and load.asked + LOOK_AGAIN < now


class Flight:
    """A transaction, from its beginning to its end, and the messages that it counts."""

    def __init__(self, loads: Loads) -> None:
        self._loads = loads
        self._load_of: dict[int, Load] = {}
        self._counted: list[Load] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for load in self._counted:
            load.in_flight -= 1

    async def look(self, connection: Connection, tenant_ids: Set[int]) -> None:
        """Learn what these tenants have waiting, before their messages are stored."""
        self._load_of = await self._loads.of(connection, tenant_ids, time.monotonic())

    def priorities(self, tenant_ids: Sequence[int]) -> list[int] | None:
        """Of the tenants' next messages; None, and none is counted, where one is to have no job."""
        if not all(self._load_of[each].has_room(count) for each, count in Counter(tenant_ids).items()):
            return None
        return [priority for each in tenant_ids if (priority := self.priority(each)) is not None]

    def give_back(self, tenant_id: int) -> None:
        """One that was counted is not stored yet."""
        load = self._load_of[tenant_id]
        load.waiting -= 1
        load.in_flight -= 1
        self._counted.remove(load)

    def priority(self, tenant_id: int) -> int | None:
        """Of the tenant's next message; None: it is to have no job."""
        load = self._load_of[tenant_id]
        load.in_flight += 1
        self._counted.append(load)
        return load.one_more()
