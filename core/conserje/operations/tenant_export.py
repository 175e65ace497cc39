"""A tenant, with all that is its, as a file that another installation imports."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from array import array
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

from conserje.conversations import moving as conversations
from conserje.costs import moving as costs
from conserje.files import moving as files
from conserje.files.folder import path_of
from conserje.leads import moving as leads
from conserje.notices import moving as notices
from conserje.operations.tenant_file import TenantFileError, Writer
from conserje.rules import moving as rules
from conserje.settings import Settings
from conserje.shop import moving as shop
from conserje.storage.database import Connection, Pool
from conserje.storage.moving import Moved
from conserje.storage.schema import schema_version
from conserje.tenants import accounts, tenants
from conserje.tenants import moving as of_tenants
from conserje.tenants.tenants import Tenant
from conserje.tenants.vault import Vault

_ROOMS = (of_tenants, shop, conversations, leads, rules, files, notices, costs)
NUMBERED = tuple(each for room in _ROOMS for each in room.NUMBERED)
MOVED = (*(each for room in _ROOMS for each in room.MOVED), *conversations.MOVED_LAST)

TENANT = "SELECT to_jsonb(tenants) - $2::text[] FROM tenants WHERE id = $1"

BATCH = 200  # rows, and
BATCH_BYTES = 2**20  # what they may have together before the next ones wait
NUMBERS = 10_000  # in a line
LONGEST = 600.0  # seconds that a statement may take, which reads all of a tenant's
PART = 2**19  # bytes of a file in a line


class Exported(NamedTuple):
    """How many rows of each table are in the file, and which kept files are not: they are on no disk here."""

    rows: dict[str, int]
    missing: list[int]


async def export(
    pool: Pool, vault: Vault, settings: Settings, slug: str, path: Path, passphrase: str
) -> Exported:
    """Write the tenant as it is at one moment into a new file.

    Its secrets are in it, opened, and sealed by the passphrase alone. Raises TenantError, VaultError and
    TenantFileError.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                done = await _write(pool, vault, settings, slug, file, passphrase)
                file.flush()
                os.fsync(file.fileno())
            return done
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    except FileExistsError:
        raise TenantFileError(f"{path} is there already: name a new file.") from None
    except OSError as error:
        raise TenantFileError(f"{path} cannot be written ({error.strerror}).") from None


async def _write(
    pool: Pool, vault: Vault, settings: Settings, slug: str, file: BinaryIO, passphrase: str
) -> Exported:
    writer = await Writer.begin(file, passphrase)
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        tenant = await tenants.get(connection, slug)
        writer.line(
            slug=slug,
            schema=await schema_version(connection),
            source=settings.domains[0],
            exported_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        export = _Export(connection, vault, tenant, writer)
        await export.write_tenant()
        for numbered in NUMBERED:
            await export.write_numbers(numbered.name, numbered.statement)
        rows = {moved.table: await export.write_rows(moved) for moved in MOVED}
    # Copying takes its time, in which Postgres could take nothing away of what anybody changed.
    missing = await _write_files(settings.files, tenant.id, export.kept, writer)
    writer.line(end=rows)
    writer.end()
    return Exported(rows, missing)


async def _write_files(folder: Path, tenant_id: int, kept: Iterable[int], writer: Writer) -> list[int]:
    """Those that are not there come back."""
    missing = []
    for file_id in kept:
        try:
            await _write_file(path_of(folder, tenant_id, file_id), file_id, writer)
        except FileNotFoundError:
            writer.line(missing=file_id)
            missing.append(file_id)
    return missing


async def _write_file(path: Path, file_id: int, writer: Writer) -> None:
    with path.open("rb") as file:
        writer.line(file=file_id)
        while part := await asyncio.to_thread(file.read, PART):
            writer.part(part)
        writer.line(part=None)


class _Export:
    """The rows of one tenant on their way into a file."""

    def __init__(self, connection: Connection, vault: Vault, tenant: Tenant, writer: Writer) -> None:
        self.connection, self.vault, self.tenant, self.writer = connection, vault, tenant, writer
        self.kept = array("q")  # the files that are to be on the disk

    async def write_tenant(self) -> None:
        own = of_tenants.OWN
        self.writer.rows("tenants", [await self.connection.fetchval(TENANT, self.tenant.id, own)])

    async def write_numbers(self, name: str, statement: str) -> None:
        found: list[int] = []
        async for row in self.connection.cursor(statement, self.tenant.id, prefetch=NUMBERS, timeout=LONGEST):
            found.append(row[0])
            if len(found) == NUMBERS:
                self.writer.line(numbers=name, of=found)
                found = []
        self.writer.line(numbers=name, of=found)

    async def write_rows(self, moved: Moved) -> int:
        statement = (
            f"SELECT to_jsonb(each) - 'tenant_id' FROM {moved.table} AS each"  # noqa: S608 - of our own
            f" WHERE tenant_id = $1 ORDER BY {moved.order}"
        )
        count, size, rows = 0, 0, list[str]()
        async for found in self.connection.cursor(statement, self.tenant.id, prefetch=BATCH, timeout=LONGEST):
            row = self._prepared(moved.table, found[0])
            count, size = count + 1, size + len(row)
            rows.append(row)
            if len(rows) == BATCH or size > BATCH_BYTES:
                self.writer.rows(moved.table, rows)
                size, rows = 0, []
        self.writer.rows(moved.table, rows)
        return count

    def _prepared(self, table: str, row: str) -> str:
        """Raises VaultError."""
        if table == "accounts":
            return self._opened(json.loads(row))
        if table == "files" and (file := json.loads(row))["state"] == "kept":
            self.kept.append(file["id"])
        return row

    def _opened(self, account: dict[str, object]) -> str:
        """Raises VaultError."""
        if sealed := account["credentials"]:
            assert self.tenant.data_key  # which sealed them
            context = accounts.credentials_context(
                self.tenant.id, str(account["channel"]), str(account["address"])
            )
            plain = self.vault.unseal(self.tenant.data_key, context, str(sealed))
            account["credentials"] = base64.b64encode(plain).decode()
        return json.dumps(account)
