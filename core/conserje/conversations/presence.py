"""Presence: who of the tenant's people looks at a conversation just now, on whatever node."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from conserje.storage.database import Connection

LASTS = timedelta(seconds=60)  # after somebody was seen
LONGEST_NAME = 100  # characters
PRUNED = 100  # rows at once; they are of the tenant's people, of the last minutes

# What is said again changes nothing for the others to see: only who comes, or begins or ends to write.
SEE = """
WITH gone AS (
    DELETE FROM presences WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM presences WHERE tenant_id = $1 AND seen_at < now() - $6::interval
        LIMIT $7 FOR UPDATE SKIP LOCKED)) AND (conversation_id, login_id) <> ($2, $3)
), before AS MATERIALIZED (
    SELECT writes FROM presences
    WHERE tenant_id = $1 AND conversation_id = $2 AND login_id = $3 AND seen_at > now() - $6::interval
)
INSERT INTO presences (tenant_id, conversation_id, login_id, name, writes)
SELECT $1, conversations.id, $3, $4, $5 FROM conversations WHERE tenant_id = $1 AND id = $2
ON CONFLICT (tenant_id, conversation_id, login_id)
DO UPDATE SET name = excluded.name, writes = excluded.writes, seen_at = now()
RETURNING (SELECT writes FROM before) IS DISTINCT FROM $5
"""

LEAVE = """
DELETE FROM presences WHERE tenant_id = $1 AND conversation_id = $2 AND login_id = $3 RETURNING true
"""

OTHERS = """
SELECT login_id, name, writes FROM presences
WHERE tenant_id = $1 AND conversation_id = $2 AND login_id <> $3 AND seen_at > now() - $4::interval
ORDER BY name, login_id LIMIT 20
"""


@dataclass(frozen=True, slots=True)
class Present:
    """Somebody who looks at a conversation."""

    login_id: int
    name: str
    writes: bool


async def see(
    connection: Connection, tenant_id: int, conversation_id: int, login_id: int, name: str, *, writes: bool
) -> bool:
    """Somebody looks at the conversation; whether that is news to the others."""
    place = (tenant_id, conversation_id, login_id)
    news = await connection.fetchval(SEE, *place, name[:LONGEST_NAME], writes, LASTS, PRUNED)
    return bool(news)


async def leave(connection: Connection, tenant_id: int, conversation_id: int, login_id: int) -> bool:
    """Somebody looks no more; whether they did."""
    return bool(await connection.fetchval(LEAVE, tenant_id, conversation_id, login_id))


async def others(
    connection: Connection, tenant_id: int, conversation_id: int, login_id: int
) -> list[Present]:
    """Who else looks at it, by name."""
    rows = await connection.fetch(OTHERS, tenant_id, conversation_id, login_id, LASTS)
    return [Present(**row) for row in rows]
