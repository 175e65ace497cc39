"""The tables messages, statuses and rejects: what was taken, what is to be sent, what became of it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from conserje.accounts import Account
from conserje.database import Connection
from conserje.message import (
    Content,
    Event,
    InboundMessage,
    StatusUpdate,
    Unreadable,
    contents,
    to_json,
)

# Stores the events whose conversation is known; the others come back without one. The ids follow the order
# of the events, which is that of their taking; the rows are stored in one order for all nodes, so that none
# waits for another in a circle. `taken` is false for what was there already.
TAKE = """
WITH event AS (
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bytea[], $6::text[],
                         $7::text[], $8::timestamptz[])
    WITH ORDINALITY AS t (tenant_id, account_id, channel, sender, event_key, content, provider_id, at, n)
), placed AS (
    SELECT event.*, place.conversation_id
    FROM event LEFT JOIN LATERAL (  -- row by row: a plan made for an empty table must not scan a full one
        SELECT conversations.id AS conversation_id
        FROM identities JOIN conversations
          ON conversations.tenant_id = event.tenant_id AND conversations.account_id = event.account_id
         AND conversations.contact_id = identities.contact_id AND conversations.peer = event.sender
        WHERE identities.tenant_id = event.tenant_id AND identities.channel = event.channel
          AND identities.name = event.sender
        LIMIT 1) AS place ON true
), numbered AS MATERIALIZED (
    SELECT *, nextval('messages_id_seq') AS id
    FROM (SELECT * FROM placed WHERE conversation_id IS NOT NULL ORDER BY n) AS in_order
), taken AS (
    INSERT INTO messages (tenant_id, conversation_id, id, account_id, direction, content, provider_id,
                          event_key, created_at, late_by)
    OVERRIDING SYSTEM VALUE
    SELECT tenant_id, conversation_id, id, account_id, 'in', content, provider_id, event_key,
           least(coalesce(at, now()), now()), CASE WHEN at < now() THEN now() - at END
    FROM numbered
    ORDER BY tenant_id, account_id, event_key
    ON CONFLICT (tenant_id, account_id, event_key) DO NOTHING
    RETURNING tenant_id, account_id, event_key, id
)
SELECT placed.n, placed.conversation_id, taken.id AS message_id
FROM placed LEFT JOIN taken USING (tenant_id, account_id, event_key)
ORDER BY placed.n
"""

PLACE = """
SELECT conversation_for(tenant_id, account_id, channel, sender,
                        array(SELECT jsonb_array_elements_text(others::jsonb)), name)
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[])
    AS t (tenant_id, account_id, channel, sender, others, name)
ORDER BY tenant_id, channel, sender
"""

# Keeps each report once and applies the furthest for each message; `was` tells whether the next
# message waited for this one. A message is found by our id, else by the provider's.
REPORT = """
WITH event AS (
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bigint[], $5::text[], $6::text[],
                         $7::text[])
    AS t (tenant_id, account_id, event_key, message_id, provider_id, status, cause)
), kept AS (
    INSERT INTO statuses (tenant_id, account_id, event_key, message_id, provider_id, status, cause)
    SELECT * FROM event ORDER BY tenant_id, account_id, event_key
    ON CONFLICT DO NOTHING
    RETURNING *
), found AS (
    SELECT DISTINCT ON (messages.tenant_id, messages.id)
           messages.tenant_id, messages.conversation_id, messages.id, messages.state AS was,
           kept.status, kept.cause, kept.provider_id
    FROM kept
    JOIN messages ON messages.tenant_id = kept.tenant_id AND messages.account_id = kept.account_id
        AND messages.direction = 'out'
        AND (messages.id = kept.message_id
             OR kept.message_id IS NULL AND messages.provider_id = kept.provider_id)
    ORDER BY messages.tenant_id, messages.id, state_rank(kept.status) DESC
)
UPDATE messages
SET state = found.status, cause = found.cause, sent_at = coalesce(messages.sent_at, now()),
    provider_id = coalesce(messages.provider_id, found.provider_id)
FROM found
WHERE messages.tenant_id = found.tenant_id AND messages.conversation_id = found.conversation_id
  AND messages.id = found.id AND state_rank(messages.state) < state_rank(found.status)
RETURNING messages.tenant_id, messages.conversation_id, found.was
"""

REJECT = """
INSERT INTO rejects (tenant_id, account_id, event_key, raw, cause) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, account_id, event_key) DO NOTHING
"""

# At most $2 are counted: beyond that a flood is a flood.
WAITING = """
SELECT tenant.id, (SELECT count(*) FROM (
    SELECT FROM messages
    WHERE tenant_id = tenant.id AND direction = 'in' AND turn_id IS NULL LIMIT $2) AS waiting)
FROM unnest($1::bigint[]) AS tenant (id)
"""

UNANSWERED = """
SELECT id, content, created_at FROM messages
WHERE tenant_id = $1 AND conversation_id = $2 AND direction = 'in' AND turn_id IS NULL
ORDER BY id LIMIT 200
"""

HISTORY = """
SELECT * FROM (
    SELECT id, direction, content, created_at FROM messages
    WHERE tenant_id = $1 AND conversation_id = $2 AND id < $3 ORDER BY id DESC LIMIT $4) AS latest
ORDER BY id
"""

# The next one to leave, locked, with what `find` must not mistake for it.
NEXT = """
SELECT messages.id, messages.account_id, messages.state, attempt, attempted_at, due_at, messages.created_at,
    content, peer, now() AS now, ARRAY(
        SELECT provider_id FROM messages AS other
        WHERE other.tenant_id = $1 AND other.conversation_id = $2 AND other.direction = 'out'
          AND other.provider_id IS NOT NULL AND messages.state <> 'queued'
        ORDER BY other.id DESC LIMIT 100) AS owned
FROM messages JOIN conversations
  ON conversations.tenant_id = messages.tenant_id AND conversations.id = messages.conversation_id
WHERE messages.tenant_id = $1 AND conversation_id = $2
  AND messages.state IN ('queued', 'sending', 'uncertain')
ORDER BY sequence LIMIT 1
FOR NO KEY UPDATE OF messages
"""

START = """
UPDATE messages SET state = 'sending', attempt = attempt + 1, attempted_at = now(), due_at = NULL
WHERE tenant_id = $1 AND conversation_id = $2 AND id = $3
RETURNING attempt, attempted_at
"""

# The provider has it. Reports that came before its answer were kept, and count now.
SENT = """
UPDATE messages SET provider_id = $5, sent_at = coalesce(sent_at, now()),
    (state, cause) = (SELECT status, reported.cause FROM (
        SELECT status, cause FROM statuses
        WHERE tenant_id = $1 AND account_id = messages.account_id AND provider_id = $5
        UNION ALL SELECT 'sent', NULL) AS reported
        ORDER BY state_rank(status) DESC LIMIT 1)
WHERE tenant_id = $1 AND conversation_id = $2 AND id = $3 AND attempt = $4
  AND state IN ('sending', 'uncertain', 'held')
"""

# Anything else that a sending may come to; a message that a report has moved on stays there.
END = """
UPDATE messages SET state = $5, cause = $6, due_at = now() + $7::interval
WHERE tenant_id = $1 AND conversation_id = $2 AND id = $3 AND attempt = $4
  AND state IN ('queued', 'sending', 'uncertain')
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """Where an inbound message was stored; no id: it was there already."""

    conversation_id: int
    message_id: int | None


_JSON_STRINGS = TypeAdapter(list[str])
_BAD = re.compile("[\x00\ud800-\udfff]")


def clean(text: str) -> str:
    """`text` with what Postgres cannot store (NUL, lone surrogates) as U+FFFD."""
    return _BAD.sub("�", text)


def digest(key: str) -> bytes:
    """The event key as it is stored: it outlives the content, so it says nothing."""
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def stored(content: Content) -> str:
    """`content` as it is stored, cleaned."""
    try:
        text = to_json(content)
    except ValueError:  # a lone surrogate
        text = ""
    if text and "\\u0000" not in text:
        return text
    return to_json(contents.validate_python(_cleaned(contents.dump_python(content))))


def _cleaned(value: Any) -> Any:
    match value:
        case str():
            return clean(value)
        case dict():
            return {_cleaned(key): _cleaned(item) for key, item in value.items()}
        case list() | tuple():
            return [_cleaned(item) for item in value]
        case _:
            return value


class InboundRow(NamedTuple):
    """An inbound message as it is stored; all that is dear about it is done once, here."""

    tenant_id: int
    account_id: int
    channel: str
    sender: str
    event_key: bytes
    content: str
    provider_id: str | None
    at: datetime | None  # when it was written, where that is earlier
    others: str  # further names of the sender, as JSON
    name: str


class ReportRow(NamedTuple):
    """A status report as it is stored."""

    tenant_id: int
    account_id: int
    event_key: bytes
    message_id: int | None
    provider_id: str
    status: str
    cause: str | None


class RejectRow(NamedTuple):
    """What could not be read or stored, as it came."""

    tenant_id: int
    account_id: int
    event_key: bytes
    raw: str
    cause: str


Row = InboundRow | ReportRow | RejectRow


def prepare(tenant_id: int, account: Account, event: Event) -> Row:
    """The row of an event; what Postgres cannot store is cleaned out of it."""
    place, key = (tenant_id, account.id), digest(event.key)
    match event:
        case InboundMessage():
            others = _JSON_STRINGS.dump_json([clean(name) for name in event.identities if name]).decode()
            return InboundRow(
                *place,
                account.channel,
                clean(event.sender),
                key,
                stored(event.content),
                clean(event.provider_id) or None,
                event.at,
                others,
                clean(event.name)[:200],
            )
        case StatusUpdate():
            cause = clean(event.cause)[:500] or None
            return ReportRow(*place, key, event.message_id, clean(event.provider_id), event.status, cause)
        case Unreadable():
            return RejectRow(*place, key, clean(event.raw), clean(event.cause)[:500])


async def take(connection: Connection, rows: Sequence[InboundRow]) -> list[Taken]:
    """Store each message once, with its contact and conversation; the places in the same order.

    No two of `rows` have the same account and key.
    """
    found = await connection.fetch(TAKE, *columns([row[:8] for row in rows], 8))
    homeless = [n for n, record in enumerate(found) if record[1] is None]
    places = [Taken(record[1] or 0, record[2]) for record in found]
    if homeless:
        await connection.fetch(PLACE, *columns([_place(rows[n]) for n in homeless], 6))
        again = await connection.fetch(TAKE, *columns([rows[n][:8] for n in homeless], 8))
        for n, record in zip(homeless, again, strict=True):
            places[n] = Taken(record[1], record[2])
    return places


def _place(row: InboundRow) -> tuple[Any, ...]:
    return row.tenant_id, row.account_id, row.channel, row.sender, row.others, row.name


async def report(connection: Connection, rows: Sequence[ReportRow]) -> list[tuple[int, int]]:
    """Keep and apply status reports; the tenant and conversation of each message whose fate was
    uncertain until now."""
    moved = await connection.fetch(REPORT, *columns(rows, 7))
    return [(row["tenant_id"], row["conversation_id"]) for row in moved if row["was"] == "uncertain"]


async def reject(connection: Connection, row: RejectRow) -> None:
    """Keep what could not be read or stored, as it came."""
    await connection.execute(REJECT, *row)


_KINDS: dict[str, type[Row]] = {"in": InboundRow, "report": ReportRow, "reject": RejectRow}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def pack(row: Row) -> bytes:
    """A row as the spool holds it."""
    return json.dumps([_NAMES[type(row)], *map(_packed, row)], ensure_ascii=False).encode()


def _packed(value: object) -> object:
    match value:
        case bytes():
            return value.hex()
        case datetime():
            return value.isoformat()
        case _:
            return value


def unpack(packed: bytes) -> Row:
    """The row that `pack` packed."""
    name, *values = json.loads(packed)
    kind = _KINDS[name]
    fields = dict(zip(kind._fields, values, strict=True))
    fields["event_key"] = bytes.fromhex(fields["event_key"])
    if at := fields.get("at"):
        fields["at"] = datetime.fromisoformat(at)
    return kind(**fields)


def columns(rows: Iterable[Sequence[Any]], width: int) -> list[list[Any]]:
    """Rows as the column arrays that unnest takes."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


def age(since: datetime, now: datetime) -> float:
    """Seconds from `since` to `now`, both by the database's clock."""
    return (now - since).total_seconds()
