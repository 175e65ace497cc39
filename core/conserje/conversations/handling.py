"""Conversations and the persons of a tenant who take them over, write into them and give them back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import asyncpg

from conserje.contract.message import Content
from conserje.conversations import feed, sending, state
from conserje.conversations.listing import ConversationState, Item, OptedOut, of_conversation
from conserje.conversations.rows import restored, stored
from conserje.errors import NotThere, OperatorError
from conserje.storage import jobs, notifications
from conserje.storage.database import Connection, Pool
from conserje.storage.jobs import Job
from conserje.storage.scope import Scope, acting_for
from conserje.tenants.tenants import Tenant

# Whom it was left to is over at `hand_back_at`, also before the next message makes the row say so.
# The stay began with the last turn that was no message of the person's, no consent and no machine's.
CONVERSATION = """
SELECT conversations.id, contact_id, conversations.peer AS contact, contacts.name, accounts.channel,
       accounts.address AS account, opted_out,
       CASE WHEN conversations.state = 'person' AND hand_back_at <= now() THEN 'open'
            ELSE conversations.state END AS state,
       CASE WHEN conversations.state = 'person' AND hand_back_at > now() THEN hand_back_at END AS until,
       CASE WHEN conversations.state = 'person' AND hand_back_at > now() THEN (
           SELECT settled_at FROM turns
           WHERE turns.tenant_id = conversations.tenant_id AND conversation_id = conversations.id
             AND turns.id <= conversations.turn_id AND assistant NOT IN ('consent', 'machine')
             AND (assistant <> 'person' OR intent = 'take')
           ORDER BY turns.id DESC LIMIT 1) END AS since,
       CASE WHEN conversations.state = 'person' AND hand_back_at > now()
            THEN conversations.person END AS person,
       CASE WHEN conversations.state = 'person' AND hand_back_at > now()
             AND conversations.person IS NOT NULL THEN login_id END AS login_id,
       conversations.cause, active_at, last.at AS last_at, last.content AS last_content
FROM conversations
JOIN LATERAL (  -- row by row: a plan for many rows would read all contacts of a tenant
    SELECT * FROM contacts
    WHERE contacts.tenant_id = conversations.tenant_id AND contacts.id = conversations.contact_id LIMIT 1)
    AS contacts ON true
JOIN accounts ON accounts.tenant_id = conversations.tenant_id AND accounts.id = conversations.account_id
LEFT JOIN LATERAL (
    SELECT messages.id, messages.created_at AS at, messages.content FROM messages
    WHERE messages.tenant_id = conversations.tenant_id AND conversation_id = conversations.id
    ORDER BY messages.id DESC LIMIT 1) AS last ON true
WHERE conversations.tenant_id = $1
"""
LIST = (
    CONVERSATION
    + "AND conversations.id = ANY ($2::bigint[]) ORDER BY last_at DESC NULLS LAST, id DESC LIMIT $3"
)
GET = CONVERSATION + "AND conversations.id = $2"
OF_IDS = CONVERSATION + "AND conversations.id = ANY ($2::bigint[])"

# What was taken since the last turn shows in the messages alone.
LATEST = """
SELECT id FROM (
    SELECT id FROM conversations WHERE tenant_id = $1 ORDER BY active_at DESC LIMIT $2) AS active
UNION
SELECT conversation_id FROM (
    SELECT conversation_id FROM messages WHERE tenant_id = $1 ORDER BY id DESC LIMIT 1000) AS taken
"""
WITH_PERSON = """
SELECT id FROM conversations WHERE tenant_id = $1 AND state = 'person' AND hand_back_at > now()
"""
HELD = "SELECT id FROM conversations WHERE tenant_id = $1 AND state = 'held'"
LATEST_WITH_PERSON = """
SELECT id FROM conversations WHERE tenant_id = $1 AND state = 'person' AND hand_back_at > now()
ORDER BY active_at DESC LIMIT $2
"""
LATEST_HELD = """
SELECT id FROM conversations WHERE tenant_id = $1 AND state = 'held' ORDER BY active_at DESC LIMIT $2
"""
# Somebody wrote and has no answer: of the assistant, of the person who has the conversation, of an operator.
LATEST_WAITING = """
SELECT id FROM (
    SELECT id FROM conversations AS with_person
    WHERE tenant_id = $1 AND state = 'person' AND hand_back_at > now() AND 'in' = (
        SELECT direction FROM messages
        WHERE tenant_id = $1 AND conversation_id = with_person.id ORDER BY messages.id DESC LIMIT 1)
    ORDER BY active_at DESC LIMIT $2) AS with_person
UNION
SELECT id FROM (
    SELECT id FROM conversations WHERE tenant_id = $1 AND state = 'held'
    ORDER BY active_at DESC LIMIT $2) AS held
UNION
SELECT conversation_id FROM (
    SELECT conversation_id FROM messages WHERE tenant_id = $1 AND direction = 'in' AND turn_id IS NULL
    ORDER BY id DESC LIMIT 1000) AS unanswered
"""
WAITING = """
SELECT id FROM conversations AS with_person
WHERE tenant_id = $1 AND state = 'person' AND hand_back_at > now() AND 'in' = (
    SELECT direction FROM messages
    WHERE tenant_id = $1 AND conversation_id = with_person.id ORDER BY messages.id DESC LIMIT 1)
UNION
SELECT id FROM conversations WHERE tenant_id = $1 AND state = 'held'
UNION
SELECT conversation_id FROM messages WHERE tenant_id = $1 AND direction = 'in' AND turn_id IS NULL
"""
_LATEST = {None: LATEST, "person": LATEST_WITH_PERSON, "held": LATEST_HELD, "waiting": LATEST_WAITING}
OF_CONTACT = CONVERSATION + "AND conversations.contact_id = $2 ORDER BY last_at DESC NULLS LAST, id DESC"

# The tenants among whose conversations the newest ones of all are.
LATELY_ACTIVE = """
SELECT tenants.id FROM tenants JOIN LATERAL (
    SELECT created_at FROM messages WHERE tenant_id = tenants.id ORDER BY id DESC LIMIT 1) AS last ON true
ORDER BY last.created_at DESC LIMIT $1
"""
ACTIVE_SO = """
SELECT tenant_id AS id FROM conversations WHERE state = 'person' AND 'person' = ANY ($1::text[])
UNION SELECT tenant_id FROM conversations WHERE state = 'held' AND 'held' = ANY ($1::text[])
UNION SELECT tenant_id FROM messages
WHERE direction = 'in' AND turn_id IS NULL AND 'unanswered' = ANY ($1::text[])
"""
_SO = {"person": ["person"], "held": ["held"], "waiting": ["person", "held", "unanswered"]}
Wanted = Literal["person", "held", "waiting"]
Beside = Callable[[Connection, Sequence[int]], Awaitable[None]]

LOCK = """
SELECT state, account_id, turn_id, state = 'person' AND hand_back_at > now() AS with_person,
       state = 'person' AND hand_back_at > now() AND person IS NOT NULL AS taken, person, login_id
FROM conversations WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE
"""


BECAME = """
SELECT id, state, cause FROM messages
WHERE tenant_id = $1 AND conversation_id = $2 AND id = ANY ($3::bigint[]) ORDER BY id
"""


class PersonError(OperatorError):
    """What a person asked of a conversation cannot be; the text says why, and what to do."""


class NoConversation(PersonError, NotThere):
    """The tenant has no such conversation."""


class TakenByAnother(PersonError):
    """Somebody else has the conversation."""

    def __init__(self, person: str) -> None:
        super().__init__(f"{person or 'Somebody else'} has this conversation: take it from them on purpose.")
        self.person = person  # without a name: ''


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation as an operator sees it; `since` and `until` it is with a person."""

    id: int
    contact_id: int
    contact: str
    name: str
    channel: str
    account: str
    opted_out: OptedOut | None
    state: ConversationState
    since: datetime | None
    until: datetime | None
    person: str | None  # with a person: None is nobody yet, '' somebody without a name
    login_id: int | None
    cause: str | None
    active_at: datetime  # when a turn or a person was at work last
    last_at: datetime | None
    last: Content | None

    @classmethod
    def from_row(cls, row: asyncpg.Record) -> Conversation:
        values = dict(row)
        last = values.pop("last_content")
        return cls(**values, last=restored(last) if last else None)


@dataclass(frozen=True, slots=True)
class Taken:
    """A conversation is with a person until then; `again`: it was before."""

    until: datetime
    again: bool


@dataclass(frozen=True, slots=True)
class MessageState:
    """What became of a message so far."""

    id: int
    state: sending.State
    cause: str | None


async def active_tenants(pool: Pool, wanted: Wanted | None, limit: int) -> set[int]:
    """The ids of the tenants that have the newest `limit` conversations of all, or any that are wanted."""
    rows = await (pool.fetch(ACTIVE_SO, _SO[wanted]) if wanted else pool.fetch(LATELY_ACTIVE, limit))
    return {row["id"] for row in rows}


async def of_contact(pool: Pool, tenant: Tenant, contact_id: int) -> list[Conversation]:
    """A contact's conversations, the one with the newest message first."""
    async with acting_for(pool, tenant.id) as scope:
        return await find_of(scope.connection, tenant, contact_id)


async def find_of(connection: Connection, tenant: Tenant, contact_id: int) -> list[Conversation]:
    """The same in the caller's transaction."""
    rows = await connection.fetch(OF_CONTACT, tenant.id, contact_id)
    return [Conversation.from_row(row) for row in rows]


async def list_all(pool: Pool, tenant: Tenant, state: Wanted | None, limit: int) -> list[Conversation]:
    """The tenant's conversations, the one with the newest message first."""
    async with acting_for(pool, tenant.id) as scope:
        ids = [row["id"] for row in await scope.connection.fetch(_LATEST[state], tenant.id, limit)]
        rows = await scope.connection.fetch(LIST, tenant.id, ids, limit)
    return [Conversation.from_row(row) for row in rows]


async def get(pool: Pool, tenant: Tenant, conversation_id: int) -> Conversation:
    """Raises PersonError."""
    async with acting_for(pool, tenant.id) as scope:
        return await find(scope.connection, tenant, conversation_id)


async def find(connection: Connection, tenant: Tenant, conversation_id: int) -> Conversation:
    """The same in the caller's transaction."""
    row = await connection.fetchrow(GET, tenant.id, conversation_id)
    if row is None:
        raise no_conversation(tenant, conversation_id)
    return Conversation.from_row(row)


async def said_in(pool: Pool, tenant: Tenant, conversation_id: int, limit: int) -> list[Item]:
    """The conversation's last messages and turns, newest last."""
    async with acting_for(pool, tenant.id) as scope:
        return await of_conversation(scope.connection, tenant.id, conversation_id, limit)


async def take(
    pool: Pool,
    tenant: Tenant,
    conversation_id: int,
    person: str = "",
    login_id: int | None = None,
    *,
    from_another: bool = False,
) -> Taken:
    """Let a person have the conversation: nothing that is being thought is said. Raises PersonError.

    What was said before and still waits to be sent is sent. Contacts are shown the person's name, if given.
    """
    async with acting_for(pool, tenant.id) as scope:
        taking = (scope.connection, tenant, conversation_id, person, login_id)
        return await take_in(*taking, from_another=from_another)


async def take_in(
    connection: Connection,
    tenant: Tenant,
    conversation_id: int,
    person: str = "",
    login_id: int | None = None,
    *,
    from_another: bool = False,
) -> Taken:
    """The same in the caller's transaction.

    Raises TakenByAnother where a login wants what somebody else has, but `from_another`; who comes without a
    login takes it from whoever has it.
    """
    place = (tenant.id, conversation_id)
    row = await _lock(connection, tenant, conversation_id)
    is_anothers = row["taken"] and login_id is not None and row["login_id"] != login_id
    if is_anothers and not from_another:
        raise TakenByAnother(row["person"])
    statement = state.EXTEND if row["with_person"] else state.TAKE
    until = await connection.fetchval(statement, *place, tenant.hand_back_after, person, login_id)
    if is_anothers or not row["taken"]:  # it may have been handed over before, to nobody yet
        await notifications.record(
            connection, tenant.id, "conversation.taken", conversation_id, person=person
        )
    await feed.wake(connection, *place)
    return Taken(until, again=row["with_person"])


async def give(pool: Pool, tenant: Tenant, conversation_id: int) -> int:
    """Let the assistant have the conversation back, and answer at once what the person left unanswered.

    Returns how many messages these are. Raises PersonError.
    """
    async with acting_for(pool, tenant.id) as scope:
        return await give_in(scope, tenant, conversation_id)


async def give_in(scope: Scope, tenant: Tenant, conversation_id: int) -> int:
    """The same in the caller's transaction."""
    place, connection = (tenant.id, conversation_id), scope.connection
    row = await _lock(connection, tenant, conversation_id)
    if row["state"] == "held":
        raise PersonError(
            f"Conversation {conversation_id} is held: `conserje held show t{conversation_id}` says why,"
            f" `conserje held retry t{conversation_id}` lets the assistant try again."
        )
    if row["state"] != "person":
        raise PersonError(f"Conversation {conversation_id} is with the assistant already.")
    await state.leave_to_person(connection, *place)
    unanswered: int = await connection.fetchval(state.GIVE, *place, row["turn_id"])
    await notifications.record(connection, tenant.id, "conversation.given_back", conversation_id)
    await feed.wake(connection, *place)
    scope.due.append(Job(jobs.CONVERSE, *place))
    return unanswered


async def say(
    scope: Scope, tenant: Tenant, conversation_id: int, said: Sequence[Content], beside: Beside | None = None
) -> list[int]:
    """Queue a person's message behind all that waits; the ids of its parts. Raises PersonError.

    `said` is within the channel's limits; `beside` writes of its files, in the same transaction. It is the
    assistant's turn again only so long after this.
    """
    place, connection = (tenant.id, conversation_id), scope.connection
    row = await _lock(connection, tenant, conversation_id)
    if not row["with_person"]:
        raise PersonError(
            f"Conversation {conversation_id} is not with a person: take it over by"
            f" `conserje conversation take {tenant.slug} {conversation_id}` first."
        )
    await state.leave_to_person(connection, *place)
    contents = [stored(content) for content in said]
    spoken = await connection.fetch(state.SAY, *place, row["turn_id"], contents, tenant.hand_back_after)
    ids = [each["id"] for each in spoken]
    if beside:
        await beside(connection, ids)
    await feed.wake(connection, *place)
    scope.due.append(Job(jobs.DELIVER, *place))
    return ids


async def message_states(
    pool: Pool, tenant: Tenant, conversation_id: int, ids: Sequence[int]
) -> list[MessageState]:
    """What became of these messages, in the order of their sending."""
    async with acting_for(pool, tenant.id) as scope:
        return await states_in(scope.connection, tenant, conversation_id, ids)


async def states_in(
    connection: Connection, tenant: Tenant, conversation_id: int, ids: Sequence[int]
) -> list[MessageState]:
    """The same in the caller's transaction."""
    rows = await connection.fetch(BECAME, tenant.id, conversation_id, ids)
    return [MessageState(**row) for row in rows]


async def _lock(connection: Connection, tenant: Tenant, conversation_id: int) -> asyncpg.Record:
    row: asyncpg.Record | None = await connection.fetchrow(LOCK, tenant.id, conversation_id)
    if row is None:
        raise no_conversation(tenant, conversation_id)
    return row


def no_conversation(tenant: Tenant, conversation_id: int) -> NoConversation:
    return NoConversation(
        f"{tenant.slug} has no conversation {conversation_id}:"
        f" see `conserje conversation list {tenant.slug}`.",
        "conversation",
    )
