"""What a restored installation leaves to an operator: what another one may have sent or answered since."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from conserje.conversations import effects, state
from conserje.conversations.sending import OUTCOME_UNKNOWN
from conserje.storage.database import Connection

HOLD_MESSAGES = """
UPDATE messages SET state = 'held', cause = $1, due_at = NULL, fault = NULL
WHERE state IN ('paced', 'queued', 'sending', 'uncertain') OR fault IS NOT NULL
"""

WAITING = """
SELECT count(*) AS messages, count(DISTINCT (tenant_id, conversation_id)) AS conversations
FROM messages JOIN conversations USING (tenant_id)
WHERE conversations.id = conversation_id AND conversations.state <> 'held'
  AND direction = 'in' AND messages.turn_id IS NULL
"""


HELD = """
SELECT (SELECT count(*) FROM conversations WHERE state = 'held'),
       (SELECT count(*) FROM messages WHERE state = 'held')
"""


class Counts(NamedTuple):
    """What waits for an operator, and what for the end of the silence."""

    turns: int  # held
    messages: int  # held
    waiting: int  # messages that came since
    conversations: int  # of these


async def count(connection: Connection) -> Counts:
    """Of all tenants."""
    held, waiting = await connection.fetchrow(HELD), await connection.fetchrow(WAITING)
    assert held is not None and waiting is not None
    return Counts(*held, *waiting)


async def look_again(connection: Connection) -> None:
    """Enqueue what waits, or let it be found soon."""
    from conserje.conversations import overdue  # the queue's library takes its time to load

    await state.look_again(connection)
    await overdue.look(connection, timedelta(0))


async def hold(connection: Connection, source: str) -> tuple[int, int]:
    """Hold what was unanswered or unsent; how many turns and messages."""
    cause = f"restored from {source}, and another installation may have"
    turns = await state.hold_unanswered(connection, f"Nobody knows whether it was answered: {cause} done so.")
    await effects.end_all(connection, f"{cause} done it.")
    done = await connection.execute(HOLD_MESSAGES, f"{OUTCOME_UNKNOWN}: {cause} sent it.")
    return turns, int(done.split()[1])
