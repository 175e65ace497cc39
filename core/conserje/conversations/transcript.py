"""The transcript: what was said in a conversation, as a turn reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from conserje.contract.assistant import Utterance
from conserje.contract.message import Content
from conserje.conversations.rows import EMPTIED, restored
from conserje.storage.database import Connection

READ = 30  # messages of the past, in a turn

UNANSWERED = """
SELECT id, content, created_at, provider_id, late_by IS NOT NULL AS late,
       said_by(tenant_id, conversation_id, quotes) AS quoted
FROM messages
WHERE tenant_id = $1 AND conversation_id = $2 AND direction = 'in' AND turn_id IS NULL
ORDER BY id LIMIT 200
"""

# Until the transaction ends nobody edits them or takes them back.
UNANSWERED_NOW = f"{UNANSWERED} FOR NO KEY UPDATE"

ARE_LET_BE = """
SELECT NOT EXISTS (
    SELECT FROM messages WHERE tenant_id = $1 AND conversation_id = $2 AND id = ANY ($3::bigint[])
      AND turn_id IS DISTINCT FROM 0)
"""

# What is older than a tenant wants read begins no talk anew, and what was emptied says nothing.
HISTORY = f"""
SELECT * FROM (
    SELECT id, direction, content, created_at, said_by(tenant_id, conversation_id, quotes) AS quoted
    FROM messages
    WHERE tenant_id = $1 AND conversation_id = $2 AND id < $3 AND turn_id IS DISTINCT FROM -1
    ORDER BY id DESC LIMIT $4) AS latest
WHERE created_at > now() - $5::interval AND content <> '{EMPTIED}'
ORDER BY id
"""  # noqa: S608 - of our own


@dataclass(frozen=True, slots=True)
class Message:
    """An unanswered message, as read at a claim."""

    id: int
    content: Content
    created_at: datetime
    quoted: Content | None = None  # the message that it answers
    provider_id: str | None = None
    late: bool = False  # it was fetched or spooled
    words: str = ""  # its content, as stored


async def unanswered(
    connection: Connection, tenant_id: int, conversation_id: int, *, locked: bool = False
) -> tuple[Message, ...]:
    """The messages that no turn has answered, in the order of their taking."""
    statement = UNANSWERED_NOW if locked else UNANSWERED
    return tuple(map(message, await connection.fetch(statement, tenant_id, conversation_id)))


async def are_let_be(
    connection: Connection, tenant_id: int, conversation_id: int, ids: Sequence[int]
) -> bool:
    """Whether nobody answers these messages, nor has answered them."""
    found: bool = await connection.fetchval(ARE_LET_BE, tenant_id, conversation_id, ids)
    return found


async def history(
    connection: Connection, tenant_id: int, conversation_id: int, before: int, most: int, context: timedelta
) -> tuple[tuple[Utterance, ...], int]:
    """The last `most` messages before the one with the id `before`, none older than `context`, the oldest
    first, and the id of that one."""
    rows = await connection.fetch(HISTORY, tenant_id, conversation_id, before, most, context)
    return tuple(map(utterance, rows)), rows[0]["id"] if rows else 0


def message(row: asyncpg.Record) -> Message:
    """What waits for an answer."""
    return Message(
        id=row["id"],
        content=restored(row["content"]),
        created_at=row["created_at"],
        quoted=_quoted(row["quoted"]),
        provider_id=row["provider_id"],
        late=row["late"],
        words=row["content"],
    )


def utterance(row: asyncpg.Record) -> Utterance:
    """What was said before."""
    return Utterance(
        "contact" if row["direction"] == "in" else "assistant",
        restored(row["content"]),
        row["created_at"],
        _quoted(row["quoted"]),
    )


def _quoted(content: str | None) -> Content | None:
    return restored(content) if content and content != EMPTIED else None
