"""The table paces: when what businesses say of their own accord leaves their accounts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from conserje.contract.limits import Pace
from conserje.contract.message import Content
from conserje.conversations import feed, state
from conserje.conversations.listing import OptedOut
from conserje.conversations.rows import stored
from conserje.storage import jobs
from conserje.storage.database import Connection, Pool
from conserje.storage.jobs import Job

EVERY = timedelta(milliseconds=250)  # between two looks at an account of which something waits
LONGEST = timedelta(minutes=1)  # until the next look; what is later was written before the clock was set back
ON_ITS_WAY = 2.0  # seconds' worth of an account that may be on its way
LEAST = 4  # of a slow one
PUT_OFF = 200  # messages of an account that its provider may have put off
LOOKED_AT = 1000  # messages on their way
TOO_OLD = timedelta(days=1)  # what has waited for longer waits for an operator
UNSEEN = timedelta(seconds=2)  # what should have left before, and nobody was to look at
LOST_AFTER = timedelta(seconds=40)  # a look that did not come: one that failed comes again in 30 s
AGED = "It waited for its account for more than a day: send it all the same by `conserje held retry`."

IS_FIRST = """
SELECT NOT EXISTS (SELECT FROM messages WHERE tenant_id = $1 AND account_id = $2 AND state = 'paced')
"""

# Of the account of the conversation $2, locked. It is let be while it is ill.
LOCK = """
WITH place AS (SELECT account_id FROM conversations WHERE tenant_id = $1 AND id = $2)
INSERT INTO paces (tenant_id, account_id) SELECT $1, account_id FROM place
ON CONFLICT (tenant_id, account_id) DO UPDATE SET next_at = paces.next_at
RETURNING account_id, next_at, now() AS now,
    coalesce(job_at BETWEEN now() + interval '1 microsecond' AND now() + $3::interval, false) AS is_seen_to,
    EXISTS (SELECT FROM illnesses WHERE illnesses.tenant_id = $1 AND illnesses.account_id = paces.account_id
            AND well_at IS NULL) AS is_ill
"""

UNDER_WAY = """
SELECT count(*) FILTER (WHERE coalesce(due_at <= now(), true)) AS on_its_way,
       count(*) FILTER (WHERE due_at > now()) AS put_off
FROM (
    SELECT account_id, said_by, due_at FROM messages
    WHERE tenant_id = $1 AND state IN ('queued', 'sending', 'uncertain') LIMIT $3) AS any_of_theirs
WHERE account_id = $2 AND said_by IS NOT NULL
"""

DUE = """
SELECT conversation_id, id FROM messages
WHERE tenant_id = $1 AND account_id = $2 AND state = 'paced' AND due_at <= now() ORDER BY due_at, id LIMIT $3
"""

NEXT = """
SELECT conversation_id, due_at FROM messages WHERE tenant_id = $1 AND account_id = $2 AND state = 'paced'
ORDER BY due_at, id LIMIT 1
"""

NOTE = "UPDATE paces SET next_at = $3, job_at = $4 WHERE tenant_id = $1 AND account_id = $2"

# The accounts of which something should leave and nobody sees to it, found by skipping from one to the next.
LOST = """
WITH RECURSIVE line AS (
    (SELECT tenant_id, account_id FROM messages WHERE state = 'paced' ORDER BY 1, 2 LIMIT 1)
    UNION ALL
    SELECT next.* FROM line CROSS JOIN LATERAL (
        SELECT tenant_id, account_id FROM messages
        WHERE state = 'paced' AND (tenant_id, account_id) > (line.tenant_id, line.account_id)
        ORDER BY 1, 2 LIMIT 1) AS next
), lost AS MATERIALIZED (
SELECT line.tenant_id, line.account_id, first.conversation_id FROM line
JOIN tenants ON tenants.id = line.tenant_id AND tenants.status = 'active'
CROSS JOIN LATERAL (
    SELECT conversation_id, due_at FROM messages
    WHERE tenant_id = line.tenant_id AND account_id = line.account_id AND state = 'paced'
    ORDER BY due_at, id LIMIT 1) AS first
LEFT JOIN paces ON paces.tenant_id = line.tenant_id AND paces.account_id = line.account_id
LEFT JOIN illnesses
  ON illnesses.tenant_id = line.tenant_id AND illnesses.account_id = line.account_id AND well_at IS NULL
WHERE first.due_at < now() - $1::interval AND illnesses.account_id IS NULL
  AND coalesce(job_at NOT BETWEEN now() - $2::interval AND now() + $3::interval, true)
), noted AS (
    INSERT INTO paces (tenant_id, account_id, job_at)
    SELECT tenant_id, account_id, now() FROM lost ORDER BY 1, 2
    ON CONFLICT (tenant_id, account_id) DO UPDATE SET job_at = now()
)
SELECT tenant_id, conversation_id FROM lost
"""


@dataclass(frozen=True, slots=True)
class Said:
    """What a business says of its own accord: in whose name, and which message of the contact's it quotes."""

    content: Content
    by: str
    quotes: str | None = None  # the provider's id


@dataclass(frozen=True, slots=True)
class Standing:
    """How a conversation stands that is locked."""

    contact: int
    contact_address: str  # none: the contact was forgotten
    opted_out: OptedOut | None
    now: datetime  # by the database's clock


async def lock(connection: Connection, tenant_id: int, conversation_id: int) -> Standing | None:
    """The conversation, locked until the transaction ends; None: it is gone."""
    if (row := await state.lock(connection, tenant_id, conversation_id)) is None:
        return None
    return Standing(row.contact_id, row.contact_address, row.opted_out, row.now)


async def tell(
    connection: Connection, tenant_id: int, conversation_id: int, account_id: int, said: Said, pace: Pace
) -> tuple[int, list[Job]]:
    """Let a message wait for its account's pace, in a conversation that is locked: its id, and the job that
    lets it leave, where none is on its way for others."""
    is_first = await connection.fetchval(IS_FIRST, tenant_id, account_id)
    pause = timedelta(seconds=pace.pause)
    told = (stored(said.content), said.quotes, said.by, pause, pause * pace.burst)
    message_id: int = await connection.fetchval(state.TELL, tenant_id, conversation_id, *told)
    await feed.wake(connection, tenant_id, conversation_id)
    return message_id, [_look(tenant_id, conversation_id)] if is_first else []


async def release(
    connection: Connection, tenant_id: int, conversation_id: int, pace_of: Callable[[int], Pace]
) -> list[Job]:
    """Let the next ones of the conversation's account leave; their jobs, and that of the next look."""
    row = await connection.fetchrow(LOCK, tenant_id, conversation_id, LONGEST)
    if row is None or row["is_seen_to"]:
        return []
    place, now = (tenant_id, row["account_id"]), row["now"]
    if row["is_ill"]:
        await connection.execute(NOTE, *place, row["next_at"], None)
        return []
    pace = pace_of(row["account_id"])
    since = max(min(row["next_at"], now + LONGEST), now - EVERY)
    left = await _let_out(connection, place, _allowed(since, now, pace), pace)
    next_at = since + timedelta(seconds=len(left) / pace.each_second)
    following = await connection.fetchrow(NEXT, *place)
    look_at = following and min(max(following["due_at"], next_at, now + EVERY), now + LONGEST)
    await connection.execute(NOTE, *place, next_at, look_at)
    sending = [Job(jobs.SEND, tenant_id, each, priority=jobs.FLOODED) for each in sorted(set(left))]
    if following is None:
        return sending
    return [*sending, _look(tenant_id, following["conversation_id"], look_at - now)]


async def _let_out(connection: Connection, place: tuple[int, int], most: int, pace: Pace) -> list[int]:
    """Queue the account's next messages; the conversation of each."""
    under_way = await connection.fetchrow(UNDER_WAY, *place, LOOKED_AT)
    assert under_way is not None  # it counts
    room = max(int(pace.each_second * ON_ITS_WAY), LEAST) - under_way["on_its_way"]
    due = await connection.fetch(DUE, *place, max(min(most, room, PUT_OFF - under_way["put_off"]), 0))
    if not due:
        return []
    waiting = [each["conversation_id"] for each in due], [each["id"] for each in due]
    left = await connection.fetch(state.LET_OUT, place[0], *waiting, TOO_OLD, AGED)
    return [each["conversation_id"] for each in left]


def _allowed(since: datetime, now: datetime, pace: Pace) -> int:
    """How many may leave by now."""
    return int((now - since).total_seconds() * pace.each_second) + 1 if since <= now else 0


async def recover(pool: Pool) -> None:
    """Look at the accounts whose job was lost, or that are well again."""
    async with pool.acquire() as connection, connection.transaction():
        lost = await connection.fetch(LOST, UNSEEN, LOST_AFTER, LONGEST)
        await jobs.enqueue(connection, [_look(row["tenant_id"], row["conversation_id"]) for row in lost])


def _look(tenant_id: int, conversation_id: int, delay: timedelta = timedelta(0)) -> Job:
    return Job(jobs.RELEASE, tenant_id, conversation_id, priority=jobs.FLOODED, delay=delay)
