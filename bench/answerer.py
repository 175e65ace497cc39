"""Who takes the jobs while servers are under load, as workers that keep up would: nobody's messages wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from bench.postgres import Postgres
from bench.process import Failed

EVERY = 0.2  # seconds: a tenant has some ten messages waiting by then, of the hundred that make a flood


@asynccontextmanager
async def answering(postgres: Postgres, database: str, statement: str) -> AsyncIterator[int]:
    """Execute `statement` now and then for as long as the block takes, in the backend of this process id.

    What it writes counts for nobody: Meter leaves that backend out. Raises Failed if it could not.
    """
    connection = await asyncpg.connect(postgres.url(database))
    # Nobody waits for its disk, and others see at once what it has written.
    await connection.execute("SET synchronous_commit = off")
    task = asyncio.create_task(_answer(connection, statement))
    try:
        yield connection.get_server_pid()
        if task.done():
            raise Failed(f"Nobody took the jobs: {task.exception()}")
    finally:
        task.cancel()
        await asyncio.wait({task})
        await connection.close()


async def _answer(connection: asyncpg.Connection, statement: str) -> None:
    while True:
        await connection.execute(f"SELECT pg_stat_force_next_flush(); {statement}")
        await asyncio.sleep(EVERY)
