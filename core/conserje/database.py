"""Postgres: roles, pools, migrations, and transactions that see one tenant only."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from conserje import jobs

Connection: TypeAlias = "asyncpg.Connection[Any] | PoolConnectionProxy[Any]"
Pool: TypeAlias = "asyncpg.Pool[Any]"

MIGRATION_LOCK = 0x636F6E7365726A65  # "conserje"
OLDEST_SERVER = 150000

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


class DatabaseError(Exception):
    """The database cannot be used as it is; the text says what to do."""


async def connect_pool(url: str, *, smallest: int = 1, largest: int = 10, **settings: str) -> Pool:
    """A pool whose connections act as conserje_core.

    Raises DatabaseError for a user whom no policy binds, a schema of another release, or a server
    that cannot be reached.
    """
    try:
        pool = await asyncpg.create_pool(
            url,
            min_size=smallest,
            max_size=largest,
            timeout=5,
            command_timeout=10,
            reset=_keep,
            server_settings={"role": "conserje_core", "application_name": "conserje", **settings},
        )
    except (asyncpg.InvalidParameterValueError, asyncpg.InsufficientPrivilegeError) as error:
        raise DatabaseError(
            f"The database's user cannot act as conserje_core ({error}). "
            "Run `conserje up` or `conserje migrate` first."
        ) from None
    except (*CANNOT_ASK, asyncpg.PostgresError) as error:
        raise DatabaseError(f"Postgres cannot be reached: {describe(error)}.") from None
    try:
        async with pool.acquire() as connection:
            await _refuse_unbound_user(connection)
            await refuse_other_schema(connection)
    except BaseException:
        pool.terminate()
        raise
    return pool


async def _keep(_connection: Connection) -> None:
    """In place of asyncpg's reset, a round trip: whatever we set is set for a transaction."""


def describe(error: BaseException) -> str:
    """`error` in a line without a password in it."""
    text = str(error) or type(error).__name__
    return re.sub(r"//[^@/\s]*@", "//", text).strip().rstrip(".")


async def _refuse_unbound_user(connection: Connection) -> None:
    row = await connection.fetchrow(
        "SELECT rolname, rolsuper OR rolbypassrls AS unbound FROM pg_roles WHERE rolname = session_user"
    )
    if row and row["unbound"]:
        raise DatabaseError(
            f"The database's user {row['rolname']} is a superuser or has BYPASSRLS, so nothing would keep "
            "tenants apart. Make one for Conserje: CREATE ROLE conserje LOGIN CREATEROLE PASSWORD '...'; "
            "ALTER DATABASE ... OWNER TO conserje;"
        )


async def refuse_other_schema(connection: Connection) -> None:
    """Raises DatabaseError unless the schema is the one that this release works with."""
    here, known = await schema_version(connection), migrations()[-1][0]
    if here < known:
        raise DatabaseError(
            f"The database's schema is {here}, this release needs {known}: "
            "run `conserje up` or `conserje migrate`."
        )
    if here > known:
        raise DatabaseError(
            f"The database's schema is {here}, newer than this release knows ({known}): update Conserje."
        )


async def schema_version(connection: Connection) -> int:
    """The number of the last migration; 0 for an empty database."""
    if await connection.fetchval("SELECT to_regclass('public.migrations')") is None:
        return 0
    version: int = await connection.fetchval("SELECT coalesce(max(version), 0) FROM public.migrations")
    return version


@asynccontextmanager
async def acting_for(pool: Pool, tenant_id: int) -> AsyncIterator[Connection]:
    """A transaction that sees this tenant's rows and no others."""
    async with pool.acquire() as connection, transaction(connection, tenant_id):
        yield connection


@asynccontextmanager
async def transaction(connection: Connection, tenant_id: int) -> AsyncIterator[None]:
    """Begin, take the tenant's role and name the tenant in one round trip; commit at the end."""
    await connection.execute(
        f"BEGIN; SET LOCAL ROLE conserje_tenant; SET LOCAL conserje.tenant = '{tenant_id:d}'"
    )
    try:
        yield
    except BaseException:
        if not connection.is_closed():
            await connection.execute("ROLLBACK")
        raise
    await connection.execute("COMMIT")


async def migrate(url: str) -> tuple[int, int]:
    """Make roles and schema what this release needs; the versions before and after.

    Raises DatabaseError where the user may not, with the SQL that somebody who may has to run.
    """
    try:
        connection = await asyncpg.connect(url, timeout=10)
    except (*CANNOT_ASK, asyncpg.PostgresError) as error:
        raise DatabaseError(f"Postgres cannot be reached: {describe(error)}.") from None
    try:
        if (version := connection.get_server_version())[0] * 10000 < OLDEST_SERVER:
            raise DatabaseError(f"Postgres {version[0]} is too old: Conserje needs 15 or newer.")
        await connection.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
        await _ensure_roles(connection)
        await connection.execute("SET ROLE conserje_owner")
        before = await schema_version(connection)
        await jobs.install(connection)
        await _apply(connection, before)
        return before, await schema_version(connection)
    finally:
        await connection.close()


def migrations() -> list[tuple[int, str]]:
    """Number and SQL of each migration, in order."""
    found = []
    for file in files("conserje").joinpath("sql").iterdir():
        if match := re.fullmatch(r"(\d{4})_\w+\.sql", file.name):
            found.append((int(match[1]), file.read_text(encoding="utf-8")))
    return sorted(found)


async def _apply(connection: Connection, before: int) -> None:
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS public.migrations "
        "(version int PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());"
        "GRANT SELECT ON public.migrations TO conserje_core"
    )
    for version, statements in migrations():
        if version > before:
            async with connection.transaction():
                await connection.execute(statements)
                await connection.execute("INSERT INTO public.migrations (version) VALUES ($1)", version)


ROLES = """
CREATE ROLE conserje_owner NOLOGIN;
CREATE ROLE conserje_core NOLOGIN;
CREATE ROLE conserje_tenant NOLOGIN;
"""


async def _ensure_roles(connection: Connection) -> None:
    """Make the three roles and let the given user act as them."""
    user = await connection.fetchval("SELECT session_user")
    database = await connection.fetchval("SELECT current_database()")
    grants = (
        f'GRANT conserje_owner, conserje_core, conserje_tenant TO "{user}";'
        f'GRANT CREATE ON DATABASE "{database}" TO conserje_owner;'
        "GRANT CREATE, USAGE ON SCHEMA public TO conserje_owner;"
    )
    there = await connection.fetchval(
        "SELECT count(*) FROM pg_roles"
        " WHERE rolname IN ('conserje_owner', 'conserje_core', 'conserje_tenant')"
    )
    if there == 3 and await connection.fetchval(
        "SELECT pg_has_role('conserje_owner', 'MEMBER') AND pg_has_role('conserje_core', 'MEMBER')"
        " AND pg_has_role('conserje_tenant', 'MEMBER')"
        " AND has_database_privilege('conserje_owner', current_database(), 'CREATE')"
        " AND has_schema_privilege('conserje_owner', 'public', 'CREATE')"
    ):
        return
    try:
        async with connection.transaction():
            await connection.execute(("" if there == 3 else ROLES) + grants)
    except (asyncpg.UniqueViolationError, asyncpg.DuplicateObjectError):
        await _ensure_roles(connection)  # roles are the server's: another database's migration made them
    except (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidGrantOperationError):
        needed = " ".join((("" if there == 3 else ROLES) + grants).split())
        raise DatabaseError(
            f"The database's user {user} may not make roles. Have a superuser run, in {database}: {needed}"
        ) from None
