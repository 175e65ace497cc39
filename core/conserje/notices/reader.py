"""Reads what happened to a tenant's, in its order: of messages as they stand, and what was recorded."""

from __future__ import annotations

import asyncio
import heapq
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from operator import attrgetter
from typing import Any, get_args

import asyncpg

from conserje.contract.plain import plain
from conserje.conversations.messages import OF_REPORT
from conserje.conversations.rows import restored
from conserje.storage.database import Connection
from conserje.storage.notifications import KINDS, Horizon, Position, Recorded
from conserje.tenants.tenants import Tenant

BEGINNING = Position()
LOOKS, PAUSE = 50, 0.02  # seconds between two of them
LONGEST = 1000  # characters of a message that are told

# What was edited or taken back before it came is told once it has come, under another id.
RECEIVED = """
SELECT id AS place, 'message.received' AS kind, id AS about, conversation_id, created_at AS at
FROM messages
WHERE tenant_id = $1 AND id > $2 AND id <= $3 AND direction = 'in' AND turn_id IS DISTINCT FROM -1
ORDER BY id LIMIT $4
"""

# What waits again after it was sent has no number until it is sent again.
SENT = """
SELECT sent_number AS place, CASE state WHEN 'refused' THEN 'message.failed' ELSE 'message.sent' END AS kind,
       id AS about, conversation_id, coalesce(sent_at, attempted_at, created_at) AS at
FROM messages WHERE tenant_id = $1 AND sent_number > $2 AND sent_number <= $3
ORDER BY sent_number LIMIT $4
"""

# A failure after which the message left again is none.
REPORTED = f"""
SELECT number AS place, 'message.' || status AS kind, message.id AS about, message.conversation_id,
       statuses.created_at AS at
FROM statuses CROSS JOIN LATERAL (
    SELECT id, conversation_id FROM ({OF_REPORT.format(report="statuses", columns="*")}) AS said
    WHERE said.outside_as IS DISTINCT FROM statuses.provider_id
      AND statuses.provider_id <> ALL (coalesce(said.failed_as, '{{}}'))
    LIMIT 1) AS message
WHERE statuses.tenant_id = $1 AND number > $2 AND number <= $3 AND status <> 'sent'
ORDER BY number LIMIT $4
"""  # noqa: S608 - of our own

RECORDED = """
SELECT id AS place, kind, id AS about, conversation_id, created_at AS at
FROM notifications WHERE tenant_id = $1 AND id > $2 AND id <= $3
ORDER BY id LIMIT $4
"""

# Row by row: a plan for many rows would read all of a tenant's.
MESSAGES = """
SELECT message.id, message.conversation_id, contact_id, channel, address, message.kind, content,
       message.cause
FROM unnest($2::bigint[]) AS wanted (id)
CROSS JOIN LATERAL (
    SELECT * FROM messages WHERE tenant_id = $1 AND messages.id = wanted.id LIMIT 1) AS message
CROSS JOIN LATERAL (
    SELECT contact_id FROM conversations
    WHERE tenant_id = $1 AND conversations.id = message.conversation_id LIMIT 1) AS place
JOIN accounts ON accounts.tenant_id = $1 AND accounts.id = message.account_id
"""

NOTIFICATIONS = """
SELECT found.id, found.conversation_id, contact_id, channel, address, data
FROM unnest($2::bigint[]) AS wanted (id)
CROSS JOIN LATERAL (SELECT * FROM notifications WHERE tenant_id = $1 AND id = wanted.id LIMIT 1) AS found
LEFT JOIN LATERAL (
    SELECT contact_id, account_id FROM conversations
    WHERE tenant_id = $1 AND conversations.id = found.conversation_id LIMIT 1) AS place ON true
LEFT JOIN accounts ON accounts.tenant_id = $1
 AND accounts.id = coalesce(place.account_id, (data ->> 'account')::bigint)
"""

# Whether anything happened to a tenant after a place and not after $1 and $2.
NEWS = """(
    (SELECT true FROM messages
     WHERE messages.tenant_id = tenants.id AND messages.id > {message_id} AND messages.id <= $1 LIMIT 1)
    OR (SELECT true FROM messages
        WHERE messages.tenant_id = tenants.id AND sent_number > {number} AND sent_number <= $2 LIMIT 1)
    OR (SELECT true FROM statuses
        WHERE statuses.tenant_id = tenants.id AND statuses.number > {number} AND statuses.number <= $2
        LIMIT 1)
    OR (SELECT true FROM notifications
        WHERE notifications.tenant_id = tenants.id AND notifications.id > {number}
          AND notifications.id <= $2 LIMIT 1))
"""

_OF_REPORTS = {"message.delivered", "message.read", "message.failed"}
_SOURCES = (
    (SENT, {"message.sent", "message.failed"}),
    (REPORTED, _OF_REPORTS),
    (RECORDED, set(get_args(Recorded))),
)


@dataclass(frozen=True, slots=True)
class Happened:
    """That something happened, and to what: a message, or what was recorded."""

    kind: str
    about: int
    conversation_id: int | None
    at: datetime
    place: int = 0  # in its order

    @property
    def name(self) -> str:
        """The same however often it is told."""
        return f"{self.kind.replace('.', '-').replace('_', '-')}-{self.about}"

    @property
    def is_of_message(self) -> bool:
        return self.kind.startswith("message.")


async def settled(connection: Connection) -> Position:
    """Up to where all is known that has happened by now; who still writes is waited for, a while."""
    horizon = Horizon()
    for _ in range(LOOKS):
        if (position := await horizon.advance(connection)) != BEGINNING:
            break
        await asyncio.sleep(PAUSE)
    return position


async def read(
    connection: Connection,
    tenant_id: int,
    after: Position,
    until: Position,
    limit: int,
    kinds: Collection[str] = (),
) -> tuple[list[Happened], Position]:
    """What happened after one position and not after the other, at most so much, and how far that is.

    Of these kinds; none: of all. What it did not come to is read again.
    """
    wanted = set(kinds or KINDS)
    received: list[Happened] = []
    if "message.received" in wanted:
        place = (tenant_id, after.message_id, until.message_id, limit)
        received = [Happened(**row) for row in await connection.fetch(RECEIVED, *place)]
    numbered = []
    for statement, theirs in _SOURCES:
        if wanted & theirs:
            rows = await connection.fetch(statement, tenant_id, after.number, until.number, limit)
            numbered.append([Happened(**row) for row in rows])
    others = list(islice(heapq.merge(*numbered, key=attrgetter("place")), limit))
    # Each in its own order, of the next two the earlier one first.
    found = list(islice(heapq.merge(received, others, key=attrgetter("at")), limit))
    came = sum(each.kind == "message.received" for each in found)
    position = Position(  # which may be before the other one, of somebody who has just begun
        max(after.message_id, _reached(received, came, limit, until.message_id)),
        max(after.number, _reached(others, len(found) - came, limit, until.number)),
    )
    return [each for each in found if each.kind in wanted], position


def _reached(there: Sequence[Happened], taken: int, limit: int, until: int) -> int:
    """How far somebody is who has taken so many."""
    if taken == len(there) < limit:
        return until
    return there[taken - 1].place if taken else there[0].place - 1


async def contents(
    connection: Connection, tenant: Tenant, happened: Collection[Happened]
) -> dict[Happened, dict[str, Any]]:
    """What is told of each, as it stands now; without those of which nothing is left."""
    of_messages = [each.about for each in happened if each.is_of_message]
    recorded = [each.about for each in happened if not each.is_of_message]
    rows: dict[tuple[bool, int], asyncpg.Record] = {}
    for is_of_message, statement, ids in ((True, MESSAGES, of_messages), (False, NOTIFICATIONS, recorded)):
        if ids:
            found = await connection.fetch(statement, tenant.id, ids)
            rows |= {(is_of_message, row["id"]): row for row in found}
    return {
        each: _told(tenant, each, row)
        for each in happened
        if (row := rows.get((each.is_of_message, each.about)))
    }


def _told(tenant: Tenant, happened: Happened, row: asyncpg.Record) -> dict[str, Any]:
    """Ids first, and little else: who wants more asks for it by them."""
    data: dict[str, Any] = {"tenant": tenant.slug}
    if happened.is_of_message:
        data |= {"message": row["id"]}
    if row["conversation_id"] is not None:
        data |= {"conversation": row["conversation_id"], "contact": row["contact_id"]}
    if row["channel"] is not None:
        data |= {"channel": row["channel"], "account": row["address"]}
    if happened.is_of_message:
        data |= {"content": row["kind"], "text": plain(restored(row["content"]))[:LONGEST]}
        if happened.kind == "message.failed":
            data["cause"] = row["cause"]
    else:
        data |= {key: value for key, value in json.loads(row["data"]).items() if key not in data}
    return {
        "type": happened.kind,
        "timestamp": written(happened.at),
        "data": data,
    }


def written(at: datetime) -> str:
    """As systems read it."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
