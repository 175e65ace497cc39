"""The state of conversations: every statement that changes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from conserje.conversations.illness import HEALTH, Health
from conserje.conversations.listing import LEFT_TO_PERSON, ConversationState, OptedOut
from conserje.conversations.outbox import has_said, let_out, number, put_by, speak
from conserje.conversations.rows import FORGOTTEN
from conserje.storage.database import Connection

# That long a turn waits whose worker died, or whose claim was lost on the way; and longer than it takes until
# others know that a worker stands still over it: they would stand still in the same place.
LEASE = timedelta(seconds=3)
# A transaction's now() is that of its beginning, a while before it has the lock.
LONGEST_LEASE = LEASE + timedelta(seconds=2)
RECENT = timedelta(minutes=10)  # in which the turns of a contact are counted
WANTS_NONE = "The contact wants no more messages."
MACHINE = "A machine writes from this address, which gets no answers."

LOCK = f"""
SELECT account_id, contact_id, peer AS contact_address, state, opted_out, epoch, turn_id, starts, cause,
       unparked_at, now() AS now, leased_until - now() AS lease_left,
       (SELECT name FROM contacts WHERE tenant_id = $1 AND id = contact_id) AS contact_name,
       {HEALTH} AS health, (SELECT max(resumed_at) FROM restorations) AS resumed_at
FROM conversations WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE
"""  # noqa: S608 - of our own

# A lease from before the clock was set back; whoever still thinks renews it sooner.
SHORTEN = "UPDATE conversations SET leased_until = now() + $3 WHERE tenant_id = $1 AND id = $2"

# With the summary, if nothing in it is older than what the tenant wants read, and with how many turns the
# contact has had of late, in whatever conversation; what somebody has looked after is not counted.
LEASE_OUT = """
UPDATE conversations SET epoch = epoch + 1, leased_until = now() + $3, starts = starts + 1,
    turn_id = CASE WHEN state = 'person' OR turn_id IS NULL THEN nextval('turn_ids') ELSE turn_id END,
    state = 'open', hand_back_at = NULL, person = NULL, login_id = NULL
WHERE tenant_id = $1 AND id = $2
RETURNING epoch, turn_id, greatest(now() - $4::interval, unparked_at) AS recent_since,
    coalesce((SELECT text FROM summaries WHERE summaries.tenant_id = $1 AND summaries.conversation_id = $2
              AND since > now() - $6::interval), '') AS summary, (
    SELECT count(*) FROM conversations AS theirs CROSS JOIN LATERAL (
        SELECT assistant, settled_at FROM turns WHERE turns.tenant_id = $1
          AND turns.conversation_id = theirs.id ORDER BY turns.id DESC LIMIT $5) AS turn
    WHERE theirs.tenant_id = $1 AND theirs.contact_id = conversations.contact_id
      AND turn.settled_at > greatest(now() - $4::interval, conversations.unparked_at)
      AND turn.assistant NOT IN ('person', 'consent', 'machine')) AS recent_turns
"""

RENEW = """
UPDATE conversations SET leased_until = now() + $4 WHERE tenant_id = $1 AND id = $2 AND epoch = $3
"""

GIVE_UP = """
UPDATE conversations SET leased_until = NULL, cause = $4 WHERE tenant_id = $1 AND id = $2 AND epoch = $3
"""

# There is nothing left to be answered.
RELEASE = """
UPDATE conversations SET leased_until = NULL, starts = 0, cause = NULL WHERE tenant_id = $1 AND id = $2
"""

# With what the contact is told, in its place behind what was said before.
HOLD = f"""
WITH moved AS (
    UPDATE conversations SET state = 'held', leased_until = NULL, cause = $3, active_at = now(),
        {number("$4::text[]")}
    WHERE tenant_id = $1 AND id = $2
    RETURNING *
)
{speak("$4::text[]")}
"""  # noqa: S608 - of our own

# All of a turn's end in one statement; the number of messages it marked as answered comes back.
SETTLE = f"""
WITH answered AS (
    UPDATE messages SET turn_id = $3
    WHERE tenant_id = $1 AND conversation_id = $2 AND id = ANY ($4::bigint[])
      AND direction = 'in' AND turn_id IS NULL
    RETURNING id
), turn AS (
    INSERT INTO turns (tenant_id, conversation_id, id, assistant, intent, confidence, usage, cause,
                       waited, thought, told, calls, handed_over)
    VALUES ($1, $2, $3, $5, $6, $7, $8::jsonb, $9, $10, $11, $15, $16::text::jsonb, $13::interval IS NOT NULL)
), moved AS (
    UPDATE conversations SET leased_until = NULL, starts = 0, cause = NULL, active_at = now(),
        {number("$12::text[]")},
        turn_id = CASE WHEN $13::interval IS NULL THEN NULL ELSE $3 END,
        state = CASE WHEN $13::interval IS NULL THEN 'open' ELSE 'person' END,
        hand_back_at = now() + $13::interval, person = NULL, login_id = NULL
    WHERE tenant_id = $1 AND id = $2
    RETURNING *
), spoken AS (
    {speak("$12::text[]", turn="$3", quotes="$14")}
)
SELECT count(*) FROM answered
"""  # noqa: S608 - of our own

# Whoever thinks has lost the lease. What waits is the person's now.
TAKE = """
WITH turn AS MATERIALIZED (
    INSERT INTO turns (tenant_id, conversation_id, id, assistant, intent, person, waited, thought)
    SELECT $1, $2, nextval('turn_ids'), 'person', 'take', $4,
           coalesce(greatest(now() - min(created_at), '0'), '0'), '0'
    FROM messages WHERE tenant_id = $1 AND conversation_id = $2 AND direction = 'in' AND turn_id IS NULL
    RETURNING id
), left_so AS (
    UPDATE messages SET turn_id = turn.id FROM turn
    WHERE tenant_id = $1 AND conversation_id = $2 AND direction = 'in' AND turn_id IS NULL
)
UPDATE conversations SET state = 'person', epoch = epoch + 1, leased_until = NULL, starts = 0, cause = NULL,
    turn_id = turn.id, hand_back_at = now() + $3, active_at = now(), person = $4, login_id = $5
FROM turn WHERE tenant_id = $1 AND conversations.id = $2
RETURNING hand_back_at
"""

# A login is whoever it is; without one somebody who says no other name is whoever has it.
EXTEND = """
UPDATE conversations SET hand_back_at = now() + $3,
    person = CASE WHEN $5::bigint IS NULL THEN coalesce(nullif($4, ''), person, '') ELSE $4 END,
    login_id = coalesce($5, CASE WHEN $4 IN ('', person) THEN login_id END)
WHERE tenant_id = $1 AND id = $2
RETURNING hand_back_at
"""

# What was left to the person, and came after their last message, is unanswered again. It is not late:
# somebody has looked after it.
GIVE = f"""
WITH given AS (
    UPDATE conversations SET state = 'open', hand_back_at = NULL, turn_id = NULL, starts = 0, cause = NULL,
        person = NULL, login_id = NULL, unparked_at = now()
    WHERE tenant_id = $1 AND id = $2
), unanswered AS (
    UPDATE messages AS message SET turn_id = NULL FROM turns
    WHERE message.tenant_id = $1 AND message.conversation_id = $2 AND message.turn_id = $3
      AND direction = 'in' AND turns.tenant_id = $1 AND turns.conversation_id = $2 AND turns.id = $3
      AND {LEFT_TO_PERSON}
    RETURNING message.id
)
SELECT count(*) FROM unanswered
"""  # noqa: S608 - of our own

# A person's message is a turn as an assistant's reply is one.
SAY = f"""
WITH turn AS MATERIALIZED (
    INSERT INTO turns (tenant_id, conversation_id, id, assistant, intent, person, waited, thought)
    SELECT $1, $2, nextval('turn_ids'), 'person', 'message',
           (SELECT person FROM conversations WHERE tenant_id = $1 AND id = $2),
           coalesce(greatest(now() - min(created_at), '0'), '0'), '0'
    FROM messages WHERE tenant_id = $1 AND conversation_id = $2 AND direction = 'in' AND turn_id = $3
    RETURNING id
), moved AS (
    UPDATE conversations SET {number("$4::text[]")}, turn_id = turn.id, hand_back_at = now() + $5,
        active_at = now(), person = coalesce(person, '')
    FROM turn WHERE tenant_id = $1 AND conversations.id = $2
    RETURNING conversations.*
), spoken AS (
    {speak("$4::text[]", turn="moved.turn_id")}
)
SELECT id FROM spoken ORDER BY id
"""  # noqa: S608 - of our own

# What the business has said by another way: a turn of a person's, where the assistant is silent for it.
SAID = f"""
WITH turn AS MATERIALIZED (
    INSERT INTO turns (tenant_id, conversation_id, id, assistant, intent, waited, thought)
    SELECT $1, $2, nextval('turn_ids'), 'person', 'message', '0', '0' WHERE $6
    RETURNING id
), moved AS (
    UPDATE conversations SET {number("ARRAY[$3::text]")}, active_at = now(),
        turn_id = coalesce((SELECT id FROM turn), turn_id)
    WHERE tenant_id = $1 AND id = $2
    RETURNING *
)
{has_said("$3", turn="(SELECT id FROM turn)", provider_id="$4", at="$5")}
"""  # noqa: S608 - of our own

# What the business says of its own accord waits for its account's pace and, at $6 for each, until the contact
# has no more than $7 ahead. What is a day ahead is of a clock that was set back.
TELL = f"""
WITH moved AS (
    UPDATE conversations SET {number("ARRAY[$3::text]")}, active_at = now(), said_until = $6::interval +
        greatest(CASE WHEN said_until < now() + interval '1 day' THEN said_until END, now())
    WHERE tenant_id = $1 AND id = $2
    RETURNING *
)
{put_by("$3", quotes="$4", said_by="$5", due_at="greatest(moved.said_until - $7::interval, now())")}
"""  # noqa: S608 - of our own

# The messages $3, which wait in the conversations $2, but for those of one that somebody has. By arrays: a
# plan for others may read all of the tenant's.
LET_OUT = f"""
WITH place AS MATERIALIZED (
    SELECT locked.id, said FROM (
        SELECT conversation_id, array_agg(id ORDER BY n) AS said
        FROM unnest($2::bigint[], $3::bigint[]) WITH ORDINALITY AS next (conversation_id, id, n)
        GROUP BY 1 ORDER BY 1) AS wanted
    CROSS JOIN LATERAL (
        SELECT id FROM conversations WHERE tenant_id = $1 AND id = conversation_id
        FOR NO KEY UPDATE SKIP LOCKED) AS locked
), moved AS (
    UPDATE conversations SET {number("said")} FROM place
    WHERE tenant_id = $1 AND conversations.id = place.id AND conversations.id = ANY ($2::bigint[])
    RETURNING conversations.*, said
)
{let_out("$3::bigint[]", "now() - $4::interval", "$5")}
"""  # noqa: S608 - of our own

LEAVE_TO_PERSON = """
WITH moved AS (
    UPDATE conversations SET active_at = now() WHERE tenant_id = $1 AND id = $2
    RETURNING turn_id, hand_back_at
)
UPDATE messages SET turn_id = moved.turn_id FROM moved
WHERE tenant_id = $1 AND conversation_id = $2 AND direction = 'in' AND messages.turn_id IS NULL
  AND created_at + coalesce(late_by, '0') < hand_back_at
"""

# As intake stores what nobody answers.
LET_BE = """
UPDATE messages SET turn_id = 0
WHERE tenant_id = $1 AND conversation_id = $2 AND id = ANY ($3::bigint[]) AND direction = 'in'
  AND turn_id IS NULL
"""

LOOK = "SELECT opted_out FROM conversations WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE"

# With what the contact is told, in its place behind what was said before.
NOTE = f"""
WITH moved AS (
    UPDATE conversations SET opted_out = $3, active_at = now(), {number("$7::text[]")}
    WHERE tenant_id = $1 AND id = $2
    RETURNING *
), told AS (
    {speak("$7::text[]", turn="$8")}
)
INSERT INTO consents (tenant_id, conversation_id, change, source, cause, confirmation_id)
VALUES ($1, $2, $4, $5, $6, (SELECT id FROM told))
"""  # noqa: S608 - of our own

# What is unanswered stays so, by a turn that says why; whoever thinks about it has lost the lease.
LEAVE = """
WITH turn AS MATERIALIZED (
    SELECT nextval('turn_ids') AS id
), left_so AS (
    UPDATE messages SET turn_id = turn.id FROM turn
    WHERE tenant_id = $1 AND conversation_id = $2 AND direction = 'in' AND turn_id IS NULL
    RETURNING created_at
), settled AS (
    INSERT INTO turns (tenant_id, conversation_id, id, assistant, cause, waited, thought)
    SELECT $1, $2, turn.id, $4, $3, greatest(now() - min(created_at), '0'), '0'
    FROM turn LEFT JOIN left_so ON true GROUP BY turn.id
)
UPDATE conversations SET epoch = epoch + 1, leased_until = NULL, starts = 0, active_at = now(),
    cause = NULL, state = CASE state WHEN 'held' THEN 'open' ELSE state END,
    turn_id = CASE WHEN state = 'person' THEN conversations.turn_id END
FROM turn WHERE tenant_id = $1 AND conversations.id = $2
RETURNING turn.id
"""

RETRY_TURN = """
UPDATE conversations SET state = 'open', starts = 0, cause = NULL, unparked_at = now()
WHERE id = $1 AND state = 'held'
RETURNING tenant_id, id AS conversation_id
"""

# The turn that the messages are marked with has no row: nobody answered them.
DROP_TURN = """
WITH freed AS (
    UPDATE conversations SET state = 'open', starts = 0, cause = NULL, turn_id = NULL
    WHERE id = $1 AND state = 'held'
    RETURNING tenant_id, id
), turn AS MATERIALIZED (
    SELECT nextval('turn_ids') AS id
), dropped AS (
    UPDATE messages SET turn_id = turn.id FROM freed, turn
    WHERE messages.tenant_id = freed.tenant_id AND conversation_id = freed.id
      AND direction = 'in' AND messages.turn_id IS NULL
)
SELECT tenant_id, id AS conversation_id FROM freed
"""

# The contact is forgotten: nothing more is said, and what is being thought is thrown away.
FORGET = """
UPDATE conversations SET peer = '', state = 'open', cause = NULL, hand_back_at = NULL, person = NULL,
    login_id = NULL, turn_id = NULL, epoch = epoch + 1, leased_until = NULL, starts = 0, ill_since = NULL
WHERE tenant_id = $1 AND contact_id = $2
"""

# What intake was about to store while its contact was forgotten.
EMPTY = """
UPDATE messages SET content = $3, provider_id = NULL, quotes = NULL, turn_id = 0
WHERE tenant_id = $1 AND conversation_id = $2 AND direction = 'in' AND turn_id IS NULL
"""

# The account is ill: the conversation waits for it, in the order in which they came to wait.
WAIT = """
UPDATE conversations SET ill_since = coalesce(ill_since, now()) WHERE tenant_id = $1 AND id = $2
"""

# With the replies that are there. An illness that ended meanwhile holds nothing.
HOLD_FOR_ACCOUNT = """
WITH illness AS MATERIALIZED (
    SELECT cause FROM illnesses WHERE tenant_id = $1 AND account_id = $3 AND well_at IS NULL
      AND trial IS DISTINCT FROM $2 FOR SHARE
), place AS MATERIALIZED (
    UPDATE conversations SET ill_since = coalesce(ill_since, now()) FROM illness
    WHERE tenant_id = $1 AND conversations.id = $2
    RETURNING illness.cause
)
UPDATE messages SET state = 'held', fault = coalesce(fault, 'passing'), cause = place.cause, due_at = NULL
FROM place WHERE tenant_id = $1 AND conversation_id = $2 AND state = 'queued'
"""

# The account is well. What was late when it became so waits for an operator.
LET_GO = """
WITH waiting AS MATERIALIZED (  -- row by row: for an array a plan may read all of the tenant's
    SELECT found.id FROM unnest($2::bigint[]) AS asked (id) CROSS JOIN LATERAL (
        SELECT id FROM conversations
        WHERE tenant_id = $1 AND conversations.id = asked.id AND ill_since IS NOT NULL LIMIT 1) AS found
), place AS MATERIALIZED (
    UPDATE conversations SET ill_since = NULL FROM waiting
    WHERE tenant_id = $1 AND conversations.id = waiting.id
    RETURNING conversations.id, account_id
), line AS MATERIALIZED (
    SELECT place.id AS conversation_id, late_after, coalesce(well_at, now()) - late_after AS late_before
    FROM place JOIN tenants ON tenants.id = $1
    LEFT JOIN illnesses ON tenant_id = $1 AND illnesses.account_id = place.account_id
)
UPDATE messages SET fault = NULL, due_at = NULL,
    state = CASE WHEN created_at < late_before THEN 'held' ELSE 'queued' END,
    cause = CASE WHEN created_at < late_before
        THEN format('It waited for its account for longer than late_after, %s: send it all the same by '
                    '`conserje held retry`.', late_after) END
FROM line WHERE tenant_id = $1 AND messages.conversation_id = line.conversation_id AND fault IS NOT NULL
"""

# Hints that were lost (a stalled worker can finish its successor's job): conversations that have something to
# do and that nobody has looked at for a while. One that somebody has locked is at work. What happened later
# than now, or is due later than anything is put off ($2, a lease $3), was written before the clock was set
# back, and is long past. $4 messages of each kind are looked at, from a conversation on ($5, $6 and $7, $8):
# thousands may wait. Where there are so many, the last one's conversation comes back, too.
SWEEP = """
WITH unanswered AS MATERIALIZED (
    SELECT tenant_id, conversation_id, created_at FROM messages
    WHERE direction = 'in' AND turn_id IS NULL AND (tenant_id, conversation_id) > ($5::bigint, $6)
    ORDER BY tenant_id, conversation_id, id LIMIT $4
), undelivered AS MATERIALIZED (
    SELECT tenant_id, conversation_id, due_at,
           coalesce(due_at, attempted_at, released_at, created_at) AS since FROM messages
    WHERE state IN ('queued', 'sending', 'uncertain') AND (tenant_id, conversation_id) > ($7::bigint, $8)
    ORDER BY tenant_id, conversation_id, sequence LIMIT $4
), waiting AS (
    SELECT DISTINCT 'converse' AS entrypoint, tenant_id, conversation_id FROM unanswered
    WHERE created_at NOT BETWEEN now() - $1::interval AND now()
    UNION ALL
    SELECT DISTINCT 'deliver', tenant_id, conversation_id FROM undelivered
    WHERE since NOT BETWEEN now() - $1::interval
                    AND CASE WHEN due_at IS NULL THEN now() ELSE now() + $2 END
), due AS MATERIALIZED (
    SELECT entrypoint, idle.* FROM waiting CROSS JOIN LATERAL (
        SELECT tenant_id, conversations.id FROM conversations JOIN tenants ON tenants.id = tenant_id
        WHERE tenant_id = waiting.tenant_id AND conversations.id = conversation_id AND status = 'active'
          AND coalesce(leased_until NOT BETWEEN now() AND now() + $3, true)
          AND coalesce(swept_at NOT BETWEEN now() - $1::interval * 4 AND now(), true)
          AND (entrypoint = 'deliver' OR state <> 'held' AND (ill_since IS NULL OR NOT EXISTS (
              SELECT FROM illnesses AS each
              WHERE each.tenant_id = conversations.tenant_id
                AND each.account_id = conversations.account_id)))
        LIMIT 1 FOR NO KEY UPDATE OF conversations SKIP LOCKED) AS idle
    WHERE (SELECT true FROM overflow AS each  -- one by one: it is long
           WHERE each.tenant_id = waiting.tenant_id AND each.conversation_id = waiting.conversation_id
           LIMIT 1) IS NULL
), swept AS (
    UPDATE conversations SET swept_at = now() FROM due
    WHERE conversations.tenant_id = due.tenant_id AND conversations.id = due.id
)
SELECT false AS is_last, entrypoint, tenant_id, id FROM due
UNION ALL (SELECT true, 'converse', tenant_id, conversation_id FROM unanswered ORDER BY 3, 4 OFFSET $4 - 1)
UNION ALL (SELECT true, 'deliver', tenant_id, conversation_id FROM undelivered ORDER BY 3, 4 OFFSET $4 - 1)
"""

UNSWEPT = "UPDATE conversations SET swept_at = NULL WHERE swept_at IS NOT NULL"

# What was left to persons whose time is over stays theirs; what they had not seen is the assistant's, and no
# turn has it under its name.
_THEIRS = """
(conversations.state = 'person' AND messages.created_at + coalesce(late_by, '0') < hand_back_at) IS TRUE
"""
_HOLD_UNANSWERED = f"""
WITH theirs AS (
    UPDATE messages SET turn_id = conversations.turn_id FROM conversations
    WHERE {{of}} messages.tenant_id = conversations.tenant_id AND conversation_id = conversations.id
      AND direction = 'in' AND messages.turn_id IS NULL AND {_THEIRS}
)
UPDATE conversations SET state = 'held', cause = {{cause}}, epoch = epoch + 1, leased_until = NULL,
    starts = 0, turn_id = CASE WHEN state = 'person' THEN NULL ELSE turn_id END, hand_back_at = NULL,
    person = NULL, login_id = NULL
WHERE {{of}} state <> 'held' AND EXISTS (
    SELECT FROM messages
    WHERE messages.tenant_id = conversations.tenant_id AND conversation_id = conversations.id
      AND direction = 'in' AND messages.turn_id IS NULL AND NOT {_THEIRS})
"""  # noqa: S608 - of our own
HOLD_UNANSWERED = _HOLD_UNANSWERED.format(of="", cause="$1")  # of all tenants

# The tenant $1 has come from another installation, which may have answered what is unanswered here.
SILENCE = _HOLD_UNANSWERED.format(of="conversations.tenant_id = $1 AND", cause="$2")


@dataclass(frozen=True, slots=True)
class Locked:
    """A conversation whose row is locked."""

    account_id: int
    contact_id: int
    contact_address: str
    contact_name: str
    state: ConversationState
    opted_out: OptedOut | None  # None: the contact wants everything
    epoch: int
    turn_id: int | None
    starts: int
    cause: str | None
    unparked_at: datetime | None
    now: datetime  # by the database's clock
    lease_left: timedelta | None
    health: Health | None  # its account's
    resumed_at: datetime | None  # of a restored installation: what was late before may be answered elsewhere


async def lock(connection: Connection, tenant_id: int, conversation_id: int) -> Locked | None:
    """The conversation, locked until the transaction ends; None: it is gone."""
    row = await connection.fetchrow(LOCK, tenant_id, conversation_id)
    if row is None:
        return None
    locked = Locked(**row)
    if locked.lease_left and locked.lease_left > LONGEST_LEASE:
        await connection.execute(SHORTEN, tenant_id, conversation_id, LEASE)
        return replace(locked, lease_left=LEASE)
    return locked


async def leave_to_person(connection: Connection, tenant_id: int, conversation_id: int) -> None:
    """What came before the hand-back is marked as the hand-over's, or as the person's last message's."""
    await connection.execute(LEAVE_TO_PERSON, tenant_id, conversation_id)


async def leave(connection: Connection, tenant_id: int, conversation_id: int, why: str = WANTS_NONE) -> int:
    """Let what is unanswered be, by a turn that says why; its id."""
    turn_id: int = await connection.fetchval(LEAVE, tenant_id, conversation_id, why, "consent")
    return turn_id


async def let_be(
    connection: Connection, tenant_id: int, conversation_id: int, message_ids: Sequence[int]
) -> None:
    """These messages are kept, and nobody answers them."""
    await connection.execute(LET_BE, tenant_id, conversation_id, message_ids)


async def empty(connection: Connection, tenant_id: int, conversation_id: int) -> None:
    """Keep nothing of what waits for an answer: its contact was forgotten meanwhile."""
    await connection.execute(EMPTY, tenant_id, conversation_id, FORGOTTEN)


async def wait(connection: Connection, tenant_id: int, conversation_id: int) -> None:
    """What is unanswered waits until the account is well."""
    await connection.execute(WAIT, tenant_id, conversation_id)


async def hold_for_account(
    connection: Connection, tenant_id: int, conversation_id: int, account_id: int
) -> None:
    """Hold the replies that are there until the account is well; nothing where it is."""
    await connection.execute(HOLD_FOR_ACCOUNT, tenant_id, conversation_id, account_id)


async def let_go(connection: Connection, tenant_id: int, conversations: Sequence[int]) -> None:
    """What waited for the account leaves, but for what is late."""
    await connection.execute(LET_GO, tenant_id, conversations)


async def hold_unanswered(connection: Connection, cause: str) -> int:
    """Hold every conversation of all tenants that has something unanswered; how many."""
    return int((await connection.execute(HOLD_UNANSWERED, cause)).split()[1])


async def look_again(connection: Connection) -> None:
    """Let the sweep find at once what waits, of all tenants."""
    await connection.execute(UNSWEPT)


async def leave_to_nobody(connection: Connection, tenant_id: int, conversation_id: int) -> None:
    """What a machine wrote is kept, and answered by nobody."""
    await connection.execute(LEAVE, tenant_id, conversation_id, MACHINE, "machine")
