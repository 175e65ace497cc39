"""Tenants' catalogues in memory, for as long as nothing is heard of a change to their products."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import asyncpg
from cachetools import LRUCache

from conserje.contract.assistant import Match, Product
from conserje.shop.products import ON_SALE, from_record
from conserje.shop.search import Catalogue
from conserje.storage.changes import PRODUCTS, Changes
from conserje.storage.database import Pool
from conserje.storage.scope import acting_for

log = logging.getLogger(__name__)

KEPT = 64 * 2**20  # bytes of all catalogues in memory
LARGEST = 20_000  # products that assistants know of one tenant, the first ones by name


class Catalogues:
    """What this process has read of tenants' products; a tenant's is dropped when one of them changes."""

    def __init__(self, pool: Pool, changes: Changes) -> None:
        self._pool = pool
        self._changes = changes
        self._kept: LRUCache[int, Catalogue] = LRUCache(KEPT, getsizeof=lambda catalogue: catalogue.size)
        self._reading: dict[int, asyncio.Task[Catalogue]] = {}
        self._threads = ThreadPoolExecutor(2, "catalogues")  # a long text keeps no other turn waiting
        changes.tell(self._hear, PRODUCTS)

    async def of(self, tenant_id: int) -> Catalogue:
        """The tenant's products on sale."""
        if self._changes.listening and (kept := self._kept.get(tenant_id)):
            return kept
        if (reading := self._reading.get(tenant_id)) is None:
            reading = self._reading[tenant_id] = asyncio.create_task(self._read(tenant_id))
            reading.add_done_callback(lambda done: self._keep(tenant_id, done))
        return await asyncio.shield(reading)  # who waits may be cancelled; the others wait on

    async def search(self, catalogue: Catalogue, text: str, limit: int) -> list[Match]:
        """What the catalogue finds, beside the loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, catalogue.search, text, limit)

    async def _read(self, tenant_id: int) -> Catalogue:
        async with acting_for(self._pool, tenant_id) as scope:
            rows = await scope.connection.fetch(ON_SALE, tenant_id, LARGEST + 1)
        if len(rows) > LARGEST:
            log.warning("Assistants know %d products of tenant %d, and no more", LARGEST, tenant_id)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _catalogue, rows[:LARGEST])

    def _keep(self, tenant_id: int, done: asyncio.Task[Catalogue]) -> None:
        if self._reading.get(tenant_id) is not done:
            return  # a product changed meanwhile
        del self._reading[tenant_id]
        if not done.cancelled() and not done.exception() and self._changes.listening:
            with suppress(ValueError):  # larger than all that is kept: it is read for each turn
                self._kept[tenant_id] = done.result()

    def _hear(self, ids: list[int] | None) -> None:
        """Products of these tenants changed; None: of any."""
        for known in (self._kept, self._reading):
            for tenant_id in list(known) if ids is None else ids:
                known.pop(tenant_id, None)


def _catalogue(rows: Sequence[asyncpg.Record]) -> Catalogue:
    return Catalogue([from_record(row) for row in rows])


class TenantProducts:
    """One tenant's products for one turn, as they were when first asked for."""

    def __init__(self, catalogues: Catalogues, tenant_id: int) -> None:
        self._catalogues = catalogues
        self._tenant_id = tenant_id
        self._seen: Catalogue | None = None

    async def all(self) -> list[Product]:
        return list((await self._catalogue()).products)

    async def search(self, text: str, limit: int = 5) -> list[Match]:
        return await self._catalogues.search(await self._catalogue(), text, limit)

    async def _catalogue(self) -> Catalogue:
        if self._seen is None:
            self._seen = await self._catalogues.of(self._tenant_id)
        return self._seen
