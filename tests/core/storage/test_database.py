"""Postgres: migrated, refused where nothing would keep tenants apart, and acting for one tenant."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import asyncpg
import pytest
from waiting import until

from conserje.storage import database
from conserje.storage import pool as pools
from conserje.storage.database import Connection, DatabaseError, Pool
from conserje.storage.jobs import Job
from conserje.storage.migrate import migrate
from conserje.storage.pool import connect_pool
from conserje.storage.schema import Migration, migrations
from conserje.storage.scope import AT_ONCE, acting_for
from conserje.tenants import tenants

BEFORE, KNOWN = (migration.version for migration in migrations()[-2:])


def in_database(url: str, name: str) -> str:
    head, _, query = url.partition("?")
    return head.rpartition("/")[0] + f"/{name}" + (f"?{query}" if query else "")


@pytest.mark.new_database
async def test_migrating_again_changes_nothing(database_url: str) -> None:
    before, after = await migrate(database_url)
    assert before == after == migrations()[-1][0]


async def test_several_may_migrate_at_once(server: str) -> None:
    url = in_database(server, "migrated_at_once")
    maintenance = await asyncpg.connect(in_database(server, "postgres"))
    try:
        await maintenance.execute("CREATE DATABASE migrated_at_once")
        newest = migrations()[-1][0]
        done = await asyncio.gather(*(migrate(url) for _ in range(3)))
        assert sorted(before for before, _ in done) == [0, newest, newest]
        assert {after for _, after in done} == {newest}
    finally:
        await maintenance.execute("DROP DATABASE migrated_at_once")
        await maintenance.close()


async def test_an_empty_database_is_refused_with_what_to_run(server: str) -> None:
    maintenance = await asyncpg.connect(in_database(server, "postgres"))
    try:
        await maintenance.execute("CREATE DATABASE empty_one")
        with pytest.raises(DatabaseError, match="conserje migrate"):
            await connect_pool(in_database(server, "empty_one"))
    finally:
        await maintenance.execute("DROP DATABASE empty_one")
        await maintenance.close()


async def leave(url: str, *later: Migration) -> None:
    """Migrate as a later release would, which has these migrations too."""
    with pytest.MonkeyPatch.context() as patch:
        ours = migrations()
        patch.setattr("conserje.storage.migrate.migrations", lambda: [*ours, *later])
        await migrate(url)


def later(version: int, works_with: int | None = None) -> Migration:
    line = f"-- Works with processes of schema {works_with}.\n" if works_with else ""
    return Migration(version, f"{line}CREATE TABLE of_{version} ();")


@pytest.mark.new_database
async def test_an_older_schema_is_refused_with_what_to_run(database_url: str) -> None:
    owner = await asyncpg.connect(database_url, server_settings={"role": "conserje_owner"})
    await owner.execute("DELETE FROM migrations WHERE version = $1", KNOWN)
    await owner.close()
    with pytest.raises(DatabaseError, match=rf"is {BEFORE}, too old.* needs {KNOWN}: .*conserje migrate"):
        await connect_pool(database_url)


@pytest.mark.new_database
async def test_a_newer_schema_is_refused_where_it_does_not_say_that_it_works(database_url: str) -> None:
    await leave(database_url, later(9999))
    with pytest.raises(
        DatabaseError, match=rf"is 9999, too new.* knows {KNOWN}: update Conserje to one that knows 9999"
    ):
        await connect_pool(database_url)


@pytest.mark.new_database
async def test_a_newer_schema_is_taken_where_all_that_came_later_works(database_url: str) -> None:
    await leave(database_url, later(9998, KNOWN), later(9999, KNOWN - 1))
    pool = await connect_pool(database_url)
    assert await pool.fetchval("SELECT max(version) FROM migrations") == 9999
    pool.terminate()


@pytest.mark.new_database
async def test_one_migration_between_that_does_not_work_is_enough_to_refuse(database_url: str) -> None:
    await leave(database_url, later(9998), later(9999, KNOWN))
    with pytest.raises(DatabaseError, match="update Conserje to one that knows 9998"):
        await connect_pool(database_url)


@pytest.mark.new_database
async def test_a_database_from_before_there_was_such_a_line_learns_it(database_url: str) -> None:
    owner = await asyncpg.connect(database_url, server_settings={"role": "conserje_owner"})
    await owner.execute("ALTER TABLE migrations DROP COLUMN works_with")
    await leave(database_url, later(9999, KNOWN))
    assert await owner.fetchval("SELECT works_with FROM migrations WHERE version = 9999") == KNOWN
    await owner.close()


def test_no_migration_has_the_line_in_a_form_that_is_not_read() -> None:
    for migration in migrations():
        assert (migration.works_with < migration.version) == ("works with" in migration.statements.lower())


async def test_a_user_whom_no_policy_binds_is_refused(database_url: str) -> None:
    url = database_url.replace("//conserje@", "//postgres@", 1)
    if url == database_url:
        pytest.skip("the given server has no user postgres for us")
    with pytest.raises(DatabaseError, match=r"postgres is a superuser.*CREATE ROLE conserje"):
        await connect_pool(url)


async def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    url = "postgresql://conserje:hunter2@127.0.0.1:1/conserje"
    for connect in (connect_pool, migrate):
        with pytest.raises(DatabaseError, match=r"^Postgres at 127\.0\.0\.1:1 cannot be reached") as caught:
            await connect(url)
        assert "hunter2" not in str(caught.value)


@pytest.mark.new_database
async def test_who_may_not_make_roles_is_told_what_to_have_run(database_url: str) -> None:
    superuser = await asyncpg.connect(database_url)
    await superuser.execute("DROP ROLE IF EXISTS bystander; CREATE ROLE bystander LOGIN")
    try:
        url = database_url.replace("//conserje@", "//bystander@", 1)
        if url == database_url:
            pytest.skip("the given server's user has another name")
        with pytest.raises(DatabaseError, match=r"bystander may not make roles.*GRANT conserje_owner"):
            await migrate(url)
    finally:
        await superuser.execute("DROP ROLE bystander")
        await superuser.close()


async def test_what_nobody_wants_of_a_pool_is_closed(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "IDLE", 0.01)
    pool = await connect_pool(database_url)
    try:
        async with pool.acquire(), pool.acquire():
            assert pool.get_size() >= 2
        await until(lambda: pool.get_size() == 0)
        assert await pool.fetchval("SELECT 1") == 1
    finally:
        pool.terminate()


async def test_a_pool_acts_as_core(connection: Connection) -> None:
    assert await connection.fetchval("SELECT current_user") == "conserje_core"


async def test_acting_for_a_tenant_shows_its_rows_alone(pool: Pool) -> None:
    async with pool.acquire() as connection:
        acme = await tenants.add(connection, "acme", "Acme")
        await tenants.add(connection, "bravo", "Bravo")
    async with acting_for(pool, acme.id) as scope:
        assert await scope.connection.fetchval("SELECT current_user") == "conserje_tenant"
        assert await scope.connection.fetchval("SELECT array_agg(slug) FROM tenants") == ["acme"]
    async with pool.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM tenants") == 2


async def test_one_tenant_s_transactions_leave_connections_to_others(pool: Pool) -> None:
    async with AsyncExitStack() as busy, asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            await busy.enter_async_context(acting_for(pool, 1))
        waits = group.create_task(_act(pool, 1))
        await _act(pool, 2)
        assert not waits.done()
        await busy.aclose()


async def _act(pool: Pool, tenant_id: int) -> None:
    async with acting_for(pool, tenant_id):
        pass


async def test_who_is_impatient_waits_for_no_row_that_somebody_keeps(pool: Pool) -> None:
    async with pool.acquire() as connection:
        acme = await tenants.add(connection, "acme", "Acme")
    change = "UPDATE products SET price = 2"
    async with acting_for(pool, acme.id) as scope:
        await scope.connection.execute(
            "INSERT INTO products (tenant_id, name, price) VALUES ($1, 'P', 1)", acme.id
        )
    async with acting_for(pool, acme.id) as keeper:
        await keeper.connection.execute(change)
        with pytest.raises(asyncpg.LockNotAvailableError):
            async with acting_for(pool, acme.id, impatient=True) as scope:
                await scope.connection.execute(change)


async def test_what_fails_for_a_tenant_is_undone(pool: Pool) -> None:
    async with pool.acquire() as connection:
        acme = await tenants.add(connection, "acme", "Acme")
    with pytest.raises(ZeroDivisionError):
        async with acting_for(pool, acme.id) as scope:
            await scope.connection.execute(
                "INSERT INTO products (tenant_id, name, price) VALUES ($1, 'P', 1)", acme.id
            )
            raise ZeroDivisionError
    async with pool.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM products") == 0
        assert await connection.fetchval("SELECT current_user") == "conserje_core"


async def test_without_a_tenant_named_its_role_sees_an_error(connection: Connection) -> None:
    await connection.execute("SET LOCAL ROLE conserje_tenant")
    with pytest.raises(asyncpg.PostgresError):
        await connection.fetch("SELECT * FROM tenants")


def test_a_described_error_has_no_password() -> None:
    error = OSError("cannot reach postgresql://u:hunter2@db/x.")
    assert database.describe(error) == "cannot reach postgresql://db/x"
    assert (
        database.describe(OSError("cannot reach postgresql://u:hun/ter@2@db/x"))
        == "cannot reach postgresql://db/x"
    )
    assert database.describe(TimeoutError()) == "TimeoutError"


@pytest.mark.parametrize(
    ("statement", "described"),
    [
        (
            "INSERT INTO written VALUES ('s3cret')",
            'duplicate key value violates unique constraint "written_pkey"',
        ),
        ("INSERT INTO written VALUES ('tell s3cret')", 'check constraint "written_text_check"'),
        ("SELECT 's3cret'::int", "InvalidTextRepresentationError"),
        ("SELECT '{s3cret'::json", "InvalidTextRepresentationError"),
        ("SELECT pg_temp.raise('s3cret')", "raised"),
    ],
)
async def test_a_described_error_quotes_no_row(
    connection: Connection, statement: str, described: str
) -> None:
    await connection.execute(
        "CREATE TEMPORARY TABLE written (text text PRIMARY KEY CHECK (text NOT LIKE 'tell%'));"
        "INSERT INTO written VALUES ('s3cret');"
        "CREATE FUNCTION pg_temp.raise(text) RETURNS void LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'raised' USING detail = $1, hint = $1; END $$"
    )
    with pytest.raises(asyncpg.PostgresError, match=r"s3cret|check") as caught:
        await connection.execute(statement)
    said = database.describe(caught.value)
    assert described in said and "s3cret" not in said and "\n" not in said


async def test_a_described_error_quotes_no_argument(connection: Connection) -> None:
    with pytest.raises(asyncpg.DataError, match="s3cret") as caught:
        await connection.fetch("SELECT $1::int", "s3cret")
    assert database.describe(caught.value) == "DataError"


async def test_what_becomes_due_for_a_tenant_is_in_the_queue_with_its_rows(pool: Pool) -> None:
    async with pool.acquire() as connection:
        acme = await tenants.add(connection, "acme", "Acme")
    with pytest.raises(ZeroDivisionError):
        async with acting_for(pool, acme.id) as scope:
            scope.due.append(Job("converse", acme.id, 1))
            raise ZeroDivisionError
    assert await pool.fetchval("SELECT count(*) FROM pgqueuer.pgqueuer") == 0
    async with acting_for(pool, acme.id) as scope:
        scope.due.append(Job("converse", acme.id, 1))
        assert await scope.connection.fetchval("SELECT current_user") == "conserje_tenant"
    assert await pool.fetchval("SELECT count(*) FROM pgqueuer.pgqueuer") == 1
