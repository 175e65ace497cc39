"""A tenant, with all that is its, as a file that another installation imports."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from conserje.conversations import moving as conversations
from conserje.files import moving as files
from conserje.files.folder import path_of
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

_ROOMS = (of_tenants, shop, conversations, rules, files, notices)
NUMBERED = tuple(each for room in _ROOMS for each in room.NUMBERED)
MOVED = (*(each for room in _ROOMS for each in room.MOVED), *conversations.MOVED_LAST)

TENANT = "SELECT to_jsonb(tenants) - '{id,data_key,signing_key}'::text[] FROM tenants WHERE id = $1"

BATCH = 200  # rows, and
BATCH_BYTES = 2**20  # what they may have together before the next ones wait
NUMBERS = 10_000  # in a line
LONGEST = 600.0  # seconds that a statement may take, which reads all of a tenant's
PART = 2**19  # bytes of a file in a line
NOT_THERE = "It was not on the disk when its tenant moved."


async def export(
    pool: Pool, vault: Vault, settings: Settings, slug: str, path: Path, passphrase: str
) -> dict[str, int]:
    """Write the tenant as it is at one moment into a new file; how many rows of each table.

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
) -> dict[str, int]:
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        tenant = await tenants.get(connection, slug)
        writer = await Writer.begin(file, passphrase)
        writer.line(
            slug=slug,
            schema=await schema_version(connection),
            source=settings.domains[0],
            exported_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        export = _Export(connection, vault, settings.files, tenant, writer)
        await export.write_tenant()
        for numbered in NUMBERED:
            await export.write_numbers(numbered.name, numbered.statement)
        done = {moved.table: await export.write_rows(moved) for moved in MOVED}
        writer.line(end=done)
        writer.end()
        return done


class _Export:
    """One tenant on its way into a file."""

    def __init__(
        self, connection: Connection, vault: Vault, folder: Path, tenant: Tenant, writer: Writer
    ) -> None:
        self.connection, self.vault, self.folder = connection, vault, folder
        self.tenant, self.writer = tenant, writer

    async def write_tenant(self) -> None:
        statement = (
            "SELECT to_jsonb(tenants) - '{id,data_key,signing_key}'::text[] FROM tenants WHERE id = $1"
        )
        self.writer.rows("tenants", [await self.connection.fetchval(statement, self.tenant.id)])

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
            row = await self._prepared(moved.table, found[0])
            count, size = count + 1, size + len(row)
            rows.append(row)
            if len(rows) == BATCH or size > BATCH_BYTES:
                self.writer.rows(moved.table, rows)
                size, rows = 0, []
        self.writer.rows(moved.table, rows)
        return count

    async def _prepared(self, table: str, row: str) -> str:
        match table:
            case "accounts":
                return self._opened(json.loads(row))
            case "files":
                return await self._with_content(json.loads(row))
            case _:
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

    async def _with_content(self, file: dict[str, object]) -> str:
        """The content comes before the row."""
        if file["state"] == "kept":
            try:
                await self._write_file(int(str(file["id"])))
            except FileNotFoundError:
                file |= {"state": "gone", "cause": NOT_THERE, "bytes": None, "sha256": None, "kept_at": None}
        return json.dumps(file)

    async def _write_file(self, file_id: int) -> None:
        with path_of(self.folder, self.tenant.id, file_id).open("rb") as file:
            self.writer.line(file=file_id)
            while part := await asyncio.to_thread(file.read, PART):
                self.writer.part(part)
            self.writer.line(part=None)
