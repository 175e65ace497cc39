"""The programs that save and load a database, of the version that fits the server."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import IO
from urllib.parse import parse_qsl, unquote, urlsplit

from conserje.operations.archive import BackupError
from conserje.storage import programs
from conserje.storage.environment import bare

PART = 2**18
_HEAD = 2**13  # bytes in which a script says for which settings it was written
_VERSION = re.compile(r" ([0-9]{1,4})")
_TROUBLE = re.compile(r"\b(?:error|ERROR|FATAL)\b: +(.+)")
# Jobs are hints and heartbeats are moments: both are those of the old installation.
_EXCLUDED = ("--exclude-table-data=pgqueuer.*", "--exclude-table-data=public.heartbeats")
# Of these pg_restore from 17 on sets one that older servers do not know.
_SET_TIMEOUT = b"SET transaction_timeout = 0;\n"
_KNOWS_TIMEOUT = 17
_SECRETS = {"password", "sslpassword"}  # in a URL's query, as asyncpg reads it
_NOT_TAKEN = "The database does not take the backup"


def newest() -> int:
    """The newest Postgres whose backups can be proven here; 0 without the embedded one."""
    return max(programs.by_version(), default=0)


@asynccontextmanager
async def dumping(url: str, server: int, snapshot: str) -> AsyncIterator[AsyncIterator[bytes]]:
    """The database as the snapshot shows it to its owner, in pg_dump's own format. Raises BackupError."""
    how = ("--format=custom", "--enable-row-security", "--role=conserje_owner", "--no-password", *_EXCLUDED)
    async with _started(_dumper(server), url, *how, f"--snapshot={snapshot}", stdout=PIPE) as (process, said):
        assert process.stdout
        yield _parts(process.stdout)
        await _ended(process, said, "The database cannot be dumped")


@asynccontextmanager
async def loading(url: str, server: int, parts: Iterator[bytes], first: str = "") -> AsyncIterator[list[str]]:
    """Load what `dumping` gave, after `first` and before the statements that the block adds: all of it once
    the block has ended well, else nothing, whoever is killed.

    Raises BackupError, and what `parts` raises.
    """
    psql = ("-X", "--quiet", "--no-password", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null")
    last: list[str] = []
    async with (
        _started(_program("psql"), url, *psql, stdin=PIPE) as (session, session_said),
        _started(_program("pg_restore"), None, "--file=-", stdin=PIPE, stdout=PIPE) as (script, script_said),
    ):
        try:
            await _write(session, f"BEGIN;\n{first}\n".encode())
            await _translate(script, session, server, parts)
        except ConnectionError:
            await _ended(session, session_said, _NOT_TAKEN)
            raise BackupError(f"{_NOT_TAKEN}.") from None
        await _ended(script, script_said, "The dump cannot be read")
        yield last
        with suppress(ConnectionError):  # it has ended, and says why
            await _write(session, "\n".join([*last, "COMMIT;", ""]).encode())
        _close(session)
        await _ended(session, session_said, _NOT_TAKEN)


async def _translate(script: Process, session: Process, server: int, parts: Iterator[bytes]) -> None:
    """Give the dump to `script`, and what it makes of that to the session."""
    feeding = asyncio.create_task(_feed(script, parts))
    try:
        await _pump(script, session, server)
        await feeding
    finally:
        feeding.cancel()
        await asyncio.wait({feeding})


async def _feed(script: Process, parts: Iterator[bytes]) -> None:
    try:
        for part in parts:
            await _write(script, part)
    except ConnectionError:  # it has ended, and says why
        for _ in parts:
            pass
    finally:
        _close(script)


async def _pump(script: Process, session: Process, server: int) -> None:
    assert script.stdout
    head = b""
    while len(head) < _HEAD and (part := await script.stdout.read(PART)):
        head += part
    await _write(session, head if server >= _KNOWS_TIMEOUT else head.replace(_SET_TIMEOUT, b"", 1))
    async for part in _parts(script.stdout):
        await _write(session, part)


async def _write(process: Process, part: bytes) -> None:
    assert process.stdin
    process.stdin.write(part)
    await process.stdin.drain()


def _close(process: Process) -> None:
    assert process.stdin
    process.stdin.close()


async def _parts(stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while part := await stream.read(PART):
        yield part


@asynccontextmanager
async def _started(
    program: Path, url: str | None, *arguments: str, stdin: int | None = None, stdout: int | None = None
) -> AsyncIterator[tuple[Process, IO[bytes]]]:
    """A program at work, killed where the block ends before it; what it says of errors is kept apart."""
    place, secrets = _without_secrets(url) if url else (None, {})
    with tempfile.TemporaryFile() as said, _kept_apart(secrets) as hidden:
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            *((f"--dbname={place}",) if place else ()),
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.DEVNULL if stdout is None else stdout,
            stderr=said,
            env=bare("PG") | {"PGAPPNAME": "conserje backup", "LC_ALL": "C"} | hidden,
            limit=PART,
        )
        try:
            yield process, said
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _ended(process: Process, said: IO[bytes], what: str) -> None:
    """Raises BackupError where it failed, with the first thing that it said, and nothing of a row."""
    if await process.wait():
        said.seek(0)
        found = _TROUBLE.search(said.read().decode(errors="replace"))
        why = found[1].strip().rstrip(".") if found else f"it ended with {process.returncode}"
        raise BackupError(f"{what} ({why}).")


def _without_secrets(url: str) -> tuple[str, dict[str, str]]:
    """`url` for a command line, which others may list, and what must not stand there, by libpq's names."""
    parts = urlsplit(url)
    user, _, hosts = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    netloc = f"{name}@{hosts}" if name else hosts
    secrets: dict[str, str] = {}
    query: list[str] = []
    for pair in parts.query.split("&"):
        found = {name: value for name, value in parse_qsl(pair, keep_blank_values=True) if name in _SECRETS}
        secrets |= found
        query += [] if found else [pair]
    if password:
        secrets["password"] = unquote(password)
    shown = parts._replace(netloc=netloc, query="&".join(query)).geturl()
    if not netloc:  # which geturl drops
        shown = shown.replace(f"{parts.scheme}:/", f"{parts.scheme}:///", 1)
    return shown, secrets


@contextmanager
def _kept_apart(secrets: dict[str, str]) -> Iterator[dict[str, str]]:
    """The variables by which libpq finds what has none of its own in a file that nobody else may read."""
    hidden = {"PGPASSWORD": secrets["password"]} if "password" in secrets else {}
    if "sslpassword" not in secrets:
        yield hidden
        return
    with tempfile.NamedTemporaryFile("w") as file:  # mode 0600
        file.write(f"[conserje]\nsslpassword={secrets['sslpassword']}\n")
        file.flush()
        yield hidden | {"PGSERVICEFILE": file.name, "PGSERVICE": "conserje"}


def _dumper(server: int) -> Path:
    """The oldest that is not older than the server, which refuses it else: most can read what it writes."""
    found = programs.by_version()
    fitting = [version for version in found if version >= server]
    if fitting:
        return found[min(fitting)] / "pg_dump"
    other = shutil.which("pg_dump")
    if other and _version(Path(other)) >= server:
        return Path(other)
    raise BackupError(
        f"PostgreSQL {server} is newer than the pg_dump that came along: install its own client, on Debian"
        f" `apt install postgresql-client-{server}`."
    )


def _program(name: str) -> Path:
    """The newest there is: it reads what every older one wrote."""
    found = {version: folder / name for version, folder in programs.by_version().items()}
    if other := shutil.which(name):
        found.setdefault(_version(Path(other)), Path(other))
    if not found:
        raise BackupError(f"{name} is missing: `pip install 'conserje[embedded]'`, or your Postgres' client.")
    return found[max(found)]


def _version(program: Path) -> int:
    said = subprocess.run([program, "--version"], stdout=PIPE, text=True, env=bare()).stdout
    number = _VERSION.search(said)
    return int(number[1]) if number else 0
