"""Summaries: what was said in a conversation before what a turn reads of it, in short."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import asyncpg

from conserje.contract.assistant import Contact, Utterance
from conserje.conversations.rows import EMPTIED, FORGOTTEN, restored
from conserje.storage.database import Connection

LONGEST = 2000  # characters
LEFT_OUT = 10  # the last messages: a turn reads them, and those before, until the next summary is made
READ = 200  # messages for one summary, the last of them; what is before is in the one before, or in none
ASKED_FOR = timedelta(minutes=10)  # that a job is waited for; then it is lost, or could not make one

# Where it does not reach what a turn reads, of which $3 is the oldest. One in which something is older than
# what the tenant wants read counts for none.
ASK = """
INSERT INTO summaries (tenant_id, conversation_id, asked_at) VALUES ($1, $2, now())
ON CONFLICT (tenant_id, conversation_id) DO UPDATE SET asked_at = now()
WHERE (summaries.covers >= $3 AND summaries.since > now() - $4::interval) IS NOT TRUE
  AND (summaries.asked_at BETWEEN now() - $5::interval AND now()) IS NOT TRUE
RETURNING true
"""

FIND = """
SELECT version, text, covers, since, since <= now() - $3::interval AS is_old, now() AS now, contacts.id, name
FROM summaries
JOIN conversations ON conversations.tenant_id = $1 AND conversations.id = conversation_id
JOIN contacts ON contacts.tenant_id = $1 AND contacts.id = contact_id
WHERE summaries.tenant_id = $1 AND conversation_id = $2 AND asked_at IS NOT NULL
"""

READ_TEXT = """
SELECT text FROM summaries
WHERE tenant_id = $1 AND conversation_id = $2 AND since > now() - $3::interval
"""

# Whoever edits one of them just now, or takes it back, is waited for.
MESSAGES = f"""
SELECT id, direction, content, created_at FROM messages
WHERE tenant_id = $1 AND conversation_id = $2 AND created_at > $4
  AND content NOT IN ('{EMPTIED}', '{FORGOTTEN}') AND id = ANY (ARRAY(
    SELECT id FROM messages
    WHERE tenant_id = $1 AND conversation_id = $2 AND id > $3 AND turn_id IS DISTINCT FROM -1
    ORDER BY id DESC OFFSET {LEFT_OUT} LIMIT {READ}))
ORDER BY id FOR SHARE
"""  # noqa: S608 - of our own

KEEP = """
UPDATE summaries
SET version = version + 1, text = $4, covers = $5, since = $6, made_at = now(), asked_at = NULL
WHERE tenant_id = $1 AND conversation_id = $2 AND version = $3
"""

ASKED_NO_MORE = """
UPDATE summaries SET asked_at = NULL WHERE tenant_id = $1 AND conversation_id = $2 AND version = $3
"""


@dataclass(frozen=True, slots=True)
class Past:
    """What is to be summed up: the summary before, and what was said since; nothing is older than `since`."""

    contact: Contact
    version: int
    summary: str
    said: tuple[Utterance, ...]
    covers: int  # the last of these messages
    since: datetime


async def read(connection: Connection, tenant_id: int, conversation_id: int, context: timedelta) -> str:
    """The summary, if nothing in it is older than what the tenant wants read; empty: there is none."""
    text: str | None = await connection.fetchval(READ_TEXT, tenant_id, conversation_id, context)
    return text or ""


async def ask(
    connection: Connection, tenant_id: int, conversation_id: int, oldest_read: int, context: timedelta
) -> bool:
    """Whether a job is to make it now: it does not reach the oldest message that a turn reads, and no job is
    about it."""
    place = (tenant_id, conversation_id)
    return bool(await connection.fetchval(ASK, *place, oldest_read, context, ASKED_FOR))


async def past(
    connection: Connection, tenant_id: int, conversation_id: int, context: timedelta
) -> Past | None:
    """What to make the summary of, in the caller's transaction; None: of nothing, or nobody asks for it.

    One that begins anew reaches back half as far as the tenant wants read: it may grow for the other half.
    """
    place = (tenant_id, conversation_id)
    if (found := await connection.fetchrow(FIND, *place, context)) is None:
        return None
    anew = not found["text"] or found["is_old"]
    since, covers = found["now"] - (context / 2 if anew else context), 0 if anew else found["covers"]
    if not (rows := await connection.fetch(MESSAGES, *place, covers, since)):
        await connection.execute(ASKED_NO_MORE, *place, found["version"])
        return None
    written = [row["created_at"] for row in rows]
    return Past(
        contact=Contact(found["id"], found["name"]),
        version=found["version"],
        summary="" if anew else found["text"],
        said=tuple(map(_utterance, rows)),
        covers=rows[-1]["id"],
        since=min(written if anew else [found["since"], *written]),
    )


def _utterance(row: asyncpg.Record) -> Utterance:
    author: Literal["contact", "assistant"] = "contact" if row["direction"] == "in" else "assistant"
    return Utterance(author, restored(row["content"]), row["created_at"])


async def keep(connection: Connection, tenant_id: int, conversation_id: int, past: Past, text: str) -> bool:
    """Whether it is kept: nothing of it was changed or removed meanwhile."""
    place = (tenant_id, conversation_id)
    done = await connection.execute(KEEP, *place, past.version, text, past.covers, past.since)
    return done != "UPDATE 0"
