"""The table notices: tenants are to be told of conversations that were handed over to a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from conserje.storage import jobs
from conserje.storage.database import Connection, Pool
from conserje.storage.jobs import Job
from conserje.storage.scope import acting_for
from conserje.tenants.tenants import Tenant

LEASE = timedelta(seconds=60)  # longer than any way of sending takes
LOST_AFTER = timedelta(seconds=30)
WORDS = 5  # messages of the contact that the tenant reads

NOTE = """
INSERT INTO notices (tenant_id, conversation_id, turn_id, kind)
SELECT $1, $2, $3, kind FROM unnest($4::text[]) AS kind ON CONFLICT DO NOTHING
"""

# The next one that nobody sends, which is nobody else's then.
CLAIM = """
UPDATE notices SET tries = tries + 1, due_at = now() + $3
WHERE tenant_id = $1 AND conversation_id = $2 AND id = (
    SELECT id FROM notices
    WHERE tenant_id = $1 AND conversation_id = $2 AND due_at <= now()
    ORDER BY id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
RETURNING id, kind, created_at, tries, due_at AS until
"""

NEXT_DUE = """
SELECT greatest(min(due_at) - now(), '0') FROM notices
WHERE tenant_id = $1 AND conversation_id = $2 AND due_at IS NOT NULL
"""

# Whoever claimed a notice is known by the end of the claim.
SENT = """
UPDATE notices SET sent_at = now(), due_at = NULL, cause = NULL
WHERE tenant_id = $1 AND conversation_id = $2 AND id = $3 AND due_at = $4
"""
FAILED = """
UPDATE notices SET cause = $5, due_at = now() + $6::interval
WHERE tenant_id = $1 AND conversation_id = $2 AND id = $3 AND due_at = $4
"""

# Jobs that were lost. The notices are due anew, so that each sweep finds others.
LOST = """
WITH lost AS (
    SELECT notices.tenant_id, conversation_id, notices.id FROM notices
    JOIN tenants ON tenants.id = notices.tenant_id AND tenants.status = 'active'
    WHERE due_at < now() - $1::interval ORDER BY due_at LIMIT 1000
), swept AS (
    UPDATE notices SET due_at = now() FROM lost
    WHERE notices.tenant_id = lost.tenant_id AND notices.conversation_id = lost.conversation_id
      AND notices.id = lost.id AND due_at IS NOT NULL
    RETURNING notices.tenant_id, notices.conversation_id
)
SELECT DISTINCT tenant_id, conversation_id FROM swept
"""

# With the contact's last words until the hand-over.
TOLD = """
SELECT conversations.peer AS contact_address, contacts.name, conversations.account_id, ARRAY(
    SELECT content FROM (
        SELECT id, content FROM messages
        WHERE messages.tenant_id = $1 AND conversation_id = $2 AND direction = 'in'
          AND turn_id IS DISTINCT FROM 0 AND messages.created_at <= $3
        ORDER BY id DESC LIMIT $4) AS last ORDER BY id) AS words
FROM conversations
JOIN contacts ON contacts.tenant_id = conversations.tenant_id AND contacts.id = conversations.contact_id
WHERE conversations.tenant_id = $1 AND conversations.id = $2
"""

OF_CONVERSATION = """
SELECT kind, created_at, tries, due_at, sent_at, cause FROM notices
WHERE tenant_id = $1 AND conversation_id = $2 ORDER BY id
"""

Kind = Literal["webhook", "email"]


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice that a worker may send until `until`."""

    id: int
    kind: Kind
    created_at: datetime
    tries: int  # this one included
    until: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """Who waits for a person."""

    contact_address: str
    name: str
    account_id: int
    words: Sequence[str]  # the contents of the last messages, as stored


@dataclass(frozen=True, slots=True)
class Noticed:
    """A notice as an operator sees it."""

    kind: Kind
    created_at: datetime
    tries: int
    due_at: datetime | None
    sent_at: datetime | None
    cause: str | None

    @property
    def state(self) -> str:
        return "sent" if self.sent_at else "waiting" if self.due_at else "given up"


async def note(connection: Connection, tenant: Tenant, conversation_id: int, turn_id: int) -> list[Job]:
    """Keep that the tenant is to be told of a hand-over, in the caller's transaction; the jobs are the
    caller's to enqueue."""
    kinds = [kind for kind, to in (("webhook", tenant.notice_url), ("email", tenant.notice_email)) if to]
    if not kinds:
        return []
    await connection.execute(NOTE, tenant.id, conversation_id, turn_id, kinds)
    return [Job(jobs.NOTIFY, tenant.id, conversation_id)]


async def of_conversation(pool: Pool, tenant_id: int, conversation_id: int) -> list[Noticed]:
    """The notices that a conversation has given, oldest first."""
    async with acting_for(pool, tenant_id) as scope:
        rows = await scope.connection.fetch(OF_CONVERSATION, tenant_id, conversation_id)
    return [Noticed(**row) for row in rows]


async def claim(pool: Pool, job: Job) -> Notice | None:
    """The next notice of a conversation that is due and nobody sends; None: there is none."""
    async with acting_for(pool, job.tenant_id) as scope:
        row = await scope.connection.fetchrow(CLAIM, job.tenant_id, job.conversation_id, LEASE)
    return Notice(**row) if row else None


async def sent(pool: Pool, job: Job, notice: Notice) -> None:
    """The tenant has a notice that was claimed."""
    async with acting_for(pool, job.tenant_id) as scope:
        await scope.connection.execute(SENT, job.tenant_id, job.conversation_id, notice.id, notice.until)


async def failed(pool: Pool, job: Job, notice: Notice, cause: str, again: timedelta | None) -> None:
    """The tenant does not have it; None: it is given up."""
    key = (job.tenant_id, job.conversation_id, notice.id, notice.until)
    async with acting_for(pool, job.tenant_id) as scope:
        await scope.connection.execute(FAILED, *key, cause, again)


async def waiting(pool: Pool, job: Job, notice: Notice) -> Waiting:
    """Whom the notice tells of."""
    async with acting_for(pool, job.tenant_id) as scope:
        row = await scope.connection.fetchrow(
            TOLD, job.tenant_id, job.conversation_id, notice.created_at, WORDS
        )
    assert row is not None  # the notice goes with the conversation
    return Waiting(**row)


async def come_back(pool: Pool, job: Job) -> None:
    """Enqueue a job for when the conversation's next notice is due, if there is one."""
    from conserje.storage import queue

    async with pool.acquire() as connection:
        pause = await connection.fetchval(NEXT_DUE, job.tenant_id, job.conversation_id)
        if pause is not None:
            await queue.enqueue(connection, [replace(job, delay=pause)])


async def recover(pool: Pool) -> None:
    """Enqueue jobs for notices whose own were lost."""
    from conserje.storage import queue

    async with pool.acquire() as connection, connection.transaction():
        lost = await connection.fetch(LOST, LOST_AFTER)
        await queue.enqueue(connection, [Job(jobs.NOTIFY, **row, priority=-1000) for row in lost])
