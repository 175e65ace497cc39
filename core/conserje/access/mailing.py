"""Mails invitations and resets, in a worker: whoever asks for one waits for no mail server.

The link is made as it is mailed, so that nothing stored opens anything. A mail that is tried again has
another one, and the former is void.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from conserje.access import invitations, words
from conserje.access.invitations import LASTS
from conserje.contract.language import in_language
from conserje.net.mail import MailFailed, MailServer
from conserje.settings import Settings
from conserje.storage import jobs
from conserje.storage.database import Pool
from conserje.storage.jobs import INVITE, Job

log = logging.getLogger(__name__)

PAUSES = tuple(timedelta(seconds=s) for s in (10, 60, 600, 3600))

CLAIM = """
UPDATE invitations SET due_at = now() + interval '2 minutes', mails = mails + 1
WHERE id = $1 AND due_at <= now() AND expires_at > now()
RETURNING kind, email, name, mails, tenant_id,
    (SELECT tenants.name FROM tenants WHERE tenants.id = tenant_id) AS tenant,
    coalesce((SELECT language FROM logins WHERE logins.email = invitations.email),
             (SELECT locale FROM tenants WHERE tenants.id = tenant_id), 'en') AS locale,
    EXISTS (SELECT FROM logins WHERE logins.email = invitations.email) AS has_login
"""
MAILED = "UPDATE invitations SET due_at = NULL, cause = NULL WHERE id = $1"
FAILED = "UPDATE invitations SET due_at = now() + $2::interval, cause = $3 WHERE id = $1"
DROP = "DELETE FROM invitations WHERE id = $1"
LOST = """
UPDATE invitations SET due_at = now() WHERE id = ANY (ARRAY(
    SELECT id FROM invitations WHERE due_at < now() - interval '1 minute' ORDER BY due_at LIMIT 100
    FOR UPDATE SKIP LOCKED))
RETURNING id, coalesce(tenant_id, 0) AS tenant_id
"""


class _Claimed(NamedTuple):
    """What is to be mailed."""

    kind: str
    email: str
    name: str
    mails: int
    tenant_id: int | None
    tenant: str | None
    locale: str
    has_login: bool


@dataclass(frozen=True)
class Mailing:
    """Mails what is due, in this worker."""

    pool: Pool
    settings: Settings

    async def invite(self, job: Job) -> None:
        """Mail one, where it is due still."""
        row = await self.pool.fetchrow(CLAIM, job.message_id)
        if row is None:
            return
        claimed = _Claimed(*row)
        if claimed.kind == "reset" and not claimed.has_login:
            await self.pool.execute(DROP, job.message_id)  # nobody is told, who asked neither
            return
        try:
            await self._mail(job.message_id, claimed)
        except MailFailed as error:
            await self._failed(job, claimed, str(error))
        else:
            await self.pool.execute(MAILED, job.message_id)

    async def recover(self) -> None:
        """Jobs that were lost."""
        async with self.pool.acquire() as connection, connection.transaction():
            lost = await connection.fetch(LOST)
            await jobs.enqueue(connection, [Job(INVITE, row["tenant_id"], 0, row["id"]) for row in lost])

    async def _mail(self, invitation_id: int, claimed: _Claimed) -> None:
        """Raises MailFailed."""
        server = MailServer.of(self.settings)
        async with self.pool.acquire() as connection:
            token = await invitations.make_link(connection, invitation_id)
        said = in_language(words.RESET if claimed.kind == "reset" else words.INVITED, claimed.locale)
        values = {
            "name": claimed.name,
            "to": claimed.tenant or "Conserje",
            "link": f"{self.settings.console_url}/{claimed.kind}/{token}",
            "hours": str(int(LASTS[claimed.kind].total_seconds() // 3600)),
        }
        domain = server.sender.rpartition("@")[2].strip("> ")
        message_id = f"<invitation-{invitation_id}-{claimed.mails}@{domain}>"
        await server.send(
            claimed.email, said.subject.format(**values), said.text.format(**values), message_id
        )

    async def _failed(self, job: Job, claimed: _Claimed, cause: str) -> None:
        again = PAUSES[claimed.mails - 1] if claimed.mails <= len(PAUSES) else None
        log.warning("Invitation %s is not mailed (%s): %s", job.message_id, again or "given up", cause)
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute(FAILED, job.message_id, again, cause)
            if again:
                later = Job(INVITE, job.tenant_id, 0, job.message_id, delay=again)
                await jobs.enqueue(connection, [later])
