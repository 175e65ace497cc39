"""The embedded Postgres of a run: databases made from templates, and what was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import asyncpg

DURABLE = ("fsync", "synchronous_commit", "full_page_writes")
WRITTEN = """
SELECT pg_snapshot_xmax(pg_current_snapshot())::text,
    pg_current_wal_lsn() - '0/0' - coalesce((SELECT wal_bytes FROM pg_stat_get_backend_wal({aside})), 0)
"""


class Postgres:
    """A server with everybody's databases; `url` is what `conserje.storage.embedded.running` gave."""

    def __init__(self, url: str) -> None:
        self.sockets = Path(parse_qs(urlsplit(url).query)["host"][0])

    def url(self, database: str, user: str = "postgres", sockets: Path | None = None) -> str:
        """By the server's own socket, or by one that leads to it."""
        return f"postgresql://{user}@/{database}?host={quote(str(sockets or self.sockets))}&port=5432"

    async def execute(self, database: str, *statements: str) -> None:
        connection = await asyncpg.connect(self.url(database))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def row(self, database: str, query: str) -> tuple[Any, ...]:
        connection = await asyncpg.connect(self.url(database))
        try:
            return tuple(await connection.fetchrow(query) or ())
        finally:
            await connection.close()

    async def create(self, database: str, template: str = "template1", owner: str = "postgres") -> None:
        """Make `database` anew and leave the server without a checkpoint to come."""
        await self.execute(
            "postgres",
            f"DROP DATABASE IF EXISTS {database} WITH (FORCE)",
            f"CREATE DATABASE {database} TEMPLATE {template} OWNER {owner}",
            "CHECKPOINT",
        )

    async def drop(self, database: str) -> None:
        await self.execute("postgres", f"DROP DATABASE {database} WITH (FORCE)")

    async def written(self, aside: int = 0) -> tuple[int, int]:
        """Transactions that wrote and bytes of write-ahead log so far, the latter without a backend's.

        The counts of pg_stat_database would be up to ten seconds late.
        """
        transactions, position = await self.row("postgres", WRITTEN.format(aside=aside))
        return int(transactions), int(position)

    async def folder(self) -> Path:
        """Where its data are."""
        return Path((await self.row("postgres", "SHOW data_directory"))[0])

    async def pid(self) -> int:
        """The server's first process."""
        return int(((await self.folder()) / "postmaster.pid").read_text(encoding="utf-8").split()[0])

    async def durability(self) -> dict[str, str]:
        """The settings that make a commit mean that it is on disk."""
        return {name: (await self.row("postgres", f"SHOW {name}"))[0] for name in DURABLE}
