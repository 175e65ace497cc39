"""What this process has read of tenants' rows, for as long as nothing is heard of a change to them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, Protocol, TypeVar

from conserje.storage.changes import Changes
from conserje.storage.database import Connection, Pool
from conserje.storage.scope import acting_for


class Kept(Protocol):
    """What is kept, and about how many bytes of memory it takes."""

    @property
    def size(self) -> int: ...


K = TypeVar("K", bound=Kept)
R = TypeVar("R")


class Memory(Generic[K]):
    """One thing of each tenant that was asked for last; it is read anew once its rows change.

    All together have so much room; the last one is kept however large it is.
    """

    def __init__(
        self,
        pool: Pool,
        changes: Changes,
        channel: str,
        read: Callable[[Connection, int], Awaitable[Any]],
        make: Callable[[Any], K],
        room: int,
    ) -> None:
        self._pool = pool
        self._changes = changes
        self._rows, self._make = read, make
        self._room = room
        self._kept: OrderedDict[int, tuple[K, int]] = OrderedDict()  # with its size, the latest last
        self._reading: dict[int, asyncio.Task[K]] = {}
        self._threads = ThreadPoolExecutor(2, channel)  # a long text keeps no other turn waiting
        changes.tell(self._hear, channel)

    async def of(self, tenant_id: int) -> K:
        """The tenant's."""
        if self._changes.listening and (kept := self._kept.get(tenant_id)):
            self._kept.move_to_end(tenant_id)
            return kept[0]
        if (reading := self._reading.get(tenant_id)) is None:
            reading = self._reading[tenant_id] = asyncio.create_task(self._read(tenant_id))
            reading.add_done_callback(lambda done: self._keep(tenant_id, done))
        return await asyncio.shield(reading)  # who waits may be cancelled; the others wait on

    @property
    def size(self) -> int:
        """About how many bytes of memory all of them take."""
        return sum(size for _, size in self._kept.values())

    async def beside(self, work: Callable[[], R]) -> R:
        """Do it beside the loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _read(self, tenant_id: int) -> K:
        async with acting_for(self._pool, tenant_id) as scope:
            rows = await self._rows(scope.connection, tenant_id)
        return await self.beside(lambda: self._make(rows))

    def _keep(self, tenant_id: int, done: asyncio.Task[K]) -> None:
        if self._reading.get(tenant_id) is not done:
            return  # a row changed meanwhile
        del self._reading[tenant_id]
        if not done.cancelled() and not done.exception() and self._changes.listening:
            kept = done.result()
            self._kept[tenant_id] = kept, kept.size
            self._kept.move_to_end(tenant_id)
            while len(self._kept) > 1 and self.size > self._room:
                self._kept.popitem(last=False)

    def _hear(self, ids: list[int] | None) -> None:
        """Rows of these tenants changed; None: of any."""
        for tenant_id in [*self._kept, *self._reading] if ids is None else ids:
            self._kept.pop(tenant_id, None)
            self._reading.pop(tenant_id, None)
