"""The replica: all tenants with their accounts, still sealed, in a file for when Postgres is away."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import asyncpg
from pydantic import TypeAdapter, ValidationError

from conserje.storage.database import CANNOT_ASK, Pool, describe
from conserje.storage.sqlite import NodeFile, NodeFileError
from conserje.tenants.accounts import AccountRow
from conserje.tenants.tenants import Tenant

log = logging.getLogger(__name__)

PAGE = 100  # tenants read at once: some milliseconds of a process that acknowledges
BETWEEN_PAGES = 0.02  # seconds, so that a large copy delays nobody
GATHER = 0.1  # seconds in which changes are copied together
AGAIN_AFTER = 2.0  # seconds, where Postgres did not answer

SETTINGS = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS tenants (
    id INTEGER PRIMARY KEY, slug TEXT NOT NULL, entry BLOB NOT NULL, copied INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS tenants_slug ON tenants (slug);
CREATE TABLE IF NOT EXISTS former_slugs (slug TEXT PRIMARY KEY, tenant_id INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS former_slugs_tenant ON former_slugs (tenant_id);
CREATE TABLE IF NOT EXISTS domains (host TEXT PRIMARY KEY, tenant_id INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS domains_tenant ON domains (tenant_id);
CREATE TABLE IF NOT EXISTS accounts (
    channel TEXT NOT NULL, address TEXT NOT NULL, tenant_id INTEGER NOT NULL,
    PRIMARY KEY (channel, address, tenant_id)) STRICT;
CREATE INDEX IF NOT EXISTS accounts_tenant ON accounts (tenant_id);
"""

# A row as JSON, in the form that the classes are read from.
ENTRY = """
SELECT id, slug, ARRAY(SELECT host FROM domains WHERE tenant_id = tenants.id) AS hosts,
       ARRAY(SELECT slug FROM former_slugs WHERE tenant_id = tenants.id AND until > now()) AS former_slugs,
       ARRAY(SELECT ARRAY[channel, address] FROM accounts WHERE tenant_id = tenants.id) AS addresses,
       jsonb_build_array(to_jsonb(tenants), coalesce(
           (SELECT jsonb_agg(to_jsonb(accounts) ORDER BY channel, address)
            FROM accounts WHERE tenant_id = tenants.id), '[]'))::text AS entry
FROM tenants
"""
SOME = ENTRY + "WHERE id = ANY ($1)"
NEXT_PAGE = ENTRY + "WHERE id > $1 ORDER BY id LIMIT $2"

PUT = "INSERT OR REPLACE INTO tenants (id, slug, entry, copied) VALUES (?, ?, ?, ?)"
PUT_DOMAIN = "INSERT OR REPLACE INTO domains (host, tenant_id) VALUES (?, ?)"
PUT_FORMER = "INSERT OR REPLACE INTO former_slugs (slug, tenant_id) VALUES (?, ?)"
PUT_ACCOUNT = "INSERT OR REPLACE INTO accounts (channel, address, tenant_id) VALUES (?, ?, ?)"
OF_TENANTS = ("former_slugs", "domains", "accounts")
AT_ADDRESS = "SELECT tenant_id FROM accounts WHERE channel = ? AND address = ? ORDER BY tenant_id"
BY = {
    "slug": """SELECT entry FROM (
                   SELECT entry, copied, 1 AS now FROM tenants WHERE slug = ?1
                   UNION ALL SELECT entry, copied, 0 FROM tenants JOIN former_slugs ON tenants.id = tenant_id
                   WHERE former_slugs.slug = ?1)
               ORDER BY now DESC, copied DESC LIMIT 1""",
    "domain": "SELECT entry FROM tenants JOIN domains ON tenants.id = tenant_id WHERE host = ?",
    "id": "SELECT entry FROM tenants WHERE id = CAST(? AS INTEGER)",
}

Entry = tuple[Tenant, tuple[AccountRow, ...]]
_entries: TypeAdapter[Entry] = TypeAdapter(Entry)


@dataclass
class Replica:
    """All tenants as this node last heard of them; one process of the node keeps it, all may read."""

    path: Path
    _changed: set[int] = field(default_factory=set)
    _all_changed: bool = True
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        """Raises NodeFileError."""
        self._file = await NodeFile(self.path, SETTINGS).__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._file.__aexit__(kind, error, trace)

    async def find(self, by: Literal["slug", "domain", "id"], value: str) -> Entry | None:
        """A tenant with all its accounts. Raises NodeFileError."""
        row = await self._file.read(lambda connection: connection.execute(BY[by], (value,)).fetchone())
        try:
            return _entries.validate_json(row[0]) if row else None
        except ValidationError:  # written by another release
            return None

    async def tenants_at(self, channel: str, addresses: Sequence[str]) -> dict[str, tuple[int, ...]]:
        """The tenants that have an account at each of these addresses. Raises NodeFileError."""

        def look(connection: sqlite3.Connection) -> dict[str, tuple[int, ...]]:
            found = {each: connection.execute(AT_ADDRESS, (channel, each)).fetchall() for each in addresses}
            return {address: tuple(row[0] for row in rows) for address, rows in found.items() if rows}

        return await self._file.read(look)

    def hear(self, ids: Sequence[int] | None) -> None:
        """These tenants changed; None: any may have."""
        if ids is None:
            self._all_changed = True
        else:
            self._changed.update(ids)
        self._news.set()

    async def keep(self, pool: Pool) -> None:
        """Copy what changed, until this is cancelled."""
        self._news.set()
        while True:
            await self._news.wait()
            await asyncio.sleep(GATHER)
            self._news.clear()
            changed, everything = self._changed, self._all_changed
            self._changed, self._all_changed = set(), False
            try:
                await (self._copy_all(pool) if everything else self._copy(pool, sorted(changed)))
            except (*CANNOT_ASK, asyncpg.PostgresError, NodeFileError) as error:
                if (
                    task := asyncio.current_task()
                ) and task.cancelling():  # asyncpg has that for its own error
                    raise asyncio.CancelledError from error
                log.warning("The replica of tenants is not up to date: %s", describe(error))
                self.hear(None if everything else sorted(changed))
                await asyncio.sleep(AGAIN_AFTER)

    async def _copy_all(self, pool: Pool) -> None:
        began, after = time.time_ns(), 0
        while rows := await _read(pool, NEXT_PAGE, after, PAGE):
            await self._put(rows, [row["id"] for row in rows])
            after = rows[-1]["id"]
            await asyncio.sleep(BETWEEN_PAGES)

        def remove_others(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM tenants WHERE copied < ?", (began,))
            for table in OF_TENANTS:
                connection.execute(f"DELETE FROM {table} WHERE tenant_id NOT IN (SELECT id FROM tenants)")  # noqa: S608

        await self._file.run(remove_others)

    async def _copy(self, pool: Pool, ids: Sequence[int]) -> None:
        for first in range(0, len(ids), PAGE):
            page = ids[first : first + PAGE]
            await self._put(await _read(pool, SOME, page), page)
            await asyncio.sleep(BETWEEN_PAGES)

    async def _put(self, rows: Sequence[asyncpg.Record], ids: Sequence[int]) -> None:
        """Store `rows` in place of what was known of the tenants `ids`."""
        now = time.time_ns()

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM tenants WHERE id = ?", [(each,) for each in ids])
            for table in OF_TENANTS:
                connection.executemany(f"DELETE FROM {table} WHERE tenant_id = ?", [(each,) for each in ids])  # noqa: S608
            connection.executemany(
                PUT, [(row["id"], row["slug"], row["entry"].encode(), now) for row in rows]
            )
            connection.executemany(
                PUT_FORMER, [(slug, row["id"]) for row in rows for slug in row["former_slugs"]]
            )
            connection.executemany(PUT_DOMAIN, [(host, row["id"]) for row in rows for host in row["hosts"]])
            connection.executemany(
                PUT_ACCOUNT, [(*address, row["id"]) for row in rows for address in row["addresses"]]
            )

        await self._file.run(write)


async def _read(pool: Pool, statement: str, *arguments: Any) -> list[asyncpg.Record]:
    async with pool.acquire(timeout=5) as connection, connection.transaction(readonly=True):
        await connection.execute("SET LOCAL intervalstyle = iso_8601")
        return await connection.fetch(statement, *arguments)
