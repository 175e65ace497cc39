"""The directory: finds tenants with their accounts, from memory while Postgres says nothing new."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

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
from conserje.tenants.names import Names
from conserje.tenants.remembered import Key, Remembered
from conserje.tenants.replica import Replica

log = logging.getLogger(__name__)

ASK_LIMIT = 1.0  # seconds that Postgres may take to answer, and to be left in peace after it did not
UNKNOWN_FOR = 30.0  # seconds that an unknown name is remembered
SECRETS_FOR = 60.0  # seconds that it is remembered who has secrets of a channel
SHARE = 2  # of the pool's connections, for names that nobody is known by
MOST_STRANGE = 100  # such names that wait for it
MOST_UNKNOWN = 10_000  # names that are remembered to be nobody's
MOST_ADDRESSES = 200_000  # whose tenants are remembered
_ANY = ("", "")  # whatever Postgres may be asked for
TRIES = 5  # loads of one entry in a row that a change may overtake

R = TypeVar("R")


class Directory:
    """Finds tenants by slug, custom domain or id; entered, it hears of changes to them.

    What was found serves until it changed, and on while Postgres cannot answer. Where it knows the names of
    all tenants, what is nobody's is no question to Postgres.
    """

    def __init__(
        self, pool: Pool, url: str, replica: Replica | None = None, memory: int = 64 * 2**20
    ) -> None:
        """`memory`: the bytes that what is remembered of tenants may take."""
        self._pool = pool
        self._replica = replica
        self.changes = Changes(url)
        self._entries = Remembered(memory)
        self._names = Names(pool, self.changes, self._forget)
        # The count of changes then.
        self._unknown: TTLCache[tuple[str, str], int] = TTLCache(MOST_UNKNOWN, UNKNOWN_FOR)
        # Ids of tenants, as last known.
        self._at: LRUCache[tuple[str, str], tuple[int, ...]] = LRUCache(MOST_ADDRESSES)
        self._sure: set[tuple[str, str]] = set()  # of these nothing newer was heard
        self._with_secrets: TTLCache[str, list[int]] = TTLCache(100, SECRETS_FOR)  # ids, by channel
        self._loading: dict[Key, asyncio.Task[Entry]] = {}
        self._answers = True  # Postgres did, the last time that it was asked
        self._silent: TTLCache[tuple[str, str], None] = TTLCache(
            MOST_UNKNOWN, ASK_LIMIT
        )  # what it was silent about
        self._share = asyncio.Semaphore(SHARE)
        self._strange = 0  # names that wait for their share, or have it

    async def __aenter__(self) -> Self:
        await self.changes.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._loading.values():
            task.cancel()
        await self._names.stop()
        await self.changes.__aexit__(kind, error, trace)

    async def know_names(self) -> None:
        """From now on know the names of all tenants: for where strangers ask for what names they like."""
        await self._names.start()

    def _forget(self, names: Iterable[str] | None) -> None:
        """Somebody may have these names now; None: any."""
        if names is None:
            self._unknown.clear()
            self._sure.clear()
            return
        for name in names:
            kind, _, value = name.partition(" ")
            self._unknown.pop((kind, value), None)
            self._sure.discard((kind, value))

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
        strange = [(channel, each) for each in addresses if (channel, each) not in self._names]
        if strange and self._names.current:
            await self._names.appear(strange)
        known = self._known_at(channel, addresses)
        if unknown := [each for each in addresses if each not in known and clean(each) == each]:
            known |= await self._ask_at(channel, unknown)
        found = []
        for tenant_id in sorted({tenant_id for tenants in known.values() for tenant_id in tenants}):
            with suppress(UnknownTenant):  # removed meanwhile
                found.append(await self.by_id(tenant_id))
        return found

    async def with_secrets(self, channel: str, most: int) -> list[Entry]:
        """Tenants with credentials of their own for the channel, at most so many, as it was a minute ago.

        Raises DirectoryUnavailable.
        """
        if (ids := self._with_secrets.get(channel)) is None:
            try:
                ids = await accounts.with_secrets(self._pool, channel, most)
            except (*CANNOT_ASK, asyncpg.PostgresError) as error:
                raise DirectoryUnavailable(describe(error)) from None
            self._with_secrets[channel] = ids
        found = []
        for tenant_id in ids:
            with suppress(UnknownTenant):  # removed meanwhile
                found.append(await self.by_id(tenant_id))
        return found

    def _known_at(self, channel: str, addresses: Sequence[str]) -> dict[str, tuple[int, ...]]:
        """What is in memory and current."""
        if not self._names.current:
            return {}
        known: dict[str, tuple[int, ...]] = {}
        for each in addresses:
            if (channel, each) not in self._names:
                known[each] = ()
            elif (channel, each) in self._sure and (ids := self._at.get((channel, each))) is not None:
                known[each] = ids
        return known

    async def _ask_at(self, channel: str, addresses: Sequence[str]) -> dict[str, tuple[int, ...]]:
        keys = [(channel, address) for address in addresses]
        if self._left_in_peace(keys):
            return await self._last_known_at(channel, addresses, "it did not answer a moment ago")
        began, current = self.changes.count, self._names.current
        try:
            found = await self._in_share(keys, lambda: accounts.tenants_at(self._pool, channel, addresses))
        except (*CANNOT_ASK, asyncpg.PostgresError) as error:
            return await self._last_known_at(channel, addresses, self._note_silence(keys, error))
        self._answers = True
        for key in keys:
            if key in self._names or key[1] in found:  # nothing else that a stranger sends
                self._at[key] = found.get(key[1], ())
        if current and self.changes.count == began:
            self._sure.update(keys)
        return found

    async def _last_known_at(
        self, channel: str, addresses: Sequence[str], cause: str
    ) -> dict[str, tuple[int, ...]]:
        """Raises DirectoryUnavailable unless all are known: of the others nobody can say whose they are."""
        known = {each: ids for each in addresses if (ids := self._at.get((channel, each)))}
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
        if self._is_nobody(key) and (key in self._unknown or not await self._names.appear([key])):
            raise _no_tenant(key)
        if (loading := self._loading.get(key)) is None:
            loading = self._loading[key] = asyncio.create_task(self._load(key))
            loading.add_done_callback(lambda done: self._loaded(key, done))
        if not self._answers and not self.changes.listening and (remembered := self._entries.get(key)):
            return remembered  # who asks need not wait to hear that Postgres is still silent
        return await asyncio.shield(loading)  # who waits may be cancelled; the others wait on

    def _is_nobody(self, key: Key) -> bool:
        """Whether it is known to be: a name that is not among all, or that Postgres said no to lately."""
        if key[0] == "id":  # whose tenant has changed where there is one now
            asked = self._unknown.get(key)
            return asked is not None and self.changes.listening and self.changes.unchanged(int(key[1]), asked)
        return self._names.current and (key not in self._names or key in self._unknown)

    def _loaded(self, key: Key, task: asyncio.Task[Entry]) -> None:
        del self._loading[key]
        if not task.cancelled():
            task.exception()  # those who waited have it; perhaps nobody waits any more

    async def _load(self, key: Key) -> Entry:
        if self._left_in_peace([key]):
            return await self._last_known(key, "it did not answer a moment ago")
        try:
            entry = await self._ask_until_current(key)
        except (*CANNOT_ASK, asyncpg.PostgresError) as error:
            return await self._last_known(key, self._note_silence([key], error))
        self._answers = True
        if entry is None:
            self._entries.forget(key)
            raise _no_tenant(key)
        return entry

    def _left_in_peace(self, keys: Iterable[tuple[str, str]]) -> bool:
        """Whether Postgres was silent a moment ago: about these, or, where it tells no changes, about any.

        What it is slow about may be one tenant's; others are asked for while it lives.
        """
        return any(key in self._silent for key in (*keys, *(() if self.changes.listening else (_ANY,))))

    def _note_silence(self, keys: Iterable[tuple[str, str]], error: BaseException) -> str:
        """Why there was no answer; where it is not this process that stood still, nobody asks for a while."""
        why = explained(error, describe(error))
        if why == describe(error):
            self._answers = False
            for key in (*keys, _ANY):
                self._silent[key] = None
        return why

    async def _last_known(self, key: Key, cause: str) -> Entry:
        """What is remembered or written down of a tenant. Raises DirectoryUnavailable."""
        if found := self._entries.get(key) or await self._in_replica(key):
            found = self._entries.of(found.tenant.id) or found  # perhaps known by another name
            self._entries.put(key, found)
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
                if key[0] == "id" or self._names.current:
                    self._unknown[key] = began
                break
            if entry is not None and self._current(entry):
                entry = self._as_known(entry)
                self._entries.put(key, entry)
                break
        return entry

    def _as_known(self, found: Entry) -> Entry:
        """What was found, or the same as it was found by another name."""
        known = self._entries.of(found.tenant.id)
        return known if known is not None and self.changes.listening and self._current(known) else found

    async def _ask(self, key: Key) -> Entry | None:
        began = self.changes.count
        found = await self._in_share([key], lambda: accounts.find(self._pool, *key))
        return Entry(*found, loaded=began) if found else None

    async def _in_share(
        self, keys: Sequence[tuple[str, str]], ask: Callable[[], Coroutine[Any, Any, R]]
    ) -> R:
        """Postgres' answer; names that nobody is known by have a share of the pool's connections.

        The others are what stores messages. Raises TimeoutError or DirectoryUnavailable.
        """
        if all(key[0] == "id" or key in self._names for key in keys):
            return await self._in_time(ask())
        if self._strange >= MOST_STRANGE:
            raise DirectoryUnavailable("Too many names are asked for at once that nobody is known by.")
        self._strange += 1
        try:
            async with self._share:
                return await self._in_time(ask())
        finally:
            self._strange -= 1

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
