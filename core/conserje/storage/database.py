"""Postgres: roles, pools, migrations, and transactions that see one tenant only."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from contextlib import suppress
from operator import attrgetter
from typing import Any, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from conserje.errors import OperatorError
from conserje.storage.address import each_host

Connection: TypeAlias = "asyncpg.Connection[Any] | PoolConnectionProxy[Any]"
Pool: TypeAlias = "asyncpg.Pool[Any]"

log = logging.getLogger(__name__)

_ADDRESS = re.compile(r"//(\S*)")

CANNOT_ASK = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # seen where a connection dies between two messages of its protocol
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.ReadOnlySQLTransactionError,
)
"""What is raised when Postgres cannot answer, as opposed to when it answers no."""

HOST_LIMIT = 2.0  # seconds that one of several hosts gets to take a connection


class DatabaseError(OperatorError):
    """The database cannot be used as it is; the text says what to do."""


_took_last: dict[str, str] = {}  # of a URL with several hosts: its host that took the last connection


async def connect(url: str, **how: Any) -> asyncpg.Connection[Any]:
    """A connection to one of the URL's hosts, each of which is asked by itself.

    asyncpg would wait for a silent one until the time for all of them is over.
    """
    hosts = sorted(each_host(url), key=lambda host: host != _took_last.get(url))
    for host in hosts[:-1]:
        with suppress(*CANNOT_ASK):
            return await _connect_to(host, url, **how | {"timeout": HOST_LIMIT})
    return await _connect_to(hosts[-1], url, **how)


async def _connect_to(host: str, url: str, **how: Any) -> asyncpg.Connection[Any]:
    connection: asyncpg.Connection[Any] = await asyncpg.connect(host, **how)
    _took_last[url] = host
    return connection


async def connect_as_core(url: str, *, name: str, timeout: float = 5, **how: Any) -> asyncpg.Connection[Any]:
    """A connection that acts as conserje_core and stands as `name` in pg_stat_activity."""
    connection = await connect(url, timeout=timeout, server_settings={"application_name": name}, **how)
    try:
        await act_as(connection, "conserje_core", timeout)
    except BaseException:
        connection.terminate()
        raise
    return connection


async def act_as(connection: Connection, role: str, timeout: float | None = None) -> None:
    """Act as `role` from now on. Raises asyncpg.InterfaceError where that does not last.

    No start-up parameter says so: a pooler refuses those, or drops them without a word.
    """
    await connection.execute(f"SET ROLE {role}", timeout=timeout)
    if await connection.fetchval("SELECT current_user", timeout=timeout) != role:
        raise asyncpg.InterfaceError(f"The role {role} is not kept by the pooler.")


async def plan_for_any(connection: Connection) -> None:
    """Until its transaction ends, statements and foreign keys are planned for whatever values there are.

    Of a tenant that came since the server last looked at a table it expects no row there, and takes whichever
    index has the tenant: each conversation that goes would read all of the tenant's.
    """
    await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")


def columns(rows: Sequence[object], *names: str) -> list[list[Any]]:
    """These fields of `rows` as the column arrays that unnest takes."""
    return [list(map(attrgetter(name), rows)) for name in names]


def describe(error: BaseException) -> str:
    """`error` in a line without a password, and without what Postgres quotes of a row."""
    if isinstance(error, asyncpg.DataError):  # its first line may quote what a contact wrote
        return type(error).__name__
    first, *_ = str(error).splitlines() or [type(error).__name__]  # DETAIL may follow
    shown = _ADDRESS.sub(lambda address: "//" + address[1].rpartition("@")[2], first)
    return shown.strip().rstrip(".")


_ADDRESS = re.compile(r"//(\S*)")
