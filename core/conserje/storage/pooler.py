"""Poolers: one that gives each transaction another connection keeps neither role nor notifications."""

from __future__ import annotations

from typing import Any

import asyncpg

from conserje.storage.address import place
from conserje.storage.database import DatabaseError, connect

LIMIT = 5.0  # seconds for each answer
LOOKS = 3  # at which process answers: others' transactions may come between two of ours


async def refuse_transaction_pooler(url: str) -> None:
    """Raises DatabaseError before anything is written: what a session sets would stay with a stranger."""
    one = await connect(url, timeout=LIMIT, statement_cache_size=0)
    try:
        # Who gives us the number of the process that answers us is Postgres itself.
        if await _process(one) != one.get_server_pid() and await _changes(one, url):
            raise DatabaseError(
                f"Postgres at {place(url)} is behind a pooler that gives each transaction another "
                "connection: set CONSERJE_DATABASE_URL to Postgres itself, or to a pooler in session mode "
                "(PgBouncer's pool_mode = session, Supabase's port 5432)."
            )
    finally:
        await one.close(timeout=LIMIT)


async def _changes(one: asyncpg.Connection[Any], url: str) -> bool:
    """Whether two sessions share a process, or one has several."""
    other = await connect(url, timeout=LIMIT, statement_cache_size=0)
    try:
        seen = {(await _process(one), await _process(other)) for _ in range(LOOKS)}
    finally:
        await other.close(timeout=LIMIT)
    return len(seen) > 1 or any(mine == its for mine, its in seen)


async def _process(connection: asyncpg.Connection[Any]) -> int:
    """The number of the server's process that answers; preparing and asking are one transaction's."""
    async with connection.transaction():
        number: int = await connection.fetchval("SELECT pg_backend_pid()", timeout=LIMIT)
        return number
