"""The tables effects and reservations: what tools do beside what is said, and how each effect is done once.

`doing` is committed before the tool is called: whoever finds one whose time is over knows that nobody can
say any more whether it was done.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Literal

from conserje.contract.assistant import Result
from conserje.storage import jobs
from conserje.storage.database import Connection, Pool
from conserje.storage.jobs import Job
from conserje.storage.pruning import EARLIEST, LOOKED_AT, Rule

LEASE = timedelta(seconds=20)  # longer than a call takes, and its end
LONGEST_PAUSE = timedelta(
    minutes=11
)  # that one is put off; what is due later was written before a clock was set back
LOST_AFTER = timedelta(seconds=30)
RESERVED_FOR = timedelta(days=1)
UNKNOWN = "Nobody knows whether it was done"

PROPOSE = """
INSERT INTO effects (tenant_id, conversation_id, turn_id, number, tool, arguments)
SELECT $1, $2, $3, number, tool, arguments
FROM unnest($4::text[], $5::text[]) WITH ORDINALITY AS proposed (tool, arguments, number)
"""

# The first one whose time has come and that nobody looks at, locked.
NEXT = """
SELECT effects.turn_id, number, effects.id, tool, arguments, effects.state, tries, contact_id,
       contacts.name AS contact_name
FROM effects
JOIN conversations ON conversations.tenant_id = $1 AND conversations.id = $2
JOIN contacts ON contacts.tenant_id = $1 AND contacts.id = contact_id
WHERE effects.tenant_id = $1 AND conversation_id = $2 AND effects.state IN ('queued', 'doing')
  AND (due_at <= now() OR due_at > now() + $3)
ORDER BY effects.turn_id, number LIMIT 1 FOR NO KEY UPDATE OF effects SKIP LOCKED
"""

BEGIN = """
UPDATE effects SET state = 'doing', tries = tries + 1, begun_at = now(), due_at = now() + $5
WHERE tenant_id = $1 AND conversation_id = $2 AND turn_id = $3 AND number = $4
RETURNING tries
"""

# By whoever began it, also where others gave it up meanwhile: it is known now. One that was not called after
# all has used up no try.
END = """
UPDATE effects SET state = $6, shown = $7, cause = $8, due_at = now() + coalesce($9::interval, '0'),
    tries = CASE WHEN $10 THEN tries ELSE tries - 1 END,
    ended_at = CASE WHEN $6 = 'queued' THEN NULL ELSE now() END
WHERE tenant_id = $1 AND conversation_id = $2 AND turn_id = $3 AND number = $4 AND tries = $5
  AND state IN ('doing', 'uncertain')
"""

NEXT_DUE = """
SELECT greatest(least(min(due_at) - now(), $3), '0') FROM effects
WHERE tenant_id = $1 AND conversation_id = $2 AND state IN ('queued', 'doing')
"""

# Jobs that were lost. They are due anew, so that each sweep finds others; `doing` stays what it is.
LOST = """
WITH lost AS (
    SELECT effects.tenant_id, conversation_id, turn_id, number FROM effects
    JOIN tenants ON tenants.id = effects.tenant_id AND tenants.status = 'active'
    WHERE effects.state IN ('queued', 'doing') AND due_at < now() - $1::interval
    ORDER BY due_at LIMIT 1000 FOR NO KEY UPDATE OF effects SKIP LOCKED
), swept AS (
    UPDATE effects SET due_at = now() FROM lost
    WHERE effects.tenant_id = lost.tenant_id AND effects.conversation_id = lost.conversation_id
      AND effects.turn_id = lost.turn_id AND effects.number = lost.number
    RETURNING effects.tenant_id, effects.conversation_id
)
SELECT DISTINCT tenant_id, conversation_id FROM swept
"""

# By an operator, who knows whether it was done.
RETRY_EFFECT = """
UPDATE effects SET state = 'queued', tries = 0, cause = NULL, ended_at = NULL, due_at = now()
WHERE id = $1 AND state IN ('failed', 'uncertain') RETURNING tenant_id, conversation_id
"""
DROP_EFFECT = """
UPDATE effects SET state = 'dropped' WHERE id = $1 AND state IN ('failed', 'uncertain') RETURNING tenant_id
"""

# Of all tenants, or of one: another installation may have done it.
END_ALL = f"""
UPDATE effects SET state = 'uncertain', cause = '{UNKNOWN}: ' || $1, ended_at = now()
WHERE state IN ('queued', 'doing')
"""  # noqa: S608 - of our own
SILENCE = f"""
UPDATE effects SET state = 'uncertain', cause = '{UNKNOWN}: ' || $2, ended_at = now()
WHERE tenant_id = $1 AND state IN ('queued', 'doing')
"""  # noqa: S608 - of our own

_LISTED = """
SELECT id, tool, arguments, state, created_at, ended_at, shown, cause FROM effects
WHERE tenant_id = $1 AND conversation_id = $2
"""
OF_CONVERSATION = f"{_LISTED} ORDER BY turn_id DESC, number DESC LIMIT $3"
OF_TURN = f"{_LISTED} AND turn_id = $3 ORDER BY number"

RESERVED = """
SELECT result FROM reservations
WHERE tenant_id = $1 AND conversation_id = $2 AND digest = $3 AND created_at > now() - $4::interval
"""
RESERVE = """
INSERT INTO reservations (tenant_id, conversation_id, digest, result) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, conversation_id, digest)
DO UPDATE SET result = excluded.result, created_at = excluded.created_at
"""

# The oldest of a tenant's whose term is over.
_REMOVE = f"""
WITH term AS MATERIALIZED ({{term}}),
due AS MATERIALIZED (
    SELECT ctid AS place, created_at FROM {{table}}
    WHERE tenant_id = $1 AND created_at >= $2 AND created_at < (SELECT until FROM term) AND {{ended}}
    ORDER BY created_at LIMIT {LOOKED_AT} FOR UPDATE SKIP LOCKED
), done AS (
    DELETE FROM {{table}} WHERE tenant_id = $1 AND ctid = ANY (ARRAY(SELECT place FROM due)) RETURNING 1
)
SELECT (SELECT count(*) FROM done) AS rows,
       (SELECT CASE WHEN count(*) = {LOOKED_AT} THEN max(created_at) END FROM due) AS next_key,
       (SELECT (SELECT until FROM term) - min(created_at) FROM due) AS late
"""  # noqa: S608 - of our own
_COUNT = "SELECT count(*) FROM {table} WHERE tenant_id = $1 AND created_at < ({term}) AND {ended}"
# What waits for an operator goes with its turn at the latest.
_EFFECTS = {
    "table": "effects",
    "term": "SELECT now() - keep_messages AS until FROM tenants WHERE id = $1",
    "ended": "state IN ('done', 'dropped')",
}
_RESERVATIONS = {
    "table": "reservations",
    "term": f"SELECT now() - interval '{RESERVED_FOR.days} days' AS until",
    "ended": "true",
}
RULES = tuple(
    Rule(each["table"], each["table"], _COUNT.format(**each), _REMOVE.format(**each), EARLIEST)
    for each in (_EFFECTS, _RESERVATIONS)
)

State = Literal["queued", "doing", "done", "failed", "uncertain", "dropped"]


@dataclass(frozen=True, slots=True)
class Proposed:
    """A call that is to be made once its turn's reply is stored; `arguments` is JSON."""

    tool: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Effect:
    """One whose time has come."""

    turn_id: int
    number: int
    id: int
    tool: str
    arguments: str
    state: State
    tries: int
    contact_id: int
    contact_name: str

    @property
    def key(self) -> str:
        """The same however often it is called."""
        return f"{self.turn_id}-{self.number}"


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of a call, if it was `called`; one that is queued again comes after `pause`."""

    state: State
    shown: str = ""
    cause: str | None = None
    pause: timedelta | None = None
    called: bool = True


@dataclass(frozen=True, slots=True)
class Listed:
    """An effect as an operator sees it."""

    id: int
    tool: str
    arguments: str
    state: State
    created_at: datetime
    ended_at: datetime | None
    shown: str
    cause: str | None


async def propose(
    connection: Connection, tenant_id: int, conversation_id: int, turn_id: int, effects: Sequence[Proposed]
) -> list[Job]:
    """Keep what a turn brings with it, in the transaction that stores it; the jobs are the caller's."""
    if not effects:
        return []
    tools, arguments = [each.tool for each in effects], [each.arguments for each in effects]
    await connection.execute(PROPOSE, tenant_id, conversation_id, turn_id, tools, arguments)
    return [Job(jobs.ACT, tenant_id, conversation_id)]


async def find_next(connection: Connection, tenant_id: int, conversation_id: int) -> Effect | None:
    """The next one whose time has come, locked until the transaction ends."""
    row = await connection.fetchrow(NEXT, tenant_id, conversation_id, LONGEST_PAUSE)
    return Effect(**row) if row else None


async def begin(connection: Connection, tenant_id: int, conversation_id: int, effect: Effect) -> int:
    """Say that it is being done; the number of the try."""
    place = (tenant_id, conversation_id, effect.turn_id, effect.number)
    tries: int = await connection.fetchval(BEGIN, *place, LEASE)
    return tries


async def end(
    connection: Connection, tenant_id: int, conversation_id: int, effect: Effect, ending: Ending
) -> None:
    """Write down what became of the try `effect.tries`."""
    place = (tenant_id, conversation_id, effect.turn_id, effect.number, effect.tries)
    what = (ending.state, ending.shown, ending.cause, ending.pause, ending.called)
    await connection.execute(END, *place, *what)


async def next_due(connection: Connection, tenant_id: int, conversation_id: int) -> timedelta | None:
    """When the next one's time comes; None: there is none."""
    rest: timedelta | None = await connection.fetchval(NEXT_DUE, tenant_id, conversation_id, LONGEST_PAUSE)
    return rest


async def recover(pool: Pool) -> None:
    """Enqueue jobs for effects whose own were lost."""
    async with pool.acquire() as connection, connection.transaction():
        lost = await connection.fetch(LOST, LOST_AFTER)
        await jobs.enqueue(connection, [Job(jobs.ACT, **row, priority=-1000) for row in lost])


async def end_all(connection: Connection, cause: str) -> int:
    """Do none of those that are to be done, of all tenants; how many."""
    return int((await connection.execute(END_ALL, cause)).split()[1])


async def of_conversation(
    connection: Connection, tenant_id: int, conversation_id: int, limit: int
) -> list[Listed]:
    """The last `limit` effects of a conversation, oldest first."""
    rows = await connection.fetch(OF_CONVERSATION, tenant_id, conversation_id, limit)
    return [Listed(**row) for row in reversed(rows)]


async def of_turn(connection: Connection, tenant_id: int, conversation_id: int, turn_id: int) -> list[Listed]:
    """The effects of one turn, in their order."""
    rows = await connection.fetch(OF_TURN, tenant_id, conversation_id, turn_id)
    return [Listed(**row) for row in rows]


async def reserved(
    connection: Connection, tenant_id: int, conversation_id: int, digest: bytes
) -> Result | None:
    """What was given for the same call before."""
    kept = await connection.fetchval(RESERVED, tenant_id, conversation_id, digest, RESERVED_FOR)
    return Result(**json.loads(kept)) if kept else None


async def reserve(
    connection: Connection, tenant_id: int, conversation_id: int, digest: bytes, result: Result
) -> None:
    """Keep what was given."""
    await connection.execute(RESERVE, tenant_id, conversation_id, digest, json.dumps(asdict(result)))
