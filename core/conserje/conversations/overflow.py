"""The overflow: a flood's conversations outside the queue, which a long one makes slow for everybody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from conserje.storage import jobs, precedence
from conserje.storage.database import Connection, Pool
from conserje.storage.jobs import Job

ADD = """
INSERT INTO overflow (tenant_id, conversation_id, message_id)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS t (tenant_id, conversation_id, message_id)
ORDER BY tenant_id, conversation_id
ON CONFLICT DO NOTHING
"""

# The $2 that have waited longest, into the queue; others' hands take others. MATERIALIZED: a plan may ask a
# subquery again for each row, and would skip what it has taken. The commit waits for no disk, nor makes
# others' wait: where Postgres dies before it is written, they are where they were.
BRING = f"""
WITH longest AS MATERIALIZED (
    SELECT conversation_id FROM overflow WHERE tenant_id = $1
    ORDER BY message_id LIMIT $2 FOR UPDATE SKIP LOCKED
), brought AS (
    DELETE FROM overflow USING longest, set_config('synchronous_commit', 'off', true)
    WHERE overflow.tenant_id = $1 AND overflow.conversation_id = longest.conversation_id
    RETURNING overflow.tenant_id, overflow.conversation_id
), due AS (
    SELECT *, 0 AS message_id, {jobs.FLOODED} AS priority, $3::interval AS delay FROM brought
)
{jobs.ADD.format(entrypoint=f"'{jobs.CONVERSE}'", due="due")}
"""  # noqa: S608 - of our own

# The tenants that have any, found by skipping from one to the next: they may have thousands.
TENANTS = """
WITH RECURSIVE flooded AS (
    SELECT min(tenant_id) AS id FROM overflow
    UNION ALL
    SELECT (SELECT min(tenant_id) FROM overflow WHERE tenant_id > flooded.id) FROM flooded
    WHERE id IS NOT NULL
)
SELECT id FROM flooded JOIN tenants USING (id) WHERE tenants.status = 'active'
"""


async def add(connection: Connection, waiting: Sequence[Job]) -> None:
    """Keep these out of the queue; a conversation that is out of it already stays where it is."""
    if waiting:
        places = [(each.tenant_id, each.conversation_id, each.message_id) for each in waiting]
        await connection.execute(ADD, *map(list, zip(*places, strict=True)))


async def bring(pool: Pool, tenant_id: int, most: int, delay: timedelta = timedelta(0)) -> None:
    """Put the tenant's next conversations into the queue, as many as may be thought about."""
    await precedence.here.wait()
    await pool.execute(BRING, tenant_id, most, delay)


async def sweep(pool: Pool) -> None:
    """Bring one of each tenant, should the turn that was to bring it have been lost."""
    for row in await pool.fetch(TENANTS):
        await bring(pool, row["id"], 1)
