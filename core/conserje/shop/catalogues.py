"""Tenants' catalogues in memory, for as long as nothing is heard of a change to their products."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial

import asyncpg

from conserje.contract.assistant import Match, Product
from conserje.shop.memory import Memory
from conserje.shop.products import ON_SALE, from_record
from conserje.shop.search import Catalogue
from conserje.storage.changes import PRODUCTS, Changes
from conserje.storage.database import Connection, Pool

log = logging.getLogger(__name__)

KEPT = 64 * 2**20  # bytes of all catalogues in memory
LARGEST = 20_000  # products that assistants know of one tenant, the first ones by name


class Catalogues(Memory[Catalogue]):
    """What this process has read of tenants' products; a tenant's is dropped when one of them changes."""

    def __init__(self, pool: Pool, changes: Changes) -> None:
        super().__init__(pool, changes, PRODUCTS, _on_sale, _catalogue, KEPT)


async def _on_sale(connection: Connection, tenant_id: int) -> list[asyncpg.Record]:
    rows = await connection.fetch(ON_SALE, tenant_id, LARGEST + 1)
    if len(rows) > LARGEST:
        log.warning("Assistants know %d products of tenant %d, and no more", LARGEST, tenant_id)
    return rows[:LARGEST]


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
        catalogue = await self._catalogue()
        return await self._catalogues.beside(partial(catalogue.search, text, limit))

    async def _catalogue(self) -> Catalogue:
        if self._seen is None:
            self._seen = await self._catalogues.of(self._tenant_id)
        return self._seen
