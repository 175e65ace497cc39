"""The pool: connections that act as conserje_core, of a user whom the policies bind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import asyncpg

from conserje.storage import silence
from conserje.storage.address import place
from conserje.storage.database import CANNOT_ASK, Connection, DatabaseError, Pool, connect_as_core, describe
from conserje.storage.pooler import refuse_transaction_pooler
from conserje.storage.schema import refuse_other_schema

log = logging.getLogger(__name__)

_Connect = Callable[..., Coroutine[Any, Any, "asyncpg.Connection[Any]"]]

PATIENCE = 2.0  # seconds that a start waits for a Postgres that it can do without
# Seconds after which a connection that nobody wanted is closed: each is some MB of Postgres' memory. The one
# given back last is taken first, so that those of a rush are the ones that nobody wants.
IDLE = 20.0
LONG_IDLE = 300.0  # where few statements are sent that must not wait for their plans


async def connect_pool(url: str, *, largest: int = 10, patient: bool = False) -> Pool:
    """A pool whose connections act as conserje_core.

    Raises DatabaseError for a user whom no policy binds, a restoring that has not ended, a schema of another
    release, a pooler that shares connections, or a server that cannot be reached; with `patient` such a
    server may answer later.
    """
    pool = await _pool(url, largest, partial(connect_as_core, name="conserje"), IDLE)
    try:
        await _check(url, pool, patient)
    except BaseException:
        pool.terminate()
        raise
    return pool


async def connect_storing(url: str, largest: int) -> Pool:
    """A pool for the few statements that store events, beside one that `connect_pool` has checked."""
    return await _pool(url, largest, _connect_storing)


async def _connect_storing(url: str, **how: Any) -> asyncpg.Connection[Any]:
    """A connection that plans each statement once; no start-up parameter says so, which a pooler would drop.

    Postgres would plan a batch of one or four events anew each time, which costs more than to store it.
    Others' statements stay as they are: what was planned for a small table serves until it is analyzed.
    """
    connection = await connect_as_core(url, name="conserje intake", **how)
    await connection.execute("SET plan_cache_mode = force_generic_plan; SET jit = off")
    return connection


async def connect_queue(url: str, largest: int) -> Pool:
    """A pool for what the queue notes of its jobs, beside one that `connect_pool` has checked."""
    return await _pool(url, largest, _connect_queue)


async def _connect_queue(url: str, **how: Any) -> asyncpg.Connection[Any]:
    """A connection whose commits wait for no disk, and make nobody else's wait.

    Where Postgres dies before it has written them, a job is taken or done that it says is queued: it comes
    again, as one does whose worker died, and finds nothing left to do. That a job is due is no such note:
    it is stored with what it is due for.
    """
    connection = await connect_as_core(url, name="conserje jobs", **how)
    await connection.execute("SET synchronous_commit = off")
    return connection


async def _pool(url: str, largest: int, connect: _Connect, idle: float = LONG_IDLE) -> Pool:
    pool: Pool = await asyncpg.create_pool(
        url,
        connect=connect,
        min_size=0,
        max_size=largest,
        max_inactive_connection_lifetime=idle,
        timeout=5,
        command_timeout=10,
        reset=_keep,
    )
    return pool


async def _check(url: str, pool: Pool, patient: bool) -> None:
    """Raises DatabaseError."""
    try:
        async with asyncio.timeout(PATIENCE if patient else None):
            await refuse_transaction_pooler(url)
            async with pool.acquire() as connection:
                await _refuse_unbound_user(connection)
                await silence.refuse_unfinished(connection)
                await refuse_other_schema(connection)
    except (asyncpg.InvalidParameterValueError, asyncpg.InsufficientPrivilegeError) as error:
        raise DatabaseError(
            f"The database's user cannot act as conserje_core ({error}): "
            "run `conserje up` or `conserje migrate` first."
        ) from None
    except (*CANNOT_ASK, asyncpg.PostgresError) as error:
        if not patient or not isinstance(error, CANNOT_ASK):
            raise DatabaseError(f"Postgres at {place(url)} cannot be reached: {describe(error)}.") from None
        log.warning("Postgres at %s cannot be reached yet: %s", place(url), describe(error))


async def ping(pool: Pool) -> None:
    """Returns when Postgres has answered; raises what kept it from that."""
    await pool.fetchval("SELECT 1")


async def _keep(_connection: Connection) -> None:
    """In place of asyncpg's reset, a round trip that loses the role: what else we set is a transaction's."""


async def _refuse_unbound_user(connection: Connection) -> None:
    row = await connection.fetchrow(
        "SELECT rolname, rolsuper OR rolbypassrls AS unbound FROM pg_roles WHERE rolname = session_user"
    )
    if row and row["unbound"]:
        raise DatabaseError(
            f"The database's user {row['rolname']} is a superuser or has BYPASSRLS, and sees all rows:"
            " make another by `CREATE ROLE conserje LOGIN CREATEROLE PASSWORD '...'`"
            " and `ALTER DATABASE <name> OWNER TO conserje`."
        )
