"""The turns' tables: who may think one, what was unanswered, what the reply was."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg

from conserje.contract.assistant import Contact, Reply, Utterance
from conserje.contract.choices import chosen, offers
from conserje.contract.message import Content, Text, from_json
from conserje.conversations import messages
from conserje.conversations.rows import stored
from conserje.storage.database import Connection
from conserje.storage.jobs import Job

if TYPE_CHECKING:
    from conserje.tenants.entry import Entry

LEASE = timedelta(seconds=2)  # that long a turn waits whose worker died, or whose claim was lost on the way
HISTORY = 30

LOCK = """
SELECT account_id, contact_id, state, opted_out, epoch, turn_id, starts, cause, unparked_at, now() AS now,
       leased_until - now() AS lease_left,
       (SELECT name FROM contacts WHERE tenant_id = $1 AND id = contact_id) AS contact_name
FROM conversations WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE
"""

LEASE_OUT = """
UPDATE conversations SET epoch = epoch + 1, leased_until = now() + $3, starts = starts + 1,
    turn_id = CASE WHEN state = 'person' OR turn_id IS NULL THEN nextval('turn_ids') ELSE turn_id END,
    state = 'open', hand_back_at = NULL
WHERE tenant_id = $1 AND id = $2
RETURNING epoch, turn_id
"""

RENEW = """
UPDATE conversations SET leased_until = now() + $4 WHERE tenant_id = $1 AND id = $2 AND epoch = $3
"""

GIVE_UP = """
UPDATE conversations SET leased_until = NULL, cause = $4 WHERE tenant_id = $1 AND id = $2 AND epoch = $3
"""

# With what the contact is told, in its place behind what was said before.
HOLD = """
WITH held AS (
    UPDATE conversations SET state = 'held', leased_until = NULL, cause = $3,
        next_sequence = next_sequence + cardinality($4::text[])
    WHERE tenant_id = $1 AND id = $2
    RETURNING account_id, next_sequence - cardinality($4::text[]) AS sequence
)
INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, sequence, state)
SELECT $1, $2, account_id, 'out', told.content, sequence + told.n - 1, 'queued'
FROM held, unnest($4::text[]) WITH ORDINALITY AS told (content, n)
"""

# All of a turn's end in one statement; the number of messages it marked as answered comes back.
SETTLE = """
WITH answered AS (
    UPDATE messages SET turn_id = $3
    WHERE tenant_id = $1 AND conversation_id = $2 AND id = ANY ($4::bigint[]) AND turn_id IS NULL
    RETURNING id
), turn AS (
    INSERT INTO turns (tenant_id, conversation_id, id, assistant, intent, confidence, usage, cause,
                       waited, thought)
    VALUES ($1, $2, $3, $5, $6, $7, $8::jsonb, $9, $10, $11)
), spoken AS (
    INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, turn_id,
                          sequence, state, quotes)
    SELECT $1, $2, account_id, 'out', said.content, $3, conversations.next_sequence + said.n - 1, 'queued',
           CASE WHEN said.n = 1 THEN $14 END
    FROM conversations, unnest($12::text[]) WITH ORDINALITY AS said (content, n)
    WHERE conversations.tenant_id = $1 AND conversations.id = $2
), released AS (
    UPDATE conversations SET leased_until = NULL, starts = 0, cause = NULL,
        next_sequence = next_sequence + cardinality($12::text[]),
        turn_id = CASE WHEN $13::interval IS NULL THEN NULL ELSE $3 END,
        state = CASE WHEN $13::interval IS NULL THEN 'open' ELSE 'person' END,
        hand_back_at = now() + $13::interval
    WHERE tenant_id = $1 AND id = $2
)
SELECT count(*) FROM answered
"""


@dataclass(frozen=True, slots=True)
class Message:
    """An unanswered message, as read at a claim."""

    id: int
    content: Content
    created_at: datetime
    quoted: Content | None = None  # the message that it answers
    provider_id: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to think one turn, until the lease ends or is renewed."""

    epoch: int
    turn_id: int
    account_id: int
    contact: Contact
    unanswered: tuple[Message, ...]
    history: tuple[Utterance, ...]
    claimed_at: datetime
    late: timedelta | None  # the age of the oldest message, where it is too old for the tenant


@dataclass(frozen=True, slots=True)
class Thought:
    """A reply, who gave it, how long it took, and why the first choice did not give it."""

    reply: Reply
    assistant: str
    took: timedelta
    cause: str | None = None


class LostLease(Exception):
    """Another worker has the conversation now; what was thought is thrown away."""


async def unanswered(connection: Connection, job: Job) -> tuple[Message, ...]:
    """The messages that no turn has answered, in the order of their taking."""
    rows = await connection.fetch(messages.UNANSWERED, job.tenant_id, job.conversation_id)
    return tuple(
        Message(row["id"], from_json(row["content"]), row["created_at"], _quoted(row), row["provider_id"])
        for row in rows
    )


def _quoted(row: asyncpg.Record) -> Content | None:
    return from_json(row["quoted"]) if row["quoted"] else None


def read(claim: Claim) -> tuple[list[Utterance], list[Utterance]]:
    """What is to be answered, and what was said before; what a contact wrote to choose, as the choice."""
    new = [Utterance("contact", each.content, each.created_at, each.quoted) for each in claim.unanswered]
    past = len(claim.history)
    all_said, offered, before = [*claim.history, *new], None, "contact"
    for n, said in enumerate(all_said):
        if said.author == "contact":
            if isinstance(said.content, Text) and (choice := chosen(said.content.text, offered)):
                all_said[n] = replace(said, content=choice)
        elif offers(said.content) or before == "contact":
            offered = said.content
        before = said.author
    return all_said[past:], all_said[:past]


def oldest(unanswered: Sequence[Message]) -> datetime:
    """Not that of the first one taken: another may have come late."""
    return min(message.created_at for message in unanswered)


async def lease_out(
    connection: Connection,
    job: Job,
    row: asyncpg.Record,
    unanswered: tuple[Message, ...],
    age: timedelta | None,
) -> Claim:
    history = await connection.fetch(
        messages.HISTORY, job.tenant_id, job.conversation_id, unanswered[0].id, HISTORY
    )
    lease = await connection.fetchrow(LEASE_OUT, job.tenant_id, job.conversation_id, LEASE)
    assert lease is not None  # the row is locked
    return Claim(
        epoch=lease["epoch"],
        turn_id=lease["turn_id"],
        account_id=row["account_id"],
        contact=Contact(row["contact_id"], row["contact_name"]),
        unanswered=unanswered,
        history=tuple(
            Utterance(
                "contact" if past["direction"] == "in" else "assistant",
                from_json(past["content"]),
                past["created_at"],
                _quoted(past),
            )
            for past in history
        ),
        claimed_at=row["now"],
        late=age,
    )


async def store(
    connection: Connection,
    entry: Entry,
    job: Job,
    claim: Claim,
    thought: Thought,
    said: Sequence[Content],
    waited: timedelta,
) -> None:
    reply = thought.reply
    answered = await connection.fetchval(
        SETTLE,
        job.tenant_id,
        job.conversation_id,
        claim.turn_id,
        [message.id for message in claim.unanswered],
        thought.assistant,
        reply.intent,
        reply.confidence,
        json.dumps(reply.usage),
        thought.cause,
        waited,
        thought.took,
        [stored(content) for content in said],
        entry.tenant.hand_back_after if reply.hand_over else None,
        claim.unanswered[-1].provider_id if reply.quote else None,
    )
    if answered != len(claim.unanswered):
        raise LostLease
