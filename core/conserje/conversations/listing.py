"""What operators read of a tenant's conversations: messages, turns and rejects, in the order of time."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import asyncpg

from conserje.contract.message import Content
from conserje.conversations import sending
from conserje.conversations.rows import restored
from conserje.storage.database import Connection

# What waited when a person took the conversation over, or came while it was with one.
LEFT_TO_PERSON = """(turns.assistant = 'person' AND turns.intent = 'take'
                  OR message.created_at + coalesce(message.late_by, '0') > turns.settled_at)"""

# Row by row: a plan for many rows would read all the conversations and turns of a tenant.
OF_CONVERSATION = """
JOIN LATERAL (
    SELECT * FROM conversations
    WHERE conversations.tenant_id = {item}.tenant_id AND conversations.id = {item}.conversation_id LIMIT 1)
    AS conversations ON true
JOIN LATERAL (
    SELECT * FROM contacts
    WHERE contacts.tenant_id = {item}.tenant_id AND contacts.id = conversations.contact_id LIMIT 1)
    AS contacts ON true
"""

# An inbound message of the turn 0 was to be answered by nobody, one of the turn -1 has not come; one without
# a turn's row was dropped by an operator.
MESSAGE = f"""
SELECT message.id, message.created_at AS at, message.conversation_id, conversations.peer AS contact,
       contacts.name, message.direction, message.content, message.turn_id,
       message.sent_at - message.created_at AS took,
       CASE WHEN message.direction = 'out' THEN message.state
            WHEN message.turn_id IS NULL AND conversations.state = 'held' THEN 'held'
            WHEN message.turn_id IS NULL AND conversations.leased_until > now() THEN 'thinking'
            WHEN message.turn_id IS NULL THEN 'waiting'
            WHEN message.turn_id = 0 THEN 'noted'
            WHEN turns.id IS NULL THEN 'dropped'
            WHEN {LEFT_TO_PERSON} THEN 'with a person'
            ELSE 'answered' END AS state,
       CASE WHEN message.direction = 'out' THEN message.cause
            WHEN message.turn_id IS NULL THEN conversations.cause END AS cause, message.said_by
FROM messages AS message
{OF_CONVERSATION.format(item="message")}
LEFT JOIN LATERAL (
    SELECT * FROM turns
    WHERE turns.tenant_id = message.tenant_id AND turns.conversation_id = message.conversation_id
      AND turns.id = message.turn_id LIMIT 1) AS turns ON true
WHERE message.tenant_id = $1 AND message.turn_id IS DISTINCT FROM -1
"""  # noqa: S608 - of our own

TAKEN = MESSAGE + "AND message.account_id = $2 AND message.event_key = $3"

AT = MESSAGE + "AND message.conversation_id = $2 AND message.id = $3 AND message.direction = 'in'"

SAID = (
    MESSAGE + "AND message.conversation_id = $2 AND message.direction = 'out' AND message.turn_id = $3"
    " ORDER BY message.sequence"
)

TURN = f"""
SELECT turns.id, turns.settled_at AS at, turns.conversation_id, conversations.peer AS contact,
       contacts.name, turns.assistant, turns.intent, turns.confidence::text::float8 AS confidence,
       turns.waited, turns.thought, turns.cause
FROM turns
{OF_CONVERSATION.format(item="turns")}
WHERE turns.tenant_id = $1
"""  # noqa: S608 - of our own

GIVEN = TURN + "AND turns.conversation_id = $2 AND turns.id = $3"

WHY = "SELECT usage, told, calls FROM turns WHERE tenant_id = $1 AND conversation_id = $2 AND id = $3"

# Ids are given in the order of time, but for what long transactions and others' clocks make of it.
BEFORE = "SELECT id, created_at FROM messages WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3"
PAGE = 1000  # messages read at once
OUT_OF_ORDER = timedelta(hours=1)

NEWEST = "SELECT id FROM {table} WHERE tenant_id = $1 ORDER BY id DESC LIMIT $2"

# Of contacts among those who were heard of last, in whose conversations alone there is a search.
NEWEST_OF = """
SELECT latest.id FROM (
    SELECT active.id FROM (
        SELECT id, contact_id, peer, active_at FROM conversations
        WHERE tenant_id = $1 ORDER BY active_at DESC LIMIT 5000) AS active
    JOIN contacts ON contacts.tenant_id = $1 AND contacts.id = active.contact_id
    WHERE strpos(lower(contacts.name || ' ' || active.peer), lower($3)) > 0
    ORDER BY active_at DESC LIMIT $2) AS found
CROSS JOIN LATERAL (
    SELECT id FROM {table} WHERE tenant_id = $1 AND conversation_id = found.id
    ORDER BY id DESC LIMIT $2) AS latest
ORDER BY latest.id DESC LIMIT $2
"""

# Of ids that are known: a plan for whatever limit would read all.
MESSAGES = f"{MESSAGE} AND message.id = ANY ($2::bigint[])"
TURNS = f"{TURN} AND turns.id = ANY ($2::bigint[])"

NEWEST_IN = """
SELECT id FROM {table} WHERE tenant_id = $1 AND conversation_id = $2 ORDER BY id DESC LIMIT $3
"""

LATEST_REJECTS = """
SELECT rejects.id, rejects.created_at AS at, accounts.channel, accounts.address, rejects.raw, rejects.cause
FROM (SELECT * FROM rejects WHERE tenant_id = $1 AND dropped_at IS NULL ORDER BY id DESC LIMIT 5000)
    AS rejects
JOIN accounts ON accounts.tenant_id = $1 AND accounts.id = rejects.account_id
WHERE strpos(lower(rejects.raw), lower($3)) > 0
ORDER BY rejects.id DESC LIMIT $2
"""


OptedOut = Literal["all", "marketing"]
ConversationState = Literal["open", "person", "held"]
Answered = Literal["held", "thinking", "waiting", "noted", "dropped", "with a person", "answered"]


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it stands: an outbound one's own state, or what became of an inbound one."""

    id: int
    at: datetime
    conversation_id: int
    contact: str
    name: str
    direction: Literal["in", "out"]
    content: Content
    turn_id: int | None
    took: timedelta | None  # from its making until the provider had it
    state: sending.State | Answered
    cause: str | None
    said_by: str | None = None  # of its own accord: an API key's id, or `operator`

    @classmethod
    def from_row(cls, row: asyncpg.Record) -> Message:
        return cls(**{**row, "content": restored(row["content"])})


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn that was settled: who answered, how surely, how long it took."""

    id: int
    at: datetime
    conversation_id: int
    contact: str
    name: str
    assistant: str
    intent: str | None
    confidence: float | None
    waited: timedelta
    thought: timedelta
    cause: str | None


@dataclass(frozen=True, slots=True)
class Reject:
    """What a provider sent and nobody could read or store."""

    id: int
    at: datetime
    channel: str
    address: str
    raw: str
    cause: str


Item = Message | Turn | Reject


async def latest(connection: Connection, tenant_id: int, limit: int, contact: str = "") -> list[Item]:
    """The tenant's last `limit` items, newest last; of contacts whose name or address has `contact` in it.

    These are looked for among those who were heard of last.
    """
    newest, arguments = (NEWEST_OF, (contact,)) if contact else (NEWEST, ())
    items = await _items(connection, newest, tenant_id, limit, *arguments)
    rejects = await connection.fetch(LATEST_REJECTS, tenant_id, limit, contact)
    return sorted([*items, *(Reject(**row) for row in rejects)], key=_place)[-limit:]


async def since(
    connection: Connection, tenant_id: int, moment: datetime | None
) -> AsyncGenerator[Message, None]:
    """The tenant's messages since that moment, or all of them, oldest first."""
    ids: list[int] = []
    before = 2**63 - 1
    while page := await connection.fetch(BEFORE, tenant_id, before, PAGE):
        ids += [row["id"] for row in page if moment is None or row["created_at"] >= moment]
        before = page[-1]["id"]
        if moment and page[-1]["created_at"] < moment - OUT_OF_ORDER:
            break
    ids.reverse()
    for first in range(0, len(ids), PAGE):
        rows = await connection.fetch(MESSAGES + " ORDER BY message.id", tenant_id, ids[first : first + PAGE])
        for row in rows:
            yield Message.from_row(row)


async def of_conversation(
    connection: Connection, tenant_id: int, conversation_id: int, limit: int
) -> list[Item]:
    """The last `limit` messages and turns of one conversation, newest last."""
    items = await _items(connection, NEWEST_IN, tenant_id, conversation_id, limit)
    return sorted(items, key=_place)[-limit:]


async def _items(connection: Connection, newest: str, tenant_id: int, *arguments: object) -> list[Item]:
    """The messages and turns that `newest` finds, in no order."""
    messages = await connection.fetch(newest.format(table="messages"), tenant_id, *arguments)
    turns = await connection.fetch(newest.format(table="turns"), tenant_id, *arguments)
    return [
        *(Message.from_row(row) for row in await connection.fetch(MESSAGES, tenant_id, _ids(messages))),
        *(Turn(**row) for row in await connection.fetch(TURNS, tenant_id, _ids(turns))),
    ]


def _ids(rows: list[asyncpg.Record]) -> list[int]:
    return [row["id"] for row in rows]


def _place(item: Item) -> tuple[datetime, bool, int]:
    """A turn and what it says are stored at one time: the turn comes first."""
    return item.at, isinstance(item, Message), item.id


@dataclass(frozen=True, slots=True)
class Called:
    """A model or a tool that a turn has called."""

    kind: Literal["model", "tool"]
    name: str
    arguments: str
    result: str
    failed: bool
    took: float  # seconds


@dataclass(frozen=True, slots=True)
class Explained:
    """A message, the turn that answered it or said it, and what that was told and has called."""

    message: Message
    turn: Turn | None
    usage: dict[str, int]
    told: str
    calls: tuple[Called, ...]


async def explained(connection: Connection, tenant_id: int, message_id: int) -> Explained | None:
    """The message, and why it was answered or said so; None: there is none."""
    row = await connection.fetchrow(MESSAGES, tenant_id, [message_id])
    if row is None:
        return None
    message = Message.from_row(row)
    place = (tenant_id, message.conversation_id, message.turn_id)
    turn = await connection.fetchrow(GIVEN, *place)
    why = await connection.fetchrow(WHY, *place)
    if turn is None or why is None:
        return Explained(message, None, {}, "", ())
    called = tuple(Called(**each) for each in json.loads(why["calls"] or "[]"))
    return Explained(message, Turn(**turn), json.loads(why["usage"]), why["told"] or "", called)


@dataclass(frozen=True, slots=True)
class Exchange:
    """An inbound message, the turn that answered it if there is one yet, and what that turn says."""

    message: Message
    turn: Turn | None
    replies: tuple[Message, ...]


async def exchange(connection: Connection, tenant_id: int, account_id: int, key: bytes) -> Exchange | None:
    """The inbound message stored under an event key, with its answer; None: it is not stored."""
    row = await connection.fetchrow(TAKEN, tenant_id, account_id, key)
    return await _answered(connection, tenant_id, row) if row else None


async def exchange_at(
    connection: Connection, tenant_id: int, conversation_id: int, message_id: int
) -> Exchange | None:
    """The inbound message at its place, with its answer; None: there is none."""
    row = await connection.fetchrow(AT, tenant_id, conversation_id, message_id)
    return await _answered(connection, tenant_id, row) if row else None


async def _answered(connection: Connection, tenant_id: int, row: asyncpg.Record) -> Exchange:
    message = Message.from_row(row)
    if message.state != "answered":
        return Exchange(message, None, ())
    place = (tenant_id, message.conversation_id, message.turn_id)
    turn = await connection.fetchrow(GIVEN, *place)
    assert turn is not None  # an answered message is one whose turn is there
    replies = [Message.from_row(said) for said in await connection.fetch(SAID, *place)]
    return Exchange(message, Turn(**turn), tuple(replies))
