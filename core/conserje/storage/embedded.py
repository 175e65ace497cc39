"""The embedded Postgres: a server of our own in the data directory, for as long as somebody uses it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pwd
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

import asyncpg

from conserje.storage import programs
from conserje.storage.database import DatabaseError
from conserje.storage.environment import bare
from conserje.storage.programs import SYSTEM_USER

SUPERUSER = "postgres"
USER = "conserje"

_PID_FILE = "postmaster.pid"
_SOCKET = ".s.PGSQL.5432"
_TROUBLE = re.compile(r"\b(FATAL|PANIC|ERROR)\b")
_MAKERS = ("initdb", "postgres")
_KILLED_WITHIN = 10.0  # seconds
_SOCKET_PATH = 103  # bytes: the longest that every kernel takes


# Of a new one, and the operator's to change. It shares a machine with all else, and the system keeps its
# files in memory, too; no statement of ours is so long that compiling it would pay.
_MADE_WITH = ("--set=shared_buffers=64MB", "--set=jit=off")
# What a statement took is given back: by itself the allocator keeps some MB for each connection.
_GIVING_BACK = {
    "MALLOC_TRIM_THRESHOLD_": "262144",
    "MALLOC_MMAP_THRESHOLD_": "524288",
    "MALLOC_TOP_PAD_": "65536",
}

# A server that is thrown away: durable in nothing, and small.
_THROWN_AWAY = (
    "fsync=off", "full_page_writes=off", "synchronous_commit=off", "wal_level=minimal", "max_wal_senders=0",
    "autovacuum=off", "shared_buffers=16MB", "maintenance_work_mem=32MB", "max_connections=20",
    "max_parallel_maintenance_workers=0",
)  # fmt: skip


@asynccontextmanager
async def running(data_dir: Path) -> AsyncIterator[str]:
    """Start the server below `data_dir`, or join it where it runs; its URL for the user conserje.

    The last process to leave stops it: each holds a shared lock, which the kernel frees even
    after kill -9. No folder that is there already gets another mode. Raises DatabaseError.
    """
    make_folder(data_dir)
    with _lock_file(data_dir / "postgres.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        server = await asyncio.to_thread(_start, data_dir.resolve())
        try:
            yield await _prepare(server)
        finally:
            if _last(lock):
                await asyncio.to_thread(server.stop)


@asynccontextmanager
async def thrown_away(folder: Path, data_dir: Path) -> AsyncIterator[str]:
    """A server of its own in `folder`, with the programs of `data_dir`; its URL for the user conserje.

    It goes with its folder, also one that a process left which was killed. Raises DatabaseError.
    """
    server = Server(folder.resolve() / "postgres", programs.place(data_dir), _THROWN_AWAY)
    await asyncio.to_thread(_remove, server)
    make_folder(folder)
    try:
        await asyncio.to_thread(_start_new, server)
        yield await _prepare(server)
    finally:
        await asyncio.to_thread(_remove, server)


def _remove(server: Server) -> None:
    server.stop()
    _clear(server.pgdata.parent, below=server.half)


def _clear(folder: Path, below: Path) -> None:
    """Remove the folder; an initdb that is at work `below`, whose starter was killed, would go on writing."""
    if below.exists():
        _end_those_in(below)
    if folder.exists():
        shutil.rmtree(folder)


def _end_those_in(folder: Path) -> None:
    import psutil

    def is_there(process: psutil.Process) -> bool:
        with suppress(psutil.Error):  # has ended, or is not ours to ask
            if process.name() in _MAKERS:  # type: ignore[no-untyped-call]
                where, words = process.cwd(), process.cmdline()  # type: ignore[no-untyped-call]
                return where == str(folder) or str(folder) in words
        return False  # nor is who looks at it there

    left = [each for each in psutil.process_iter() if is_there(each)]  # type: ignore[no-untyped-call]
    for each in left:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    psutil.wait_procs(left, timeout=_KILLED_WITHIN)  # type: ignore[no-untyped-call]


def _start_new(server: Server) -> None:
    """Raises DatabaseError."""
    try:
        _require_passable(server.pgdata.parent)
        server.start()
    except (OSError, subprocess.SubprocessError) as error:
        raise _failure(server.pgdata, "start", error) from None


def is_made(data_dir: Path) -> bool:
    """Whether a server was ever started."""
    try:
        (data_dir / "postgres" / "PG_VERSION").stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def require_made(data_dir: Path) -> None:
    """Raises DatabaseError where no server was ever started: who only reads makes none."""
    if not is_made(data_dir):
        raise DatabaseError(
            f"The embedded Postgres in {data_dir} is not made yet: run `conserje up`, or set"
            " CONSERJE_DATABASE_URL or CONSERJE_DATA_DIR."
        )


def psql() -> Path:
    """The client that comes with the server."""
    return programs.installed() / "psql"


def make_folder(data_dir: Path) -> None:
    """Make the data directory where it is missing: the server's user can pass, whatever the umask.

    Raises DatabaseError where that cannot be, or nothing can be written into it.
    """
    umask = os.umask(0o022) if SYSTEM_USER else None
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=data_dir).close()
    except OSError as error:
        raise DatabaseError(
            f"The data directory {data_dir} cannot be written ({error.strerror}): set CONSERJE_DATA_DIR to a"
            " folder in which this user may write."
        ) from None
    finally:
        if umask is not None:
            os.umask(umask)


def _lock_file(path: Path) -> IO[str]:
    """Whoever could open it could keep the server from being started, or stopped."""
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "w")
    os.fchmod(file.fileno(), 0o600)  # releases before made it readable
    return file


def _last(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _start(data_dir: Path) -> Server:
    """The server at work, which another process may have started. Raises DatabaseError."""
    pgdata = data_dir / "postgres"
    with _lock_file(data_dir / "postgres.start.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            return _join(pgdata) if _runs(pgdata) else _start_anew(pgdata)
        except (OSError, subprocess.SubprocessError) as error:
            raise _failure(pgdata, "start", error) from None


def _join(pgdata: Path) -> Server:
    *_, status = (pgdata / _PID_FILE).read_text().splitlines()
    if status.strip() != "ready":
        raise DatabaseError(f"The embedded Postgres in {pgdata} starts or stops just now: try again.")
    return Server(pgdata, programs.place(pgdata.parent))


def _start_anew(pgdata: Path) -> Server:
    data_dir = pgdata.parent
    _require_passable(data_dir)
    server = Server(pgdata, programs.place(data_dir))
    programs.forget_others(data_dir)
    server.start()
    return server


def _require_passable(data_dir: Path) -> None:
    """Raises DatabaseError."""
    programs.ensure_user()
    if closed := programs.closed(data_dir):
        raise DatabaseError(
            f"{closed} is closed to {SYSTEM_USER}, the user as whom root's embedded Postgres runs: "
            f"set CONSERJE_DATA_DIR to a folder that {SYSTEM_USER} can reach, "
            "run Conserje as an ordinary user, or set CONSERJE_DATABASE_URL."
        )


def _runs(pgdata: Path) -> bool:
    """Whether its server runs. A killed one's files are removed: its number may be another process's by now,
    which would be taken for the server."""
    import psutil

    file = pgdata / _PID_FILE
    try:
        pid = int(file.read_text().partition("\n")[0])
        if str(pgdata) in psutil.Process(pid).cmdline():  # type: ignore[no-untyped-call]
            return True
    except (FileNotFoundError, ValueError):  # whatever else it holds, Postgres says so
        return False
    except psutil.AccessDenied:
        return True
    except psutil.NoSuchProcess:  # also one that is dead and not yet buried
        pass
    for left in (file, *pgdata.glob(".s.PGSQL.*")):
        left.unlink()
    return False


def _failure(pgdata: Path, what: str, error: Exception) -> DatabaseError:
    return DatabaseError(
        f"The embedded Postgres in {pgdata} does not {what} "
        f"({type(error).__name__}: {_reason(pgdata, error)})."
    )


def _reason(pgdata: Path, error: Exception) -> str:
    """The server's own last word, where it left one, or that of the program that failed."""
    try:
        lines = (pgdata / "log").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    said = [line for line in lines if _TROUBLE.search(line)]
    said = said or (getattr(error, "output", None) or "").split("\n")
    return next((line.strip() for line in reversed(said) if line.strip()), str(error))


@dataclass(frozen=True)
class Server:
    """The server of one data directory, and the folder of its programs."""

    pgdata: Path
    programs: Path
    settings: tuple[str, ...] = ()

    def start(self) -> None:
        if not (self.pgdata / "PG_VERSION").exists():
            self._make()
        self._let_in()
        sockets = shlex.quote(str(_new_socket_folder(self.pgdata)))
        given = "".join(f" -c {setting}" for setting in self.settings)
        options = f"-h '' -k {sockets} -c unix_socket_permissions=0700{given}"
        self._run("pg_ctl", "-w", "-o", options, "-l", self.pgdata / "log", "-D", self.pgdata, "start")

    @property
    def half(self) -> Path:
        """Where a new one is made."""
        return self.pgdata.with_name(f"{self.pgdata.name}.half")

    def _make(self) -> None:
        """All of it or nothing: from what an initdb leaves that was killed no server starts."""
        _clear(self.half, below=self.half)
        self.half.mkdir(mode=0o700)
        if SYSTEM_USER:
            shutil.chown(self.half, SYSTEM_USER)
        how = ("--auth=peer", "--encoding=utf8", *_MADE_WITH)
        self._run("initdb", *how, "-U", SUPERUSER, "-D", self.half)
        self.half.rename(self.pgdata)

    def _let_in(self) -> None:
        """Who is its system user, or root, who can read its files anyway; they may be any user of its own."""
        users = {"root", SYSTEM_USER or pwd.getpwuid(os.geteuid()).pw_name}
        for name, lines in (
            ("pg_hba.conf", ["local all all peer map=conserje", "local replication all peer map=conserje"]),
            ("pg_ident.conf", [f'conserje "{user}" all' for user in sorted(users)]),
        ):
            file = self.pgdata / name
            file.write_text("\n".join(["# Written at each start.", *lines, ""]))
            if SYSTEM_USER:
                shutil.chown(file, SYSTEM_USER)
            file.chmod(0o600)

    def stop(self) -> None:
        """Raises DatabaseError. One that was killed meanwhile needs nothing."""
        if not _runs(self.pgdata):
            return
        sockets = self._socket_folder()
        try:
            self._run("pg_ctl", "-w", "-m", "fast", "-D", self.pgdata, "stop")
            if sockets != self.pgdata:
                sockets.rmdir()
        except (OSError, subprocess.SubprocessError) as error:
            raise _failure(self.pgdata, "stop", error) from None

    def url(self, user: str, database: str) -> str:
        # With its port, which a PGPORT in the environment would be else.
        return f"postgresql://{user}@/{database}?host={quote(str(self._socket_folder()))}&port=5432"

    def _socket_folder(self) -> Path:
        return Path((self.pgdata / _PID_FILE).read_text().splitlines()[4])

    def _run(self, program: str, *arguments: str | Path) -> None:
        """Raises CalledProcessError with what it said."""
        with tempfile.TemporaryFile("w+") as said:  # no pipe: the server would hold it open
            try:
                subprocess.run(
                    [self.programs / program, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=said,
                    user=SYSTEM_USER,
                    cwd="/",
                    env=_GIVING_BACK | bare(),
                    check=True,
                )
            except subprocess.CalledProcessError as error:
                said.seek(0)
                error.output = said.read()
                raise


def _new_socket_folder(pgdata: Path) -> Path:
    """Beside the data, where nobody else can enter; elsewhere if the socket's path were too long then."""
    if len(os.fsencode(pgdata / _SOCKET)) <= _SOCKET_PATH:
        return pgdata
    folder = Path(tempfile.mkdtemp(prefix="conserje-postgres-", dir="/run" if SYSTEM_USER else None))
    if SYSTEM_USER:
        shutil.chown(folder, SYSTEM_USER)
    return folder


async def _prepare(server: Server) -> str:
    """Make the user conserje, who is no superuser, and its database; the URL for it."""
    superuser = await asyncpg.connect(server.url(SUPERUSER, SUPERUSER))
    try:
        await superuser.execute("SELECT pg_advisory_lock(1)")  # two may start at once
        if not await superuser.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", USER):
            await superuser.execute(f"CREATE ROLE {USER} LOGIN CREATEROLE")
        if not await superuser.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", USER):
            await superuser.execute(f"CREATE DATABASE {USER} OWNER {USER}")
    finally:
        await superuser.close()
    return server.url(USER, USER)
