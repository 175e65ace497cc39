"""The tables notices and mailings: tenants are to be told of conversations that were handed over."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from conserje.conversations.rows import EMPTIED
from conserje.costs import ledger
from conserje.costs.prices import usd
from conserje.notices.spent import NearBound
from conserje.storage import jobs
from conserje.storage.database import Connection, Pool, columns
from conserje.storage.jobs import Job
from conserje.storage.scope import acting_for
from conserje.tenants.tenants import Tenant

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)  # longer than any way of sending takes
LOST_AFTER = timedelta(seconds=30)
WORDS = 5  # messages of the contact that the tenant reads
MAILED_EVERY = timedelta(minutes=5)  # what is to be mailed to one address meanwhile is one mail
COLLECTED = 1000  # notices in a mail
NAMED = 10  # contacts in a mail, beside the first

NOTE = """
INSERT INTO notices (tenant_id, conversation_id, turn_id, kind)
SELECT $1, $2, $3, kind FROM unnest($4::text[]) AS kind ON CONFLICT DO NOTHING
"""

# With a number of its own in the place of the turn.
NOTE_ILLNESS = """
INSERT INTO notices (tenant_id, conversation_id, turn_id, kind, illness)
SELECT $1, $2, told.id, kind, $4 FROM (SELECT nextval('turn_ids') AS id) AS told, unnest($3::text[]) AS kind
"""

NOTE_BOUND = """
INSERT INTO notices (tenant_id, conversation_id, turn_id, kind, illness, bound)
SELECT $1, $2, told.id, kind, $4, $5::text::jsonb
FROM (SELECT nextval('turn_ids') AS id) AS told, unnest($3::text[]) AS kind
"""

# The same for a lead; mail goes to its person.
NOTE_LEAD = """
INSERT INTO notices (tenant_id, conversation_id, turn_id, kind, lead_id, mailed_to)
SELECT $1, $2, told.id, kind, $4, CASE kind WHEN 'email' THEN $5 END
FROM (SELECT nextval('turn_ids') AS id) AS told, unnest($3::text[]) AS kind
"""

# The next one to be sent by itself that nobody sends, which is nobody else's then.
CLAIM = """
UPDATE notices SET tries = tries + 1, due_at = now() + $3
WHERE tenant_id = $1 AND conversation_id = $2 AND id = (
    SELECT id FROM notices
    WHERE tenant_id = $1 AND conversation_id = $2 AND (kind = 'webhook' OR lead_id IS NOT NULL)
      AND due_at <= now()
    ORDER BY due_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
RETURNING id, conversation_id, turn_id, kind, created_at, tries, due_at AS until, illness, bound,
          lead_id, mailed_to
"""

# One mail at a time for an address: the next worker waits here, and finds that it is not due.
MAIL = """
INSERT INTO mailings (tenant_id, recipient)
SELECT $1, $3 WHERE EXISTS (
    SELECT FROM notices
    WHERE tenant_id = $1 AND conversation_id = $2 AND kind = 'email' AND lead_id IS NULL AND due_at <= now())
ON CONFLICT (tenant_id, recipient) DO UPDATE SET mailed_at = now()
    WHERE mailings.mailed_at <= now() - $4::interval
RETURNING true
"""

POSTPONE = """
UPDATE notices SET due_at = mailings.mailed_at + $4 FROM mailings
WHERE notices.tenant_id = $1 AND conversation_id = $2 AND kind = 'email' AND lead_id IS NULL
  AND due_at <= now() AND mailings.tenant_id = $1 AND mailings.recipient = $3
"""

# By their places: where many are due, a join would read all that the tenant was ever told.
COLLECT = """
WITH due AS MATERIALIZED (
    SELECT ctid AS place FROM notices
    WHERE tenant_id = $1 AND kind = 'email' AND lead_id IS NULL AND due_at <= now()
    ORDER BY due_at LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE notices SET tries = tries + 1, due_at = now() + $2
WHERE tenant_id = $1 AND ctid = ANY (ARRAY(SELECT place FROM due))
RETURNING id, conversation_id, turn_id, kind, created_at, tries, due_at AS until, illness, bound, lead_id,
          mailed_to
"""

# It did not leave: the next one need not wait.
NOT_MAILED = "DELETE FROM mailings WHERE tenant_id = $1 AND recipient = $2"

NEXT_DUE = """
SELECT greatest(min(due_at) - now(), '0') FROM notices
WHERE tenant_id = $1 AND conversation_id = $2 AND due_at IS NOT NULL
"""

# Whoever claimed a notice is known by the end of the claim.
SENT = """
UPDATE notices SET sent_at = now(), due_at = NULL, cause = NULL
FROM unnest($2::bigint[], $3::bigint[], $4::timestamptz[]) AS told (conversation_id, id, until)
WHERE tenant_id = $1 AND notices.conversation_id = told.conversation_id AND notices.id = told.id
  AND due_at = told.until
"""
FAILED = """
UPDATE notices SET cause = $5, due_at = now() + $6::interval
FROM unnest($2::bigint[], $3::bigint[], $4::timestamptz[]) AS told (conversation_id, id, until)
WHERE tenant_id = $1 AND notices.conversation_id = told.conversation_id AND notices.id = told.id
  AND due_at = told.until
"""

# Of all tenants: another installation may have sent them.
END_ALL = "UPDATE notices SET due_at = NULL, cause = $1 WHERE due_at IS NOT NULL"

# Jobs that were lost. The notices are due anew, so that each sweep finds others.
LOST = """
WITH lost AS (
    SELECT notices.tenant_id, conversation_id, notices.id FROM notices
    JOIN tenants ON tenants.id = notices.tenant_id AND tenants.status = 'active'
    WHERE due_at < now() - $1::interval ORDER BY due_at LIMIT 1000
    FOR NO KEY UPDATE OF notices SKIP LOCKED
), swept AS (
    UPDATE notices SET due_at = now() FROM lost
    WHERE notices.tenant_id = lost.tenant_id AND notices.conversation_id = lost.conversation_id
      AND notices.id = lost.id AND due_at IS NOT NULL
    RETURNING notices.tenant_id, notices.conversation_id
)
SELECT DISTINCT tenant_id, conversation_id FROM swept
"""

# With the contact's last words until the hand-over, and what the turn that handed over took them for.
TOLD = f"""
SELECT conversations.peer AS contact_address, contacts.name, conversations.account_id,
coalesce((SELECT intent FROM turns WHERE turns.tenant_id = $1 AND turns.conversation_id = $2
          AND turns.id = $5), '') AS reason,
ARRAY(
    SELECT content FROM (
        SELECT id, content FROM (
            SELECT id, content, direction, turn_id, created_at FROM messages
            WHERE messages.tenant_id = $1 AND conversation_id = $2 ORDER BY id DESC LIMIT 500) AS latest
        WHERE direction = 'in' AND coalesce(turn_id, 1) > 0 AND latest.created_at <= $3
          AND content <> '{EMPTIED}'
        ORDER BY id DESC LIMIT $4) AS last ORDER BY id) AS words
FROM conversations
JOIN contacts ON contacts.tenant_id = conversations.tenant_id AND contacts.id = conversations.contact_id
WHERE conversations.tenant_id = $1 AND conversations.id = $2
"""  # noqa: S608 - of our own

NAMES = """
SELECT conversations.id AS conversation_id, conversations.peer AS contact_address, contacts.name
FROM conversations
JOIN contacts ON contacts.tenant_id = conversations.tenant_id AND contacts.id = conversations.contact_id
WHERE conversations.tenant_id = $1 AND conversations.id = ANY ($2::bigint[])
ORDER BY array_position($2::bigint[], conversations.id)
"""

OF_CONVERSATION = """
SELECT kind, created_at, tries, due_at, sent_at, cause FROM notices
WHERE tenant_id = $1 AND conversation_id = $2 ORDER BY id DESC LIMIT $3
"""

Kind = Literal["webhook", "email"]

_CLAIMED = ("conversation_id", "id", "until")


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice that a worker may send until `until`."""

    id: int
    conversation_id: int
    turn_id: int
    kind: Kind
    created_at: datetime
    tries: int  # this one included
    until: datetime
    illness: str | None = None  # of what the account is ill
    bound: str | None = None  # as JSON, where the notice is of a month's bound
    lead_id: int | None = None  # which was given; none of these: the conversation was handed over
    mailed_to: str | None = None  # whom it is mailed to; None: the tenant


@dataclass(frozen=True, slots=True)
class Waiting:
    """Who waits for a person."""

    contact_address: str
    name: str
    account_id: int
    reason: str  # the turn's intent
    words: Sequence[str]  # the contents of the last messages, as stored


@dataclass(frozen=True, slots=True)
class Name:
    """Who waits for a person, too."""

    conversation_id: int
    contact_address: str
    name: str


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
    if not (kinds := kinds_for(tenant)):
        return []
    await connection.execute(NOTE, tenant.id, conversation_id, turn_id, kinds)
    return [Job(jobs.NOTIFY, tenant.id, conversation_id)]


async def note_illness(connection: Connection, tenant: Tenant, conversation_id: int, cause: str) -> list[Job]:
    """Keep that the tenant is to be told of the conversation's account; the jobs are the caller's."""
    if not (kinds := kinds_for(tenant)):
        return []
    await connection.execute(NOTE_ILLNESS, tenant.id, conversation_id, kinds, cause)
    return [Job(jobs.NOTIFY, tenant.id, conversation_id)]


async def note_bound(
    connection: Connection, tenant: Tenant, conversation_id: int, bound: Decimal, percent: int
) -> list[Job]:
    """Keep that the tenant is to be told how much of the month's bound is spent, once; the jobs are the
    caller's. The operator reads it in the log."""
    if not await ledger.warn(connection, tenant.id, tenant.time_zone, percent):
        return []
    near = NearBound(percent, bound, usd(await ledger.of_month(connection, tenant.id, tenant.time_zone)))
    log.warning("%s: %s", tenant.slug, near.sentence)
    if not (kinds := kinds_for(tenant)):
        return []
    await connection.execute(
        NOTE_BOUND, tenant.id, conversation_id, kinds, near.sentence, json.dumps(near.told())
    )
    return [Job(jobs.NOTIFY, tenant.id, conversation_id)]


async def note_lead(
    connection: Connection, tenant: Tenant, conversation_id: int, lead_id: int, email: str | None
) -> list[Job]:
    """Keep that the lead's person, or without one the tenant, is to be told; the jobs are the caller's."""
    to = email or tenant.notice_email
    ways: tuple[tuple[Kind, str | None], ...] = (("webhook", tenant.notice_url), ("email", to))
    if not (kinds := [kind for kind, there in ways if there]):
        return []
    await connection.execute(NOTE_LEAD, tenant.id, conversation_id, kinds, lead_id, to)
    return [Job(jobs.NOTIFY, tenant.id, conversation_id)]


def kinds_for(tenant: Tenant) -> list[Kind]:
    """The ways by which the tenant is told."""
    ways: tuple[tuple[Kind, str | None], ...] = (
        ("webhook", tenant.notice_url),
        ("email", tenant.notice_email),
    )
    return [kind for kind, to in ways if to]


async def of_conversation(pool: Pool, tenant_id: int, conversation_id: int, limit: int) -> list[Noticed]:
    """The last `limit` notices that a conversation has given, oldest first."""
    async with acting_for(pool, tenant_id) as scope:
        rows = await scope.connection.fetch(OF_CONVERSATION, tenant_id, conversation_id, limit)
    return [Noticed(**row) for row in reversed(rows)]


async def claim(pool: Pool, job: Job) -> Notice | None:
    """The next notice of a conversation that is to be posted and nobody posts; None: there is none."""
    async with acting_for(pool, job.tenant_id) as scope:
        row = await scope.connection.fetchrow(CLAIM, job.tenant_id, job.conversation_id, LEASE)
    return Notice(**row) if row else None


async def collect(pool: Pool, job: Job, recipient: str) -> list[Notice]:
    """All that is to be mailed to the tenant, the oldest first, if the conversation has some of it.

    None where that address was mailed to a moment ago: what is due comes together later.
    """
    place = (job.tenant_id, job.conversation_id)
    async with acting_for(pool, job.tenant_id) as scope:
        if not await scope.connection.fetchval(MAIL, *place, recipient, MAILED_EVERY):
            await scope.connection.execute(POSTPONE, *place, recipient, MAILED_EVERY)
            return []
        rows = await scope.connection.fetch(COLLECT, job.tenant_id, LEASE, COLLECTED)
    return sorted((Notice(**row) for row in rows), key=lambda notice: notice.id)


async def sent(pool: Pool, tenant_id: int, told: Sequence[Notice]) -> None:
    """The tenant has these notices, which were claimed."""
    async with acting_for(pool, tenant_id) as scope:
        await scope.connection.execute(SENT, tenant_id, *columns(told, *_CLAIMED))


async def failed(
    pool: Pool, tenant: Tenant, told: Sequence[Notice], cause: str, again: timedelta | None
) -> None:
    """The tenant does not have them; None: they are given up."""
    async with acting_for(pool, tenant.id) as scope:
        await scope.connection.execute(FAILED, tenant.id, *columns(told, *_CLAIMED), cause, again)
        if told[0].kind == "email" and told[0].lead_id is None:
            await scope.connection.execute(NOT_MAILED, tenant.id, tenant.notice_email or "")


async def waiting(pool: Pool, tenant_id: int, notice: Notice) -> Waiting:
    """Whom the notice tells of."""
    async with acting_for(pool, tenant_id) as scope:
        row = await scope.connection.fetchrow(
            TOLD, tenant_id, notice.conversation_id, notice.created_at, WORDS, notice.turn_id
        )
    assert row is not None  # the notice goes with the conversation
    return Waiting(**row)


async def names(pool: Pool, tenant_id: int, conversations: Sequence[int]) -> list[Name]:
    """The contacts of these conversations, in their order."""
    async with acting_for(pool, tenant_id) as scope:
        return [Name(**row) for row in await scope.connection.fetch(NAMES, tenant_id, conversations)]


async def come_back(pool: Pool, job: Job) -> None:
    """Enqueue a job for when the conversation's next notice is due, if there is one."""
    async with pool.acquire() as connection:
        pause = await connection.fetchval(NEXT_DUE, job.tenant_id, job.conversation_id)
        if pause is not None:
            await jobs.enqueue(connection, [replace(job, delay=pause)])


async def end_all(connection: Connection, cause: str) -> int:
    """Send none of those that are due, of all tenants; how many."""
    return int((await connection.execute(END_ALL, cause)).split()[1])


async def recover(pool: Pool) -> None:
    """Enqueue jobs for notices whose own were lost."""
    async with pool.acquire() as connection, connection.transaction():
        lost = await connection.fetch(LOST, LOST_AFTER)
        await jobs.enqueue(connection, [Job(jobs.NOTIFY, **row, priority=-1000) for row in lost])
