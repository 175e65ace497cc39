"""Quotas: how much is kept of a contact a day, and of a tenant in all; counted with the keeping."""

from __future__ import annotations

from dataclasses import dataclass

from conserje.settings import Settings
from conserje.storage.database import Connection, Pool
from conserje.storage.jobs import Job

MEGABYTE = 2**20
LEAST = 64 * 1024  # bytes that each file of a contact counts as

COUNT_OF_TENANT = """
INSERT INTO tenant_files (tenant_id, bytes) VALUES ($1, $2)
ON CONFLICT (tenant_id) DO UPDATE SET bytes = tenant_files.bytes + excluded.bytes
RETURNING bytes
"""

COUNT_OF_CONTACT = """
INSERT INTO contact_files (tenant_id, contact_id, day, bytes)
SELECT $1, contact_id, current_date, $3 FROM conversations WHERE tenant_id = $1 AND id = $2
ON CONFLICT (tenant_id, contact_id, day) DO UPDATE SET bytes = contact_files.bytes + excluded.bytes
RETURNING bytes
"""

USED = """
SELECT coalesce((SELECT bytes FROM tenant_files WHERE tenant_id = $1), 0) AS of_tenant,
       coalesce((SELECT bytes FROM contact_files
                 WHERE tenant_id = $1 AND day = current_date AND contact_id = (
                     SELECT contact_id FROM conversations WHERE tenant_id = $1 AND id = $2)), 0) AS of_contact
"""

PRUNE = "DELETE FROM contact_files WHERE day < current_date - 1"
PRUNE_UPLOADS = "DELETE FROM uploads WHERE day < current_date - 1"


class QuotaExceeded(Exception):
    """A file is one too many; the text says whose and how much there may be."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What may be kept, in bytes."""

    of_contact: int  # a day
    of_tenant: int  # in all

    @classmethod
    def of(cls, settings: Settings) -> Quota:
        return cls(settings.files_of_contact * MEGABYTE, settings.files_of_tenant * MEGABYTE)

    async def look(self, connection: Connection, job: Job) -> None:
        """Raises QuotaExceeded where not even a small file would fit: it need not be asked for."""
        used = await connection.fetchrow(USED, job.tenant_id, job.conversation_id)
        assert used is not None
        self._check(used["of_tenant"] + 1, used["of_contact"] + LEAST)

    async def spend(self, connection: Connection, job: Job, size: int) -> None:
        """Count a file that is kept. Raises QuotaExceeded, which undoes the caller's transaction."""
        of_tenant = await connection.fetchval(COUNT_OF_TENANT, job.tenant_id, size)
        of_contact = await connection.fetchval(
            COUNT_OF_CONTACT, job.tenant_id, job.conversation_id, max(size, LEAST)
        )
        self._check(of_tenant, of_contact)

    async def spend_of_tenant(self, connection: Connection, tenant_id: int, size: int) -> None:
        """Count a file that no contact sent. Raises QuotaExceeded, which undoes the caller's transaction."""
        self._check(await connection.fetchval(COUNT_OF_TENANT, tenant_id, size), 0)

    def _check(self, of_tenant: int, of_contact: int) -> None:
        if of_tenant > self.of_tenant:
            raise QuotaExceeded(
                f"The tenant's files reach the {self.of_tenant // MEGABYTE} MB of CONSERJE_FILES_OF_TENANT."
            )
        if of_contact > self.of_contact:
            raise QuotaExceeded(
                f"The contact's files of today reach the {self.of_contact // MEGABYTE} MB of"
                " CONSERJE_FILES_OF_CONTACT."
            )


async def prune(pool: Pool) -> None:
    """Forget what was counted before yesterday."""
    await pool.execute(PRUNE)
    await pool.execute(PRUNE_UPLOADS)
