"""What is held: turns, messages, rejects and effects that wait for an operator, who retries or drops them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from typing import Literal

import asyncpg

from conserje.contract.plain import plain
from conserje.conversations import effects, outbox, state
from conserje.conversations.rows import restored
from conserje.conversations.sending import OUTCOME_UNKNOWN
from conserje.errors import NotThere, OperatorError
from conserje.storage import jobs
from conserje.storage.database import Connection
from conserje.storage.jobs import Job
from conserje.storage.pruning import EARLIEST

LARGEST = 500  # that are retried or dropped at once
RETRY_PACE = timedelta(milliseconds=20)  # between two of many

# The letter of an id says what it is: t for the turn of a conversation, m for a message, r for a reject,
# e for an effect.
_ID = re.compile(r"([tmre])([0-9]{1,18})")

HELD = """
SELECT * FROM (
    SELECT 't' || conversations.id AS id, tenants.slug AS tenant, conversations.peer AS contact,
           contacts.name, conversations.cause, coalesce(min(unanswered.created_at), conversations.created_at)
           AS since, conversations.starts AS attempts, coalesce(array_agg(unanswered.content
           ORDER BY unanswered.id) FILTER (WHERE unanswered.id IS NOT NULL), '{}') AS contents, '' AS raw
    FROM conversations
    JOIN tenants ON tenants.id = conversations.tenant_id
    JOIN contacts ON contacts.tenant_id = conversations.tenant_id AND contacts.id = conversations.contact_id
    LEFT JOIN LATERAL (
        SELECT messages.id, messages.content, messages.created_at FROM messages
        WHERE messages.tenant_id = conversations.tenant_id AND conversation_id = conversations.id
          AND direction = 'in' AND messages.turn_id IS NULL
        ORDER BY messages.id LIMIT 20) AS unanswered ON true
    WHERE conversations.state = 'held'
    GROUP BY tenants.id, contacts.tenant_id, contacts.id, conversations.tenant_id, conversations.id
    UNION ALL
    SELECT 'm' || messages.id, tenants.slug, conversations.peer, contacts.name, messages.cause,
           coalesce(messages.attempted_at, messages.created_at), messages.attempt, ARRAY[messages.content], ''
    FROM messages
    JOIN tenants ON tenants.id = messages.tenant_id
    JOIN conversations ON conversations.tenant_id = messages.tenant_id
        AND conversations.id = messages.conversation_id
    JOIN contacts ON contacts.tenant_id = messages.tenant_id AND contacts.id = conversations.contact_id
    WHERE messages.state = 'held'
    UNION ALL
    SELECT 'r' || rejects.id, tenants.slug, accounts.channel || ' ' || accounts.address, '', rejects.cause,
           rejects.created_at, 0, '{}', rejects.raw
    FROM rejects
    JOIN tenants ON tenants.id = rejects.tenant_id
    JOIN accounts ON accounts.tenant_id = rejects.tenant_id AND accounts.id = rejects.account_id
    WHERE dropped_at IS NULL
    UNION ALL
    SELECT 'e' || effects.id, tenants.slug, conversations.peer, contacts.name, effects.cause,
           coalesce(effects.begun_at, effects.created_at), effects.tries, '{}',
           tool || ' ' || arguments
    FROM effects
    JOIN tenants ON tenants.id = effects.tenant_id
    JOIN conversations ON conversations.tenant_id = effects.tenant_id
        AND conversations.id = effects.conversation_id
    JOIN contacts ON contacts.tenant_id = effects.tenant_id AND contacts.id = conversations.contact_id
    WHERE effects.state IN ('failed', 'uncertain')
) AS held
"""

MATCHING = """
WHERE ($1::text IS NULL OR tenant = $1) AND ($2::text IS NULL OR strpos(lower(cause), lower($2)) > 0)
  AND ($3::timestamptz IS NULL OR since >= $3) AND ($4::timestamptz IS NULL OR since < $4)
  AND strpos($5, left(id, 1)) > 0
"""
LIST = HELD + MATCHING + "AND (since, id) > ($6, $7) ORDER BY since, id LIMIT $8"
COUNT = f"SELECT count(*) FROM ({HELD}{MATCHING}) AS matching"  # noqa: S608 - of our own
GET = HELD + "WHERE id = $1"
# Of each only what is counted: after an outage much may be held, and the page asks again as it changes.
CAUSES = """
SELECT kind, coalesce(cause, '') AS cause, count(*), count(DISTINCT tenant_id) AS tenants,
       min(since) AS first, max(since) AS last
FROM (
    SELECT 't' AS kind, tenant_id, cause, coalesce(
               (SELECT messages.created_at FROM messages
                WHERE messages.tenant_id = conversations.tenant_id AND conversation_id = conversations.id
                  AND direction = 'in' AND messages.turn_id IS NULL
                ORDER BY messages.id LIMIT 1), created_at) AS since
    FROM conversations WHERE state = 'held'
    UNION ALL
    SELECT 'm', tenant_id, cause, coalesce(attempted_at, created_at) FROM messages WHERE state = 'held'
    UNION ALL
    SELECT 'r', tenant_id, cause, created_at FROM rejects WHERE dropped_at IS NULL
    UNION ALL
    SELECT 'e', tenant_id, cause, coalesce(begun_at, created_at) FROM effects
    WHERE state IN ('failed', 'uncertain')
) AS held
GROUP BY 1, 2 ORDER BY count(*) DESC, last DESC LIMIT $1
"""


# Its key stays a while: a provider repeats for some days what it was not told was taken.
DROP_REJECT = """
UPDATE rejects SET raw = '', dropped_at = now(), goes_at = now() + interval '7 days'
WHERE id = $1 AND dropped_at IS NULL RETURNING tenant_id
"""


RETRIES = {
    "t": (state.RETRY_TURN, jobs.CONVERSE),
    "m": (outbox.RETRY_MESSAGE, jobs.DELIVER),
    "e": (effects.RETRY_EFFECT, jobs.ACT),
}


class HeldError(OperatorError):
    """What was asked of something held cannot be; the text says why."""


class NotHeld(HeldError, NotThere):
    """Nothing held is called so."""


@dataclass(frozen=True, slots=True)
class Held:
    """Something given up on for now."""

    id: str
    tenant: str
    contact: str
    name: str
    cause: str
    since: datetime
    attempts: int
    texts: tuple[str, ...]  # of a turn the first 20 messages that it should answer

    @classmethod
    def from_row(cls, row: asyncpg.Record) -> Held:
        values = dict(row)
        contents, raw = values.pop("contents"), values.pop("raw")
        values["cause"] = values["cause"] or "no cause is known"
        return cls(**values, texts=(raw,) if raw else tuple(plain(restored(each)) for each in contents))

    @property
    def uncertain(self) -> bool:
        """The provider may have the message already, or the tool may have done it."""
        return self.cause.startswith(OUTCOME_UNKNOWN if self.id.startswith("m") else effects.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Cause:
    """What is held for one cause, of all tenants."""

    kind: Literal["t", "m", "r", "e"]
    cause: str  # empty: none is known
    count: int
    tenants: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Filter:
    """Which of all that is held is meant; what is None does not matter."""

    tenant: str | None = None  # its slug
    cause: str | None = None  # a part of it
    since: datetime | None = None
    before: datetime | None = None
    kinds: str = "tmre"


async def list_all(
    connection: Connection,
    wanted: Filter,
    limit: int | None = None,
    after: tuple[datetime, str] = (EARLIEST, ""),
) -> list[Held]:
    """What is held, the longest held first; what comes after one that is held since then."""
    return [Held.from_row(row) for row in await connection.fetch(LIST, *astuple(wanted), *after, limit)]


async def count(connection: Connection, wanted: Filter) -> int:
    number: int = await connection.fetchval(COUNT, *astuple(wanted))
    return number


async def causes(connection: Connection, most: int) -> list[Cause]:
    """Why things are held, what holds most of them first."""
    return [Cause(**row) for row in await connection.fetch(CAUSES, most)]


async def get(connection: Connection, held_id: str) -> Held:
    """Raises HeldError."""
    if row := await connection.fetchrow(GET, held_id):
        return Held.from_row(row)
    raise _not_held(held_id)


async def retry(connection: Connection, held_id: str, delay: timedelta = timedelta(0)) -> None:
    """Think a turn, send a message or call a tool again, after `delay`. Raises HeldError."""
    kind, number = _parse(held_id)
    if kind == "r":
        raise HeldError(f"{held_id} could not be read: its sender must send it again.")
    statement, entrypoint = RETRIES[kind]
    await _release(connection, held_id, statement, number, entrypoint, delay)


async def drop(connection: Connection, held_id: str) -> None:
    """Give up for good: the turn's messages stay unanswered, the message unsent, the reject goes, the tool
    is not called.

    Raises HeldError.
    """
    kind, number = _parse(held_id)
    match kind:
        case "t":  # a message taken meanwhile is not dropped, and its job may have come too early
            await _release(connection, held_id, state.DROP_TURN, number, jobs.CONVERSE)
        case "m":
            await _release(connection, held_id, outbox.DROP_MESSAGE, number)
        case "e":
            await _release(connection, held_id, effects.DROP_EFFECT, number)
        case _:
            await _release(connection, held_id, DROP_REJECT, number)


async def retry_all(connection: Connection, held: Iterable[Held]) -> int:
    """Retry one after the other, at a pace that leaves room for others; how many were still held."""
    done = 0
    for each in held:
        with suppress(HeldError):  # somebody else was faster
            await retry(connection, each.id, done * RETRY_PACE)
            done += 1
    return done


async def drop_all(connection: Connection, held: Iterable[Held]) -> int:
    """Drop one after the other; how many were still held."""
    done = 0
    for each in held:
        with suppress(HeldError):
            await drop(connection, each.id)
            done += 1
    return done


async def _release(
    connection: Connection,
    held_id: str,
    statement: str,
    number: int,
    entrypoint: str | None = None,
    delay: timedelta = timedelta(0),
) -> None:
    from conserje.conversations import recovery

    async with connection.transaction():
        row = await connection.fetchrow(statement, number)
        if row is None:
            raise _not_held(held_id)
        if entrypoint == jobs.DELIVER:
            await recovery.ask(connection, **row, message_id=number)
        if entrypoint:
            await jobs.enqueue(connection, [Job(entrypoint, **row, delay=delay)])


def _parse(held_id: str) -> tuple[str, int]:
    if not (found := _ID.fullmatch(held_id)):
        raise _not_held(held_id)
    return found[1], int(found[2])


def _not_held(held_id: str) -> NotHeld:
    return NotHeld(f"Nothing held is called {held_id}: see `conserje held list`.", "id")
