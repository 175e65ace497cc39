"""What tests share: a real Postgres, and a migrated database, empty before each test."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Generator, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import asyncpg
import httpcore2
import pytest
import pytest_asyncio
import shares
from again import pytest_addoption, pytest_configure  # noqa: F401
from hypothesis import HealthCheck, settings
from scene import Scene, stage
from terminal import Terminal
from waiting import FIRST_PAUSE, LIMIT, at_work

from conserje.storage import changes, database, embedded
from conserje.storage import pool as pools
from conserje.storage.migrate import migrate
from conserje.storage.pool import connect_pool
from conserje.storage.pooler import refuse_transaction_pooler
from conserje.tenants.keyring import create_keyring

CONNECTIONS = "400"
WHOLE_LIMIT = 300  # seconds: many processes start and end, one after the other

END_OTHERS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND usename = session_user
  AND pid <> ALL (pg_backend_pid() || $1::int[])
"""

# Makes a function of one connection: it plans its statements once, and only looks at what is empty.
# Tenants go first, with all that is theirs; then what their removal left, and what belongs to nobody.
EMPTYING = """
SELECT 'CREATE FUNCTION pg_temp.empty() RETURNS void LANGUAGE plpgsql AS $$ BEGIN '
    || string_agg(
        format('IF EXISTS (SELECT FROM %I.%I) THEN ', schemaname, tablename)
        -- Nobody removes what it says but after years.
        || CASE tablename WHEN 'audit' THEN 'ALTER TABLE audit DISABLE TRIGGER USER;' ELSE '' END
        || format('DELETE FROM %I.%I;', schemaname, tablename)
        || CASE tablename WHEN 'audit' THEN 'ALTER TABLE audit ENABLE TRIGGER USER;' ELSE '' END
        || ' END IF;',
        ' ' ORDER BY tablename <> 'tenants')
    || ' END $$'
FROM pg_tables WHERE schemaname IN ('public', 'pgqueuer') AND tablename <> 'migrations'
"""

_serial = itertools.count(1)

# A busy machine takes its time to make up examples.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

# Each client of a test reads the machine's certificate authorities otherwise, which takes 25 ms.
httpcore2.default_ssl_context = cache(httpcore2.default_ssl_context)

_introspect = asyncpg.Connection._introspect_types  # type: ignore[attr-defined]
_types: dict[tuple[object, ...], Any] = {}


async def _introspect_once(connection: Any, numbers: Iterable[int], timeout: float | None) -> Any:
    """What a new connection asks before it sends its first array, which takes 8 ms; a test has several.

    A server gives no number to two types but where it copies a database.
    """
    asked = (connection._addr, *sorted(numbers))
    if asked not in _types:
        _types[asked] = await _introspect(connection, asked[1:], timeout)
    return _types[asked]


asyncpg.Connection._introspect_types = _introspect_once  # type: ignore[attr-defined]


_no_poolers: set[str] = set()


async def _refuse_once(url: str) -> None:
    """Each command asks by a connection of its own, which takes 6 ms, whether there is a pooler."""
    if url not in _no_poolers:
        await refuse_transaction_pooler(url)
        _no_poolers.add(url)


vars(pools)["refuse_transaction_pooler"] = _refuse_once


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As in a shell's background job. This process goes on ignoring it; those that it starts hear it.
    signal.signal(signal.SIGINT, lambda number, frame: None)
else:
    # Python's own is replaced by asyncio for each fixture and test, which writes out all that they hold.
    signal.signal(signal.SIGINT, _interrupt)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """More than there are processors: tests of whole processes wait half of their time."""
    return (os.cpu_count() or 1) * 2


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays: to look through it takes half a second each time, five of them at the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)  # marks before -m chooses, shares after it
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
    for item in items:
        if shares.is_whole(item.path):
            if not item.get_closest_marker("timeout"):
                item.add_marker(pytest.mark.timeout(WHOLE_LIMIT))
        elif "server" in getattr(item, "fixturenames", ()):
            item.add_marker("database")
            if shares.is_of_its_server(item.path):
                item.add_marker("both")
    yield
    if workers := getattr(config, "workerinput", {}).get("workercount"):
        items[:] = shares.dealt(items, workers)


@pytest_asyncio.fixture(scope="session")
async def server() -> AsyncIterator[str]:
    """The URL of a server whose user may make roles and databases.

    TEST_DATABASE_URL names one; without it the embedded server starts, one for all
    parallel workers. It is not below pytest's own folder, which other runs close to its user.
    """
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield given
        return
    folder = Path(tempfile.gettempdir(), f"conserje-{os.environ.get('PYTEST_XDIST_TESTRUNUID', os.getpid())}")
    async with AsyncExitStack() as stack:
        async with _alone():
            await _prepare(folder)
            url = await stack.enter_async_context(embedded.running(folder))
        yield url
        async with _alone():
            await stack.aclose()
            if not (folder / "postgres" / "postmaster.pid").exists():  # we were the last
                shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def _alone() -> AsyncIterator[None]:
    """No other worker starts or removes a server in the block."""
    with Path(tempfile.gettempdir(), "conserje-tests.lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        yield


async def _prepare(folder: Path) -> None:
    """Let the server have connections for many tests at once, and its user make databases."""
    embedded.make_folder(folder)
    async with embedded.running(folder) as url:  # by itself, so it starts anew with its settings
        superuser = await asyncpg.connect(url.replace("//conserje@/conserje", "//postgres@/postgres", 1))
        try:
            if await superuser.fetchval("SHOW max_connections") != CONNECTIONS:
                await superuser.execute(f"ALTER SYSTEM SET max_connections = {CONNECTIONS}")
                await superuser.execute("ALTER SYSTEM SET fsync = off")  # no test outlives its machine
                await superuser.execute("ALTER ROLE conserje CREATEDB")
        finally:
            await superuser.close()


def _in(server: str, name: str) -> str:
    head, _, query = server.partition("?")
    return head.rpartition("/")[0] + "/" + name + ("?" + query if query else "")


async def _run(server: str, *statements: str) -> None:
    connection = await asyncpg.connect(_in(server, "postgres"))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _drop(server: str, name: str) -> None:
    """Not WITH (FORCE): before 16 it fails where the server's own vacuum is at work; DROP ends that."""
    ours = f"datname = '{name}' AND usename = current_user"
    await _run(
        server,
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}",
        f"DROP DATABASE {name}",
    )


@pytest_asyncio.fixture(scope="session")
async def template(server: str) -> AsyncIterator[str]:
    """The name of a migrated database that nobody is connected to."""
    name = f"template_{os.getpid()}"
    connection = await asyncpg.connect(_in(server, "postgres"))
    try:
        await connection.execute("SELECT pg_advisory_lock(1)")  # roles are the server's, not the database's
        await connection.execute(f"CREATE DATABASE {name}")
        await migrate(_in(server, name))
    finally:
        await connection.close()
    yield name
    await _drop(server, name)


@pytest.fixture(scope="session")
def new_database(server: str, template: str) -> Callable[..., AbstractAsyncContextManager[str]]:
    """Makes a migrated database, or a copy of the one named, there for as long as a block runs."""

    @asynccontextmanager
    async def made(like: str = template) -> AsyncIterator[str]:
        name = f"test_{os.getpid()}_{next(_serial)}"
        await _run(server, f"CREATE DATABASE {name} TEMPLATE {like}")
        yield _in(server, name)
        await _drop(server, name)

    return made


class _Lasting(asyncpg.Connection):
    """A connection that goes on to the next who wants one, which costs a sixth of a new one."""

    spare: list[asyncpg.Connection[Any]]

    def terminate(self) -> None:
        if self.is_closed():
            return
        self._listeners.clear()  # type: ignore[attr-defined]
        self._termination_listeners.clear()  # type: ignore[attr-defined]
        self.spare.append(self)


@dataclass(frozen=True)
class _Shared:
    """The database that a worker's tests have in turn."""

    url: str
    connection: asyncpg.Connection[Any]
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    pools: list[database.Pool] = field(default_factory=list)  # one, once a test has asked for it
    spare: list[asyncpg.Connection[Any]] = field(default_factory=list)  # nobody hears changes by them now

    async def listener(self, url: str, **how: Any) -> asyncpg.Connection[Any]:
        """What `changes` connects by."""
        ours = url == self.url and asyncio.get_running_loop() is self.loop
        while ours and self.spare:
            connection = self.spare.pop()
            with suppress(*database.CANNOT_ASK):  # a test may have ended it
                await connection.execute("UNLISTEN *; RESET ALL")
                return connection

        class Lasting(_Lasting):
            spare = self.spare

        return await database.connect_as_core(url, **how | ({"connection_class": Lasting} if ours else {}))

    async def pool(self) -> database.Pool:
        """A pool whose connections have met the statements of earlier tests, which is most of their work."""
        if not self.pools:
            self.pools.append(await connect_pool(self.url))
        return self.pools[0]

    async def empty(self) -> None:
        """End whoever is left, then delete every row: who is left would hear of it, or add to it."""
        await _cancelled()
        kept = await self._clean() + [each.get_server_pid() for each in self.spare if not each.is_closed()]
        while await self.connection.fetchval(END_OTHERS, kept):
            await asyncio.sleep(FIRST_PAUSE)
        await self.connection.fetchval("SELECT pg_temp.empty()")

    async def _clean(self) -> list[int]:
        """Let the pool's connections be as new, or end it where one is not free; their processes."""
        for pool in self.pools:
            left = [holder._con for holder in pool._holders if holder.is_connected()]  # type: ignore[attr-defined]
            if len(left) == pool.get_idle_size() and not pool.is_closing():
                with suppress(*database.CANNOT_ASK):  # a test may have ended one
                    for connection in left:
                        await connection.execute("UNLISTEN *; RESET ALL")
                    return [connection.get_server_pid() for connection in left]
            pool.terminate()
        self.pools.clear()
        return []


async def _cancelled() -> None:
    """Wait for what is cancelled: on a busy machine it may still have a connection that is kept, and rows."""
    here = asyncio.current_task()
    if ending := {task for task in asyncio.all_tasks() if task.cancelling() and task is not here}:
        await asyncio.wait(ending, timeout=LIMIT)


@pytest_asyncio.fixture(scope="session")
async def _shared(
    new_database: Callable[[], AbstractAsyncContextManager[str]],
) -> AsyncIterator[_Shared]:
    async with new_database() as url:
        connection = await asyncpg.connect(url)
        await connection.execute(await connection.fetchval(EMPTYING))
        shared = _Shared(url, connection)
        vars(changes)["connect_as_core"] = shared.listener
        yield shared
        vars(changes)["connect_as_core"] = database.connect_as_core
        for pool in shared.pools:
            pool.terminate()
        for each in shared.spare:
            asyncpg.Connection.terminate(each)
        await connection.close()


@pytest_asyncio.fixture
async def database_url(
    _shared: _Shared,
    new_database: Callable[[], AbstractAsyncContextManager[str]],
    request: pytest.FixtureRequest,
) -> AsyncIterator[str]:
    """A migrated database with no rows; a new one, there for the test alone, with the mark `new_database`."""
    if request.node.get_closest_marker("new_database"):
        async with new_database() as url:
            yield url
    else:
        yield _shared.url
        await _shared.empty()


@pytest_asyncio.fixture
async def empty_database_url(server: str) -> AsyncIterator[str]:
    """A database of the test's own with nothing in it, as before the first migration."""
    name = f"empty_{os.getpid()}_{next(_serial)}"
    await _run(server, f"CREATE DATABASE {name}")
    yield _in(server, name)
    await _drop(server, name)


@pytest_asyncio.fixture
async def pool(_shared: _Shared, database_url: str) -> AsyncIterator[database.Pool]:
    """A pool of the application's own, in the test's database."""
    if database_url == _shared.url:
        yield await _shared.pool()
    else:
        pool = await connect_pool(database_url)
        yield pool
        pool.terminate()


@pytest_asyncio.fixture(scope="session")
async def _never_filled(
    new_database: Callable[[], AbstractAsyncContextManager[str]],
) -> AsyncIterator[database.Pool]:
    async with new_database() as url:
        pool = await connect_pool(url, largest=2)
        yield pool
        pool.terminate()


@pytest_asyncio.fixture
async def connection(_never_filled: database.Pool) -> AsyncIterator[database.Connection]:
    """One connection in a transaction that is rolled back: the cheapest database there is."""
    async with _never_filled.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        yield connection
        await transaction.rollback()


@pytest_asyncio.fixture(autouse=True)
async def _nothing_goes_on() -> AsyncIterator[None]:
    """No task of ours outlives its test, but for those of what several tests share."""
    ours = ("conserje", "conserje_edge", "pgqueuer")
    before = at_work(*ours)
    yield
    if left := at_work(*ours) - before:
        _, left = await asyncio.wait(left, timeout=LIMIT)
    assert not left, "these go on"


@pytest.fixture
def keyring(tmp_path: Path) -> Path:
    """The path of a keyring of the test's own."""
    path = tmp_path / "keys" / "master.json"
    create_keyring(path)
    return path


@pytest_asyncio.fixture
async def scene(pool: database.Pool, database_url: str, keyring: Path) -> AsyncIterator[Scene]:
    """A tenant `acme` whose provider and assistant do as the test says."""
    async with stage(pool, database_url, keyring) as scene:
        await scene.add("acme")
        yield scene


@pytest.fixture
def terminal(database_url: str, keyring: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Where commands are typed that work on the test's database and keyring."""
    monkeypatch.setattr(
        "conserje.telemetry.log.set_up", lambda level: None
    )  # the log of this process is pytest's
    return Terminal(
        {
            "CONSERJE_DATABASE_URL": database_url,
            "CONSERJE_DATA_DIR": str(keyring.parent.parent),
        }
    )
