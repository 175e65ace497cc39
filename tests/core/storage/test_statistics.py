"""What Postgres knows of tables that grow: it is told by us, long before it looks by itself."""

from __future__ import annotations

import pytest
from plans import ACCOUNTS

from conserje.storage import statistics
from conserje.storage.database import Pool

KNOWN = "SELECT reltuples::int FROM pg_class WHERE oid = 'conversations'::regclass"

pytestmark = pytest.mark.new_database


async def fill(pool: Pool, first: int, last: int) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL ROLE conserje_owner")
        await connection.execute(ACCOUNTS, first, last)


async def test_a_table_that_has_grown_is_looked_at(pool: Pool) -> None:
    await fill(pool, 1, 3000)
    await statistics.renew(pool)
    assert await pool.fetchval(KNOWN) == 3000


async def test_one_that_is_known_is_left_alone(pool: Pool) -> None:
    await fill(pool, 1, 3000)
    await statistics.renew(pool)
    await fill(pool, 3001, 3100)
    await statistics.renew(pool)
    assert await pool.fetchval(KNOWN) == 3000
