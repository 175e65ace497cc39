"""Gaps: asks the accounts' providers for messages that they could not post; owns the table fetches."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

import asyncpg

from conserje.contract.account import AnyAccount
from conserje.contract.channel import AnyChannel, CannotTell, Page, offers
from conserje.errors import DirectoryUnavailable, UnknownTenant
from conserje.intake.intake import Intake, NotDurable
from conserje.plugins import given, guard
from conserje.plugins.guard import PluginFailed
from conserje.plugins.plugins import Plugins
from conserje.storage.database import CANNOT_ASK, Connection, Pool, describe
from conserje.telemetry.log import place
from conserje.tenants.accounts import AccountRow
from conserje.tenants.directory import Directory
from conserje.tenants.entry import AccountUnusable, Entry
from conserje.tenants.vault import Vault

log = logging.getLogger(__name__)

AT_ONCE = 8  # tenants of one lane
PAGE = 1000  # tenants read at once
FETCH_LIMIT = 20.0  # seconds for one page of a provider's
TENANT_LIMIT = 60.0  # seconds for all accounts of a tenant, in one round
AT_START = 30.0  # seconds: who was asked since then need not be asked by a worker that starts
LOOK_EVERY = 1.0  # seconds between two looks whether Postgres is there
LAST_LIMIT = 2.0  # seconds for what is cancelled at the end, which may find Postgres silent

BEFORE = "SELECT now() - $1::interval"

# Those that failed last time ($4) are asked apart from the others, whom they must not delay.
TENANTS = """
SELECT DISTINCT accounts.tenant_id FROM accounts
JOIN tenants ON tenants.id = accounts.tenant_id AND tenants.status = 'active'
LEFT JOIN fetches ON fetches.tenant_id = accounts.tenant_id AND fetches.account_id = accounts.id
WHERE channel = $1 AND accounts.status = 'active' AND accounts.tenant_id > $2
  AND coalesce(fetched_at < $3, true) AND (fetches.cause IS NOT NULL) = $4
  AND NOT EXISTS (SELECT FROM restorations WHERE resumed_at IS NULL)  -- then the installation is silent
ORDER BY accounts.tenant_id LIMIT $5
"""

# Of several workers that want an account at once, the first one's row stops the others.
CLAIM = """
INSERT INTO fetches (tenant_id, account_id)
SELECT $2, id FROM accounts
LEFT JOIN fetches ON fetches.tenant_id = $2 AND account_id = id
WHERE accounts.tenant_id = $2 AND channel = $1 AND status = 'active'
  AND coalesce(fetched_at < $3, true) AND (cause IS NOT NULL) = $4
ORDER BY fetched_at NULLS FIRST, id LIMIT 1
ON CONFLICT (tenant_id, account_id) DO UPDATE SET fetched_at = now() WHERE fetches.fetched_at < $3
RETURNING account_id, cursor, fetched_at
"""

FETCHED = """
UPDATE fetches SET cursor = $4, cause = NULL WHERE tenant_id = $1 AND account_id = $2 AND fetched_at = $3
"""

FAILED = "UPDATE fetches SET cause = $4 WHERE tenant_id = $1 AND account_id = $2 AND fetched_at = $3"

LIST = "SELECT account_id, fetched_at, cause FROM fetches WHERE tenant_id = $1"


@dataclass(frozen=True, slots=True)
class Fetch:
    """When an account's provider was last asked, and why that failed."""

    fetched_at: datetime
    cause: str | None


async def list_all(connection: Connection, tenant_id: int) -> dict[int, Fetch]:
    """The last asking for each account that was asked for, by its id."""
    rows = await connection.fetch(LIST, tenant_id)
    return {row["account_id"]: Fetch(row["fetched_at"], row["cause"]) for row in rows}


@dataclass(frozen=True, slots=True)
class Lane:
    """Accounts that are asked for together: of one channel, those that failed last time or the others."""

    channel: AnyChannel
    failed: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to ask for one account, until another worker finds that it is time again."""

    entry: Entry
    account: AccountRow
    cursor: str | None
    at: datetime


@dataclass
class Gaps:
    """Asks for as long as it is entered: at the start, every `every` seconds (0: never), and after an outage.

    Any number of workers share the accounts, by the time of the last asking.
    """

    pool: Pool
    directory: Directory
    plugins: Plugins
    vault: Vault
    intake: Intake
    every: float
    fetch_limit: float = FETCH_LIMIT
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _away_at: float = 0.0  # when Postgres was last found to be away
    _back_at: float = 0.0

    async def __aenter__(self) -> Self:
        channels = self.plugins.channels.values()
        lanes = [Lane(each, failed) for each in channels if offers(each, "fetch") for failed in (False, True)]
        if self.every and lanes:
            self._tasks = [asyncio.create_task(self._run(lane)) for lane in lanes]
            self._tasks.append(asyncio.create_task(self._watch()))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LAST_LIMIT)

    async def _watch(self) -> None:
        """Note when Postgres goes and comes."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            there = self.directory.changes.listening
            if there and self._away_at > self._back_at:
                self._back_at = time.monotonic()
            elif not there and self._away_at <= self._back_at:
                self._away_at = time.monotonic()

    async def _run(self, lane: Lane) -> None:
        age = AT_START
        while True:
            began = time.monotonic()
            try:
                await self.ask_all(lane, age)
            except* (*CANNOT_ASK, asyncpg.PostgresError) as errors:
                log.warning("Providers are asked for messages later: %s", describe(errors.exceptions[0]))
            age = await self._until_next(began)

    async def _until_next(self, began: float) -> float:
        """Wait for the next round; whoever was asked longer ago than these seconds is due then."""
        while time.monotonic() < began + self.every:
            if self._back_at > began:
                return time.monotonic() - self._away_at  # during the outage nobody could be asked for
            await asyncio.sleep(LOOK_EVERY)
        return self.every * 0.8  # who came late in the last round is not left out of this one

    async def ask_all(self, lane: Lane, age: float) -> None:
        """Ask for all accounts of the lane that nobody asked for in the last `age` seconds."""
        before: datetime = await self.pool.fetchval(BEFORE, timedelta(seconds=age))
        slots = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            async for tenant_id in self._tenants(lane, before):
                await slots.acquire()
                asking = group.create_task(self._ask_tenant(lane, tenant_id, before))
                asking.add_done_callback(lambda _: slots.release())

    async def _tenants(self, lane: Lane, before: datetime) -> AsyncIterator[int]:
        last = 0
        while rows := await self.pool.fetch(TENANTS, lane.channel.name, last, before, lane.failed, PAGE):
            for row in rows:
                yield row["tenant_id"]
            last = rows[-1]["tenant_id"]

    async def _ask_tenant(self, lane: Lane, tenant_id: int, before: datetime) -> None:
        """One account after the other; those that are left when its time is over come in the next round."""
        end = time.monotonic() + TENANT_LIMIT
        try:
            while time.monotonic() < end and (claim := await self._claim(lane, tenant_id, before)):
                await self._ask(lane, claim, end)
        except UnknownTenant:
            pass  # removed meanwhile
        except (*CANNOT_ASK, asyncpg.PostgresError, DirectoryUnavailable, NotDurable) as error:
            log.warning("A tenant's providers are asked for messages later: %s", describe(error))
        except Exception as error:  # others' rounds go on
            log.error("Asking the providers of tenant %s for messages failed: %s", tenant_id, place(error))

    async def _claim(self, lane: Lane, tenant_id: int, before: datetime) -> Claim | None:
        """The account to ask for next; None: there is none that is due. Raises UnknownTenant."""
        entry = await self.directory.by_id(tenant_id)
        row = await self.pool.fetchrow(CLAIM, lane.channel.name, tenant_id, before, lane.failed)
        account = entry.account(row["account_id"]) if row else None
        if row is None or account is None:
            return None
        return Claim(entry, account, row["cursor"], row["fetched_at"])

    async def _ask(self, lane: Lane, claim: Claim, end: float) -> None:
        """Take all that there is for one account; the cursor is stored behind what was taken."""
        row = (claim.entry.tenant.id, claim.account.id, claim.at)
        try:
            opened = claim.entry.opened(claim.account, lane.channel, self.vault)
            cursor, more = claim.cursor, True
            while more and time.monotonic() < end:
                page = await self._fetch(claim.entry.tenant.slug, lane.channel, opened, cursor)
                await self._take(claim, page)
                await self.pool.execute(FETCHED, *row, page.cursor)
                more = page.more and page.cursor != cursor
                cursor = page.cursor
        except (CannotTell, AccountUnusable) as error:
            log.warning(
                "%s %s cannot be asked for messages: %s", lane.channel.name, claim.account.address, error
            )
            await self.pool.execute(FAILED, *row, str(error)[:500])

    async def _fetch(self, slug: str, channel: AnyChannel, account: AnyAccount, cursor: str | None) -> Page:
        """Raises CannotTell, whatever the plugin raises."""
        try:
            async with asyncio.timeout(self.fetch_limit):
                return await guard.awaited(
                    channel, slug, "fetch", given.page(account.address), account, cursor
                )
        except TimeoutError:
            raise CannotTell(f"There was no answer within {self.fetch_limit:g} s.") from None
        except PluginFailed as error:
            raise CannotTell(f"The channel {error.told}.") from None

    async def _take(self, claim: Claim, page: Page) -> None:
        account = claim.account
        events = [(account, event) for event in page.events if event.address == account.address]
        await self.intake.take(claim.entry.tenant, events)
