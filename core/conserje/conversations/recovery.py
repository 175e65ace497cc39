"""The recovery of accounts that are ill: one conversation tries, and the others leave once it could."""

from __future__ import annotations

from datetime import timedelta

from conserje.conversations import illness, state
from conserje.storage import jobs
from conserje.storage.database import Connection, Pool
from conserje.storage.jobs import Job

PAUSES = [timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1)]  # after the first try, and so on
AT_ONCE = 100  # conversations of an account that leave together
PACE = timedelta(milliseconds=50)  # between two of them
HEARD = timedelta(seconds=1)  # by then every worker knows of a changed account
AFTER = AT_ONCE * PACE

# An account with something due; what is due later than anything is put off is of a clock that was set back.
DUE = """
SELECT illnesses.tenant_id, account_id, well_at IS NOT NULL AS is_well FROM illnesses
JOIN tenants ON tenants.id = illnesses.tenant_id AND tenants.status = 'active'
WHERE due_at NOT BETWEEN now() AND now() + $1::interval
ORDER BY due_at LIMIT 1 FOR NO KEY UPDATE OF illnesses SKIP LOCKED
"""

# Whoever has waited longest, and still has something to say or to be told. Not EXISTS, for which a plan may
# read all that the tenant has.
FIRST = """
SELECT id FROM conversations
WHERE tenant_id = $1 AND account_id = $2 AND ill_since IS NOT NULL AND (
    (SELECT true FROM messages WHERE tenant_id = $1 AND conversation_id = conversations.id
     AND fault IS NOT NULL LIMIT 1)
    OR state <> 'held' AND (
        SELECT true FROM messages WHERE tenant_id = $1 AND conversation_id = conversations.id
        AND direction = 'in' AND turn_id IS NULL LIMIT 1))
ORDER BY ill_since, id LIMIT 1
"""

# Where nobody waits there is nothing to try: the next reply will show.
TRY = """
UPDATE illnesses SET trial = $3, tries = tries + 1,
    due_at = CASE WHEN $3::bigint IS NULL THEN now()
                  ELSE now() + ($4::interval[])[least(tries + 1, cardinality($4))] END,
    well_at = CASE WHEN $3::bigint IS NULL THEN now() END
WHERE tenant_id = $1 AND account_id = $2 AND well_at IS NULL
"""

# The oldest reply alone, or up to the one that an operator has named. By `fault` only: the index on what is
# held has all of the tenant's.
SEND = """
UPDATE messages SET state = 'queued', fault = NULL, cause = NULL, due_at = NULL
WHERE tenant_id = $1 AND conversation_id = $2 AND fault IS NOT NULL AND sequence <= coalesce(
    (SELECT sequence FROM messages WHERE tenant_id = $1 AND conversation_id = $2 AND id = $3),
    (SELECT min(sequence) FROM messages
     WHERE tenant_id = $1 AND conversation_id = $2 AND fault IS NOT NULL))
"""

HAS_REPLIES = """
SELECT EXISTS (SELECT FROM messages WHERE tenant_id = $1 AND conversation_id = $2
               AND state IN ('queued', 'sending', 'uncertain'))
    OR EXISTS (SELECT FROM messages WHERE tenant_id = $1 AND conversation_id = $2 AND fault IS NOT NULL)
"""

END_TRIAL = """
UPDATE illnesses SET trial = NULL, due_at = now()
WHERE tenant_id = $1 AND account_id = $2 AND trial = $3 AND well_at IS NULL
"""

# A conversation that an operator has asked for; what is tried by itself is as before.
ASK = """
UPDATE illnesses SET trial = $2 FROM conversations
WHERE conversations.tenant_id = $1 AND conversations.id = $2
  AND illnesses.tenant_id = $1 AND illnesses.account_id = conversations.account_id AND well_at IS NULL
"""

LEAVING = """
SELECT id FROM conversations WHERE tenant_id = $1 AND account_id = $2 AND ill_since IS NOT NULL
ORDER BY ill_since, id LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED
"""

LATER = """
UPDATE illnesses SET due_at = now() + $3 WHERE tenant_id = $1 AND account_id = $2 AND well_at IS NOT NULL
"""

END = """
DELETE FROM illnesses WHERE tenant_id = $1 AND account_id = $2 AND well_at IS NOT NULL
  AND (SELECT id FROM conversations WHERE tenant_id = $1 AND account_id = $2 AND ill_since IS NOT NULL
       ORDER BY ill_since, id LIMIT 1) IS NULL
"""


async def keep_up(pool: Pool) -> None:
    """Do what is due about accounts that are ill, or were."""
    for _ in range(AT_ONCE):
        if not await _attend_next(pool):
            break


async def _attend_next(pool: Pool) -> bool:
    async with pool.acquire() as connection, connection.transaction():
        row = await connection.fetchrow(DUE, PAUSES[-1])
        if row is None:
            return False
        due = await (_leave if row["is_well"] else try_next)(connection, row["tenant_id"], row["account_id"])
        await jobs.enqueue(connection, due)
    return True


async def try_next(connection: Connection, tenant_id: int, account_id: int) -> list[Job]:
    """Let the conversation try that has waited longest; the jobs are the caller's to enqueue."""
    conversation = await connection.fetchval(FIRST, tenant_id, account_id)
    tried = await connection.execute(TRY, tenant_id, account_id, conversation, PAUSES)
    if conversation is None:
        if tried != "UPDATE 0":
            await illness.note_well(connection, tenant_id, account_id)
        return []
    sends = await connection.execute(SEND, tenant_id, conversation, None) != "UPDATE 0"
    return [Job(jobs.DELIVER if sends else jobs.CONVERSE, tenant_id, conversation, delay=HEARD)]


async def pass_on(connection: Connection, tenant_id: int, account_id: int, conversation_id: int) -> list[Job]:
    """The conversation that tried has nothing left to try with: the next one does."""
    if await connection.execute(END_TRIAL, tenant_id, account_id, conversation_id) == "UPDATE 0":
        return []
    return await try_next(connection, tenant_id, account_id)


async def has_replies(connection: Connection, tenant_id: int, conversation_id: int) -> bool:
    """Whether a conversation has something to try with."""
    found: bool = await connection.fetchval(HAS_REPLIES, tenant_id, conversation_id)
    return found


async def ask(connection: Connection, tenant_id: int, conversation_id: int, message_id: int) -> None:
    """Let this message be tried, and those that wait before it, should its account be ill."""
    if await connection.execute(ASK, tenant_id, conversation_id) != "UPDATE 0":
        await connection.execute(SEND, tenant_id, conversation_id, message_id)


async def hold(connection: Connection, tenant_id: int, conversation_id: int, account_id: int) -> None:
    """Hold the replies that are there until the account is well; nothing where it is."""
    await state.hold_for_account(connection, tenant_id, conversation_id, account_id)


async def let_go(connection: Connection, tenant_id: int, conversation_id: int) -> None:
    """What waited for the account, which is well, leaves before what is said next; but for what is late."""
    await state.let_go(connection, tenant_id, [conversation_id])


async def _leave(connection: Connection, tenant_id: int, account_id: int) -> list[Job]:
    """Let the next ones of an account go that is well again; the illness ends with the last."""
    leaving = [row["id"] for row in await connection.fetch(LEAVING, tenant_id, account_id, AT_ONCE)]
    await state.let_go(connection, tenant_id, leaving)
    if await connection.execute(END, tenant_id, account_id) == "DELETE 0":
        await connection.execute(LATER, tenant_id, account_id, AFTER)
    return [
        Job(kind, tenant_id, each, delay=n * PACE)
        for n, each in enumerate(leaving)
        for kind in (jobs.DELIVER, jobs.CONVERSE)
    ]
