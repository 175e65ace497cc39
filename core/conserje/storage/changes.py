"""The change feed: which tenants' rows changed, as Postgres tells it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, Self

import asyncpg

from conserje.storage.database import CANNOT_ASK, connect_as_core, describe
from conserje.storage.pool import PATIENCE
from conserje.storage.stillness import explained

log = logging.getLogger(__name__)

CHANNEL = "conserje_tenants"
PRODUCTS = "conserje_products"  # apart: those who take messages need not look at a tenant anew
KNOWLEDGE = "conserje_knowledge"

ROUND = 2.0  # seconds between two looks at the table of changes; a look may take as long again
PRUNE = 600.0  # seconds between two prunings of that table
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0  # seconds before listening again
REMEMBERED = 200_000  # tenants whose last change is known one by one
MANY = "*"  # more tenants than a notification can name: the table has them

SNAPSHOT = "SELECT pg_current_snapshot()::text"

# What changed since an earlier snapshot is what that snapshot could not see.
CHANGED = """
SELECT pg_current_snapshot()::text AS snapshot,
       ARRAY(SELECT DISTINCT tenant_id FROM tenant_changes
             WHERE changed_by >= pg_snapshot_xmin($1::text::pg_snapshot)
               AND NOT pg_visible_in_snapshot(changed_by, $1::text::pg_snapshot)) AS ids
"""

PRUNE_CHANGES = "DELETE FROM tenant_changes WHERE changed_at < now() - interval '1 hour'"


class Changes:
    """Hears of changes on a connection of its own, for as long as it is entered.

    A look at the table every ROUND seconds finds what a lost notification did not tell, and notices
    a connection that died in silence.
    """

    def __init__(self, url: str) -> None:
        self.listening = False
        self.behind = False  # it was told of more changes than were named, and has yet to look which
        self.count = 0
        self._url = url
        self._last: dict[int, int] = {}  # tenant's id: the count at its last change
        self._last_of_all = 0  # the count when everything may have changed
        self._tried = asyncio.Event()
        self._wanted = asyncio.Event()  # a look at the table, at once
        self._subscribers: dict[str, Callable[[str | None], None]] = {}
        self._told: dict[str, list[Callable[[list[int] | None], None]]] = {
            each: [] for each in (CHANNEL, PRODUCTS, KNOWLEDGE)
        }

    def subscribe(self, channel: str, hear: Callable[[str | None], None]) -> None:
        """Call `hear` with what is told on another channel; with None where some of it may be lost.

        To be called before the feed is entered.
        """
        self._subscribers[channel] = hear

    def tell(self, hear: Callable[[list[int] | None], None], channel: str = CHANNEL) -> None:
        """Call `hear` with the ids of tenants that changed; with None where any may have."""
        self._told[channel].append(hear)

    def unchanged(self, tenant_id: int, since: int) -> bool:
        """Whether nothing was heard of this tenant after the count was `since`."""
        return since >= self._last_of_all and since >= self._last.get(tenant_id, 0)

    async def __aenter__(self) -> Self:
        """Returns when it listens, or when Postgres did not let it at the first try, or for PATIENCE."""
        self._following = asyncio.create_task(self._follow())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._tried.wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._following

    async def _follow(self) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                await self._listen()
            except (*CANNOT_ASK, asyncpg.PostgresError) as error:
                if self.listening or not self._tried.is_set():
                    why = explained(error, describe(error))
                    log.warning("Postgres tells no changes, and is asked at each use: %s", why)
                    pause = FIRST_PAUSE
            finally:
                self.listening = False
                self._tried.set()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _listen(self) -> None:
        """Hear changes until the connection is lost; raises what lost it."""
        connection = await connect_as_core(self._url, name="conserje changes", command_timeout=ROUND)
        try:
            self._wanted.clear()
            self.behind = False
            connection.add_termination_listener(lambda _: self._wanted.set())
            await connection.add_listener(CHANNEL, self._hear)
            for apart in (PRODUCTS, KNOWLEDGE):
                await connection.add_listener(apart, self._hear_apart)
            for channel, hear in self._subscribers.items():
                await connection.add_listener(channel, partial(_tell, hear))
            snapshot = await connection.fetchval(SNAPSHOT)
            self._note_all()  # what changed before was not heard
            for apart in (PRODUCTS, KNOWLEDGE):
                self._pass_on(apart, None)
            self.listening = True
            self._tried.set()
            for hear in self._subscribers.values():
                hear(None)
            await self._look(connection, snapshot)
        finally:
            connection.terminate()

    async def _look(self, connection: asyncpg.Connection[Any], snapshot: str) -> None:
        prune_at = time.monotonic()
        while True:
            # Not asyncio.wait_for: before Python 3.12 it loses a cancellation that comes with the word.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ROUND):
                    await self._wanted.wait()
            self._wanted.clear()
            [(snapshot, ids)] = await connection.fetch(CHANGED, snapshot)
            self.note(ids)
            self.behind = self._wanted.is_set()
            if time.monotonic() >= prune_at:
                await connection.execute(PRUNE_CHANGES)
                prune_at += PRUNE

    def _hear(self, connection: object, pid: int, channel: str, payload: object) -> None:
        if payload == MANY:
            self.behind = True
            self._wanted.set()
            return
        ids = _ids(payload)
        self._note_all() if ids is None else self.note(ids)

    def _hear_apart(self, connection: object, pid: int, channel: str, payload: object) -> None:
        self._pass_on(channel, _ids(payload))

    def _pass_on(self, channel: str, ids: list[int] | None) -> None:
        for hear in self._told[channel]:
            hear(ids)

    def note(self, ids: list[int]) -> None:
        """These tenants' rows changed."""
        if ids:
            self.count += 1
            self._last.update(dict.fromkeys(ids, self.count))
            self._pass_on(CHANNEL, ids)
        if len(self._last) > REMEMBERED:
            self._note_all()

    def _note_all(self) -> None:
        self.count += 1
        self._last_of_all = self.count
        self._last.clear()
        self._pass_on(CHANNEL, None)


def _ids(payload: object) -> list[int] | None:
    """The tenants that a notification names; None: any, by "*" or somebody's own notification."""
    try:
        return [int(word) for word in str(payload).split(",")]
    except ValueError:
        return None


def _tell(
    hear: Callable[[str | None], None], connection: object, pid: int, channel: str, payload: object
) -> None:
    hear(str(payload))
