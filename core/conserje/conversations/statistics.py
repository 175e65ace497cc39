"""What a tenant's conversations come to: by day of its own clock, by intent, by who answered, how soon."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import asyncpg

from conserje.conversations.listing import OUT_OF_ORDER
from conserje.errors import OperatorError
from conserje.storage.database import Connection

LONGEST = timedelta(days=366)
NONE = timedelta(0)
EARLIEST, LATEST = date(2000, 1, 1), date(2999, 12, 31)

TODAY = "SELECT (now() AT TIME ZONE $1)::date"

# The day of the first message that is kept.
BEGINNING = """
SELECT (created_at AT TIME ZONE $2)::date FROM messages WHERE tenant_id = $1 ORDER BY id LIMIT 1
"""

# When the day $2 begins by the clock of $1, and the one after $3.
MOMENTS = "SELECT $2::date::timestamp AT TIME ZONE $1, ($3::date + 1)::timestamp AT TIME ZONE $1"

# Ids are in the order of time, so that halving finds the first one since $2, whatever came before it. The row
# that is looked at is there always: the last of all is at `middle` or behind it.
_FIRST_SINCE = """
WITH RECURSIVE search AS (
    SELECT (SELECT id FROM {table} WHERE tenant_id = $1 ORDER BY id LIMIT 1) AS low,
           (SELECT id FROM {table} WHERE tenant_id = $1 ORDER BY id DESC LIMIT 1) + 1 AS high
    UNION ALL
    SELECT CASE WHEN seen.at < $2 THEN seen.id + 1 ELSE low END,
           CASE WHEN seen.at < $2 THEN high ELSE middle END
    FROM search
    CROSS JOIN LATERAL (SELECT low + (high - low) / 2 AS middle) AS halved
    CROSS JOIN LATERAL (
        SELECT id, {at} AS at FROM {table} WHERE tenant_id = $1 AND id >= middle ORDER BY id LIMIT 1) AS seen
    WHERE low < high
)
SELECT low FROM search WHERE low >= high
"""
FIRST_MESSAGE = _FIRST_SINCE.format(table="messages", at="created_at")
FIRST_TURN = _FIRST_SINCE.format(table="turns", at="settled_at")

# Between $2 and $3, by the clock of $5; the row without a day is of all days.
MESSAGES = """
SELECT (created_at AT TIME ZONE $5)::date AS day,
       count(*) FILTER (WHERE direction = 'in') AS received,
       count(*) FILTER (WHERE direction = 'out' AND sent_at IS NOT NULL) AS sent,
       count(DISTINCT conversation_id) AS conversations
FROM messages
WHERE tenant_id = $1 AND id >= $4 AND created_at >= $2 AND created_at < $3 AND turn_id IS DISTINCT FROM -1
GROUP BY GROUPING SETS ((day), ())
ORDER BY day
"""

_TURNS = "turns WHERE tenant_id = $1 AND id >= $4 AND settled_at >= $2 AND settled_at < $3"
HANDED_OVER = f"""
SELECT (settled_at AT TIME ZONE $5)::date AS day, count(*) AS turns,
       count(*) FILTER (WHERE assistant NOT IN ('person', 'consent', 'machine')) AS answered,
       count(DISTINCT conversation_id) FILTER (WHERE handed_over) AS handed_over
FROM {_TURNS}
GROUP BY GROUPING SETS ((day), ())
ORDER BY day
"""  # noqa: S608 - of our own
INTENTS = f"""
SELECT intent, count(*) AS turns, count(DISTINCT conversation_id) AS conversations,
       avg(confidence)::float8 AS confidence
FROM {_TURNS} AND intent IS NOT NULL AND assistant NOT IN ('person', 'consent', 'machine')
GROUP BY intent ORDER BY turns DESC, intent LIMIT 100
"""  # noqa: S608 - of our own
ANSWERS = f"""
SELECT assistant AS by, count(*) AS turns, avg(confidence)::float8 AS confidence,
       extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY waited + thought))::float8 AS median,
       extract(epoch FROM percentile_cont(0.95) WITHIN GROUP (ORDER BY waited + thought))::float8 AS slow,
       avg(extract(epoch FROM waited + thought))::float8 AS mean
FROM {_TURNS} AND (assistant <> 'person' OR intent = 'message') AND assistant NOT IN ('consent', 'machine')
  AND waited + thought > '0'
GROUP BY assistant ORDER BY turns DESC, by LIMIT 100
"""  # noqa: S608 - of our own


class PeriodError(OperatorError):
    """Of this period there are no statistics; the text says which ones there are."""


@dataclass(frozen=True, slots=True)
class Count:
    """What happened in a day, or on all days together."""

    received: int  # messages
    sent: int  # messages that a provider has taken
    conversations: int  # in which somebody said something
    turns: int
    answered: int  # turns in which an assistant answered
    handed_over: int  # conversations


@dataclass(frozen=True, slots=True)
class Intent:
    """What contacts wanted, as assistants understood it."""

    intent: str
    turns: int
    conversations: int
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Answers:
    """How soon somebody has answered: an assistant by its name, or `person`; in seconds."""

    by: str
    turns: int
    confidence: float | None
    median: float
    slow: float  # of 100 answers 95 came sooner
    mean: float


@dataclass(frozen=True, slots=True)
class Statistics:
    """A period of a tenant's, from the first day to the last, both included, by its own clock."""

    time_zone: str
    first: date
    last: date
    total: Count
    days: dict[date, Count]
    intents: list[Intent]
    answers: list[Answers]


async def today(connection: Connection, time_zone: str) -> date:
    """By the tenant's clock."""
    found: date = await connection.fetchval(TODAY, time_zone)
    return found


def check(first: date, last: date) -> None:
    """Raises PeriodError."""
    if not timedelta(0) <= last - first < LONGEST:
        raise PeriodError(f"A period has 1 to {LONGEST.days} days: from {first} to {last} is none.", "since")
    if first < EARLIEST or last > LATEST:
        raise PeriodError(f"A period lies between {EARLIEST} and {LATEST}.", "since")


async def beginning(connection: Connection, tenant_id: int, time_zone: str) -> date | None:
    """Since which day there is something to count; None: there is nothing."""
    found: date | None = await connection.fetchval(BEGINNING, tenant_id, time_zone)
    return found


@dataclass(frozen=True, slots=True)
class Period:
    """Where a period of a tenant's lies: from when until when, and behind which ids nothing of it can be."""

    tenant_id: int
    since: datetime
    until: datetime
    first_message: int
    first_turn: int


async def locate(
    connection: Connection,
    tenant_id: int,
    time_zone: str,
    first: date,
    last: date,
    *,
    earlier: timedelta = NONE,
) -> Period:
    """From the first day to the last by the tenant's clock; its ids reach back so much more.

    Raises PeriodError.
    """
    check(first, last)
    moments = await connection.fetchrow(MOMENTS, time_zone, first, last)
    assert moments is not None  # it has no rows to find
    since = moments[0] - OUT_OF_ORDER - earlier
    message = await connection.fetchval(FIRST_MESSAGE, tenant_id, since) or 0
    turn = await connection.fetchval(FIRST_TURN, tenant_id, since) or 0
    return Period(tenant_id, moments[0], moments[1], message, turn)


async def of_period(
    connection: Connection, tenant_id: int, time_zone: str, first: date, last: date
) -> Statistics:
    """Raises PeriodError."""
    there = await locate(connection, tenant_id, time_zone, first, last)
    messages = (there.tenant_id, there.since, there.until, there.first_message)
    turns = (there.tenant_id, there.since, there.until, there.first_turn)
    said = {row["day"]: row for row in await connection.fetch(MESSAGES, *messages, time_zone)}
    done = {row["day"]: row for row in await connection.fetch(HANDED_OVER, *turns, time_zone)}
    days = {day: _count(said.get(day), done.get(day)) for day in _days(first, last)}
    return Statistics(
        time_zone,
        first,
        last,
        _count(said.get(None), done.get(None)),
        days,
        [Intent(**row) for row in await connection.fetch(INTENTS, *turns)],
        [Answers(**row) for row in await connection.fetch(ANSWERS, *turns)],
    )


def _count(said: asyncpg.Record | None, done: asyncpg.Record | None) -> Count:
    return Count(
        **{name: said[name] if said else 0 for name in ("received", "sent", "conversations")},
        **{name: done[name] if done else 0 for name in ("turns", "answered", "handed_over")},
    )


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
