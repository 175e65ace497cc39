"""Postgres: roles, pools, migrations, and transactions that see one tenant only."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.resources import files
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import urlsplit

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from conserje.errors import OperatorError

Connection: TypeAlias = "asyncpg.Connection[Any] | PoolConnectionProxy[Any]"
Pool: TypeAlias = "asyncpg.Pool[Any]"

log = logging.getLogger(__name__)

MIGRATION_LOCK = 0x636F6E7365726A65  # "conserje"
OLDEST_SERVER = 150000
PATIENCE = 2.0  # seconds that a start waits for a Postgres that it can do without
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
    hosts = sorted(_each_host(url), key=lambda host: host != _took_last.get(url))
    for host in hosts[:-1]:
        with suppress(*CANNOT_ASK):
            return await _connect_to(host, url, **how | {"timeout": HOST_LIMIT})
    return await _connect_to(hosts[-1], url, **how)


async def _connect_to(host: str, url: str, **how: Any) -> asyncpg.Connection[Any]:
    connection: asyncpg.Connection[Any] = await asyncpg.connect(host, **how)
    _took_last[url] = host
    return connection


def _each_host(url: str) -> list[str]:
    """`url` once for each of the hosts that it names."""
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    return [parts._replace(netloc=user + at + host).geturl() for host in hosts.split(",")]


async def connect_pool(url: str, *, largest: int = 10, patient: bool = False, **settings: str) -> Pool:
    """A pool whose connections act as conserje_core.

    Raises DatabaseError for a user whom no policy binds, a schema of another release, or a server
    that cannot be reached; with `patient` such a server may answer later.
    """
    pool: Pool = await asyncpg.create_pool(  # type: ignore[call-overload] # its stubs want more of `connect`
        url,
        connect=connect,
        min_size=0,
        max_size=largest,
        timeout=5,
        command_timeout=10,
        reset=_keep,
        server_settings={"role": "conserje_core", "application_name": "conserje", **settings},
    )
    try:
        await _check(pool, patient)
    except BaseException:
        pool.terminate()
        raise
    return pool


async def _check(pool: Pool, patient: bool) -> None:
    """Raises DatabaseError."""
    try:
        async with pool.acquire(timeout=PATIENCE if patient else None) as connection:
            await _refuse_unbound_user(connection)
            await refuse_other_schema(connection)
    except (asyncpg.InvalidParameterValueError, asyncpg.InsufficientPrivilegeError) as error:
        raise DatabaseError(
            f"The database's user cannot act as conserje_core ({error}). "
            "Run `conserje up` or `conserje migrate` first."
        ) from None
    except (*CANNOT_ASK, asyncpg.PostgresError) as error:
        if not patient or not isinstance(error, CANNOT_ASK):
            raise DatabaseError(f"Postgres cannot be reached: {describe(error)}.") from None
        log.warning("Postgres cannot be reached yet: %s", describe(error))


async def _keep(_connection: Connection) -> None:
    """In place of asyncpg's reset, a round trip: whatever we set is set for a transaction."""


def describe(error: BaseException) -> str:
    """`error` in a line without a password, and without what Postgres quotes of a row."""
    if isinstance(error, asyncpg.DataError):  # its first line may quote what a contact wrote
        return type(error).__name__
    first, *_ = str(error).splitlines() or [type(error).__name__]  # DETAIL may follow
    shown = _ADDRESS.sub(lambda address: "//" + address[1].rpartition("@")[2], first)
    return shown.strip().rstrip(".")


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


OLDEST_SERVED = "SELECT max(coalesce(works_with, version)) FROM public.migrations WHERE version > $1"


async def refuse_other_schema(connection: Connection) -> None:
    """Raises DatabaseError for a schema but our own, or a newer one that says it works with ours."""
    here, known = await schema_version(connection), migrations()[-1].version
    if here < known:
        raise DatabaseError(
            f"The database's schema is {here}, too old for this release, which needs {known}: "
            "run `conserje up` or `conserje migrate`."
        )
    if here > known and (oldest := await connection.fetchval(OLDEST_SERVED, known)) > known:
        raise DatabaseError(
            f"The database's schema is {here}, too new for this release, which knows {known}; it works with "
            f"releases that know {oldest}: update Conserje, or restore the backup made before the migration."
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
        with suppress(asyncpg.InterfaceError):  # raised also by the question, where all is over
            if not connection.is_closed():
                await connection.execute("ROLLBACK")
        raise
    await connection.execute("COMMIT")


async def migrate(url: str) -> tuple[int, int]:
    """Make roles and schema what this release needs; the versions before and after.

    Raises DatabaseError where the user may not, with the SQL that somebody who may has to run.
    """
    from conserje import queue  # which imports this module

    try:
        connection = await connect(url, timeout=10)
    except (*CANNOT_ASK, asyncpg.PostgresError) as error:
        raise DatabaseError(f"Postgres cannot be reached: {describe(error)}.") from None
    try:
        if (version := connection.get_server_version())[0] * 10000 < OLDEST_SERVER:
            raise DatabaseError(f"Postgres {version[0]} is too old: Conserje needs 15 or newer.")
        await connection.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
        await _ensure_roles(connection)
        await connection.execute("SET ROLE conserje_owner")
        before = await schema_version(connection)
        await queue.install(connection)
        await _apply(connection, before)
        return before, await schema_version(connection)
    finally:
        await connection.close()


_FILE = re.compile(r"(\d{4})_\w+\.sql")
_WORKS_WITH = re.compile(r"-- Works with processes of schema (\d+)\.\n")


class Migration(NamedTuple):
    """A file of `sql/`. Its first line may name the oldest schema whose processes still work after it."""

    version: int
    statements: str

    @property
    def works_with(self) -> int:
        """Without that line: its own processes alone."""
        first = _WORKS_WITH.match(self.statements)
        return int(first[1]) if first else self.version


def migrations() -> list[Migration]:
    """All of this release, in order."""
    found = []
    for file in files("conserje").joinpath("sql").iterdir():
        if match := _FILE.fullmatch(file.name):
            found.append(Migration(int(match[1]), file.read_text(encoding="utf-8")))
    return sorted(found)


# What migrations themselves need cannot come by one.
APPLIED = """
CREATE TABLE IF NOT EXISTS public.migrations (
    version int PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE public.migrations ADD COLUMN IF NOT EXISTS works_with int;
GRANT SELECT ON public.migrations TO conserje_core
"""


async def _apply(connection: Connection, before: int) -> None:
    await connection.execute(APPLIED)
    for migration in migrations():
        if migration.version > before:
            async with connection.transaction():
                await connection.execute(migration.statements)
                await connection.execute(
                    "INSERT INTO public.migrations (version, works_with) VALUES ($1, $2)",
                    migration.version,
                    migration.works_with,
                )


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
