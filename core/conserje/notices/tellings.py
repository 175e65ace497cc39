"""The table tellings: each notification that a subscription is to be told, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import asyncpg

from conserje.conversations.paging import LAST_ID
from conserje.notices import reader
from conserje.notices.reader import Happened
from conserje.notices.subscriptions import COLUMNS, Subscription
from conserje.storage import jobs
from conserje.storage.database import Connection, columns
from conserje.storage.jobs import Job
from conserje.storage.notifications import Position

LEASE = timedelta(seconds=20)  # longer than any telling takes; whoever died has it as long
CALLED = timedelta(seconds=10)  # for which a job may wait in the queue
READ = 200  # notifications at once
CALLS = 200  # subscriptions in a look

# Of each subscription the tenants of whom something has happened since, as far as all is known. The
# operator's go through all tenants, some at a time, behind $3.
NEWS = f"""
SELECT subscriptions.id AS subscription_id, tenants.id AS tenant_id
FROM subscriptions
JOIN LATERAL (
    SELECT id FROM tenants WHERE id = subscriptions.tenant_id AND status = 'active'
    UNION ALL
    (SELECT id FROM tenants
     WHERE subscriptions.tenant_id IS NULL AND id > $3 AND id <= $4 AND status = 'active')
) AS tenants ON true
LEFT JOIN positions ON positions.tenant_id = tenants.id AND positions.subscription_id = subscriptions.id
CROSS JOIN LATERAL (
    SELECT coalesce(positions.message_id, 0) AS message_id, coalesce(positions.number, 0) AS number) AS place
WHERE subscriptions.state = 'on'
  AND {reader.NEWS.format(message_id="place.message_id", number="place.number")}
LIMIT 1000
"""  # noqa: S608 - of our own
ANY = "SELECT EXISTS (SELECT FROM subscriptions WHERE state = 'on')"
NEXT_TENANTS = "SELECT max(id) FROM (SELECT id FROM tenants WHERE id > $1 ORDER BY id LIMIT $2) AS next"

PLACE = "INSERT INTO positions VALUES ($1, $2, 0, 0) ON CONFLICT DO NOTHING"
# Whoever reads it already reads it.
LOCK = """
SELECT message_id, number, kinds FROM positions JOIN subscriptions ON subscriptions.id = subscription_id
WHERE positions.tenant_id = $1 AND subscription_id = $2 AND state = 'on'
FOR NO KEY UPDATE OF positions SKIP LOCKED
"""
ADD = """
INSERT INTO tellings (tenant_id, subscription_id, name, kind, about, conversation_id, happened_at)
SELECT $1, $2, name, kind, about, conversation_id, at
FROM unnest($3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::timestamptz[]) WITH ORDINALITY
    AS happened (name, kind, about, conversation_id, at, n)
ORDER BY n ON CONFLICT DO NOTHING
"""
MOVE = "UPDATE positions SET message_id = $3, number = $4 WHERE tenant_id = $1 AND subscription_id = $2"

# Those of whom something is due and nobody tells, which are called by a job each.
CALL = """
WITH due AS MATERIALIZED (
    SELECT id FROM subscriptions
    WHERE state = 'on' AND due_at <= now()
      AND coalesce((SELECT status = 'active' FROM tenants WHERE tenants.id = subscriptions.tenant_id), true)
      AND (SELECT true FROM tellings
           WHERE subscription_id = subscriptions.id AND tellings.due_at <= now() LIMIT 1)
    ORDER BY due_at LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE subscriptions SET due_at = now() + $2, epoch = epoch + 1 FROM due WHERE subscriptions.id = due.id
RETURNING subscriptions.id, coalesce(tenant_id, 0) AS tenant_id, epoch
"""
TAKE = f"""
UPDATE subscriptions SET due_at = now() + $3 WHERE id = $1 AND epoch = $2 AND state = 'on' RETURNING {COLUMNS}
"""  # noqa: S608 - of our own

# The next ones; in order, of each conversation the first that is not told.
NEXT = """
SELECT tenant_id, id, name, kind, about, conversation_id, happened_at, tries FROM tellings AS next
WHERE subscription_id = $1 AND due_at <= now() AND (NOT $2 OR conversation_id IS NULL OR NOT EXISTS (
    SELECT FROM tellings AS before
    WHERE before.subscription_id = $1 AND before.conversation_id = next.conversation_id
      AND before.due_at IS NOT NULL AND before.id < next.id))
ORDER BY due_at, id LIMIT $3
"""
NOTE = """
UPDATE tellings SET tries = tellings.tries + 1, told_at = CASE WHEN outcome.told THEN now() END,
    due_at = CASE WHEN NOT outcome.told THEN now() + outcome.pause END, status = outcome.status,
    answer = outcome.answer, cause = outcome.cause
FROM unnest($1::bigint[], $2::bigint[], $3::boolean[], $4::interval[], $5::int[], $6::text[], $7::text[])
    AS outcome (tenant_id, id, told, pause, status, answer, cause)
WHERE tellings.tenant_id = outcome.tenant_id AND tellings.id = outcome.id AND due_at IS NOT NULL
"""
# In order: what follows in the conversation need not be looked at before.
PUT_BACK = """
UPDATE tellings SET due_at = now() + failed.pause
FROM unnest($2::bigint[], $3::bigint[], $4::interval[]) AS failed (conversation_id, id, pause)
WHERE subscription_id = $1 AND tellings.conversation_id = failed.conversation_id AND tellings.id > failed.id
  AND due_at < now() + failed.pause
"""
# Afresh ($5): since something was taken.
STAND = """
UPDATE subscriptions SET cause = $3, failures = $4, due_at = now() + $6,
    failing_since = CASE WHEN $4 = 0 THEN NULL WHEN $5 THEN now() ELSE coalesce(failing_since, now()) END
WHERE id = $1 AND epoch = $2 RETURNING coalesce(failing_since < now() - $7::interval, false)
"""
PUT_OFF = "UPDATE subscriptions SET state = 'off', cause = $3 WHERE id = $1 AND epoch = $2 AND state = 'on'"

_SHOWN = """
SELECT id, name, subscription_id, kind, conversation_id, happened_at, tries, due_at, told_at, status, answer,
       cause
FROM tellings WHERE tenant_id = $1
"""
_WANTED = """
  AND ($2::bigint IS NULL OR subscription_id = $2) AND ($3::text IS NULL OR name = $3)
  AND ($4::timestamptz IS NULL OR created_at >= $4)
  AND CASE $5 WHEN 'waiting' THEN due_at IS NOT NULL WHEN 'told' THEN told_at IS NOT NULL
              WHEN 'failed' THEN due_at IS NULL AND told_at IS NULL ELSE true END
"""
LIST = f"{_SHOWN} {_WANTED} AND id < $7 ORDER BY id DESC LIMIT $6"
COUNT = f"SELECT subscription_id, count(*) FROM tellings WHERE tenant_id = $1 {_WANTED} GROUP BY 1 ORDER BY 1"  # noqa: S608
REPLAY = f"""
UPDATE tellings SET due_at = now(), told_at = NULL, tries = 0 WHERE tenant_id = $1 {_WANTED}
"""  # noqa: S608 - of our own

State = Literal["waiting", "told", "failed"]


@dataclass(frozen=True, slots=True)
class Telling:
    """One that is to be told now."""

    tenant_id: int
    id: int
    name: str
    kind: str
    about: int
    conversation_id: int | None
    happened_at: datetime
    tries: int

    @property
    def happened(self) -> Happened:
        return Happened(self.kind, self.about, self.conversation_id, self.happened_at)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a telling: told, or tried again after a pause; without one it is given up."""

    tenant_id: int
    id: int
    told: bool
    pause: timedelta | None = None
    status: int | None = None
    answer: str | None = None
    cause: str | None = None
    final: bool = False  # the receiver wants no more
    conversation_id: int | None = None


@dataclass(frozen=True, slots=True)
class Stand:
    """How a subscription stands: why the last telling failed, how many in a row, and when it goes on."""

    cause: str | None
    failures: int
    afresh: bool  # since something was taken
    rest: timedelta


@dataclass(frozen=True, slots=True)
class Told:
    """A telling as its tenant sees it."""

    id: int
    name: str
    subscription_id: int
    kind: str
    conversation_id: int | None
    happened_at: datetime
    tries: int
    due_at: datetime | None
    told_at: datetime | None
    status: int | None
    answer: str | None
    cause: str | None

    @property
    def state(self) -> State:
        return "told" if self.told_at else "waiting" if self.due_at else "failed"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which tellings of a tenant's are meant; None: any."""

    subscription_id: int | None = None
    name: str | None = None
    since: datetime | None = None
    state: State | None = None


async def are_wanted(connection: Connection) -> bool:
    """Whether anybody is told of anything."""
    wanted: bool = await connection.fetchval(ANY)
    return wanted


async def next_tenants(connection: Connection, after: int, most: int) -> int | None:
    """The last one of the next so many; None: there is none behind."""
    last: int | None = await connection.fetchval(NEXT_TENANTS, after, most)
    return last


async def news(connection: Connection, until: Position, after: int, last: int) -> list[tuple[int, int]]:
    """The subscriptions with tenants of whom something has happened; the operator's with some only."""
    rows = await connection.fetch(NEWS, *until, after, last)
    return [(row["subscription_id"], row["tenant_id"]) for row in rows]


async def add(connection: Connection, subscription_id: int, tenant_id: int, until: Position) -> bool:
    """Keep what is to be told of a tenant, in one transaction; whether there may be more."""
    place = (tenant_id, subscription_id)
    with suppress(asyncpg.ForeignKeyViolationError):  # the tenant was removed
        return await _add(connection, place, until)
    return False


async def _add(connection: Connection, place: tuple[int, int], until: Position) -> bool:
    async with connection.transaction():
        await connection.execute(PLACE, *place)
        row = await connection.fetchrow(LOCK, *place)
        if row is None:
            return False
        after = Position(row["message_id"], row["number"])
        happened, position = await reader.read(connection, place[0], after, until, READ, row["kinds"])
        if happened:
            what = columns(happened, "name", "kind", "about", "conversation_id", "at")
            await connection.execute(ADD, *place, *what)
        await connection.execute(MOVE, *place, *position)
    return position not in (until, after)


async def call(connection: Connection) -> list[Job]:
    """The jobs of subscriptions that are to be told of something, for the caller's transaction."""
    rows = await connection.fetch(CALL, CALLS, CALLED)
    return [Job(jobs.TELL, row["tenant_id"], row["id"], row["epoch"]) for row in rows]


async def take(connection: Connection, id: int, epoch: int) -> Subscription | None:
    """The subscription, for whoever was called last alone, for a while; None: it is another's, or off."""
    row = await connection.fetchrow(TAKE, id, epoch, LEASE)
    return Subscription(**row) if row else None


async def find_next(connection: Connection, subscription: Subscription, most: int) -> list[Telling]:
    rows = await connection.fetch(NEXT, subscription.id, subscription.ordered, most)
    return [Telling(**row) for row in rows]


async def note(connection: Connection, subscription: Subscription, outcomes: Sequence[Outcome]) -> None:
    """Keep what became of them, and put off what is not to pass them."""
    names = ("tenant_id", "id", "told", "pause", "status", "answer", "cause")
    await connection.execute(NOTE, *columns(outcomes, *names))
    again = [each for each in outcomes if each.pause and each.conversation_id is not None]
    if subscription.ordered and again:
        what = columns(again, "conversation_id", "id", "pause")
        await connection.execute(PUT_BACK, subscription.id, *what)


async def stand(connection: Connection, id: int, epoch: int, stand: Stand, most: timedelta) -> bool:
    """Whether it has failed for longer than that."""
    how = (stand.cause, stand.failures, stand.afresh, stand.rest)
    return bool(await connection.fetchval(STAND, id, epoch, *how, most))


async def put_off(connection: Connection, id: int, epoch: int, cause: str) -> None:
    """Tell it nothing more, until somebody puts it on."""
    await connection.execute(PUT_OFF, id, epoch, cause)


async def list_all(
    connection: Connection, tenant_id: int, wanted: Filter, most: int, before: int = LAST_ID
) -> list[Told]:
    """Those before that id, the newest first."""
    rows = await connection.fetch(LIST, tenant_id, *_values(wanted), most, before)
    return [Told(**row) for row in rows]


async def count(connection: Connection, tenant_id: int, wanted: Filter) -> dict[int, int]:
    """How many are meant, by their subscriptions."""
    return dict(await connection.fetch(COUNT, tenant_id, *_values(wanted)))


async def replay(connection: Connection, tenant_id: int, wanted: Filter) -> int:
    """Tell these again, under their names; how many."""
    return int((await connection.execute(REPLAY, tenant_id, *_values(wanted))).split()[1])


def _values(wanted: Filter) -> tuple[object, ...]:
    return (wanted.subscription_id, wanted.name, wanted.since, wanted.state)
