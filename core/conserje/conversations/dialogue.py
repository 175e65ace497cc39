"""The dialogue: what is said in one conversation, part by part, as the tenant's people read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import asyncpg

from conserje.contract.message import Content, Edit, Fault, Revocation
from conserje.conversations import paging
from conserje.conversations.listing import Message
from conserje.conversations.notes import Note
from conserje.conversations.rows import digest, restored
from conserje.storage.database import Connection

PAGE = 50  # messages
LOOKED_AT = 500  # rows beside them, in which what belongs to them is looked for

# Of a part's messages, one by one: a plan for many rows would read all of the conversation.
BESIDE = """
SELECT message.id, message.event_key, message.fault, turns.assistant, turns.person, quoted.content AS quoted
FROM unnest($3::bigint[]) AS wanted (id)
CROSS JOIN LATERAL (
    SELECT id, event_key, fault, turn_id, account_id, quotes FROM messages
    WHERE tenant_id = $1 AND conversation_id = $2 AND messages.id = wanted.id LIMIT 1) AS message
LEFT JOIN LATERAL (
    SELECT assistant, person FROM turns
    WHERE tenant_id = $1 AND conversation_id = $2 AND turns.id = message.turn_id LIMIT 1) AS turns ON true
LEFT JOIN LATERAL (  -- of ours alone: what contacts wrote is found by its key, and that is another
    SELECT content FROM messages AS said
    WHERE said.tenant_id = $1 AND said.account_id = message.account_id AND direction = 'out'
      AND provider_id = message.quotes LIMIT 1) AS quoted ON message.quotes IS NOT NULL
"""

# An edit comes soon after what it edits.
EDITS = """
SELECT content FROM (
    SELECT id, kind, content FROM messages WHERE tenant_id = $1 AND conversation_id = $2 AND id >= $3
    ORDER BY id LIMIT $4) AS following
WHERE kind = 'edit'
"""

# The first turn of what was said from a message on.
FIRST_TURN = """
SELECT min(turn_id) FROM (
    SELECT turn_id FROM messages WHERE tenant_id = $1 AND conversation_id = $2 AND id >= $3
    ORDER BY id LIMIT $4) AS following
WHERE turn_id > 0
"""
# What came to pass in the conversation and is nobody's words: turns of persons who took it, of an assistant
# who called one, of contacts who want no more messages.
TURNS = """
SELECT id, at, person,
       CASE WHEN assistant = 'person' THEN 'taken' WHEN handed_over THEN 'handed_over'
            ELSE assistant END AS kind
FROM (
    SELECT id, settled_at AS at, assistant, intent, person, handed_over FROM turns
    WHERE tenant_id = $1 AND conversation_id = $2 AND id >= $3 AND id < $4
    ORDER BY id DESC LIMIT $5) AS latest
WHERE assistant = 'person' AND intent = 'take' OR handed_over OR assistant IN ('consent', 'machine')
"""
GIVEN_BACK = """
WITH theirs AS MATERIALIZED (
    SELECT id, kind, created_at FROM notifications WHERE tenant_id = $1 AND conversation_id = $2
)
SELECT id, created_at AS at FROM theirs
WHERE kind = 'conversation.given_back' AND created_at >= $3 AND created_at < $4 ORDER BY at LIMIT $5
"""
NOTES = """
SELECT id, conversation_id, author, text, at FROM (
    SELECT id, conversation_id, author, text, created_at AS at FROM notes
    WHERE tenant_id = $1 AND conversation_id = $2 ORDER BY id DESC LIMIT $5) AS latest
WHERE at >= $3 AND at < $4
"""

AT = "SELECT created_at FROM messages WHERE tenant_id = $1 AND conversation_id = $2 AND id = $3"

EventKind = Literal["taken", "given_back", "handed_over", "consent", "machine"]


@dataclass(frozen=True, slots=True)
class Line:
    """A message as people read it: who said it, whether it was edited, what it quotes."""

    message: Message
    assistant: str | None  # `person` where one has said it; of what a contact wrote, who answers it
    person: str | None
    edited: bool
    quoted: Content | None
    fault: Fault | None  # of the account: it waits until that is well

    @property
    def at(self) -> datetime:
        return self.message.at


@dataclass(frozen=True, slots=True)
class Event:
    """Something that came to pass beside what was said."""

    kind: EventKind
    id: int  # among those of its kind
    at: datetime
    person: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a dialogue, oldest first; the next part is before the message `older`, if there is one."""

    items: Sequence[Line | Event | Note]
    older: int | None


async def part(
    connection: Connection, tenant_id: int, conversation_id: int, before: int = paging.LAST_ID
) -> Part:
    """The messages before that one, and what came to pass between them; none: the last ones."""
    found = await paging.messages(
        connection, tenant_id, PAGE + 1, before=before, conversation_id=conversation_id
    )
    shown, is_first = found[:PAGE], len(found) <= PAGE
    place = (tenant_id, conversation_id)
    lines = await _lines(connection, *place, shown)
    beside = await _beside(connection, place, shown, before, is_first)
    return Part(sorted([*lines, *beside], key=_order), None if is_first else shown[-1].id)


async def _lines(
    connection: Connection, tenant_id: int, conversation_id: int, shown: Sequence[Message]
) -> list[Line]:
    """Without what says only that another one is edited or taken back: that one shows it."""
    if not shown:
        return []
    ids = [message.id for message in shown]
    rows = {row["id"]: row for row in await connection.fetch(BESIDE, tenant_id, conversation_id, ids)}
    edits = await connection.fetch(EDITS, tenant_id, conversation_id, min(ids), PAGE + LOOKED_AT)
    edited = {digest(content.of) for row in edits if isinstance(content := restored(row["content"]), Edit)}
    keys = {row["event_key"] for row in rows.values() if row["event_key"]}
    return [
        _line(message, rows[message.id], edited)
        for message in shown
        if message.id in rows and not _tells_of(message.content, rows[message.id], keys)
    ]


def _tells_of(content: Content, row: asyncpg.Record, keys: set[bytes]) -> bool:
    """Whether a message is the word that another one of these was edited or taken back."""
    if not isinstance(content, Edit | Revocation):
        return False
    of = digest(content.of)
    return of != row["event_key"] and of in keys


def _line(message: Message, row: asyncpg.Record, edited: set[bytes]) -> Line:
    return Line(
        message,
        row["assistant"],
        row["person"],
        edited=row["event_key"] in edited and not isinstance(message.content, Revocation),
        quoted=restored(row["quoted"]) if row["quoted"] else None,
        fault=row["fault"],
    )


async def _beside(
    connection: Connection, place: tuple[int, int], shown: Sequence[Message], before: int, is_first: bool
) -> list[Event | Note]:
    """What came to pass, and was noted, from the first of these messages until `before`."""
    since = paging.LONG_AGO if is_first else shown[-1].at
    until = paging.FAR
    first, last = 0, paging.LAST_ID
    if not is_first:
        first = await connection.fetchval(FIRST_TURN, *place, shown[-1].id, PAGE) or 0
    if before != paging.LAST_ID:
        until = await connection.fetchval(AT, *place, before) or until
        last = await connection.fetchval(FIRST_TURN, *place, before, PAGE) or last
    turns = await connection.fetch(TURNS, *place, first, last, LOOKED_AT)
    given_back = await connection.fetch(GIVEN_BACK, *place, since, until, LOOKED_AT)
    notes = await connection.fetch(NOTES, *place, since, until, LOOKED_AT)
    return [
        *(Event(**row) for row in turns),
        *(Event("given_back", **row) for row in given_back),
        *(Note(**row) for row in notes),
    ]


def _order(item: Line | Event | Note) -> tuple[datetime, bool, int]:
    """A turn and what it says are stored at one time: what came to pass comes first."""
    if isinstance(item, Line):
        return item.at, True, item.message.id
    return item.at, False, item.id
