"""A tenant's messages, conversations, contacts by pages; what stays in its place is in one page, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, NamedTuple, TypeVar

import asyncpg

from conserje.conversations import contacts, handling, listing
from conserje.conversations.contacts import ContactSeen
from conserje.conversations.handling import Conversation, Wanted
from conserje.conversations.listing import OUT_OF_ORDER, Message
from conserje.storage.database import Connection

T = TypeVar("T")
K = TypeVar("K")
LAST_ID = 2**63 - 1
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
FAR = datetime(9999, 1, 1, tzinfo=UTC)

BEFORE_IN = """
SELECT id, created_at FROM messages
WHERE tenant_id = $1 AND id < $2 AND conversation_id = $4 ORDER BY id DESC LIMIT $3
"""

# The one before $3 and $4, of those that were active since $2.
ACTIVE = """
SELECT id, active_at FROM conversations
WHERE tenant_id = $1 AND active_at >= $2 AND (active_at, id) < ($3, $4)
ORDER BY active_at DESC, id DESC LIMIT $5
"""
# The same of some, whose ids are found first: an order that is at hand may make a plan read all.
_OF = """
WITH wanted AS MATERIALIZED ({ids})
SELECT conversations.id, active_at FROM wanted CROSS JOIN LATERAL (
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


class Place(NamedTuple):
    """Where a page of conversations ended."""

    active_at: datetime
    id: int


NEWEST = Place(FAR, LAST_ID)


@dataclass(frozen=True, slots=True)
class Page(Generic[T, K]):
    """Some of many, and the key of the last; None: there are no more."""

    items: list[T]
    next: K | None = None


def _cut(rows: list[asyncpg.Record], limit: int, key: Callable[[asyncpg.Record], K]) -> Page[int, K]:
    """The ids of a page, of which one row more than wanted was asked for."""
    more = len(rows) > limit
    return Page([row["id"] for row in rows[:limit]], key(rows[limit - 1]) if more else None)


async def page_of_messages(
    connection: Connection,
    tenant_id: int,
    limit: int,
    *,
    before: int = LAST_ID,
    since: datetime = LONG_AGO,
    conversation_id: int | None = None,
) -> Page[Message, int]:
    """The tenant's messages, or a conversation's, newest first, that were taken since then."""
    of = () if conversation_id is None else (conversation_id,)
    statement = BEFORE_IN if of else listing.BEFORE
    rows = await connection.fetch(statement, tenant_id, before, limit + 1, *of)
    found = _cut(rows, limit, lambda row: row["id"])
    if rows and rows[-1]["created_at"] < since - OUT_OF_ORDER:
        found = Page(found.items)
    late = {row["id"] for row in rows if row["created_at"] < since}
    ids = [each for each in found.items if each not in late]
    by_id = {row["id"]: row for row in await connection.fetch(listing.MESSAGES, tenant_id, ids)}
    return Page([Message.from_row(by_id[each]) for each in ids if each in by_id], found.next)


async def page_of_conversations(
    connection: Connection,
    tenant_id: int,
    limit: int,
    *,
    wanted: Wanted | None = None,
    before: Place = NEWEST,
    since: datetime = LONG_AGO,
) -> Page[Conversation, Place]:
    """The tenant's conversations, the one first in which a turn or a person was at work last.

    One that comes up meanwhile is in no later page: who wants all that happened asks again, `since` then.
    """
    rows = await connection.fetch(_WANTED[wanted], tenant_id, since, *before, limit + 1)
    found = _cut(rows, limit, lambda row: Place(row["active_at"], row["id"]))
    by_id = {row["id"]: row for row in await connection.fetch(handling.OF_IDS, tenant_id, found.items)}
    shown = [Conversation.from_row(by_id[each]) for each in found.items if each in by_id]
    return Page(shown, found.next)


async def page_of_contacts(
    connection: Connection, tenant_id: int, limit: int, *, before: int = LAST_ID
) -> Page[ContactSeen, int]:
    """The tenant's contacts but those who were forgotten, who came last first."""
    rows = await connection.fetch(CONTACTS, tenant_id, before, limit + 1)
    found = _cut(rows, limit, lambda row: row["id"])
    by_id = {row["id"]: row for row in await connection.fetch(contacts.OF_IDS, tenant_id, found.items)}
    return Page([ContactSeen(**by_id[each]) for each in found.items if each in by_id], found.next)
