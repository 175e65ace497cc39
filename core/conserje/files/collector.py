"""Collects the files that contacts sent: from the provider into the folder, never whole in memory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, replace
from datetime import timedelta

from conserje.contract.account import NotOffered
from conserje.contract.channel import FetchFailed, FetchRefused, Refused, TryLater
from conserje.contract.limits import Limits
from conserje.conversations import feed
from conserje.files import quota
from conserje.files import table as files
from conserje.files.folder import Folder, NoRoom
from conserje.files.quota import Quota, QuotaExceeded
from conserje.files.table import Kept, NotKept, Wanted
from conserje.plugins import guard
from conserje.plugins.guard import PluginFailed
from conserje.plugins.plugins import PluginMissing, Plugins
from conserje.storage import jobs
from conserje.storage.backoff import pause
from conserje.storage.database import Pool
from conserje.storage.jobs import Job
from conserje.storage.scope import acting_for
from conserje.tenants.directory import Directory
from conserje.tenants.entry import AccountUnusable, Entry
from conserje.tenants.vault import Vault

log = logging.getLogger(__name__)

GRACE = timedelta(seconds=10)  # after a file's own time, before it counts as nobody's
TRIES = 16  # with these pauses, some four hours
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 1800.0
NO_ROOM_PAUSE = timedelta(minutes=1)
LOST_AFTER = timedelta(seconds=30)


@dataclass(frozen=True)
class Collector:
    """Collects wanted files, in this worker."""

    pool: Pool
    directory: Directory
    plugins: Plugins
    vault: Vault
    folder: Folder
    quota: Quota

    async def collect(self, job: Job) -> None:
        """Collect the files of a message, one after the other; what cannot be had now comes again."""
        entry = await self.directory.by_id(job.tenant_id)
        if not entry.tenant.active:
            return  # once it is again, they are due for long
        while isinstance(wanted := await self._claim(entry, job), Wanted):
            await self._collect(entry, job, wanted)
        if wanted is not None:
            async with self.pool.acquire() as connection:
                await jobs.enqueue(connection, [replace(job, delay=wanted)])

    async def _claim(self, entry: Entry, job: Job) -> Wanted | timedelta | None:
        async with acting_for(self.pool, job.tenant_id) as scope:
            return await files.claim(scope.connection, job, lambda account_id: self._lease(entry, account_id))

    def _lease(self, entry: Entry, account_id: int) -> timedelta:
        """As long as one file of the account may take."""
        account = entry.account(account_id)
        channel = self.plugins.channels.get(account.channel) if account else None
        if account is None or channel is None:
            return timedelta(seconds=Limits().file_seconds) + GRACE
        limits = guard.limits_of(channel, entry.tenant.slug, account.address)
        return timedelta(seconds=limits.file_seconds) + GRACE

    async def _collect(self, entry: Entry, job: Job, wanted: Wanted) -> None:
        try:
            await self._look_at_quota(job)
            end = await self._download(entry, wanted)
            wanted_still = await self._settle(entry, job, wanted, end)
        except NoRoom as error:
            log.error("Files wait until CONSERJE_DATA_DIR takes them again: %s", error)
            later = NotKept(str(error), NO_ROOM_PAUSE, counted=False)
            wanted_still = await self._settle(entry, job, wanted, later)
        except QuotaExceeded as error:
            await self._settle(entry, job, wanted, NotKept(str(error)))
            wanted_still = False
        if not wanted_still:
            await self.folder.remove([(job.tenant_id, wanted.id)])

    async def _look_at_quota(self, job: Job) -> None:
        """Raises QuotaExceeded."""
        async with acting_for(self.pool, job.tenant_id) as scope:
            await self.quota.look(scope.connection, job)

    async def _settle(self, entry: Entry, job: Job, wanted: Wanted, end: Kept | NotKept) -> bool:
        """Raises QuotaExceeded."""
        if isinstance(end, NotKept) and end.again is None:
            log.warning("A file for %s will not be had: %s", entry.tenant.slug, end.cause)
        async with acting_for(self.pool, job.tenant_id) as scope:
            wanted_still = await files.settle(scope.connection, job, wanted, end, self.quota)
            await feed.wake(scope.connection, job.tenant_id, job.conversation_id)  # whoever looks sees it
            return wanted_still

    async def _download(self, entry: Entry, wanted: Wanted) -> Kept | NotKept:
        """Raises NoRoom."""
        try:
            channel, account = entry.at_provider(wanted.account_id, self.plugins, self.vault)
            limits = guard.limits_of(channel, entry.tenant.slug, account.address)

            def keep(parts: AsyncIterator[bytes]) -> Awaitable[Kept]:
                place = (entry.tenant.id, wanted.id)
                return self.folder.keep(*place, parts, wanted.file.content_type, limits.file_bytes)

            async with asyncio.timeout(limits.file_seconds):
                return await guard.consumed(channel, entry.tenant.slug, keep, wanted.file, account)
        except (Refused, FetchRefused, NotOffered) as error:
            return NotKept(str(error))
        except TimeoutError:
            return _later(wanted, f"It did not come within {limits.file_seconds:g} s.")
        except TryLater as error:
            return _later(wanted, str(error), error.after)
        except (FetchFailed, AccountUnusable, PluginMissing, PluginFailed) as error:
            return _later(wanted, str(error))

    async def keep_up(self) -> None:
        """Look again for what was forgotten, and remove from the disk what has no row any more."""
        async with self.pool.acquire() as connection, connection.transaction():
            await jobs.enqueue(connection, await files.lost(connection, LOST_AFTER))
        await quota.prune(self.pool)
        try:
            await self.folder.tidy()
            await self.folder.clear(self.pool)
        except NoRoom as error:
            log.error("Files cannot be removed: %s", error)


def _later(wanted: Wanted, cause: str, after: float = 0.0) -> NotKept:
    """The pauses grow; after the last try the file is gone."""
    if wanted.tries >= TRIES:
        return NotKept(cause)
    seconds = max(after, pause(wanted.tries, FIRST_PAUSE, LONGEST_PAUSE))
    return NotKept(cause, timedelta(seconds=seconds))
