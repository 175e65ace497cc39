"""Postgres is away, in each way there is: what providers post is taken all the same."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from installation import Installation, install, until_taken
from processes import Serving, alive, family, new_folder
from waiting import LIMIT, until

from conserje.storage.migrate import migrate
from conserje.storage.pool import connect_pool
from conserje.tenants import accounts
from conserje.tenants.keyring import create_keyring
from conserje.tenants.replica import Replica

HOLD = """
import asyncio, sys
from pathlib import Path
from conserje.storage import embedded

async def hold():
    async with embedded.running(Path(sys.argv[1])) as url:
        print(url, flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(hold())
"""

CONTACTS = [f"whatsapp:+5697100000{n}" for n in range(4)]


@dataclass
class Server:
    """A Postgres of the test's own."""

    folder: Path
    url: str
    holder: asyncio.subprocess.Process

    @property
    def processes(self) -> list[int]:
        return family(int((self.folder / "postgres" / "postmaster.pid").read_text().split()[0]))

    async def run(self, *statements: str) -> None:
        """As the superuser, on a connection that is there for this alone."""
        superuser = self.url.replace("//conserje@/conserje", "//postgres@/postgres")
        connection = await asyncpg.connect(superuser)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def stop(self) -> None:
        assert self.holder.stdin
        self.holder.stdin.close()
        await asyncio.wait_for(self.holder.wait(), LIMIT)


async def start(folder: Path) -> Server:
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD, str(folder), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert holder.stdout
    url = (await asyncio.wait_for(holder.stdout.readline(), LIMIT)).decode().strip()
    assert url, "the embedded Postgres does not start"
    return Server(folder, url, holder)


Outage = Callable[[Server], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def stopped(server: Server) -> AsyncIterator[None]:
    await server.stop()
    yield
    server.holder = (await start(server.folder)).holder


@asynccontextmanager
async def hung(server: Server) -> AsyncIterator[None]:
    """It accepts connections and says nothing."""
    processes = server.processes
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in processes:
            os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def read_only(server: Server) -> AsyncIterator[None]:
    await server.run("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
    yield
    await server.run(
        "SET default_transaction_read_only = off",
        "ALTER SYSTEM RESET default_transaction_read_only",
        "SELECT pg_reload_conf()",
    )


@asynccontextmanager
async def out_of_connections(server: Server) -> AsyncIterator[None]:
    await server.run(
        "ALTER ROLE conserje CONNECTION LIMIT 0",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'conserje'",
    )
    yield
    await server.run("ALTER ROLE conserje CONNECTION LIMIT -1")


FILL = """
INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, event_key, turn_id)
SELECT tenant_id, id, account_id, 'in', '{"type": "text", "text": "' || repeat(md5(n::text), 60) || '"}',
       decode(md5('f' || n), 'hex'), 0
FROM (SELECT tenant_id, id, account_id FROM conversations LIMIT 1) AS one, generate_series(1, 10000) AS n
"""
LARGEST = 17 * 1024 * 1024  # bytes: a segment of the server's log has 16 MB, the filled table has more


@asynccontextmanager
async def disk_full(server: Server) -> AsyncIterator[None]:
    """The table of messages may not grow."""
    owner = await asyncpg.connect(server.url, server_settings={"role": "conserje_core"})
    await owner.execute(FILL)
    await owner.close()
    await limit_files(server, f"{LARGEST}:")
    yield
    await limit_files(server, "unlimited:")


async def limit_files(server: Server, largest: str) -> None:
    """Only its own user may tell a process so; even root may not everywhere."""
    user = (server.folder / "postgres").stat().st_uid
    for pid in server.processes:
        told = await asyncio.create_subprocess_exec(
            "prlimit", "--pid", str(pid), f"--fsize={largest}", user=user, cwd="/"
        )
        assert await told.wait() == 0 or not alive(pid)


@asynccontextmanager
async def installed(
    tmp_path: Path, **more: str
) -> AsyncIterator[tuple[Server, Installation, AsyncExitStack]]:
    """The tenant acme, on a Postgres of its own."""
    keyring = tmp_path / "keys" / "master.json"
    create_keyring(keyring)
    with new_folder() as folder:
        server = await start(folder)
        try:
            await migrate(server.url)
            async with AsyncExitStack() as stack:
                pool = await connect_pool(server.url)
                stack.callback(pool.terminate)
                installation = await stack.enter_async_context(install(pool, server.url, keyring))
                installation.environment |= more
                await installation.add("acme")
                yield server, installation, stack
        finally:
            await server.stop()


@asynccontextmanager
async def at_work(tmp_path: Path, **more: str) -> AsyncIterator[tuple[Server, Installation, AsyncExitStack]]:
    """The tenant acme with its worker, on a Postgres of its own."""
    async with installed(tmp_path, **more) as (server, installation, stack):
        await stack.enter_async_context(installation.working())
        yield server, installation, stack


async def until_on_replica(installation: Installation) -> None:
    """Until the node has written down what it needs to go on without Postgres."""
    expected = await accounts.find(installation.pool, "slug", "acme")
    async with Replica(installation.folder / "spool" / "roster.sqlite") as replica:

        async def there() -> bool:
            return await replica.find("slug", "acme") == expected

        await until(there)


async def write(installation: Installation, edge: Serving, words: str) -> None:
    """Each contact writes each word, after the one before was acknowledged."""

    async def one(contact: str) -> None:
        for word in words.split():
            assert await edge.status(installation.message("acme", contact, word)) == 200

    await asyncio.gather(*map(one, CONTACTS))


async def kill(edge: Serving) -> None:
    """-9; its other processes end by themselves."""
    members = family(edge.pid)
    os.kill(edge.pid, signal.SIGKILL)
    await edge.process.wait()
    await until(lambda: not any(map(alive, members)))


def said(installation: Installation) -> dict[str, list[str]]:
    """What was said to each contact, word by word."""
    heard: defaultdict[str, list[str]] = defaultdict(list)
    for message in installation.twilio.messages:
        heard[message.to] += message.body.split()
    return heard


def everybody(words: str) -> dict[str, list[str]]:
    return {contact: words.split() for contact in CONTACTS}


LONG = [
    pytest.param(each, marks=pytest.mark.long) for each in (hung, read_only, out_of_connections, disk_full)
]


@pytest.mark.parametrize("outage", [stopped, *LONG])
async def test_promise_1_what_is_acknowledged_without_postgres_is_answered_with_it(
    tmp_path: Path, outage: Outage
) -> None:
    async with at_work(tmp_path) as (server, installation, _), installation.serving() as edge:
        await write(installation, edge, "antes")
        await until_on_replica(installation)
        async with outage(server):
            await write(installation, edge, "uno dos tres")
            forged = installation.request("acme", {"To": "x", "AccountSid": "AC"}, token="forged")
            assert await edge.status(forged) in (400, 403)
            await kill(edge)
            async with installation.serving() as again:  # knows its tenants from a file
                await write(installation, again, "cuatro cinco")
                stranger = b"POST /bot/twilio/webhook HTTP/1.1\r\nHost: nobody.localhost\r\n\r\n"
                can_tell = outage in (read_only, disk_full)  # that there is no such tenant
                assert await again.status(stranger) == (404 if can_tell else 503)
        async with installation.serving() as after:
            await write(installation, after, "seis")
            expected = "antes uno dos tres cuatro cinco seis"
            await until(lambda: said(installation) == everybody(expected))
            await installation.until_settled()
        assert said(installation) == everybody(expected)
        assert "Traceback" not in edge.said + (installation.folder / "work.log").read_text()


@pytest.mark.long
async def test_without_a_spool_providers_are_told_to_come_again(tmp_path: Path) -> None:
    async with at_work(tmp_path, CONSERJE_SPOOL="off") as (server, installation, stack):
        edge = await stack.enter_async_context(installation.serving())
        await write(installation, edge, "antes")  # the edge knows the tenant now
        async with stopped(server):
            requests = [installation.message("acme", contact, "durante") for contact in CONTACTS]
            for answer in [await edge.raw(request) for request in requests]:
                assert answer.startswith(b"HTTP/1.1 503 ") and b"\r\nretry-after: 5\r\n" in answer
            stranger = b"POST /bot/twilio/webhook HTTP/1.1\r\nHost: nobody.localhost\r\n\r\n"
            assert await edge.status(stranger) == 503  # nobody can say that there is no such tenant
        async with asyncio.timeout(LIMIT):
            await asyncio.gather(*(until_taken(edge, request) for request in requests))
        await installation.until_settled()
        assert said(installation) == everybody("antes durante")


@pytest.mark.long
async def test_a_full_spool_is_said_and_takes_nothing(tmp_path: Path) -> None:
    async with at_work(tmp_path, CONSERJE_SPOOL_LIMIT="1") as (server, installation, stack):
        edge = await stack.enter_async_context(installation.serving())
        await write(installation, edge, "antes")
        await until_on_replica(installation)
        async with stopped(server):
            taken = 0
            while await edge.status(numbered(installation, taken)) == 200:
                taken += 1
                assert taken < 2000
            assert "full" in edge.said
        await installation.until_settled()
        await write(installation, edge, "fin")
        await installation.until_settled()
    words = [word for heard in said(installation).values() for word in heard if not word.startswith("x")]
    numbers = [f"n{number}" for number in range(taken)]
    assert Counter(words) == Counter([*numbers, *("antes", "fin") * len(CONTACTS)])


def numbered(installation: Installation, number: int) -> bytes:
    """A long message; contacts write them in turn, so that they are answered beside each other."""
    return installation.message("acme", CONTACTS[number % len(CONTACTS)], f"n{number} " + "x" * 1500)
