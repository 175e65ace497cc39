"""Postgres behind PgBouncer: in session mode all works, in transaction mode nothing is begun."""

from __future__ import annotations

import asyncio
import os
import pwd
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from debian import require
from processes import free_port, new_folder
from waiting import until

from conserje.storage.changes import Changes
from conserje.storage.database import DatabaseError, Pool, connect
from conserje.storage.migrate import migrate
from conserje.storage.pool import connect_pool
from conserje.storage.pooler import refuse_transaction_pooler
from conserje.storage.scope import acting_for
from conserje.tenants import tenants

Bouncer = Callable[..., AbstractAsyncContextManager[str]]

CONFIGURATION = """
[databases]
* = host={sockets} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
logfile = {folder}/log
{more}
"""

# Others have locks in their databases.
LOCKS = """
SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database AND datname = current_database()
WHERE locktype = 'advisory'
"""


@asynccontextmanager
async def bouncing(url: str, mode: str, more: str = "") -> AsyncIterator[str]:
    """The URL of `url`'s database through PgBouncer, which runs as the user who owns the server's socket."""
    program = require("pgbouncer", "pgbouncer")
    server, port = urlsplit(url), free_port()
    sockets = parse_qs(server.query)["host"][0]
    owner = Path(sockets).stat().st_uid
    with new_folder() as folder:
        os.chown(folder, owner, -1)
        file = folder / "pgbouncer.ini"
        values = {"sockets": sockets, "user": server.username, "port": port, "folder": folder}
        file.write_text(CONFIGURATION.format(mode=mode, more=more, **values))
        name = pwd.getpwuid(owner).pw_name
        process = await asyncio.create_subprocess_exec(
            program, "-q", str(file), user=name, stderr=asyncio.subprocess.DEVNULL
        )
        through = f"postgresql://{server.username}@127.0.0.1:{port}{server.path}"
        try:
            await until(lambda: answers(through))
            yield through
        finally:
            process.kill()  # it keeps nothing; what it ignores depends on who started the tests
            await process.wait()


async def answers(url: str) -> bool:
    try:
        await (await asyncpg.connect(url)).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("more", ["", "ignore_startup_parameters = role"])
async def test_in_session_mode_all_acts_as_core_and_hears(database_url: str, more: str) -> None:
    """A role at start-up is an error there, or is dropped without a word."""
    async with bouncing(database_url, "session", more) as url:
        pool = await connect_pool(url)
        async with Changes(url) as changes:
            async with pool.acquire() as connection:
                tenant = await tenants.add(connection, "acme", "Acme")
                assert await connection.fetchval("SELECT current_user") == "conserje_core"
            await until(lambda: not changes.unchanged(tenant.id, 1))
        async with acting_for(pool, tenant.id) as scope:
            assert await scope.connection.fetchval("SELECT current_user") == "conserje_tenant"
        assert await pool.fetchval("SELECT current_user") == "conserje_core"
        pool.terminate()


async def test_in_session_mode_an_empty_database_is_migrated(empty_database_url: str) -> None:
    async with bouncing(empty_database_url, "session") as url:
        before, after = await migrate(url)
        assert before == 0 < after
        (await connect_pool(url)).terminate()


@pytest.mark.parametrize("size", [1, 3])
async def test_in_transaction_mode_nothing_is_begun(empty_database_url: str, size: int) -> None:
    async with bouncing(empty_database_url, "transaction", f"default_pool_size = {size}") as url:
        host = urlsplit(url).netloc.partition("@")[2]
        for begin in (migrate, connect_pool):
            with pytest.raises(DatabaseError, match=rf"{host} is behind a pooler.*Postgres itself.*session"):
                await begin(url)
    direct = await asyncpg.connect(empty_database_url)
    assert (
        await direct.fetchval("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        == 0
    )
    assert await direct.fetchval(LOCKS) == 0
    await direct.close()


async def test_a_busy_pooler_is_recognised_too(database_url: str) -> None:
    """Others' transactions take and give back the processes that ours get."""
    async with bouncing(database_url, "transaction") as url:

        async def work() -> None:
            while True:
                other = await asyncpg.connect(url, statement_cache_size=0)
                async with other.transaction():
                    await other.execute("SELECT 1")
                await other.close()

        others = [asyncio.create_task(work()) for _ in range(5)]
        try:
            for _ in range(10):
                with pytest.raises(DatabaseError, match="is behind a pooler"):
                    await refuse_transaction_pooler(url)
        finally:
            for other in others:
                other.cancel()
            await asyncio.wait(others)


async def test_postgres_itself_is_asked_by_one_connection(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    async def counted(url: str, **how: object) -> asyncpg.Connection[asyncpg.Record]:
        made.append(url)
        return await connect(url, **how)

    monkeypatch.setattr("conserje.storage.pooler.connect", counted)
    await refuse_transaction_pooler(database_url)
    assert len(made) == 1


async def test_a_failed_transaction_leaves_the_role(pool: Pool) -> None:
    async with pool.acquire() as connection:
        acme = await tenants.add(connection, "acme", "Acme")
    with pytest.raises(asyncpg.PostgresSyntaxError):
        async with acting_for(pool, acme.id) as scope:
            await scope.connection.execute("nonsense")
    assert await pool.fetchval("SELECT current_user") == "conserje_core"
