"""Acting for one tenant: a transaction that sees its rows alone, and gives the queue what became due."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import asyncpg

from conserje.storage.database import Connection, Pool
from conserje.storage.jobs import Job


@dataclass(frozen=True, slots=True)
class Scope:
    """A transaction of one tenant's, and the jobs that are due once it is committed."""

    connection: Connection
    due: list[Job] = field(default_factory=list)


@asynccontextmanager
async def acting_for(pool: Pool, tenant_id: int) -> AsyncIterator[Scope]:
    """A transaction that sees this tenant's rows and no others; its jobs are its last statement."""
    async with pool.acquire() as connection:
        # One round trip: begin, take the tenant's role, name the tenant.
        await connection.execute(
            f"BEGIN; SET LOCAL ROLE conserje_tenant; SET LOCAL conserje.tenant = '{tenant_id:d}'"
        )
        scope = Scope(connection)
        try:
            yield scope
            await _enqueue(scope)
        except BaseException:
            with suppress(asyncpg.InterfaceError):  # raised also by the question, where all is over
                if not connection.is_closed():
                    await connection.execute("ROLLBACK")
            raise
        await connection.execute("COMMIT")


async def _enqueue(scope: Scope) -> None:
    """Nothing of a tenant's may follow: from here on the transaction sees every tenant."""
    if scope.due:
        from conserje.storage import queue  # its library takes its time to load, and most have nothing due

        await scope.connection.execute("SET LOCAL ROLE conserje_core")  # the queue is conserje_core's
        await queue.enqueue(scope.connection, scope.due)
