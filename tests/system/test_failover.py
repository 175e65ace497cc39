"""Several hosts in CONSERJE_DATABASE_URL: the primary dies, its standby is promoted, nobody is restarted."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest
from installation import Installation, install, until_taken
from processes import Serving, family, free_port, new_folder
from waiting import LIMIT, until

from conserje.storage import programs
from conserje.storage.migrate import migrate
from conserje.storage.pool import connect_pool
from conserje.storage.programs import SYSTEM_USER
from conserje.tenants.keyring import create_keyring

MESSAGES = 100  # taken before the failover, and after it
WRITERS = 4
PACE = 0.05  # seconds between two messages of a writer: a load, not a flood

FIRST = "whatsapp:+56999999999"

STREAMING = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"


@dataclass
class Member:
    """One server of a pair."""

    folder: Path
    programs: Path
    port: int = field(default_factory=free_port)

    @contextmanager
    def running(self) -> Iterator[None]:
        with (self.folder.with_suffix(".log")).open("wb") as log:
            self.process = subprocess.Popen(
                [
                    self.programs / "postgres",
                    "-D",
                    self.folder,
                    "-p",
                    str(self.port),
                    "-h",
                    "127.0.0.1",
                    "-k",
                    "",
                ],
                stdout=log,
                stderr=log,
                user=SYSTEM_USER,
                cwd="/",
            )
        try:
            yield
        finally:
            if self.process.poll() is None:
                for pid in family(self.process.pid):
                    with suppress(ProcessLookupError):  # its connections end by themselves
                        os.kill(pid, signal.SIGCONT)
            self.process.send_signal(signal.SIGQUIT)  # at once: its data is thrown away
            self.process.wait(LIMIT)

    async def connect(self) -> asyncpg.Connection[asyncpg.Record]:
        """Waits until it takes connections."""
        async with asyncio.timeout(LIMIT):
            while True:
                try:
                    return await asyncpg.connect(f"postgresql://postgres@127.0.0.1:{self.port}/postgres")
                except (OSError, asyncpg.CannotConnectNowError):
                    assert self.process.poll() is None, self.folder.with_suffix(".log").read_text()
                    await asyncio.sleep(0.05)

    def make(self, program: str, *arguments: str | Path) -> None:
        """Fill the folder by this program."""
        subprocess.run(
            [self.programs / program, *arguments, "-D", self.folder],
            check=True,
            capture_output=True,
            user=SYSTEM_USER,
            cwd="/",
        )

    async def run(self, *statements: str) -> None:
        connection = await self.connect()
        for statement in statements:
            await connection.execute(statement)
        await connection.close()


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[Member, Member]]:
    """A primary and its standby; what is committed is on both."""
    with new_folder() as folder, ExitStack() as stack:
        programs.ensure_user()
        place = programs.place(folder)
        if SYSTEM_USER:
            shutil.chown(folder, SYSTEM_USER)
        primary, standby = Member(folder / "primary", place), Member(folder / "standby", place)
        primary.make("initdb", "--auth=trust", "--encoding=utf8", "-U", "postgres")
        stack.enter_context(primary.running())
        await primary.run("CREATE ROLE conserje LOGIN CREATEROLE", "CREATE DATABASE conserje OWNER conserje")
        source = f"postgresql://postgres@127.0.0.1:{primary.port}/postgres"
        standby.make("pg_basebackup", "-R", "-c", "fast", "-d", source)
        stack.enter_context(standby.running())
        (await standby.connect()).terminate()
        await primary.run("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
        watch = await primary.connect()

        async def streaming() -> bool:
            return bool(await watch.fetchval(STREAMING))

        await until(streaming)
        await watch.close()
        yield primary, standby


@dataclass
class Load:
    """New contacts write, one after the other, until it is over."""

    installation: Installation
    server: Serving
    taken: list[str] = field(default_factory=list)  # contacts
    over: bool = False

    async def go_on(self, number: int) -> None:
        written = 0
        while not self.over:
            contact = f"whatsapp:+5698{number}{written:06}"
            await until_taken(self.server, self.installation.message("acme", contact, contact))
            self.taken.append(contact)
            written += 1
            await asyncio.sleep(PACE)

    async def more(self, count: int) -> None:
        enough = len(self.taken) + count
        await until(lambda: len(self.taken) >= enough)


@asynccontextmanager
async def house(url: str, keyring: Path) -> AsyncIterator[tuple[Installation, Serving]]:
    """An installation at work at this URL."""
    await migrate(url)
    pool = await connect_pool(url)
    async with install(pool, url, keyring, edge_workers=2) as installation:
        await installation.add("acme")
        async with installation.serving() as server, installation.working() as worker:
            assert await server.status(installation.message("acme", FIRST, FIRST)) == 200
            await installation.until_settled()  # the worker is at work
            began = [server.pid, *server.workers, worker.pid]
            yield installation, server
            assert [server.pid, *server.workers, worker.pid] == began, "somebody was started anew"
            assert worker.process.returncode is None
    installation.pool.terminate()


@pytest.mark.long
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP], ids=["dead", "silent"])
async def test_promise_5_a_failover_is_ridden_out(end: signal.Signals, tmp_path: Path) -> None:
    """What was acknowledged before is on the standby; the work goes on at it without a restart."""
    keyring = tmp_path / "keys" / "master.json"
    create_keyring(keyring)
    async with pair() as (primary, standby):
        hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
        url = f"postgresql://conserje@{hosts}/conserje?target_session_attrs=read-write"
        async with house(url, keyring) as (installation, server):
            load = Load(installation, server)
            writers = [asyncio.create_task(load.go_on(number)) for number in range(WRITERS)]
            await load.more(MESSAGES)
            _end(primary, end)
            await standby.run("SELECT pg_promote()")
            replies = len(installation.twilio.messages)
            await load.more(MESSAGES)
            await until(lambda: len(installation.twilio.messages) > replies + WRITERS)
            load.over = True
            await asyncio.gather(*writers)
            installation.pool.terminate()
            installation.pool = await connect_pool(f"postgresql://conserje@127.0.0.1:{standby.port}/conserje")
            await installation.until_settled(2 * LIMIT)  # Twilio is asked after a minute for what the end cut
            assert "Traceback" not in server.said + (installation.folder / "work.log").read_text()
    assert installation.replies == {(contact, contact): 1 for contact in (FIRST, *load.taken)}


def _end(member: Member, how: signal.Signals) -> None:
    """Kill the server, or stop it and all that it forked: then it is silent, as a machine cut off is."""
    for pid in family(member.process.pid) if how is signal.SIGSTOP else [member.process.pid]:
        os.kill(pid, how)
