"""The desk: a tenant's conversations as a login sees them: who is to act, who wrote last, what is unread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

import asyncpg

from conserje.contract.message import Content
from conserje.conversations import paging
from conserje.conversations.listing import ConversationState
from conserje.conversations.rows import restored
from conserje.storage.database import Connection

Tab = Literal["waiting", "mine", "assistant", "all", "held"]
Author = Literal["contact", "assistant", "person", "business"]
Side = Literal["in", "out"]
COUNTED = 100  # and no more
SCANNED = 1000  # conversations that are looked through at once
CURRENT = 5000  # that are with a person, or held, and are put in order

_WITH_PERSON = "state = 'person' AND hand_back_at > now()"
IS_TAKEN = f"{_WITH_PERSON} AND person IS NOT NULL"
_WITH_ASSISTANT = f"state <> 'held' AND ({_WITH_PERSON}) IS NOT TRUE"
_LAST = """(
    SELECT direction FROM messages WHERE tenant_id = $1 AND conversation_id = {of}.id
      AND messages.turn_id IS DISTINCT FROM -1 ORDER BY messages.id DESC LIMIT 1)"""
# Who was handed over to nobody waits, and who wrote to the person who has them.
_WAITS = f"(person IS NULL OR 'in' = {_LAST})"

_COUNT = f"(SELECT count(*) FROM (SELECT FROM {{of}} LIMIT {COUNTED}) AS counted)"  # noqa: S608 - of our own
COUNTS = f"""
WITH with_person AS MATERIALIZED (
    SELECT id, person, login_id FROM conversations
    WHERE tenant_id = $1 AND {_WITH_PERSON} ORDER BY hand_back_at LIMIT {SCANNED}
), latest AS NOT MATERIALIZED (
    SELECT state, hand_back_at FROM conversations
    WHERE tenant_id = $1 ORDER BY active_at DESC LIMIT {SCANNED}
)
SELECT {_COUNT.format(of=f"with_person WHERE {_WAITS.format(of='with_person')}")} AS waiting,
       {_COUNT.format(of="with_person WHERE person IS NOT NULL AND login_id = $2")} AS mine,
       {_COUNT.format(of=f"latest WHERE {_WITH_ASSISTANT}")} AS assistant,
       {_COUNT.format(of="conversations WHERE tenant_id = $1")} AS "all",
       {_COUNT.format(of="conversations WHERE tenant_id = $1 AND state = 'held'")} AS held
"""  # noqa: S608 - of our own

# In the order in which the assistant has them back: the longest untouched first, and no word changes it.
_WAITING = f"""
SELECT *, hand_back_at AS moment FROM conversations
WHERE tenant_id = $1 AND {_WITH_PERSON} AND (hand_back_at, id) > ($2, $3) AND active_at >= $4
ORDER BY hand_back_at, id LIMIT {SCANNED}
"""  # noqa: S608 - of our own
_LATEST = f"""
SELECT *, active_at AS moment FROM conversations
WHERE tenant_id = $1 AND (active_at, id) < ($2, $3) AND active_at >= $4
ORDER BY active_at DESC, id DESC LIMIT {SCANNED}
"""  # noqa: S608 - of our own
# Found before they are put in order: for an order that is at hand a plan may read all.
_OF_FEW = f"""
WITH few AS MATERIALIZED (
    SELECT * FROM conversations WHERE tenant_id = $1 AND {{few}} DESC LIMIT {CURRENT})
SELECT *, active_at AS moment FROM few WHERE (active_at, id) < ($2, $3) AND active_at >= $4
"""  # noqa: S608 - of our own
_MINE = _OF_FEW.format(few=f"{_WITH_PERSON} AND person IS NOT NULL AND login_id = $9 ORDER BY hand_back_at")
_HELD = _OF_FEW.format(few="state = 'held' ORDER BY id")

# Of the last messages. What a login never opened is unread for a week: else all would be to who is new.
_UNREAD = """(
    SELECT count(*) FROM (
        SELECT id, direction, created_at FROM messages
        WHERE tenant_id = $1 AND conversation_id = {of}.id AND messages.turn_id IS DISTINCT FROM -1
        ORDER BY id DESC LIMIT 30) AS newest
    WHERE direction = 'in' AND newest.id > coalesce(
        (SELECT message_id FROM reads
         WHERE tenant_id = $1 AND conversation_id = {of}.id AND login_id = {login}),
        CASE WHEN created_at > now() - interval '7 days' THEN 0 ELSE newest.id END))"""

# Those that nobody has yet, and of a login's own those in which somebody wrote.
WAITING_FOR = f"""
WITH with_person AS MATERIALIZED (
    SELECT id, person, login_id FROM conversations
    WHERE tenant_id = $1 AND {_WITH_PERSON} ORDER BY hand_back_at LIMIT {SCANNED}
)
SELECT count(*) FROM (
    SELECT FROM with_person
    WHERE person IS NULL OR (login_id = $2 AND {_UNREAD.format(of="with_person", login="$2")} > 0)
    LIMIT {COUNTED}) AS counted
"""  # noqa: S608 - of our own

_WANTED = f"""
SELECT id, moment FROM ({{scan}}) AS scanned
WHERE {{wanted}} AND ($6::bigint IS NULL OR account_id = $6)
  AND ($7::text IS NULL OR $7 = {_LAST.format(of="scanned")})
  AND (NOT $8 OR {_UNREAD.format(of="scanned", login="$9::bigint")} > 0)
ORDER BY moment {{order}}, id {{order}} LIMIT $5
"""  # noqa: S608 - of our own
FIND: dict[Tab, str] = {
    "waiting": _WANTED.format(scan=_WAITING, wanted=_WAITS.format(of="scanned"), order=""),
    "mine": _WANTED.format(scan=_MINE, wanted="true", order="DESC"),
    "assistant": _WANTED.format(scan=_LATEST, wanted=_WITH_ASSISTANT, order="DESC"),
    "all": _WANTED.format(scan=_LATEST, wanted="true", order="DESC"),
    "held": _WANTED.format(scan=_HELD, wanted="true", order="DESC"),
}
# Where to look on when as many were looked through as are at once.
LOOKED_TO = {
    tab: f"SELECT moment, id FROM ({scan}) AS scanned OFFSET {SCANNED - 1}"  # noqa: S608 - of our own
    for tab, scan in (("waiting", _WAITING), ("assistant", _LATEST), ("all", _LATEST))
}

# Row by row: a plan for many rows would read all of a tenant's.
LINES = f"""
SELECT conversations.id, contact_id, contacts.name, conversations.peer AS contact, accounts.channel,
       accounts.address AS account, conversations.cause, active_at,
       CASE WHEN conversations.state = 'person' AND hand_back_at <= now() THEN 'open'
            ELSE conversations.state END AS state,
       CASE WHEN with_person THEN hand_back_at END AS until,
       CASE WHEN with_person THEN conversations.person END AS person,
       CASE WHEN with_person AND conversations.person IS NOT NULL THEN login_id END AS login_id,
       last.id AS last_id, last.created_at AS last_at, last.content AS last,
       CASE WHEN last.direction = 'in' THEN 'contact' WHEN last.said_by IS NOT NULL THEN 'business'
            WHEN turns.assistant = 'person' THEN 'person' ELSE 'assistant' END AS author,
       turns.person AS signed, {_UNREAD.format(of="conversations", login="$3")} AS unread, (
           SELECT min(created_at) FROM (
               SELECT direction, messages.turn_id, created_at FROM messages
               WHERE tenant_id = $1 AND conversation_id = conversations.id
               ORDER BY messages.id DESC LIMIT 30) AS newest
           WHERE direction = 'in' AND (newest.turn_id IS NULL OR (
               with_person AND newest.turn_id = conversations.turn_id))) AS waits_since
FROM unnest($2::bigint[]) WITH ORDINALITY AS wanted (id, place)
JOIN LATERAL (
    SELECT *, {_WITH_PERSON} AS with_person FROM conversations
    WHERE tenant_id = $1 AND conversations.id = wanted.id LIMIT 1) AS conversations ON true
JOIN LATERAL (
    SELECT name FROM contacts WHERE tenant_id = $1 AND contacts.id = contact_id LIMIT 1) AS contacts ON true
JOIN accounts ON accounts.tenant_id = $1 AND accounts.id = account_id
LEFT JOIN LATERAL (
    SELECT * FROM messages WHERE tenant_id = $1 AND conversation_id = conversations.id
      AND messages.turn_id IS DISTINCT FROM -1 ORDER BY messages.id DESC LIMIT 1) AS last ON true
LEFT JOIN LATERAL (
    SELECT assistant, turns.person FROM turns
    WHERE tenant_id = $1 AND conversation_id = conversations.id AND turns.id = last.turn_id
      AND last.direction = 'out' LIMIT 1) AS turns ON true
ORDER BY place
"""  # noqa: S608 - of our own


class Place(NamedTuple):
    """Where a part of a tab ends: the next one begins behind it."""

    moment: datetime
    id: int


FIRST, NEWEST = Place(paging.LONG_AGO, 0), Place(*paging.NEWEST)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which conversations of a tab are wanted."""

    account_id: int | None = None
    wrote_last: Side | None = None
    since: datetime | None = None
    unread: bool = False


ALL = Wanted()


@dataclass(frozen=True, slots=True)
class Line:
    """A conversation in one line; who has it, `until` when, and what was said last by whom."""

    id: int
    contact_id: int
    contact: str
    name: str
    channel: str
    account: str
    state: ConversationState
    until: datetime | None
    person: str | None  # with a person: None is nobody yet, '' somebody without a name
    login_id: int | None
    cause: str | None
    active_at: datetime
    last_id: int | None
    last_at: datetime | None
    last: Content | None
    author: Author
    signed: str | None  # the person who wrote last
    unread: int
    waits_since: datetime | None  # None: nothing of the contact's waits

    @classmethod
    def from_row(cls, row: asyncpg.Record) -> Line:
        return cls(**{**row, "last": restored(row["last"]) if row["last"] else None})


@dataclass(frozen=True, slots=True)
class Part:
    """Some lines of a tab, and where the next ones begin; None: there are no more."""

    lines: list[Line]
    next: Place | None


async def counts(connection: Connection, tenant_id: int, login_id: int) -> dict[Tab, int]:
    """How many conversations each tab has; COUNTED are as many or more."""
    return dict(await connection.fetchrow(COUNTS, tenant_id, login_id) or {})


async def waiting_for(connection: Connection, tenant_id: int, login_id: int) -> int:
    """How many conversations want this login, and nobody else has; COUNTED are as many or more."""
    count: int = await connection.fetchval(WAITING_FOR, tenant_id, login_id)
    return count


async def find(
    connection: Connection,
    tenant_id: int,
    login_id: int,
    tab: Tab,
    limit: int,
    *,
    wanted: Wanted = ALL,
    after: Place | None = None,
) -> Part:
    """The tab's lines after that place, as a login sees them.

    Those with a person come in the order in which the assistant has them back, others newest first. Where few
    are wanted of many there may be fewer lines than `limit` in a part that is not the last.
    """
    place = after or (FIRST if tab == "waiting" else NEWEST)
    scan = (tenant_id, *place, wanted.since or paging.LONG_AGO)
    of = (wanted.account_id, wanted.wrote_last, wanted.unread, login_id)
    rows = await connection.fetch(FIND[tab], *scan, limit + 1, *of)
    found = [row["id"] for row in rows[:limit]]
    shown = await lines(connection, tenant_id, login_id, found)
    if len(rows) > limit:
        return Part(shown, Place(rows[limit - 1]["moment"], found[-1]))
    last = await connection.fetchrow(LOOKED_TO[tab], *scan) if tab in LOOKED_TO else None
    return Part(shown, Place(*last) if last else None)


async def lines(
    connection: Connection, tenant_id: int, login_id: int, conversations: Sequence[int]
) -> list[Line]:
    """These conversations, in this order."""
    rows = await connection.fetch(LINES, tenant_id, conversations, login_id)
    return [Line.from_row(row) for row in rows]
