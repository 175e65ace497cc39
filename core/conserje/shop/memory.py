"""What this process has read of tenants' rows, for as long as nothing is heard of a change to them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

from cachetools import LRUCache

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
    """One thing of each tenant that was asked for last; it is read anew once its rows change."""

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
        self._kept: LRUCache[int, K] = LRUCache(room, getsizeof=lambda kept: kept.size)
        self._reading: dict[int, asyncio.Task[K]] = {}
        self._threads = ThreadPoolExecutor(2, channel)  # a long text keeps no other turn waiting
        changes.tell(self._hear, channel)

    async def of(self, tenant_id: int) -> K:
        """The tenant's."""
        if self._changes.listening and (kept := self._kept.get(tenant_id)):
            return kept
        if (reading := self._reading.get(tenant_id)) is None:
            reading = self._reading[tenant_id] = asyncio.create_task(self._read(tenant_id))
            reading.add_done_callback(lambda done: self._keep(tenant_id, done))
        return await asyncio.shield(reading)  # who waits may be cancelled; the others wait on

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
            with suppress(ValueError):  # larger than all that is kept: it is read for each turn
                self._kept[tenant_id] = done.result()

    def _hear(self, ids: list[int] | None) -> None:
        """Rows of these tenants changed; None: of any."""
        for known in (self._kept, self._reading):
            for tenant_id in list(known) if ids is None else ids:
                known.pop(tenant_id, None)
