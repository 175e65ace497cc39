"""A tenant's messages, conversations, contacts, part by part; what stays in its place comes once."""

from __future__ import annotations

from datetime import UTC, datetime

from conserje.conversations import contacts, handling, listing, statistics
from conserje.conversations.contacts import ContactSeen
from conserje.conversations.handling import Conversation, Wanted
from conserje.conversations.listing import OUT_OF_ORDER, Message
from conserje.storage.database import Connection

LAST_ID = 2**63 - 1
LONG_AGO, FAR = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
NEWEST = (FAR, LAST_ID)

_MESSAGES = """
SELECT id FROM messages
WHERE tenant_id = $1 AND id < $2 AND id >= $3 AND created_at >= $4 AND turn_id IS DISTINCT FROM -1{of}
ORDER BY id DESC LIMIT $5
"""
MESSAGES = _MESSAGES.format(of="")
MESSAGES_IN = _MESSAGES.format(of=" AND conversation_id = $6")

# The one before $3 and $4, of those that were active since $2.
ACTIVE = """
SELECT id FROM conversations
WHERE tenant_id = $1 AND active_at >= $2 AND (active_at, id) < ($3, $4)
ORDER BY active_at DESC, id DESC LIMIT $5
"""
# The same of some, whose ids are found first: an order that is at hand may make a plan read all.
_OF = """
WITH wanted AS MATERIALIZED ({ids})
SELECT conversations.id FROM wanted CROSS JOIN LATERAL (
    SELECT id, active_at FROM conversations
    WHERE tenant_id = $1 AND conversations.id = wanted.id LIMIT 1) AS conversations
WHERE active_at >= $2 AND (active_at, conversations.id) < ($3, $4)
ORDER BY active_at DESC, conversations.id DESC LIMIT $5
"""
WITH_PERSON = _OF.format(ids=handling.WITH_PERSON)
HELD = _OF.format(ids=handling.HELD)
WAITING = _OF.format(ids=handling.WAITING)
_WANTED = {None: ACTIVE, "person": WITH_PERSON, "held": HELD, "waiting": WAITING}

CONTACTS = """
SELECT id FROM contacts
WHERE tenant_id = $1 AND id < $2
  AND NOT EXISTS (SELECT FROM forgotten WHERE tenant_id = $1 AND contact_id = contacts.id)
ORDER BY id DESC LIMIT $3
"""


async def messages(
    connection: Connection,
    tenant_id: int,
    limit: int,
    *,
    before: int = LAST_ID,
    since: datetime = LONG_AGO,
    conversation_id: int | None = None,
) -> list[Message]:
    """The messages before that one that were taken since then, newest first: all, or a conversation's."""
    first = 0
    if since > LONG_AGO:
        first = await connection.fetchval(statistics.FIRST_MESSAGE, tenant_id, since - OUT_OF_ORDER) or 0
    statement, of = (MESSAGES, ()) if conversation_id is None else (MESSAGES_IN, (conversation_id,))
    rows = await connection.fetch(statement, tenant_id, before, first, since, limit, *of)
    ids = [row["id"] for row in rows]
    found = await connection.fetch(f"{listing.MESSAGES} ORDER BY message.id DESC", tenant_id, ids)
    return [Message.from_row(row) for row in found]


async def conversations(
    connection: Connection,
    tenant_id: int,
    limit: int,
    *,
    wanted: Wanted | None = None,
    before: tuple[datetime, int] = NEWEST,
    since: datetime = LONG_AGO,
) -> list[Conversation]:
    """The tenant's conversations, the one first in which a turn or a person was at work last: what comes
    before one that was at work then.

    One that comes up meanwhile is in no later part: who wants all that happened asks again, `since` then.
    """
    rows = await connection.fetch(_WANTED[wanted], tenant_id, since, *before, limit)
    found = await connection.fetch(handling.OF_IDS, tenant_id, [row["id"] for row in rows])
    by_id = {row["id"]: Conversation.from_row(row) for row in found}
    return [by_id[row["id"]] for row in rows]


async def seen_contacts(
    connection: Connection, tenant_id: int, limit: int, *, before: int = LAST_ID
) -> list[ContactSeen]:
    """The tenant's contacts before that one but those who were forgotten, who came last first."""
    rows = await connection.fetch(CONTACTS, tenant_id, before, limit)
    found = await connection.fetch(
        f"{contacts.OF_IDS} ORDER BY id DESC", tenant_id, [row["id"] for row in rows]
    )
    return [ContactSeen(**row) for row in found]
