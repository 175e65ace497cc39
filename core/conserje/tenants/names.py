"""The names by which tenants can be found, all of them, in memory: what is not among them is nobody's."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import asyncpg

from conserje.storage.changes import Changes
from conserje.storage.database import CANNOT_ASK, Pool, describe

log = logging.getLogger(__name__)

PATIENCE = 2.0  # seconds that a start waits for the names
AGAIN_AFTER = 0.5  # seconds, where Postgres did not answer
# Seconds before it is said: a notification may be on its way, and strangers on a connection ask no oftener.
PONDERED = 0.5
PAGE = 1000  # names between which others have their turn
_DIGITS = 2**60 - 1  # a number of two of Python's digits, which takes 32 bytes

ALL = """
SELECT 'slug ' || slug AS name FROM tenants
UNION SELECT 'slug ' || slug FROM former_slugs
UNION SELECT 'domain ' || host FROM domains
UNION SELECT channel || ' ' || address FROM accounts
"""

OF_TENANTS = """
SELECT 'slug ' || slug AS name FROM tenants WHERE id = ANY ($1::bigint[])
UNION SELECT 'slug ' || slug FROM former_slugs WHERE tenant_id = ANY ($1::bigint[])
UNION SELECT 'domain ' || host FROM domains WHERE tenant_id = ANY ($1::bigint[])
UNION SELECT channel || ' ' || address FROM accounts WHERE tenant_id = ANY ($1::bigint[])
"""


class Names:
    """Slugs, custom domains and accounts' addresses, as kind (or channel) and value.

    That one is nobody's is said only where all is known that Postgres has told of: it tells (the feed is up),
    all names were read after it began to, and those of every tenant that it named since were read after that.
    In between Postgres has to be asked. Before it is said, a notification that may be on its way is waited
    for; where that is lost, a new tenant is nobody for two of the feed's rounds. What a tenant was called may
    stay here until all is read again: that a name is somebody's is never said.
    """

    def __init__(self, pool: Pool, changes: Changes, learnt: Callable[[Iterable[str] | None], None]) -> None:
        """`learnt` is called with the names of tenants that changed; None: with any."""
        self._pool = pool
        self._changes = changes
        self._learnt = learnt
        self._known: set[int] = set()  # by their marks: a set of the names takes twice as much
        self._changed: set[int] = set()  # tenants
        self._all_changed = False
        self._news = asyncio.Event()
        self._behind = True
        self._caught_up = asyncio.Event()
        self._next = asyncio.Event()  # names are learnt
        self._following: asyncio.Task[None] | None = None

    @property
    def current(self) -> bool:
        """Whether all is known that Postgres has told of."""
        return self._changes.listening and not self._changes.behind and not self._behind

    def __contains__(self, name: tuple[str, str]) -> bool:
        """Whether a tenant has the name, or had it."""
        return _mark(" ".join(name)) in self._known

    async def appear(self, names: Sequence[tuple[str, str]]) -> bool:
        """Whether one of these is somebody's; returns once it is, or PONDERED later."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PONDERED):
                while not any(name in self for name in names):
                    await self._next.wait()
        return any(name in self for name in names)

    async def start(self) -> None:
        """Keep the names until `stop`; returns when they are known, or after PATIENCE."""
        self._changes.tell(self._hear)
        self._hear(None)
        self._following = asyncio.create_task(self._follow())
        if self._changes.listening:
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await self._caught_up.wait()

    async def stop(self) -> None:
        if self._following:
            self._following.cancel()
            await asyncio.wait({self._following})

    def _hear(self, ids: Sequence[int] | None) -> None:
        """These tenants changed; None: any may have."""
        self._behind = True
        if ids is None:
            self._all_changed = True
        else:
            self._changed.update(ids)
        self._news.set()

    async def _follow(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            changed = None if self._all_changed else sorted(self._changed)
            self._changed, self._all_changed = set(), False
            try:
                await self._learn(changed)
            except (*CANNOT_ASK, asyncpg.PostgresError) as error:
                log.warning("The names of tenants are not known for now: %s", describe(error))
                self._hear(changed)
                await asyncio.sleep(AGAIN_AFTER)
            else:
                self._behind = self._news.is_set()
                self._caught_up.set()

    async def _learn(self, changed: list[int] | None) -> None:
        """Read the names of these tenants; None: of all."""
        question = (ALL,) if changed is None else (OF_TENANTS, changed)
        marks: set[int] = set()
        names: list[str] = []
        async with self._pool.acquire(timeout=5) as connection, connection.transaction(readonly=True):
            async for row in connection.cursor(*question, prefetch=PAGE):
                marks.add(_mark(row["name"]))
                if len(names) <= PAGE:
                    names.append(row["name"])
        self._next.set()
        self._next = asyncio.Event()
        if changed is None:
            self._known = marks
            self._learnt(None)
        else:
            self._known |= marks
            self._learnt(names if len(names) <= PAGE else None)  # one by one they would take too long


def _mark(name: str) -> int:
    """As good as the name itself: whoever shares one by chance is asked for in vain, and nobody can choose
    it, since Python's hashes are others in each process."""
    return hash(name) & _DIGITS
