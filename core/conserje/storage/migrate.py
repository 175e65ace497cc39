"""Migrating: roles and schema become what this release needs."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import asyncpg

from conserje.storage import queue
from conserje.storage.address import place
from conserje.storage.database import CANNOT_ASK, Connection, DatabaseError, act_as, connect, describe
from conserje.storage.pooler import refuse_transaction_pooler
from conserje.storage.schema import Migration, migrations, refuse_other_tables, schema_version

MIGRATION_LOCK = 0x636F6E7365726A65  # "conserje"
OLDEST_SERVER = 150000
LOCK_LIMIT = 500  # milliseconds that a migration may keep others waiting for a table
LOCK_TRIES = 60
BETWEEN_TRIES = 0.5  # seconds

log = logging.getLogger(__name__)


async def migrate(url: str) -> tuple[int, int]:
    """Make roles and schema what this release needs; the versions before and after.

    Raises DatabaseError where the user may not, with the SQL that somebody who may has to run, and before
    anything is written where the database is another program's.
    """
    try:
        await refuse_transaction_pooler(url)
        connection = await connect(url, timeout=10)
    except (*CANNOT_ASK, asyncpg.PostgresError) as error:
        raise DatabaseError(f"Postgres at {place(url)} cannot be reached: {describe(error)}.") from None
    try:
        if (version := connection.get_server_version())[0] * 10000 < OLDEST_SERVER:
            raise DatabaseError(f"Postgres {version[0]} is too old: Conserje needs 15 or newer.")
        await refuse_other_tables(connection)
        await _become_the_only_one(connection)
        await ensure_roles(connection)
        await act_as(connection, "conserje_owner")
        before = await schema_version(connection)
        await queue.install(connection)
        await _apply(connection, before)
        return before, await schema_version(connection)
    finally:
        await connection.close()


async def _become_the_only_one(connection: Connection) -> None:
    """Not by waiting inside a statement: who makes an index waits for the end of all that began before."""
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", MIGRATION_LOCK):  # noqa: ASYNC110
        await asyncio.sleep(BETWEEN_TRIES)


# What migrations themselves need cannot come by one.
APPLIED = """
CREATE TABLE IF NOT EXISTS public.migrations (
    version int PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE public.migrations ADD COLUMN IF NOT EXISTS works_with int;
GRANT SELECT ON public.migrations TO conserje_core
"""


NOTE_APPLIED = "INSERT INTO public.migrations (version, works_with) VALUES ($1, $2)"


async def _apply(connection: Connection, before: int) -> None:
    await connection.execute(APPLIED)
    for migration in migrations():
        if migration.version > before:
            for tries in range(1, LOCK_TRIES + 1):
                try:
                    await (_run_steps if migration.in_steps else _run_at_once)(connection, migration)
                    break
                except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
                    await _wait_for_locks(migration, tries, error)


async def _run_at_once(connection: Connection, migration: Migration) -> None:
    async with connection.transaction():
        # Whoever wants the table waits behind us while we wait for it.
        await connection.execute(f"SET LOCAL lock_timeout = {LOCK_LIMIT}")
        await connection.execute(migration.statements)
        await connection.execute(NOTE_APPLIED, migration.version, migration.works_with)


async def _run_steps(connection: Connection, migration: Migration) -> None:
    connection.add_log_listener(_tell)  # how far it has come
    for step in migration.steps:
        await connection.execute(step)
    connection.remove_log_listener(_tell)
    await connection.execute(NOTE_APPLIED, migration.version, migration.works_with)


def _tell(_: Any, message: asyncpg.PostgresLogMessage) -> None:
    log.info("%s", message.message)


async def _wait_for_locks(migration: Migration, tries: int, error: Exception) -> None:
    if tries == LOCK_TRIES:
        raise DatabaseError(
            f"Migration {migration.version} could not have its locks in {tries} tries ({describe(error)}): "
            "end the transactions that pg_stat_activity shows as open for long, then migrate again."
        ) from None
    log.info("Migration %d waits for transactions that hold its tables", migration.version)
    await asyncio.sleep(BETWEEN_TRIES)


ROLES = """
CREATE ROLE conserje_owner NOLOGIN;
CREATE ROLE conserje_core NOLOGIN;
CREATE ROLE conserje_tenant NOLOGIN;
"""


async def ensure_roles(connection: Connection) -> None:
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
        await ensure_roles(connection)  # roles are the server's: another database's migration made them
    except (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidGrantOperationError):
        needed = " ".join((("" if there == 3 else ROLES) + grants).split())
        raise DatabaseError(
            f"The database's user {user} may not make roles: have a superuser run, in {database}, `{needed}`."
        ) from None
