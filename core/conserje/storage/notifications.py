"""The table notifications: what happened, recorded by whoever does it, and up to where all is known."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

from conserje.storage.database import Connection

OfMessage = Literal[
    "message.received", "message.sent", "message.delivered", "message.read", "message.failed"
]  # fmt: skip
Recorded = Literal[
    "conversation.handed_over", "conversation.taken", "conversation.given_back", "lead.created", "lead.given",
    "contact.opted_out", "contact.opted_in", "account.ill", "account.well", "turn.held", "order.received",
]  # fmt: skip
Kind = OfMessage | Recorded
KINDS: tuple[str, ...] = (*get_args(OfMessage), *get_args(Recorded))

RECORD = """
INSERT INTO notifications (tenant_id, kind, conversation_id, data) VALUES ($1, $2, $3, $4::text::jsonb)
"""

# Up to where there may be anything by now.
LAST_MESSAGE = "(SELECT last_value - 1 + is_called::int FROM messages_id_seq)"
LAST_NUMBER = "(SELECT last_value - 1 + is_called::int FROM notification_numbers)"

# The numbers are read before this transaction has its own: whoever has taken one of them began before it. A
# snapshot's xmax would not do, above which somebody may have begun already.
MARK = f"""
WITH numbers AS MATERIALIZED (SELECT {LAST_MESSAGE} AS message_id, {LAST_NUMBER} AS number)
SELECT message_id, number, pg_current_xact_id()::text::bigint AS began FROM numbers
"""  # noqa: S608 - of our own
OLDEST_OPEN = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"


class Position(NamedTuple):
    """Between what was read and what was not: of messages that came, and of all else."""

    message_id: int = 0
    number: int = 0


@dataclass
class Horizon:
    """Up to where everything is known that is ever to be told: no transaction is open that may add to it."""

    position: Position = field(default_factory=Position)
    _next: Position | None = None
    _began: int = 0

    async def advance(self, connection: Connection) -> Position:
        """Look again; the connection is in no transaction."""
        if self._next is None:
            row = await connection.fetchrow(MARK)
            assert row is not None
            self._next, self._began = Position(row["message_id"], row["number"]), row["began"]
        if await connection.fetchval(OLDEST_OPEN) >= self._began:
            self.position, self._next = self._next, None
        return self.position


async def record(
    connection: Connection, tenant_id: int, kind: Recorded, conversation_id: int | None, **data: object
) -> None:
    """Keep that it happened, in the caller's transaction; `data` has ids, and no words of a contact's."""
    await connection.execute(RECORD, tenant_id, kind, conversation_id, json.dumps(data))
