"""What contacts edit and take back: in the place of what was written, whichever of the two comes first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from conserje.conversations.rows import NOBODYS, InboundRow, beside_key
from conserje.conversations.sending import OUTCOME_UNKNOWN
from conserje.storage import jobs
from conserje.storage.database import Connection, columns
from conserje.storage.jobs import Job

TAKEN_BACK = "The contact took back what it answers."

# What was taken back stays so, and nobody answers it. The rows are locked in the order in which a turn
# locks them.
AMEND = """
WITH original AS MATERIALIZED (
    SELECT messages.tenant_id, messages.conversation_id, messages.id, amended.content, amended.takes_back
    FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::text[], $5::boolean[])
        AS amended (tenant_id, account_id, event_key, content, takes_back)
    JOIN messages ON messages.tenant_id = amended.tenant_id AND messages.account_id = amended.account_id
     AND messages.event_key = amended.event_key
    ORDER BY tenant_id, conversation_id, id FOR NO KEY UPDATE OF messages
)
UPDATE messages SET content = original.content,
    turn_id = CASE WHEN takes_back THEN coalesce(messages.turn_id, 0) ELSE messages.turn_id END
FROM original
WHERE messages.tenant_id = original.tenant_id AND messages.conversation_id = original.conversation_id
  AND messages.id = original.id AND messages.kind IS DISTINCT FROM 'revocation'
RETURNING messages.tenant_id, messages.conversation_id, messages.turn_id, takes_back
"""

# Of what was taken back nothing stands in its edits either, which are among the last of the conversation.
WIPE = """
WITH gone AS MATERIALIZED (
    SELECT messages.tenant_id, messages.conversation_id, messages.content
    FROM unnest($1::bigint[], $2::bigint[], $3::bytea[]) AS amended (tenant_id, account_id, event_key)
    JOIN messages ON messages.tenant_id = amended.tenant_id AND messages.account_id = amended.account_id
     AND messages.event_key = amended.event_key AND kind = 'revocation'
), edit AS MATERIALIZED (
    SELECT gone.tenant_id, gone.conversation_id, edited.id, gone.content
    FROM gone CROSS JOIN LATERAL (
        SELECT id, kind, content FROM messages
        WHERE messages.tenant_id = gone.tenant_id AND messages.conversation_id = gone.conversation_id
        ORDER BY id DESC LIMIT 500) AS edited
    WHERE CASE WHEN edited.kind = 'edit' THEN edited.content::jsonb -> 'of' END = gone.content::jsonb -> 'of'
    ORDER BY tenant_id, conversation_id, id
)
UPDATE messages SET content = edit.content FROM edit
WHERE messages.tenant_id = edit.tenant_id AND messages.conversation_id = edit.conversation_id
  AND messages.id = edit.id
RETURNING messages.tenant_id, messages.account_id, messages.event_key
"""

# Who read it was told of it, and so was whoever answered later.
UNTELL = """
UPDATE turns SET told = NULL, calls = NULL
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS read (tenant_id, conversation_id, turn_id)
WHERE turns.tenant_id = read.tenant_id AND turns.conversation_id = read.conversation_id
  AND turns.id >= read.turn_id AND (told IS NOT NULL OR calls IS NOT NULL)
"""

# A message that has come after its edit has its place now, behind all that was taken before.
COME = """
WITH event AS (
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::text[], $5::timestamptz[], $6::text[],
                         $7::bigint[])
    WITH ORDINALITY AS t (tenant_id, account_id, event_key, provider_id, at, quotes, turn_id, n)
), edited AS MATERIALIZED (
    SELECT event.*, messages.conversation_id, messages.id
    FROM event JOIN messages ON messages.tenant_id = event.tenant_id
     AND messages.account_id = event.account_id AND messages.event_key = event.event_key
     AND messages.turn_id = -1 AND kind IS DISTINCT FROM 'revocation'
    ORDER BY tenant_id, conversation_id, id FOR UPDATE OF messages
)
UPDATE messages SET id = DEFAULT, turn_id = edited.turn_id, provider_id = edited.provider_id,
    quotes = edited.quotes,
    created_at = least(coalesce(at, now()), now()), late_by = CASE WHEN at < now() THEN now() - at END
FROM edited
WHERE messages.tenant_id = edited.tenant_id AND messages.conversation_id = edited.conversation_id
  AND messages.id = edited.id AND messages.turn_id = -1
RETURNING n, messages.conversation_id, messages.id
"""

# What a turn said of what was taken back does not leave any more; where the turn answered something else,
# too, and nothing of it has left, that is unanswered again. A person's words are not the assistant's.
WITHDRAW = """
WITH turn AS (
    SELECT id FROM turns
    WHERE tenant_id = $1 AND conversation_id = $2 AND id = $3
      AND assistant NOT IN ('person', 'consent', 'machine')
), asked AS MATERIALIZED (
    SELECT messages.id FROM messages JOIN turn ON messages.turn_id = turn.id
    WHERE tenant_id = $1 AND conversation_id = $2 AND direction = 'in' AND kind IS DISTINCT FROM 'revocation'
    ORDER BY messages.id FOR NO KEY UPDATE OF messages
), said AS MATERIALIZED (
    SELECT messages.id, state = 'queued' OR state = 'held' AND NOT starts_with(cause, $5) AS waits
    FROM messages JOIN turn ON messages.turn_id = turn.id
    WHERE tenant_id = $1 AND conversation_id = $2 AND direction = 'out'
    ORDER BY messages.id FOR NO KEY UPDATE OF messages
), withdrawn AS (
    UPDATE messages SET state = 'refused', cause = $4, sent_number = notification_number() FROM said
    WHERE tenant_id = $1 AND conversation_id = $2 AND messages.id = said.id AND waits
      AND (NOT EXISTS (SELECT FROM asked) OR NOT EXISTS (SELECT FROM said WHERE waits IS NOT TRUE))
    RETURNING messages.id
)
UPDATE messages SET turn_id = NULL FROM asked
WHERE tenant_id = $1 AND conversation_id = $2 AND messages.id = asked.id
  AND EXISTS (SELECT FROM withdrawn)
RETURNING messages.id
"""

# What of a message made no sense is kept beside it, and gone with it.
DROP_BESIDE = """
DELETE FROM rejects
USING unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[])
    AS said (tenant_id, account_id, event_key, beside)
JOIN messages ON messages.tenant_id = said.tenant_id AND messages.account_id = said.account_id
 AND messages.event_key = said.event_key AND messages.kind = 'revocation'
WHERE rejects.tenant_id = said.tenant_id AND rejects.account_id = said.account_id
  AND rejects.event_key = said.beside
"""


@dataclass(frozen=True, slots=True)
class Key:
    """The place of an event among all that was taken."""

    tenant_id: int
    account_id: int
    event_key: bytes

    @property
    def beside(self) -> bytes:
        return beside_key(self.event_key)


def amended(rows: Iterable[InboundRow]) -> dict[Key, InboundRow]:
    """What stands in which place once these are taken: of several edits the last, nothing once taken back."""
    last: dict[Key, InboundRow] = {}
    for row in rows:
        if row.amends:
            key = Key(row.tenant_id, row.account_id, row.amends)
            if key not in last or not last[key].takes_back:
                last[key] = row
    return last


def to_come(rows: Sequence[InboundRow]) -> list[InboundRow]:
    """The places of messages that these amend and that are not among them, with what is to stand there.

    Where a message has its place already, none is made.
    """
    here = {Key(row.tenant_id, row.account_id, row.event_key) for row in rows}
    return [
        InboundRow(
            *row[:4], event_key=key.event_key, content=row.amended, provider_id=None, at=row.at,
            identities=row.identities, name=row.name, to_come=True,
        )
        for key, row in amended(rows).items()
        if key not in here
    ]  # fmt: skip


async def come(connection: Connection, rows: Sequence[InboundRow]) -> list[tuple[InboundRow, int, int]]:
    """Those of these rows, which were not new, that came after their edit: with conversation and id."""
    names = ("tenant_id", "account_id", "event_key", "provider_id", "at", "quotes", "turn_id")
    found = await connection.fetch(COME, *columns(rows, *names)) if rows else []
    return [(rows[row["n"] - 1], row["conversation_id"], row["id"]) for row in found]


async def amend(connection: Connection, rows: Sequence[InboundRow]) -> tuple[list[Job], list[Key]]:
    """Put what these say into its place; the jobs that follow, and the messages of which the files, and what
    was kept beside them, may be gone."""
    last = amended(rows)
    if not last:
        return [], []
    keys = sorted(last, key=lambda key: (key.tenant_id, key.account_id, key.event_key))
    in_order = [last[key] for key in keys]
    names = ("tenant_id", "account_id", "amends", "amended", "takes_back")
    changed = await connection.fetch(AMEND, *columns(in_order, *names))
    read = sorted(tuple(row)[:3] for row in changed if (row["turn_id"] or 0) > NOBODYS)
    if read:
        await connection.execute(UNTELL, *map(list, zip(*read, strict=True)))
    wiped = await connection.fetch(WIPE, *columns(keys, "tenant_id", "account_id", "event_key"))
    taken_back = {tuple(row)[:3] for row in changed if row["takes_back"] and row["turn_id"] > NOBODYS}
    due = await _withdraw(connection, sorted(taken_back))
    fileless = [key for key in keys if not last[key].files]
    return due, [*fileless, *(Key(**row) for row in wiped)]


async def _withdraw(connection: Connection, turns: Sequence[tuple[int, int, int]]) -> list[Job]:
    """Let what these turns said not leave; the jobs for what is unanswered again."""
    due = []
    for tenant_id, conversation_id, turn_id in turns:
        again = await connection.fetch(
            WITHDRAW, tenant_id, conversation_id, turn_id, TAKEN_BACK, OUTCOME_UNKNOWN
        )
        due += [Job(jobs.CONVERSE, tenant_id, conversation_id)] if again else []
    return due


async def drop_beside(connection: Connection, keys: Iterable[Key]) -> None:
    """Remove what is kept beside those of these messages that were taken back."""
    if told := list(keys):
        names = ("tenant_id", "account_id", "event_key", "beside")
        await connection.execute(DROP_BESIDE, *columns(told, *names))
