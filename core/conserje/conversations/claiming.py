"""The claim of a turn in one round trip, where nothing stands in its way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from conserje.contract.assistant import Utterance
from conserje.conversations import state
from conserje.conversations.rows import EMPTIED
from conserje.conversations.transcript import READ, Message, message, utterance
from conserje.storage.database import Pool
from conserje.storage.scope import LOCK_LIMIT, calling_for

# In sql/0068_claim.sql: what `state.LOCK`, what the transcript is read by, and `state.LEASE_OUT` do.
# It waits for no disk: where Postgres dies before the lease is written, somebody else takes it, and `turn_id`
# lets one of both settle.
CLAIM = """
SELECT claimed.* FROM set_config('synchronous_commit', 'off', true),
    claim_turn($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS claimed
"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A conversation that is leased out, with what its turn reads."""

    account_id: int
    contact_id: int
    contact_name: str
    contact_address: str
    epoch: int
    turn_id: int
    recent_since: datetime
    recent_turns: int
    summary: str
    claimed_at: datetime  # by the database's clock
    unanswered: tuple[Message, ...]
    history: tuple[Utterance, ...]
    oldest_read: int


async def claim(
    pool: Pool,
    tenant_id: int,
    conversation_id: int,
    newest: int,
    *,
    most_turns: int,
    context: timedelta,
    late_after: timedelta,
) -> Claimed | None:
    """Lease the conversation out if `newest` is the last of what waits (0: whatever is) and all of it is
    plain; None: it is not, and nothing was changed.

    Raises asyncpg.LockNotAvailableError, as an impatient transaction does.
    """
    async with calling_for(pool, tenant_id) as connection:
        row = await connection.fetchrow(
            CLAIM, tenant_id, conversation_id, newest, LOCK_LIMIT, state.LEASE, state.RECENT, most_turns,
            READ, context, EMPTIED, late_after,
        )  # fmt: skip
    if row is None:
        return None
    history = row["history"]
    return Claimed(
        **{
            **row,
            "unanswered": tuple(map(message, row["unanswered"])),
            "history": tuple(map(utterance, history)),
        },
        oldest_read=history[0]["id"] if history else 0,
    )
