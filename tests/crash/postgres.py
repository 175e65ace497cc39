"""A Postgres of the harness's own, which dies and is started again on the same data and port."""

from __future__ import annotations

import asyncio
import ctypes
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from processes import free_port
from waiting import LIMIT

from conserje.storage.programs import SYSTEM_USER, ensure_user, place

# A process that is killed leaves what it wrote to the kernel, so the disk's share of the work is left out.
SETTINGS = ("fsync=off", "max_connections=300", "log_min_messages=fatal")

PR_SET_PDEATHSIG = 1  # linux/prctl.h
TERMINATE = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'conserje'"
AWAY = (OSError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError)


@dataclass
class Postgres:
    """One server in a folder of its own."""

    folder: Path
    programs: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgresql://conserje@127.0.0.1:{self.port}/conserje"

    async def start(self) -> None:
        """Return when it takes connections; what the killed one left in memory may take a moment to go."""
        async with asyncio.timeout(LIMIT):
            while True:
                self._process = await self._spawn()
                while self._process.returncode is None:
                    with suppress(*AWAY):
                        await (await self._connect()).close()
                        return
                    await asyncio.sleep(0.02)
                await asyncio.sleep(0.05)

    async def kill(self) -> int:
        """kill -9 of the postmaster; its children see that and end. The pid that it had."""
        self._process.kill()
        await self._process.wait()
        return self._process.pid

    async def terminate_connections(self) -> None:
        """End every connection of Conserje's."""
        connection = await self._connect()
        await connection.execute(TERMINATE)
        await connection.close()

    async def stop(self) -> None:
        self._process.send_signal(signal.SIGINT)  # a fast shutdown
        await asyncio.wait_for(self._process.wait(), LIMIT)

    async def prepare(self) -> None:
        """Make the user conserje, who is no superuser, and its database."""
        connection = await self._connect()
        await connection.execute("CREATE ROLE conserje LOGIN CREATEROLE")
        await connection.execute("CREATE DATABASE conserje OWNER conserje")
        await connection.close()

    async def _connect(self) -> asyncpg.Connection[asyncpg.Record]:
        return await asyncpg.connect(f"postgresql://postgres@127.0.0.1:{self.port}/postgres", timeout=LIMIT)

    async def _spawn(self) -> asyncio.subprocess.Process:
        settings = [word for setting in SETTINGS for word in ("-c", setting)]
        with self.folder.with_suffix(".log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                self.programs / "postgres",
                *("-D", str(self.folder), "-p", str(self.port), "-h", "127.0.0.1", "-k", "", *settings),
                stdout=log,
                stderr=log,
                user=SYSTEM_USER,
                cwd="/",
                preexec_fn=_end_with_parent,
            )


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


@asynccontextmanager
async def running(
    folder: Path, port: int | None = None, programs: Path | None = None
) -> AsyncIterator[Postgres]:
    """A new server below `folder`, until the block ends; of the wheel's programs, if no others are given."""
    ensure_user()
    server = Postgres(folder / "postgres", programs or place(folder), port or free_port())
    server.folder.mkdir()
    if SYSTEM_USER:
        shutil.chown(server.folder, SYSTEM_USER)
    subprocess.run(
        [
            server.programs / "initdb",
            *("--auth=trust", "--encoding=utf8", "--no-sync", "-U", "postgres", "-D", server.folder),
        ],
        check=True,
        capture_output=True,
        user=SYSTEM_USER,
        cwd="/",
    )
    await server.start()
    try:
        await server.prepare()
        yield server
    finally:
        await server.stop()
