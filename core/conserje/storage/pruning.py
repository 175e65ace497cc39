"""Pruning: how rows go, or lose what they say, some of one tenant's at a time, once their term is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from conserje.storage.database import Connection, plan_for_any

Key = int | datetime
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)  # before any row that is kept by its time
LOOKED_AT = 200  # rows, by one statement: who takes messages meanwhile waits for no more
COUNTED_IN = 3600.0  # seconds at most: all rows of a tenant are looked at


@dataclass(frozen=True, slots=True)
class Rule:
    """What becomes of one kind of rows; the room of their table has the statements.

    `count` says how many of the tenant $1 are due. `prune` looks at the next rows of the tenant $1 after
    the key $2, at most LOOKED_AT, and says how many of them were due and are done, the key of the next batch
    (none: that was all), and how long the oldest of them was due. With `lock` this one says so, and which
    ones it has locked: `prune` is given those, $2, and sees what was written until they were.
    """

    kind: str
    table: str
    count: str
    prune: str
    first: Key = 0
    lock: str = ""


class Batch(NamedTuple):
    """What became of some rows."""

    rows: int
    next_key: Key | None
    late: timedelta | None


async def prune(connection: Connection, rule: Rule, tenant_id: int, after: Key) -> Batch:
    """Do one batch of a tenant's."""
    async with connection.transaction():
        await plan_for_any(connection)
        row = await connection.fetchrow(rule.lock or rule.prune, tenant_id, after)
        assert row is not None  # it counts
        if not rule.lock:
            return Batch(*row)
        ids, next_key, late = row
        rows = await connection.fetchval(rule.prune, tenant_id, ids) if ids else 0
        return Batch(rows, next_key, late)


async def count(connection: Connection, rule: Rule, tenant_id: int) -> int:
    """How many rows of a tenant's are due."""
    found: int = await connection.fetchval(rule.count, tenant_id, timeout=COUNTED_IN)
    return found
