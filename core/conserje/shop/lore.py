"""Tenants' knowledge in memory, for as long as nothing is heard of a change to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from conserje.contract.assistant import Known, Tenant
from conserje.contract.hours import here
from conserje.shop import knowledge
from conserje.shop.answers import Answers
from conserje.shop.memory import Memory
from conserje.storage.changes import KNOWLEDGE, Changes
from conserje.storage.database import Pool

KEPT = 32 * 2**20  # bytes of all tenants' in memory


class Lore(Memory[Answers]):
    """What this process has read of tenants' knowledge; a tenant's is dropped when some of it changes."""

    def __init__(self, pool: Pool, changes: Changes) -> None:
        super().__init__(pool, changes, KNOWLEDGE, knowledge.read, Answers, KEPT)


def _now() -> datetime:
    return datetime.now(UTC)


class TenantKnowledge:
    """One tenant's knowledge for one turn, as it was when first asked for."""

    def __init__(
        self, lore: Lore, tenant_id: int, tenant: Tenant, now: Callable[[], datetime] = _now
    ) -> None:
        self._lore = lore
        self._tenant_id = tenant_id
        self._tenant = tenant
        self._now = now
        self._seen: Answers | None = None

    async def search(self, text: str) -> Sequence[Known]:
        if self._seen is None:
            self._seen = await self._lore.of(self._tenant_id)
        moment = here(self._now(), self._tenant.time_zone)
        return await self._lore.beside(partial(self._seen.search, text, self._tenant, moment))
