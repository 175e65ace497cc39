"""The tables messages, statuses and rejects: what was taken, and what providers report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from conserje.contract.message import Content, Edit
from conserje.conversations.rows import InboundRow, RejectRow, ReportRow, digest, restored, stored
from conserje.conversations.sending import LONGEST_PAUSE, PATIENCE
from conserje.storage import jobs
from conserje.storage.database import Connection, columns

# Stores the events whose conversation is known; the others come back without one. The ids follow the order
# of the events, which is that of their taking; the rows are stored in one order for all nodes, so that none
# waits for another in a circle. `taken` is false for what was there already. The transaction has its own
# number before it takes ids: notifications are read up to where no older one is open.
_EVENT = """
WITH event AS (
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bytea[], $6::text[],
                         $7::text[], $8::timestamptz[], $9::text[], $10::text[], $11::bigint[]{arrays})
    WITH ORDINALITY AS t (tenant_id, account_id, channel, contact_address, event_key, content, provider_id,
                          at, identities, quotes, turn_id{names}, n)
), placed AS (
    SELECT event.*, place.conversation_id
    FROM event LEFT JOIN LATERAL (  -- row by row: a plan made for an empty table must not scan a full one
        SELECT id AS conversation_id FROM conversations
        WHERE tenant_id = event.tenant_id AND account_id = event.account_id AND peer = event.contact_address
          AND contact_id = (  -- no join: of a table that nobody has analyzed it would read all
              SELECT contact_id FROM identities
              WHERE identities.tenant_id = event.tenant_id AND identities.channel = event.channel
                AND identities.name = event.contact_address)
          AND (event.identities = '[]' OR NOT EXISTS (  -- a further one is learnt where the conversation is
              SELECT FROM jsonb_array_elements_text(event.identities::jsonb) AS other
              WHERE NOT EXISTS (
                  SELECT FROM identities AS known
                  WHERE known.tenant_id = event.tenant_id AND known.channel = event.channel
                    AND known.name = other)))
          AND CASE WHEN event.at IS NULL THEN true  -- what comes in time is nobody's past
                   ELSE NOT is_forgotten(event.tenant_id, event.account_id, event.contact_address,
                                         event.at) END
        LIMIT 1) AS place ON true
), numbered AS MATERIALIZED (
    SELECT *, nextval(CASE WHEN pg_current_xact_id() IS NOT NULL THEN 'messages_id_seq'::regclass END) AS id
    FROM (SELECT * FROM placed WHERE conversation_id IS NOT NULL ORDER BY n) AS in_order
), taken AS (
    INSERT INTO messages (tenant_id, conversation_id, id, account_id, direction, content, kind, provider_id,
                          event_key, created_at, late_by, quotes, turn_id)
    OVERRIDING SYSTEM VALUE
    SELECT tenant_id, conversation_id, id, account_id, 'in', content,
           CASE right(content, 14) WHEN '"type":"text"}}' THEN 'text' ELSE kind_of(content) END, provider_id,
           event_key, least(coalesce(at, now()), now()), CASE WHEN at < now() THEN now() - at END,
           quotes, turn_id
    FROM numbered
    ORDER BY tenant_id, account_id, event_key
    ON CONFLICT (tenant_id, account_id, event_key) DO NOTHING
    RETURNING tenant_id, account_id, event_key, id
)"""
_WHERE = """
SELECT placed.n, placed.conversation_id, taken.id AS message_id
FROM placed LEFT JOIN taken USING (tenant_id, account_id, event_key)
ORDER BY placed.n
"""
TAKE = _EVENT.format(arrays="", names="") + _WHERE

# The same, and the jobs that answer what is new: one statement, which is its own transaction.
TAKE_PLAIN = f"""
{_EVENT.format(arrays=", $12::int[], $13::interval[]", names=", priority, delay")}, new AS (
    SELECT placed.*, taken.id AS message_id
    FROM placed JOIN taken USING (tenant_id, account_id, event_key) ORDER BY placed.n
), queued AS ({jobs.ADD.format(entrypoint=f"'{jobs.CONVERSE}'", due="new")})
{_WHERE}
"""  # noqa: S608 - of our own

_TAKEN = (
    "tenant_id", "account_id", "channel", "contact_address", "event_key", "content", "provider_id", "at",
    "identities", "quotes", "turn_id",
)  # fmt: skip

# Not of what was taken before, or was written before its contact was forgotten: nobody is made again for it.
PLACE = """
SELECT conversation_for(tenant_id, account_id, channel, contact_address,
                        array(SELECT jsonb_array_elements_text(identities::jsonb)), name)
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[],
            $8::timestamptz[])
    AS event (tenant_id, account_id, channel, contact_address, identities, name, event_key, at)
WHERE NOT EXISTS (SELECT FROM messages
                  WHERE messages.tenant_id = event.tenant_id AND messages.account_id = event.account_id
                    AND messages.event_key = event.event_key)
  AND CASE WHEN at IS NULL THEN true
           ELSE NOT EXISTS (
               SELECT FROM unnest(array_prepend(
                   contact_address, ARRAY(SELECT jsonb_array_elements_text(identities::jsonb)))) AS known_as
               WHERE is_forgotten(tenant_id, account_id, known_as, at)) END
ORDER BY tenant_id, channel, contact_address
"""

PLACED = (
    "tenant_id", "account_id", "channel", "contact_address", "identities", "name", "event_key", "at"
)  # fmt: skip

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

# Applies to each message the furthest of the reports `kept`; `was` tells whether the next message waited for
# this one. What failed is queued `again` because it was outside the window, once; because the provider was
# busy, for as long as `send` would try; because of the account, to wait for that.
APPLY = f"""found AS (
    SELECT DISTINCT ON (message.tenant_id, message.id)
           message.tenant_id, message.conversation_id, message.id, message.state AS was,
           kept.status, kept.cause, kept.provider_id,
           kept.outside_window AND kept.status = 'failed' AND message.outside_as IS NULL
           AND message.kind IS DISTINCT FROM 'template' AS outside,
           kept.status = 'failed' AND try_after IS NOT NULL AS later, try_after,
           CASE WHEN kept.status = 'failed' THEN nullif(account_fault, '') END AS fault
    FROM kept CROSS JOIN LATERAL ({OF_REPORT.format(report="kept", columns="*")}) AS message
    WHERE message.outside_as IS DISTINCT FROM kept.provider_id
      AND kept.provider_id <> ALL (coalesce(message.failed_as, '{{}}'))
    ORDER BY message.tenant_id, message.id, state_rank(kept.status) DESC
), judged AS (
    SELECT *, outside OR later OR fault IS NOT NULL AS again FROM found
)
UPDATE messages
SET state = CASE WHEN later AND coalesce(released_at, created_at) < now() - $1::interval THEN 'held'
                 WHEN again THEN 'queued' ELSE found.status END,
    cause = found.cause, fault = found.fault,
    sent_at = CASE WHEN NOT again THEN coalesce(messages.sent_at, now()) END,
    provider_id = CASE WHEN NOT again THEN coalesce(messages.provider_id, found.provider_id) END,
    sent_number = CASE WHEN again THEN NULL WHEN found.status = 'failed' THEN sent_number
                       ELSE coalesce(sent_number, notification_number()) END,
    outside_as = CASE WHEN outside THEN found.provider_id ELSE messages.outside_as END,
    failed_as = CASE WHEN again AND NOT outside THEN failed_as || found.provider_id ELSE failed_as END,
    due_at = CASE WHEN later THEN now() + least(greatest(try_after * interval '1 second',
        interval '1 second' * power(2, least(attempt, 16) - 1)), $2::interval) END,
    attempt = attempt + again::int  -- whoever is still at the first sending does not end this one
FROM judged AS found
WHERE messages.tenant_id = found.tenant_id AND messages.conversation_id = found.conversation_id
  AND messages.id = found.id AND state_rank(messages.state) < state_rank(found.status)
RETURNING messages.tenant_id, messages.conversation_id, found.was, again
"""  # noqa: S608 - of our own

# Keeps each report once, and applies it to the message, if that is known yet. Nothing of what was said to a
# contact who was forgotten since.
REPORT = f"""
WITH event AS (
    SELECT * FROM unnest($3::bigint[], $4::bigint[], $5::bytea[], $6::bigint[], $7::text[], $8::text[],
                         $9::text[], $10::boolean[], $11::text[], $12::boolean[], $13::float[], $14::text[])
    AS t (tenant_id, account_id, event_key, message_id, provider_id, status, cause, billable, category,
          outside_window, try_after, account_fault)
), kept AS (
    INSERT INTO statuses (tenant_id, account_id, event_key, message_id, provider_id, status, cause, billable,
                          category, outside_window, try_after, account_fault)
    SELECT tenant_id, account_id, event_key, message_id, provider_id, status, cause, billable, category,
           outside_window, try_after, account_fault
    FROM event
    WHERE NOT is_forgotten(tenant_id, account_id, provider_id, '-infinity') AND NOT EXISTS (
        SELECT FROM messages
        WHERE messages.tenant_id = event.tenant_id AND messages.id = event.message_id
          AND direction = 'out' AND kind = 'revocation')
    ORDER BY tenant_id, account_id, event_key
    ON CONFLICT DO NOTHING
    RETURNING *
), {APPLY}
"""  # noqa: S608 - of our own

# Applies what was reported by the provider's id before anybody here knew whose that is. Whoever reads what is
# to be told has passed it, and finds it again.
REPORTED_BEFORE = f"""
WITH kept AS (
    UPDATE statuses SET number = notification_number()
    WHERE tenant_id = $3 AND account_id = $4 AND provider_id = $5 AND message_id IS NULL
    RETURNING *
), {APPLY}
"""  # noqa: S608 - of our own

_REPORTED = (
    "tenant_id", "account_id", "event_key", "message_id", "provider_id", "status", "cause", "billable",
    "category", "outside_window", "try_after", "account_fault",
)  # fmt: skip

LOOK = "SELECT account_id, content FROM messages WHERE tenant_id = $1 AND conversation_id = $2 AND id = $3"

# A message, and the one that it edits.
LOCK = """
SELECT said.id, said.content FROM (
    SELECT $3::bigint AS id
    UNION ALL
    SELECT id FROM messages
    WHERE tenant_id = $1 AND account_id = $4 AND event_key = $5 AND conversation_id = $2
    ORDER BY id) AS wanted
CROSS JOIN LATERAL (  -- row by row: for an array a plan may read the whole conversation
    SELECT id, content FROM messages
    WHERE tenant_id = $1 AND conversation_id = $2 AND messages.id = wanted.id FOR NO KEY UPDATE) AS said
"""

REWRITE = "UPDATE messages SET content = $4 WHERE tenant_id = $1 AND conversation_id = $2 AND id = $3"

REJECT = """
INSERT INTO rejects (tenant_id, account_id, event_key, raw, cause) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, account_id, event_key) DO NOTHING
"""

# At most $2 are counted: beyond that a flood is a flood. What is held waits for an operator, or with its
# account, and is no flood.
WAITING = """
SELECT tenant.id, (SELECT count(*) FROM (
    SELECT FROM (
        SELECT tenant_id, conversation_id FROM messages
        WHERE tenant_id = tenant.id AND direction = 'in' AND turn_id IS NULL LIMIT $2 * 10) AS unanswered
    JOIN conversations ON conversations.tenant_id = unanswered.tenant_id
        AND conversations.id = conversation_id AND state <> 'held' AND ill_since IS NULL
    LIMIT $2) AS counted) AS waiting
FROM unnest($1::bigint[]) AS tenant (id)
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """Where an inbound message was stored; no id: it was there already.

    No conversation either: its contact was forgotten after it was written.
    """

    conversation_id: int
    message_id: int | None


@dataclass(frozen=True, slots=True)
class Locked:
    """A message whose row is locked."""

    tenant_id: int
    conversation_id: int
    id: int
    content: Content


async def take(connection: Connection, rows: Sequence[InboundRow]) -> list[Taken]:
    """Store each message once, with its contact and conversation; the places in the same order.

    No two of `rows` have the same account and key.
    """
    places = [_taken(row) for row in await connection.fetch(TAKE, *columns(rows, *_TAKEN))]
    homeless = [n for n, place in enumerate(places) if not place.conversation_id]
    if homeless:
        without = [rows[n] for n in homeless]
        await connection.fetch(PLACE, *columns(without, *PLACED))
        again = await connection.fetch(TAKE, *columns(without, *_TAKEN))
        for n, row in zip(homeless, again, strict=True):
            places[n] = _taken(row)
    return places


def _taken(row: asyncpg.Record) -> Taken:
    return Taken(row["conversation_id"] or 0, row["message_id"])


async def take_plain(
    connection: Connection,
    rows: Sequence[InboundRow],
    priorities: Sequence[int],
    quiet_periods: Sequence[timedelta],
) -> list[bool]:
    """Store messages from which nothing follows but their turns, with the jobs for these, by statements that
    are transactions; whether each is new, and its contact not forgotten. What is not is as it was.

    Between them somebody new has a conversation without a message, as after a pruning.
    """
    taken = await _take_plain(connection, rows, priorities, quiet_periods)
    homeless = [n for n, place in enumerate(taken) if not place.conversation_id]
    if homeless:
        without = [rows[n] for n in homeless]
        await connection.fetch(PLACE, *columns(without, *PLACED))
        due = [priorities[n] for n in homeless], [quiet_periods[n] for n in homeless]
        for n, place in zip(homeless, await _take_plain(connection, without, *due), strict=True):
            taken[n] = place
    return [place.message_id is not None for place in taken]


async def _take_plain(
    connection: Connection,
    rows: Sequence[InboundRow],
    priorities: Sequence[int],
    quiet_periods: Sequence[timedelta],
) -> list[Taken]:
    taken = await connection.fetch(TAKE_PLAIN, *columns(rows, *_TAKEN), priorities, quiet_periods)
    return [_taken(row) for row in taken]


async def lock(connection: Connection, place: tuple[int, int, int]) -> list[Locked]:
    """Lock the message at `place` (tenant, conversation, id), and the one that it edits, until the
    transaction ends."""
    if (row := await connection.fetchrow(LOOK, *place)) is None:
        return []
    content = restored(row["content"])
    key = digest(content.of) if isinstance(content, Edit) else None
    rows = await connection.fetch(LOCK, *place, row["account_id"], key)
    return [Locked(*place[:2], row["id"], restored(row["content"])) for row in rows]


async def rewrite(
    connection: Connection, said: Sequence[Locked], change: Callable[[Content], Content]
) -> None:
    """Change what messages say that are locked."""
    for each in said:
        content = stored(change(each.content))
        await connection.execute(REWRITE, each.tenant_id, each.conversation_id, each.id, content)


async def report(connection: Connection, rows: Sequence[ReportRow]) -> list[tuple[int, int]]:
    """Keep and apply status reports; the tenant and conversation of each message that the next one waits
    for no more, or that waits itself again."""
    moved = await connection.fetch(REPORT, PATIENCE, LONGEST_PAUSE, *columns(rows, *_REPORTED))
    return [
        (row["tenant_id"], row["conversation_id"])
        for row in moved
        if row["was"] == "uncertain" or row["again"]
    ]


async def report_before(connection: Connection, tenant_id: int, account_id: int, provider_id: str) -> None:
    """Apply what was reported of a message before the provider's id of it was known."""
    await connection.execute(REPORTED_BEFORE, PATIENCE, LONGEST_PAUSE, tenant_id, account_id, provider_id)


async def reject(connection: Connection, row: RejectRow) -> None:
    """Keep what could not be read or stored, as it came."""
    await connection.execute(REJECT, row.tenant_id, row.account_id, row.event_key, row.raw, row.cause)


async def waiting(connection: Connection, tenant_ids: Sequence[int], most: int) -> dict[int, int]:
    """How many messages of each tenant no turn has answered; at most `most` are counted."""
    rows = await connection.fetch(WAITING, tenant_ids, most)
    return {row["id"]: row["waiting"] for row in rows}
