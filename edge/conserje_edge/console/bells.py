"""Bells: word to open pages that something of a tenant changed; what it is, they ask for themselves."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

import asyncpg

from conserje.conversations import feed
from conserje.operations import marks
from conserje.operations.marks import Mark
from conserje.storage import changes
from conserje.storage.changes import Changes
from conserje.storage.database import CANNOT_ASK, Pool, describe

log = logging.getLogger(__name__)

PACE = 0.25  # seconds between two bells of a page
LOOK_EVERY = 0.5  # seconds; to hear of each job instead would cost each message, also while nobody looks
AWAY = 2.0  # seconds to the next look where Postgres does not answer
KEEP_ALIVE = 15.0  # seconds; then a page hears that the line stands
MOST = 20  # lines of one login: each browser has one for each tenant that it shows
MOST_OF_ALL = 1500  # the rest of what the listener serves at once is for pages and the API


@dataclass(eq=False, slots=True)
class Line:
    """What an open page listens at."""

    login_id: int
    tenant_id: int | None  # None: all of them
    rung: asyncio.Event = field(default_factory=asyncio.Event)


class Bells:
    """Looks how far the tenants have come that somebody has open, for as long as it is entered."""

    def __init__(self, pool: Pool, heard: Changes) -> None:
        """To be called before `heard` is entered."""
        self._pool = pool
        self._lines: set[Line] = set()
        self.marks: dict[int, Mark] = {}  # of the tenants that are watched
        self._mark_of_all = (0, 0)
        self._stopped = False
        heard.subscribe(feed.CHANNEL, self._hear)
        for channel in (changes.CHANNEL, changes.PRODUCTS, changes.KNOWLEDGE):
            heard.tell(self._ring_all, channel)

    async def __aenter__(self) -> Self:
        self._looking = asyncio.create_task(self._look())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object | None
    ) -> None:
        self.stop()
        self._looking.cancel()
        with suppress(asyncio.CancelledError):
            await self._looking

    def stop(self) -> None:
        """End every line: a server that stops waits for its streams."""
        self._stopped = True
        self.ring(None)

    def ring(self, tenant_id: int | None) -> None:
        """Something of the tenant changed; None: of any may have."""
        for line in self._lines:
            if tenant_id is None or line.tenant_id in (None, tenant_id):
                line.rung.set()

    @property
    def lines(self) -> int:
        """How many pages listen."""
        return len(self._lines)

    def is_full(self, login_id: int) -> bool:
        """Whether the login has as many lines as it may, or all have together."""
        if len(self._lines) >= MOST_OF_ALL:
            return True
        return Counter(line.login_id for line in self._lines)[login_id] >= MOST

    async def listen(self, login_id: int, tenant_id: int | None) -> AsyncGenerator[bool, None]:
        """True at each change, and False each KEEP_ALIVE seconds without one; ends when the server does."""
        line = Line(login_id, tenant_id)
        self._lines.add(line)
        try:
            while not self._stopped:
                try:
                    async with asyncio.timeout(KEEP_ALIVE):
                        await line.rung.wait()
                except TimeoutError:
                    yield False
                    continue
                line.rung.clear()
                if not self._stopped:
                    yield True
                    await asyncio.sleep(PACE)
        finally:
            self._lines.discard(line)

    def _hear(self, payload: str | None) -> None:
        """Of the feed: the tenant and the conversation."""
        head = (payload or "").partition(":")[0]
        self.ring(int(head) if head.isdecimal() else None)

    def _ring_all(self, tenant_ids: Iterable[int] | None) -> None:
        if tenant_ids is None:
            self.ring(None)
            return
        for tenant_id in tenant_ids:
            self.ring(tenant_id)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                await self._look_once()
            except (*CANNOT_ASK, asyncpg.PostgresError) as error:
                log.warning("Pages are not told of changes: %s", describe(error))
                await asyncio.sleep(AWAY)

    async def _look_once(self) -> None:
        watched = {line.tenant_id for line in self._lines}
        if not watched:
            self.marks.clear()
            return
        if None in watched:
            await self._look_at_all()
        found = await marks.of_tenants(self._pool, [each for each in watched if each is not None])
        for tenant_id, mark in found.items():
            if self.marks.get(tenant_id, mark) != mark:
                self.ring(tenant_id)
        self.marks = found

    async def _look_at_all(self) -> None:
        mark = await marks.of_all(self._pool)
        if mark != self._mark_of_all:
            self._mark_of_all = mark
            for line in self._lines:
                if line.tenant_id is None:
                    line.rung.set()
