"""The backlog: what waits for an answer, for an operator, or for a provider's word, counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from conserje.storage.database import Connection

HELD = """
SELECT slug, count(*) AS held FROM (
    SELECT tenant_id FROM conversations WHERE state = 'held'
    UNION ALL SELECT tenant_id FROM messages WHERE state = 'held'
    UNION ALL SELECT tenant_id FROM rejects WHERE dropped_at IS NULL) AS held
JOIN tenants ON tenants.id = tenant_id
GROUP BY slug ORDER BY held DESC, slug
"""

# What is held or of a suspended tenant waits for the operator, not for a turn.
WAITING = """
SELECT slug, count(*) AS messages, extract(epoch FROM now() - min(messages.created_at))::float AS oldest
FROM messages
JOIN conversations ON conversations.tenant_id = messages.tenant_id AND conversations.id = conversation_id
    AND conversations.state <> 'held'
JOIN tenants ON tenants.id = messages.tenant_id AND tenants.status = 'active'
WHERE direction = 'in' AND messages.turn_id IS NULL
GROUP BY slug ORDER BY oldest DESC, slug
"""

# Those that a person has, or nobody yet, where the contact wrote last. Row by row, by the index of each.
FOR_PERSONS = """
SELECT tenant_id, count(*) FROM conversations
WHERE tenant_id = ANY ($1::bigint[]) AND state = 'person' AND hand_back_at > now()
  AND (person IS NULL OR 'in' = (
      SELECT direction FROM messages
      WHERE messages.tenant_id = conversations.tenant_id AND conversation_id = conversations.id
      ORDER BY messages.id DESC LIMIT 1))
GROUP BY tenant_id
"""

# The same, one by one. Of each tenant by its own index: who was left alone long ago stays in it.
THEIRS = """
SELECT slug, tenant, waiting.id AS conversation_id, contacts.name, peer AS contact, person, active_at AS since
FROM (
    SELECT slug, tenants.name AS tenant, theirs.* FROM tenants
    CROSS JOIN LATERAL (
        SELECT tenant_id, id, contact_id, peer, person, active_at FROM conversations
        WHERE tenant_id = tenants.id AND state = 'person' AND hand_back_at > now()
          AND (person IS NULL OR 'in' = (
              SELECT direction FROM messages
              WHERE messages.tenant_id = conversations.tenant_id AND conversation_id = conversations.id
              ORDER BY messages.id DESC LIMIT 1))
        ORDER BY hand_back_at LIMIT $1) AS theirs
    WHERE status = 'active' ORDER BY active_at, theirs.id LIMIT $1) AS waiting
JOIN LATERAL (
    SELECT name FROM contacts
    WHERE contacts.tenant_id = waiting.tenant_id AND contacts.id = contact_id LIMIT 1) AS contacts ON true
ORDER BY active_at, conversation_id
"""

LAST = """
SELECT tenant_id, (SELECT created_at FROM messages WHERE messages.tenant_id = wanted.tenant_id
                   ORDER BY id DESC LIMIT 1) AS at
FROM unnest($1::bigint[]) AS wanted (tenant_id)
"""

UNCERTAIN = "SELECT count(*) FROM messages WHERE state = 'uncertain'"


class Waiting(NamedTuple):
    """The messages of a tenant that no turn has answered yet."""

    slug: str
    messages: int
    oldest: float  # seconds that the oldest has waited


@dataclass(frozen=True, slots=True)
class ForPerson:
    """A conversation in which a contact waits for a person."""

    slug: str
    tenant: str
    conversation_id: int
    name: str
    contact: str
    person: str | None  # None: nobody has them yet; '': somebody without a name
    since: datetime  # when it was last answered, or given to a person


async def held(connection: Connection) -> list[tuple[str, int]]:
    """How much of each tenant is held, by its slug, those with most first."""
    return [(slug, number) for slug, number in await connection.fetch(HELD)]


async def waiting(connection: Connection) -> list[Waiting]:
    """What waits for a turn, the tenant that has waited longest first."""
    return [Waiting(**row) for row in await connection.fetch(WAITING)]


async def for_persons(connection: Connection, tenant_ids: Sequence[int]) -> dict[int, int]:
    """In how many conversations of each of these tenants a contact waits for a person."""
    return {tenant_id: number for tenant_id, number in await connection.fetch(FOR_PERSONS, tenant_ids)}


async def theirs(connection: Connection, most: int) -> list[ForPerson]:
    """Where contacts of all tenants wait for a person, who was left alone longest first."""
    return [ForPerson(**row) for row in await connection.fetch(THEIRS, most)]


async def last(connection: Connection, tenant_ids: Sequence[int]) -> dict[int, datetime]:
    """When each of these tenants had its last message, if it has any."""
    return {row["tenant_id"]: row["at"] for row in await connection.fetch(LAST, tenant_ids) if row["at"]}


async def uncertain(connection: Connection) -> int:
    """How many messages a provider may have or not."""
    number: int = await connection.fetchval(UNCERTAIN)
    return number
