"""The end of a turn in one round trip, where its reply may leave at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from operator import attrgetter

from conserje.conversations.rows import restored
from conserje.conversations.sending import Next
from conserje.conversations.transcript import Message
from conserje.storage.database import Pool
from conserje.storage.scope import calling_for

# In sql/0071_hand_over.sql: what `state.LOCK`, the transcript and `state.SETTLE` do, `sending.NEXT`
# and START, and what notices, notifications and the shop's questions keep of it.
SETTLE = """
SELECT * FROM settle_turn($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                          $19, $20, $21, $22, $23, $24)
"""


@dataclass(frozen=True, slots=True)
class Settled:
    """What a turn came to, as it is stored."""

    turn_id: int
    assistant: str
    intent: str | None
    confidence: float | None
    usage: str
    cause: str | None  # why the first choice did not answer
    waited: timedelta
    thought: timedelta
    said: list[str]
    quotes: str | None
    told: str | None
    calls: str | None
    handed: timedelta | None  # to a person, for so long
    ways: Sequence[str] = ()  # by which the tenant is told of that
    meant: Sequence[str] = ()  # what was asked that nobody has said, by what is the same however it is asked
    questions: Sequence[str] = ()  # the same, as it was asked
    kept: int = 0  # of these, at most


_COLUMNS = attrgetter(*(each.name for each in fields(Settled)))


async def settle(
    pool: Pool,
    tenant_id: int,
    conversation_id: int,
    epoch: int,
    read: Sequence[Message],
    turn: Settled,
    *,
    since: timedelta | None,
    followed: bool,
) -> Next | None:
    """Store the answer to what was `read`, its first message in hand, which is given; None: more is to be
    asked, and nothing was changed."""
    ids, words = [each.id for each in read], [each.words for each in read]
    async with calling_for(pool, tenant_id) as connection:
        row = await connection.fetchrow(
            SETTLE, tenant_id, conversation_id, epoch, ids, words, since, followed, *_COLUMNS(turn)
        )
    if row is None:
        return None
    return Next(
        id=row["id"],
        account_id=row["account_id"],
        state="queued",
        attempt=1,
        attempted_at=row["settled_at"],
        due_at=None,
        created_at=row["settled_at"],
        content=restored(turn.said[0]),
        quotes=turn.quotes,
        contact_address=row["contact_address"],
        outside_as=None,
        resent_at=None,
        cause=None,
        fault=None,
        health=None,
        opted_out=None,
        confirms=False,
        now=row["settled_at"],
        owned=frozenset(),
    )
