"""The directory: finds tenants with their accounts, from memory while Postgres says nothing new."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import asyncpg
from cachetools import LRUCache, TTLCache

from conserje.errors import DirectoryUnavailable, UnknownTenant
from conserje.storage.changes import Changes
from conserje.storage.database import CANNOT_ASK, Pool, describe
from conserje.storage.sqlite import NodeFileError
from conserje.storage.stillness import explained
from conserje.storage.text import clean
from conserje.tenants import accounts
from conserje.tenants.entry import Entry
from conserje.tenants.replica import Replica

log = logging.getLogger(__name__)

Key = tuple[Literal["slug", "domain", "id"], str]

ASK_LIMIT = 1.0  # seconds that Postgres may take to answer, and to be left in peace after it did not
UNKNOWN_FOR = 30.0  # seconds that an unknown name is remembered, if nothing changes
TRIES = 5  # loads of one entry in a row that a change may overtake

R = TypeVar("R")


class Directory:
    """Finds tenants by slug, custom domain or id; entered, it hears of changes to them.

    What was found serves until it changed, and on while Postgres cannot answer.
    """

    def __init__(self, pool: Pool, url: str, replica: Replica | None = None, size: int = 10_000) -> None:
        self._pool = pool
        self._replica = replica
        self.changes = Changes(url)
        self._entries: LRUCache[Key, Entry] = LRUCache(size)
        self._unknown: TTLCache[Key, int] = TTLCache(size, UNKNOWN_FOR)  # the count of changes then
        self._at: LRUCache[tuple[str, str], tuple[int, tuple[int, ...]]] = LRUCache(size)  # count, tenants
        self._loading: dict[Key, asyncio.Task[Entry]] = {}
        self._ask_again = 0.0  # when to ask anew after Postgres did not answer; 0: it did

    async def __aenter__(self) -> Self:
        await self.changes.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._loading.values():
            task.cancel()
        await self.changes.__aexit__(kind, error, trace)

    async def by_slug(self, slug: str) -> Entry:
        """Raises UnknownTenant or DirectoryUnavailable. Aliases are no slugs."""
        return self.cached(("slug", slug)) or await self._find(("slug", slug))

    async def by_domain(self, host: str) -> Entry:
        """The tenant of a custom domain, in lower case. Raises UnknownTenant or DirectoryUnavailable."""
        return self.cached(("domain", host)) or await self._find(("domain", host))

    async def by_id(self, tenant_id: int) -> Entry:
        """Raises UnknownTenant or DirectoryUnavailable."""
        return self.cached(("id", str(tenant_id))) or await self._find(("id", str(tenant_id)))

    async def at(self, channel: str, addresses: Sequence[str]) -> list[Entry]:
        """The tenants with an account of the channel at one of these addresses, whatever its state.

        Raises DirectoryUnavailable.
        """
        known = self._known_at(channel, addresses)
        if unknown := [each for each in addresses if each not in known and clean(each) == each]:
            known |= await self._ask_at(channel, unknown)
        found = []
        for tenant_id in sorted({tenant_id for tenants in known.values() for tenant_id in tenants}):
            with suppress(UnknownTenant):  # removed meanwhile
                found.append(await self.by_id(tenant_id))
        return found

    def _known_at(self, channel: str, addresses: Sequence[str]) -> dict[str, tuple[int, ...]]:
        """What is in memory and nothing has changed since."""
        found = {each: self._at[channel, each] for each in addresses if (channel, each) in self._at}
        current = self.changes.listening
        return {each: ids for each, (count, ids) in found.items() if current and count == self.changes.count}

    async def _ask_at(self, channel: str, addresses: Sequence[str]) -> dict[str, tuple[int, ...]]:
        if time.monotonic() < self._ask_again:
            return await self._last_known_at(channel, addresses, "it did not answer a moment ago")
        began = self.changes.count
        try:
            found = await self._in_time(accounts.tenants_at(self._pool, channel, addresses))
        except (*CANNOT_ASK, asyncpg.PostgresError) as error:
            return await self._last_known_at(channel, addresses, self._silent(error))
        self._ask_again = 0.0
        self._at.update({(channel, address): (began, ids) for address, ids in found.items()})
        return found

    async def _last_known_at(
        self, channel: str, addresses: Sequence[str], cause: str
    ) -> dict[str, tuple[int, ...]]:
        """Raises DirectoryUnavailable unless all are known: of the others nobody can say whose they are."""
        known = {each: self._at[channel, each][1] for each in addresses if (channel, each) in self._at}
        if self._replica:
            try:
                known = await self._replica.tenants_at(channel, addresses) | known
            except NodeFileError as error:
                log.warning("The replica cannot be read: %s", error)
        if not known.keys() >= set(addresses):
            raise DirectoryUnavailable(f"Postgres cannot be asked: {cause}.")
        return known

    def cached(self, key: Key) -> Entry | None:
        """The entry, if it is in memory and nothing newer was heard of."""
        entry = self._entries.get(key)
        return entry if entry is not None and self.changes.listening and self._current(entry) else None

    def changed(self, tenant_id: int) -> None:
        """This process changed the tenant's rows: it need not wait to hear of it."""
        self.changes.note([tenant_id])

    def _current(self, entry: Entry) -> bool:
        return self.changes.unchanged(entry.tenant.id, entry.loaded)

    async def _find(self, key: Key) -> Entry:
        if self.changes.listening and self._unknown.get(key) == self.changes.count:
            raise _no_tenant(key)
        if (loading := self._loading.get(key)) is None:
            loading = self._loading[key] = asyncio.create_task(self._load(key))
            loading.add_done_callback(lambda done: self._loaded(key, done))
        if self._ask_again and not self.changes.listening and (remembered := self._entries.get(key)):
            return remembered  # who asks need not wait to hear that Postgres is still silent
        return await asyncio.shield(loading)  # who waits may be cancelled; the others wait on

    def _loaded(self, key: Key, task: asyncio.Task[Entry]) -> None:
        del self._loading[key]
        if not task.cancelled():
            task.exception()  # those who waited have it; perhaps nobody waits any more

    async def _load(self, key: Key) -> Entry:
        if time.monotonic() < self._ask_again:
            return await self._last_known(key, "it did not answer a moment ago")
        try:
            entry = await self._ask_until_current(key)
        except (*CANNOT_ASK, asyncpg.PostgresError) as error:
            return await self._last_known(key, self._silent(error))
        self._ask_again = 0.0
        if entry is None:
            self._entries.pop(key, None)
            raise _no_tenant(key)
        return entry

    def _silent(self, error: BaseException) -> str:
        """Why there was no answer; where it is not this process that stood still, nobody asks for a while."""
        why = explained(error, describe(error))
        if why == describe(error):
            self._ask_again = time.monotonic() + ASK_LIMIT
        return why

    async def _last_known(self, key: Key, cause: str) -> Entry:
        """What is remembered or written down of a tenant. Raises DirectoryUnavailable."""
        if found := self._entries.get(key) or await self._in_replica(key):
            self._entries[key] = found
            return found
        raise DirectoryUnavailable(f"Postgres cannot be asked: {cause}.")

    async def _in_replica(self, key: Key) -> Entry | None:
        """What this node wrote down of a tenant, when Postgres cannot be asked."""
        try:
            found = await self._replica.find(*key) if self._replica else None
        except NodeFileError as error:
            log.warning("The replica cannot be read: %s", error)
            return None
        return Entry(*found) if found else None

    async def _ask_until_current(self, key: Key) -> Entry | None:
        """Postgres' answer, None for no; an answer that a change overtook is not kept, but asked anew."""
        for _ in range(TRIES):
            began = self.changes.count
            entry = await self._ask(key)
            if entry is None and self.changes.count == began:
                self._unknown[key] = began
                break
            if entry is not None and self._current(entry):
                self._entries[key] = entry
                break
        return entry

    async def _ask(self, key: Key) -> Entry | None:
        began = self.changes.count
        found = await self._in_time(accounts.find(self._pool, *key))
        return Entry(*found, loaded=began) if found else None

    async def _in_time(self, asking: Coroutine[Any, Any, R]) -> R:
        """Postgres' answer. Raises TimeoutError."""
        query = asyncio.create_task(asking)
        query.add_done_callback(lambda task: task.cancelled() or task.exception())  # it may end unawaited
        try:
            # Not asyncio.timeout: a cancelled query still waits for the word of a silent server.
            await asyncio.wait({query}, timeout=ASK_LIMIT)
            if not query.done():
                raise TimeoutError("no answer")
            return query.result()
        finally:
            query.cancel()


def _no_tenant(key: Key) -> UnknownTenant:
    return UnknownTenant(f"There is no tenant with the {key[0]} {key[1]}.")
