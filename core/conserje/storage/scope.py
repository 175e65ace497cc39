"""Acting for one tenant: a transaction that sees its rows alone, and gives the queue what became due."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

import asyncpg

from conserje.storage import jobs, precedence
from conserje.storage.database import Connection, Pool
from conserje.storage.jobs import Job

AT_ONCE = 3  # of a pool's connections for one tenant: with more it would make all others' slow
LOCK_LIMIT = 250  # milliseconds: a healthy worker has a conversation for some of them

_rooms: WeakValueDictionary[tuple[int, int, bool], asyncio.Semaphore] = WeakValueDictionary()


@dataclass(frozen=True, slots=True)
class Scope:
    """A transaction of one tenant's, and the jobs that are due once it is committed."""

    connection: Connection
    due: list[Job] = field(default_factory=list)


@asynccontextmanager
async def acting_for(
    pool: Pool, tenant_id: int, *, impatient: bool = False, aside: bool = False
) -> AsyncIterator[Scope]:
    """A transaction that sees this tenant's rows and no others; its jobs are its last statement.

    An impatient one raises asyncpg.LockNotAvailableError where somebody else has a row for longer than
    LOCK_LIMIT. What goes aside waits for none of the tenant's others, nor they for it.
    """
    async with calling_for(pool, tenant_id, aside=aside) as connection:
        # One round trip: begin, take the tenant's role, name the tenant.
        await connection.execute(
            f"BEGIN; SET LOCAL ROLE conserje_tenant; SET LOCAL conserje.tenant = '{tenant_id:d}'"
            + (f"; SET LOCAL lock_timeout = {LOCK_LIMIT}" if impatient else "")
        )
        scope = Scope(connection)
        try:
            yield scope
            await connection.execute(_end(scope))
        except BaseException:
            with suppress(asyncpg.InterfaceError):  # raised also by the question, where all is over
                if not connection.is_closed():
                    await connection.execute("ROLLBACK")
            raise


@asynccontextmanager
async def calling_for(pool: Pool, tenant_id: int, *, aside: bool = False) -> AsyncIterator[Connection]:
    """A connection for a function of the database's that acts for the tenant by itself: a transaction of one
    round trip. A flood's gives way to others' jobs."""
    await precedence.here.wait()
    async with _room_of(pool, tenant_id, aside), pool.acquire() as connection:
        yield connection


def _end(scope: Scope) -> str:
    """One round trip: give the queue what became due, and commit.

    Nothing of a tenant's may follow: from here on the transaction sees every tenant.
    """
    if not scope.due:
        return "COMMIT"
    return f"SET LOCAL ROLE conserje_core; {jobs.written(scope.due)}; COMMIT"  # the queue is conserje_core's


@asynccontextmanager
async def acting_for_all(pool: Pool) -> AsyncIterator[Scope]:
    """A transaction that sees all rows: for what is the installation's, or makes a tenant what it is."""
    async with pool.acquire() as connection, connection.transaction():
        scope = Scope(connection)
        yield scope
        if scope.due:
            await connection.execute(f"SET LOCAL ROLE conserje_core; {jobs.written(scope.due)}")


def _room_of(pool: Pool, tenant_id: int, aside: bool) -> asyncio.Semaphore:
    """What a tenant's transactions go through; it is kept while somebody uses it, and so its pool."""
    place = (id(pool), tenant_id, aside)
    room = _rooms.get(place)
    if room is None:
        room = _rooms[place] = asyncio.Semaphore(1 if aside else AT_ONCE)
    return room
