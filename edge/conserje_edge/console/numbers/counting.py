"""Counting: a period of a tenant's numbers is counted once for all who ask, and kept for a while.

It goes on when who asked has left. Of a tenant one period is counted at a time, and of all tenants a few: the
rest wait without a connection, which others' pages need.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from weakref import WeakValueDictionary

import asyncpg

from conserje.conversations import outcomes, statistics
from conserje.conversations.outcomes import Outcomes
from conserje.conversations.statistics import Statistics
from conserje.costs import ledger
from conserje.storage.database import CANNOT_ASK, Connection, Pool
from conserje.storage.scope import acting_for

AT_ONCE = 2  # of all tenants
OF_TENANT = 6  # periods that are counted or wait for it
KEPT = 20  # times as long as it took: so much of the time a tenant's people can have one counted
PATIENCE = 5.0  # seconds that a page waits
FOR_WHO_COMES_BACK = 10.0  # seconds that it is there at least, where a page did not wait for it
OUT_OF_TIME = (TimeoutError, asyncpg.QueryCanceledError)  # by the pool's limit, or by the server's


class TooMuch(Exception):
    """So much was said in the period that a statement did not end in time."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A period of a tenant's, by its clock."""

    pool: Pool
    tenant_id: int
    time_zone: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Counted:
    """What happened in a period, what became of it, and what each day cost in millionths of a USD."""

    found: Statistics
    became: Outcomes
    spent: Mapping[date, int]


_counts: dict[Wanted, asyncio.Task[Counted]] = {}
_slots = asyncio.Semaphore(AT_ONCE)
_places: WeakValueDictionary[tuple[int, int], asyncio.Lock] = WeakValueDictionary()


async def counted(wanted: Wanted, patience: float = PATIENCE) -> Counted | None:
    """None: it is not there yet, and may be asked for again. Raises TooMuch."""
    count = _counts.get(wanted)
    if count is None:
        if sum(_is_waited_for(each, wanted) for each in _counts) >= OF_TENANT:
            return None
        count = _counts[wanted] = asyncio.create_task(_count(wanted))
        count.add_done_callback(_hear)
    await asyncio.wait([count], timeout=patience)
    return count.result() if count.done() else None


def _is_waited_for(other: Wanted, wanted: Wanted) -> bool:
    return (other.pool, other.tenant_id) == (wanted.pool, wanted.tenant_id) and not _counts[other].done()


def _hear(count: asyncio.Task[Counted]) -> None:
    """Whoever asked may have left before it failed."""
    if not count.cancelled():
        count.exception()


async def _count(wanted: Wanted) -> Counted:
    """Forgets itself after a while; at once where Postgres could not be asked."""
    asked, kept = time.monotonic(), 0.0
    try:
        async with _place_of(wanted), _slots:
            began = time.monotonic()
            async with acting_for(wanted.pool, wanted.tenant_id, aside=True) as scope:
                try:
                    return await _ask(scope.connection, wanted)
                except OUT_OF_TIME:
                    raise TooMuch from None
                finally:
                    ended = time.monotonic()
                    late = ended - asked > PATIENCE
                    kept = max(KEPT * (ended - began), FOR_WHO_COMES_BACK if late else 0.0)
    except CANNOT_ASK:
        kept = 0.0
        raise
    finally:
        asyncio.get_running_loop().call_later(kept, _counts.pop, wanted, None)


def _place_of(wanted: Wanted) -> asyncio.Lock:
    """What a tenant's periods go through; it is kept while one of them is there."""
    key = (id(wanted.pool), wanted.tenant_id)
    place = _places.get(key)
    if place is None:
        place = _places[key] = asyncio.Lock()
    return place


async def _ask(connection: Connection, wanted: Wanted) -> Counted:
    place, days = (connection, wanted.tenant_id), (wanted.first, wanted.last)
    return Counted(
        await statistics.of_period(*place, wanted.time_zone, *days),
        await outcomes.of_period(*place, wanted.time_zone, *days),
        await ledger.of_days(*place, *days),
    )
