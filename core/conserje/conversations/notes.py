"""Notes: what a tenant's people keep about a conversation for one another; no contact is shown them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from conserje.errors import NotThere, OperatorError
from conserje.storage.database import Connection
from conserje.storage.pruning import EARLIEST, LOOKED_AT, Rule

LONGEST, LONGEST_AUTHOR = 4000, 100  # characters

# Who forgets the contact has the conversation locked, so that no note comes after that.
ADD = """
WITH kept AS (
    SELECT id FROM conversations WHERE tenant_id = $1 AND id = $2 AND peer <> '' FOR KEY SHARE
)
INSERT INTO notes (tenant_id, conversation_id, author, text) SELECT $1, kept.id, $3, $4 FROM kept
RETURNING id, conversation_id, author, text, created_at AS at
"""
LATEST = """
SELECT id, conversation_id, author, text, created_at AS at FROM notes
WHERE tenant_id = $1 AND conversation_id = $2 AND id < $3 ORDER BY id DESC LIMIT $4
"""
OF_CONTACT = """
SELECT notes.id, conversation_id, author, text, notes.created_at AS at
FROM conversations CROSS JOIN LATERAL (
    SELECT * FROM notes WHERE tenant_id = $1 AND conversation_id = conversations.id
    ORDER BY id DESC LIMIT $3) AS notes
WHERE conversations.tenant_id = $1 AND contact_id = $2 ORDER BY notes.id DESC LIMIT $3
"""

_TERM = "SELECT now() - keep_messages AS until FROM tenants WHERE id = $1"
REMOVE = f"""
WITH term AS MATERIALIZED ({_TERM}),
due AS MATERIALIZED (
    SELECT ctid AS place, created_at FROM notes
    WHERE tenant_id = $1 AND created_at >= $2 AND created_at < (SELECT until FROM term)
    ORDER BY created_at LIMIT {LOOKED_AT} FOR UPDATE SKIP LOCKED
), done AS (
    DELETE FROM notes WHERE tenant_id = $1 AND ctid = ANY (ARRAY(SELECT place FROM due)) RETURNING 1
)
SELECT (SELECT count(*) FROM done) AS rows,
       (SELECT CASE WHEN count(*) = {LOOKED_AT} THEN max(created_at) END FROM due) AS next_key,
       (SELECT (SELECT until FROM term) - min(created_at) FROM due) AS late
"""  # noqa: S608 - of our own
COUNT = f"SELECT count(*) FROM notes WHERE tenant_id = $1 AND created_at < ({_TERM})"  # noqa: S608
RULE = Rule("notes", "notes", COUNT, REMOVE, EARLIEST)


class NoteError(OperatorError):
    """A note cannot be kept; the text says why."""


class NothingToNote(NoteError, NotThere):
    """There is no such conversation, or it is forgotten."""


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody noted about a conversation."""

    id: int
    conversation_id: int
    author: str  # none: ''
    text: str
    at: datetime


async def add(connection: Connection, tenant_id: int, conversation_id: int, author: str, text: str) -> Note:
    """Keep a note, in the caller's transaction. Raises NoteError."""
    text, author = text.strip(), " ".join(author.split())
    if not 0 < len(text) <= LONGEST:
        raise NoteError(f"A note has 1 to {LONGEST} characters.", "text")
    if len(author) > LONGEST_AUTHOR:
        raise NoteError(f"An author has at most {LONGEST_AUTHOR} characters.", "author")
    row = await connection.fetchrow(ADD, tenant_id, conversation_id, author, text)
    if row is None:
        raise NothingToNote(
            f"The tenant has no conversation {conversation_id} that notes are kept of:"
            " see `conserje conversation list`.",
            "conversation",
        )
    return Note(**row)


async def latest(
    connection: Connection, tenant_id: int, conversation_id: int, limit: int, before: int = 2**63 - 1
) -> list[Note]:
    """The conversation's last notes before that id, newest first."""
    rows = await connection.fetch(LATEST, tenant_id, conversation_id, before, limit)
    return [Note(**row) for row in rows]


async def of_contact(connection: Connection, tenant_id: int, contact_id: int, limit: int) -> list[Note]:
    """The last notes about a contact's conversations, newest first."""
    rows = await connection.fetch(OF_CONTACT, tenant_id, contact_id, limit)
    return [Note(**row) for row in rows]
