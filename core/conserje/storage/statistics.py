"""What Postgres knows of the tables, on which its plans rest: told soon while they grow from nothing."""

from __future__ import annotations

from conserje.storage.database import Pool

RENEW = "SELECT analyze_grown()"  # those that are four times as large as when they were last looked at


async def renew(pool: Pool) -> None:
    """Costs a look at the catalog where nothing has grown that much."""
    await pool.execute(RENEW)
