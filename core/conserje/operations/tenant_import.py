"""A tenant that comes from another installation: with new numbers, new keys, and silent."""

from __future__ import annotations

import base64
import json
from array import array
from bisect import bisect_left
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from conserje.contract.channel import Refused
from conserje.conversations import moving as conversations
from conserje.files import moving as files
from conserje.files import showcase
from conserje.files.folder import Folder, NoRoom
from conserje.notices import moving as notices
from conserje.operations.tenant_export import LONGEST, MOVED, NUMBERED
from conserje.operations.tenant_file import Line, TenantFileError, content_of, opened
from conserje.settings import Settings
from conserje.storage.database import Connection, Pool
from conserje.storage.schema import schema_version
from conserje.tenants import accounts, tenants
from conserje.tenants.moving import OWN
from conserje.tenants.refusals import refusals
from conserje.tenants.vault import Vault

SILENCE = (*conversations.SILENCE, *notices.SILENCE)
LARGEST_FILE = 2**31  # bytes

COLUMNS = """
SELECT column_name FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = $1 AND is_generated = 'NEVER' ORDER BY ordinal_position
"""
NUMBER = "SELECT nextval($1::text::regclass) FROM generate_series(1, $2)"
HELD = """
SELECT (SELECT count(*) FROM conversations WHERE tenant_id = $1 AND state = 'held') AS turns,
       (SELECT count(*) FROM messages WHERE tenant_id = $1 AND state = 'held') AS messages
"""


class Arrived(NamedTuple):
    """A tenant that was imported: how many rows of each table, and what is held."""

    slug: str
    source: str
    rows: dict[str, int]
    turns: int
    messages: int


async def import_tenant(pool: Pool, vault: Vault, settings: Settings, path: Path, passphrase: str) -> Arrived:
    """Make the tenant of a file, all of it or nothing. What was unsent or unanswered is held.

    Raises TenantError, VaultError and TenantFileError.
    """
    try:
        with path.open("rb") as file:
            lines = await opened(path, file, passphrase)
            async with pool.acquire() as connection:
                return await _import(connection, vault, settings, lines)
    except OSError as error:
        raise TenantFileError(f"{path} cannot be read ({error.strerror}).") from None


async def _import(connection: Connection, vault: Vault, settings: Settings, lines: Iterator[Line]) -> Arrived:
    head = next(lines)
    await _check(connection, settings, head)
    folder = Folder(settings.files)
    written: list[tuple[int, int]] = []
    try:
        async with connection.transaction():
            arrival = _Arrival(connection, vault, folder, written)
            for line in lines:
                await arrival.take(line, lines)
            if not arrival.complete:
                raise TenantFileError("The file ends before the tenant does: export it again.")
            cause = f"imported from {head['source']}, which may have answered it."
            for statement in SILENCE:
                await connection.execute(statement, arrival.tenant_id, cause, timeout=LONGEST)
            await connection.execute(notices.READ, arrival.tenant_id, timeout=LONGEST)
            await connection.execute(files.COUNT, arrival.tenant_id, timeout=LONGEST)
            await showcase.rebase(connection, arrival.tenant_id, settings.tenant_url(head["slug"]))
            held = await connection.fetchrow(HELD, arrival.tenant_id, timeout=LONGEST)
            assert held is not None
            return Arrived(head["slug"], head["source"], arrival.rows, *held)
    except BaseException:
        await folder.remove(written)
        raise


async def _check(connection: Connection, settings: Settings, head: Line) -> None:
    """Raises TenantFileError."""
    here = await schema_version(connection)
    if head["schema"] != here:
        raise TenantFileError(
            f"The file is of a release with the schema {head['schema']}, this installation has {here}:"
            " bring both to one release, and export it again."
        )
    slug = head["slug"]
    if slug in await tenants.slugs(connection):
        raise TenantFileError(
            f"There is a tenant {slug} here already: call it otherwise by"
            f" `conserje tenant set {slug} --slug`, or remove it."
        )
    if base := tenants.reserving_base(slug, settings.domains):
        raise TenantFileError(f"The slug {slug} belongs to the base domain {base} (CONSERJE_DOMAINS) here.")


@dataclass
class _Numbers:
    """The numbers that things had, ascending, and those that they have here."""

    before: array[int] = field(default_factory=lambda: array("q"))
    now: array[int] = field(default_factory=lambda: array("q"))

    def of(self, number: int) -> int | None:
        place = bisect_left(self.before, number)
        return self.now[place] if place < len(self.before) and self.before[place] == number else None


@dataclass
class _Arrival:
    """One tenant on its way out of a file."""

    connection: Connection
    vault: Vault
    folder: Folder
    written: list[tuple[int, int]]  # files, by tenant and number
    tenant_id: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    complete: bool = False
    _numbers: dict[str, _Numbers] = field(
        default_factory=lambda: {each.name: _Numbers() for each in NUMBERED}
    )
    _statements: dict[str, str] = field(default_factory=dict)

    async def take(self, line: Line, rest: Iterator[Line]) -> None:
        match line:
            case {"table": "tenants", "rows": [tenant]}:
                await self._add_tenant(tenant)
            case {"table": str(table), "rows": list(rows)}:
                await self._add(table, rows)
            case {"numbers": str(name), "of": list(before)}:
                await self._number(name, before)
            case {"file": int(file_id)}:
                await self._keep(file_id, rest)
            case {"missing": int(file_id)}:
                await self.connection.execute(files.LOSE, self.tenant_id, self._number_of(file_id))
            case {"end": dict(counted)}:
                self.complete = counted == {each.table: self.rows.get(each.table, 0) for each in MOVED}
            case _:
                raise TenantFileError("The file holds something that this release does not know.")

    async def _add_tenant(self, tenant: dict[str, Any]) -> None:
        """Raises TenantError and TenantFileError."""
        for alias in tenant["aliases"]:
            if others := await tenants.with_alias(self.connection, alias):
                raise TenantFileError(
                    f"The alias {alias} is {others[0][1]}'s here: take it away there first."
                )
        names = [name for name in await self._columns("tenants") if name not in OWN]
        listed = ", ".join(names)
        with refusals():
            self.tenant_id = await self.connection.fetchval(
                f"INSERT INTO tenants ({listed})"  # noqa: S608 - the database's own names
                f" SELECT {listed} FROM jsonb_populate_record(NULL::tenants, $1::text::jsonb) RETURNING id",
                json.dumps(tenant),
            )

    async def _number(self, name: str, before: list[int]) -> None:
        numbers = self._numbers[name]
        sequence = next(each.sequence for each in NUMBERED if each.name == name)
        numbers.before.extend(before)
        numbers.now.extend(row[0] for row in await self.connection.fetch(NUMBER, sequence, len(before)))

    async def _add(self, table: str, rows: list[dict[str, Any]]) -> None:
        """Raises TenantError for what another tenant has, TenantFileError."""
        [moved] = [each for each in MOVED if each.table == table]
        for row in rows:
            row["tenant_id"] = self.tenant_id
            row |= moved.anew
            for column, name in moved.ids.items():
                row[column] = self._renumbered(name, row[column])
            if table == "accounts":
                await self._seal(row)
            elif table == "messages":
                row["content"] = files.renumbered(row["content"], self._numbers["files"].of)
        if table not in self._statements:
            self._statements[table] = _insert(table, await self._columns(table))
        with refusals():
            await self.connection.execute(self._statements[table], json.dumps(rows))
        self.rows[table] = self.rows.get(table, 0) + len(rows)

    def _renumbered(self, name: str, before: int | None) -> int | None:
        """What is none, or says something by itself, stays; what is not there any more is none."""
        if before is None or (name == "turns" and before <= 0):
            return before
        return self._numbers[name].of(before)

    async def _seal(self, account: dict[str, Any]) -> None:
        """Raises TenantFileError, TenantError and VaultError."""
        place = (account["channel"], account["address"])
        others = await accounts.others_at(self.connection, self.tenant_id, *place)
        if others and place[0] != place[1]:  # every tenant may have one that is called as its channel
            raise TenantFileError(
                f"The account {place[0]} {place[1]} is {others[0]}'s here: remove it there."
            )
        if plain := account["credentials"]:
            account["credentials"] = await accounts.seal_credentials(
                self.connection, self.vault, self.tenant_id, *place, base64.b64decode(plain)
            )

    async def _keep(self, file_id: int, rest: Iterator[Line]) -> None:
        """Raises TenantFileError."""
        place = (self.tenant_id, self._number_of(file_id))
        self.written.append(place)
        try:
            await self.folder.keep(*place, _parts(rest), "", LARGEST_FILE)
        except (NoRoom, Refused) as error:
            raise TenantFileError(f"Nothing is imported: {error}") from None

    def _number_of(self, file_id: int) -> int:
        """Raises TenantFileError."""
        if number := self._numbers["files"].of(file_id):
            return number
        raise TenantFileError("The file holds something of no message.")

    async def _columns(self, table: str) -> list[str]:
        return [row["column_name"] for row in await self.connection.fetch(COLUMNS, table)]


def _insert(table: str, names: list[str]) -> str:
    listed = ", ".join(names)
    return (
        f"INSERT INTO {table} ({listed}) OVERRIDING SYSTEM VALUE"  # noqa: S608 - the database's own names
        f" SELECT {listed} FROM jsonb_populate_recordset(NULL::{table}, $1::text::jsonb)"
    )


async def _parts(rest: Iterator[Line]) -> AsyncIterator[bytes]:
    for line in rest:
        if line.get("part") is None:
            return
        yield content_of(line)
