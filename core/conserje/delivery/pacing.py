"""Pacing: what businesses say of their own accord leaves as fast as their accounts' providers take it."""

from __future__ import annotations

from dataclasses import dataclass

from conserje.contract.limits import Pace
from conserje.conversations import paces
from conserje.plugins import guard
from conserje.plugins.plugins import Plugins
from conserje.storage.database import Pool
from conserje.storage.jobs import Job
from conserje.storage.scope import acting_for
from conserje.tenants.accounts import AccountRow
from conserje.tenants.directory import Directory
from conserje.tenants.entry import Entry


@dataclass
class Pacing:
    """The accounts of which something waits to leave, one look at a time."""

    pool: Pool
    directory: Directory
    plugins: Plugins

    async def release(self, job: Job) -> None:
        """Let the next messages leave the account of the job's conversation."""
        entry = await self.directory.by_id(job.tenant_id)
        if not entry.tenant.active:
            return
        async with acting_for(self.pool, job.tenant_id, aside=True) as scope:
            place = (job.tenant_id, job.conversation_id)
            due = await paces.release(
                scope.connection, *place, lambda account_id: self._pace(entry, account_id)
            )
            scope.due.extend(due)

    def _pace(self, entry: Entry, account_id: int) -> Pace:
        account = entry.account(account_id)
        return pace_of(self.plugins, entry, account) if account else Pace()


def pace_of(plugins: Plugins, entry: Entry, account: AccountRow) -> Pace:
    """How fast what is no answer leaves the account."""
    channel = plugins.channels.get(account.channel)
    return guard.pace_of(channel, entry.tenant.slug, account.address) if channel else Pace()
