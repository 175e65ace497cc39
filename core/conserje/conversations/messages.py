"""The tables messages, statuses and rejects: what was taken, what is to be sent, what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from conserje.contract.message import Content, Edit, from_json
from conserje.conversations.rows import InboundRow, RejectRow, ReportRow, digest, stored
from conserje.storage.database import Connection

FATE_UNKNOWN = "Nobody knows whether it was sent"  # how the cause of one begins that is held for that

# Stores the events whose conversation is known; the others come back without one. The ids follow the order
# of the events, which is that of their taking; the rows are stored in one order for all nodes, so that none
# waits for another in a circle. `taken` is false for what was there already.
TAKE = """
WITH event AS (
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bytea[], $6::text[],
                         $7::text[], $8::timestamptz[], $9::text[], $10::text[], $11::boolean[])
    WITH ORDINALITY AS t (tenant_id, account_id, channel, sender, event_key, content, provider_id, at,
                          others, quotes, wordless, n)
), placed AS (
    SELECT event.*, place.conversation_id
    FROM event LEFT JOIN LATERAL (  -- row by row: a plan made for an empty table must not scan a full one
        SELECT conversations.id AS conversation_id
        FROM identities JOIN conversations
          ON conversations.tenant_id = event.tenant_id AND conversations.account_id = event.account_id
         AND conversations.contact_id = identities.contact_id AND conversations.peer = event.sender
        WHERE identities.tenant_id = event.tenant_id AND identities.channel = event.channel
          AND identities.name = event.sender
          AND (event.others = '[]' OR NOT EXISTS (  -- a further name is learnt where the conversation is made
              SELECT FROM jsonb_array_elements_text(event.others::jsonb) AS other
              WHERE NOT EXISTS (
                  SELECT FROM identities AS known
                  WHERE known.tenant_id = event.tenant_id AND known.channel = event.channel
                    AND known.name = other)))
        LIMIT 1) AS place ON true
), numbered AS MATERIALIZED (
    SELECT *, nextval('messages_id_seq') AS id
    FROM (SELECT * FROM placed WHERE conversation_id IS NOT NULL ORDER BY n) AS in_order
), taken AS (
    INSERT INTO messages (tenant_id, conversation_id, id, account_id, direction, content, provider_id,
                          event_key, created_at, late_by, quotes, turn_id)
    OVERRIDING SYSTEM VALUE
    SELECT tenant_id, conversation_id, id, account_id, 'in', content, provider_id, event_key,
           least(coalesce(at, now()), now()), CASE WHEN at < now() THEN now() - at END,
           quotes, CASE WHEN wordless THEN 0 END
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

# What was edited or taken back, in the place of what was written; whoever has not read that reads this.
AMEND = """
UPDATE messages SET content = amended.content
FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::text[])
    AS amended (tenant_id, account_id, event_key, content)
WHERE messages.tenant_id = amended.tenant_id AND messages.account_id = amended.account_id
  AND messages.event_key = amended.event_key
"""

# The messages of which the row `{report}` tells: found by our id, else by the provider's. Each by an index of
# its own: none fits both conditions joined by OR.
OF_REPORT = """
    SELECT {columns} FROM messages
    WHERE tenant_id = {report}.tenant_id AND account_id = {report}.account_id AND direction = 'out'
      AND id = {report}.message_id
    UNION ALL
    SELECT {columns} FROM messages
    WHERE tenant_id = {report}.tenant_id AND account_id = {report}.account_id AND direction = 'out'
      AND {report}.message_id IS NULL AND provider_id = {report}.provider_id
"""

# Keeps each report once and applies the furthest for each message; `was` tells whether the next
# message waited for this one. What failed because it was outside the window waits `again`, once.
REPORT = f"""
WITH event AS (
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bigint[], $5::text[], $6::text[],
                         $7::text[], $8::boolean[], $9::text[], $10::boolean[])
    AS t (tenant_id, account_id, event_key, message_id, provider_id, status, cause, billable, category,
          outside_window)
), kept AS (
    INSERT INTO statuses (tenant_id, account_id, event_key, message_id, provider_id, status, cause, billable,
                          category, outside_window)
    SELECT * FROM event ORDER BY tenant_id, account_id, event_key
    ON CONFLICT DO NOTHING
    RETURNING *
), found AS (
    SELECT DISTINCT ON (message.tenant_id, message.id)
           message.tenant_id, message.conversation_id, message.id, message.state AS was,
           kept.status, kept.cause, kept.provider_id,
           kept.outside_window AND kept.status = 'failed' AND message.outside_as IS NULL
           AND message.content NOT LIKE '%"type":"template"}}' AS again
    FROM kept
    CROSS JOIN LATERAL ({OF_REPORT.format(report="kept", columns="*")}) AS message
    WHERE message.outside_as IS DISTINCT FROM kept.provider_id
    ORDER BY message.tenant_id, message.id, state_rank(kept.status) DESC
)
UPDATE messages
SET state = CASE WHEN again THEN 'queued' ELSE found.status END, cause = found.cause,
    sent_at = CASE WHEN NOT again THEN coalesce(messages.sent_at, now()) END,
    provider_id = CASE WHEN NOT again THEN coalesce(messages.provider_id, found.provider_id) END,
    outside_as = CASE WHEN again THEN found.provider_id ELSE messages.outside_as END,
    attempt = attempt + again::int  -- whoever is still at the first sending does not end this one
FROM found
WHERE messages.tenant_id = found.tenant_id AND messages.conversation_id = found.conversation_id
  AND messages.id = found.id AND state_rank(messages.state) < state_rank(found.status)
RETURNING messages.tenant_id, messages.conversation_id, found.was, again
"""  # noqa: S608 - of our own

LOCK = """
SELECT account_id, content FROM messages
WHERE tenant_id = $1 AND conversation_id = $2 AND id = $3 FOR NO KEY UPDATE
"""

LOCK_AMENDED = """
SELECT id, content FROM messages
WHERE tenant_id = $1 AND account_id = $2 AND conversation_id = $3 AND event_key = $4 FOR NO KEY UPDATE
"""

REWRITE = "UPDATE messages SET content = $4 WHERE tenant_id = $1 AND conversation_id = $2 AND id = $3"

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
SELECT id, content, created_at, provider_id, said_by(tenant_id, conversation_id, quotes) AS quoted
FROM messages
WHERE tenant_id = $1 AND conversation_id = $2 AND direction = 'in' AND turn_id IS NULL
ORDER BY id LIMIT 200
"""

HISTORY = """
SELECT * FROM (
    SELECT id, direction, content, created_at, said_by(tenant_id, conversation_id, quotes) AS quoted
    FROM messages
    WHERE tenant_id = $1 AND conversation_id = $2 AND id < $3 ORDER BY id DESC LIMIT $4) AS latest
ORDER BY id
"""

# The next one to leave, locked, with what `find` must not mistake for it. The conversation is locked too:
# a message that an opt-out finds queued is never marked `sending` after it.
NEXT = """
SELECT messages.id, messages.account_id, messages.state, attempt, attempted_at, due_at, messages.created_at,
    content, quotes, peer, outside_as, opted_out, opted_out = 'all' AND messages.id = (
        SELECT confirmation_id FROM consents
        WHERE consents.tenant_id = $1 AND consents.conversation_id = $2
        ORDER BY consents.id DESC LIMIT 1) AS confirms,
    now() AS now, ARRAY(
        SELECT provider_id FROM messages AS other
        WHERE other.tenant_id = $1 AND other.conversation_id = $2 AND other.direction = 'out'
          AND other.provider_id IS NOT NULL AND messages.state <> 'queued'
        ORDER BY other.id DESC LIMIT 100) AS owned
FROM messages JOIN conversations
  ON conversations.tenant_id = messages.tenant_id AND conversations.id = messages.conversation_id
WHERE messages.tenant_id = $1 AND conversation_id = $2
  AND messages.state IN ('queued', 'sending', 'uncertain')
ORDER BY sequence LIMIT 1
FOR NO KEY UPDATE OF messages FOR SHARE OF conversations
"""

# With the content that leaves in the place of what was stored, where another does.
START = """
UPDATE messages SET state = 'sending', attempt = attempt + 1, attempted_at = now(), due_at = NULL,
    content = coalesce($4, content)
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
UPDATE messages SET state = $5, cause = $6, due_at = now() + $7::interval,
    outside_as = CASE WHEN $8 THEN '' ELSE outside_as END
WHERE tenant_id = $1 AND conversation_id = $2 AND id = $3 AND attempt = $4
  AND state IN ('queued', 'sending', 'uncertain')
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """Where an inbound message was stored; no id: it was there already."""

    conversation_id: int
    message_id: int | None


async def take(connection: Connection, rows: Sequence[InboundRow]) -> list[Taken]:
    """Store each message once, with its contact and conversation; the places in the same order.

    No two of `rows` have the same account and key.
    """
    found = await connection.fetch(TAKE, *columns(map(_told, rows), 11))
    homeless = [n for n, record in enumerate(found) if record[1] is None]
    places = [Taken(record[1] or 0, record[2]) for record in found]
    if homeless:
        await connection.fetch(PLACE, *columns([_place(rows[n]) for n in homeless], 6))
        again = await connection.fetch(TAKE, *columns([_told(rows[n]) for n in homeless], 11))
        for n, record in zip(homeless, again, strict=True):
            places[n] = Taken(record[1], record[2])
    await _amend(connection, rows)
    return places


async def _amend(connection: Connection, rows: Sequence[InboundRow]) -> None:
    """Put what was written anew into its place; the last one counts."""
    amended = {(row.tenant_id, row.account_id, row.amends): row.amended for row in rows if row.amends}
    if amended:
        changes = sorted((*place, content) for place, content in amended.items())
        await connection.execute(AMEND, *columns(changes, 4))


async def rewrite(
    connection: Connection, place: tuple[int, int, int], change: Callable[[Content], Content]
) -> None:
    """Change what the message at `place` (tenant, conversation, id) says, and what its edit stands for."""
    tenant_id, conversation_id, _ = place
    if (row := await connection.fetchrow(LOCK, *place)) is None:
        return
    content = from_json(row["content"])
    await connection.execute(REWRITE, *place, stored(change(content)))
    if isinstance(content, Edit):
        amended = (tenant_id, row["account_id"], conversation_id, digest(content.of))
        if original := await connection.fetchrow(LOCK_AMENDED, *amended):
            said = stored(change(from_json(original["content"])))
            await connection.execute(REWRITE, tenant_id, conversation_id, original["id"], said)


def _told(row: InboundRow) -> tuple[Any, ...]:
    return *row[:9], row.quotes, row.wordless


def _place(row: InboundRow) -> tuple[Any, ...]:
    return row.tenant_id, row.account_id, row.channel, row.sender, row.others, row.name


async def report(connection: Connection, rows: Sequence[ReportRow]) -> list[tuple[int, int]]:
    """Keep and apply status reports; the tenant and conversation of each message that the next one waits
    for no more, or that waits itself again."""
    moved = await connection.fetch(REPORT, *columns([row[:10] for row in rows], 10))
    return [
        (row["tenant_id"], row["conversation_id"])
        for row in moved
        if row["was"] == "uncertain" or row["again"]
    ]


async def reject(connection: Connection, row: RejectRow) -> None:
    """Keep what could not be read or stored, as it came."""
    await connection.execute(REJECT, *row)


def columns(rows: Iterable[Sequence[Any]], width: int) -> list[list[Any]]:
    """Rows as the column arrays that unnest takes."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


def age(since: datetime, now: datetime) -> float:
    """Seconds from `since` to `now`, both by the database's clock."""
    return (now - since).total_seconds()
