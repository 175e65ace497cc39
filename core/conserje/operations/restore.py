"""Restoring a backup into an empty database: all of it or nothing, and in silence until somebody resumes."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg

from conserje.conversations import restoring
from conserje.notices import pushes
from conserje.notices import table as notices
from conserje.operations import archive, contents, dump, replay, shelf
from conserje.operations.archive import BackupError, Head
from conserje.operations.journal import Told
from conserje.operations.progress import Progress
from conserje.settings import Settings
from conserje.storage import migrate, schema, silence
from conserje.storage.database import CANNOT_ASK, Connection, DatabaseError, act_as, connect, describe
from conserje.telemetry import heartbeat
from conserje.tenants.vault import Vault

log = logging.getLogger(__name__)

PLAIN = b"PGDMP"  # how pg_dump's own format begins, as backups were made by hand before
GAP = 1_000_000  # numbers that the old installation may have given since the backup was made

# Who seems to live, and how long the server must stand yet until nobody does any more who was seen in what it
# has brought back, and whoever lives has beaten again.
LIVING = """
SELECT EXISTS (SELECT FROM public.heartbeats WHERE seen_at BETWEEN now() - $1::interval AND now() + $1),
       extract(epoch FROM least(pg_postmaster_start_time() - now(), '0') + $1 + interval '0.5 s')::float
"""

# All that a restoring that was cut off has left, or a migration of an empty database.
EMPTY = """
DROP SCHEMA IF EXISTS pgqueuer CASCADE;
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT format('DROP %s IF EXISTS public.%I CASCADE',
                              CASE relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END,
                              relname) FROM pg_class
                WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S', 'c')
                  AND pg_get_userbyid(relowner) = 'conserje_owner' ORDER BY relkind IN ('S', 'c') LOOP
        EXECUTE name;
    END LOOP;
    FOR name IN SELECT oid::regprocedure::text FROM pg_proc
                WHERE pronamespace = 'public'::regnamespace
                  AND pg_get_userbyid(proowner) = 'conserje_owner' LOOP
        EXECUTE format('DROP FUNCTION IF EXISTS %s CASCADE', name);
    END LOOP;
END $$;
"""

# Numbers that cookies, links and providers know from the old installation are given to nobody else.
LEAVE_A_GAP = """
SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, coalesce(last_value, 0) + $1)
FROM pg_sequences WHERE schemaname = 'public'
"""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be restored, into what, and where the log lies of what came later."""

    source: Path
    url: str
    settings: Settings
    vault: Vault
    logs: tuple[Path, ...]
    progress: Progress
    embedded: bool = False


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back, and what is held."""

    made_at: datetime | None
    clock_was_right: bool  # else all of the log was done again
    messages: int
    files: int
    held_turns: int
    held_messages: int
    ended_notices: int
    log_until: datetime | None
    changes: int  # of consents, out of the log
    strangers: int  # such as concern accounts that the backup does not have
    forgotten: int  # contacts, anew


async def restore(order: Order) -> Restored:
    """Raises BackupError, VaultError or DatabaseError; then nothing was restored, or it can be done again."""
    told = replay.read(order.logs, order.vault)  # before anything is written
    server = await _prepare(order)
    if _is_plain(order.source):
        made_at, files = None, 0
        await _load_plain(order, server)
    else:
        made_at, files = await _load(order, server)
    order.progress.tell("migrations")
    await migrate.migrate(order.url)
    _put_files(order)
    written_at = datetime.fromtimestamp(order.source.stat().st_mtime, UTC)
    right = made_at is None or made_at < min(written_at, datetime.now(UTC)) + shelf.SKEW
    done = await _hold(order.url, order.source.name, made_at if right else None, files, told)
    return replace(done, made_at=made_at, clock_was_right=right)


async def silence_recovered(url: str, at: datetime, told: Told) -> Restored:
    """The same for a database that Postgres' own backups brought back as it was at a moment.

    Raises BackupError or DatabaseError.
    """
    if at > datetime.now(UTC) + shelf.SKEW:
        raise BackupError(f"{at.isoformat(timespec='seconds')} is yet to come: name the moment that it was.")
    connection = await _connect(url)
    try:
        if await silence.unfinished(connection) == silence.LOADED:
            await silence.refuse_unfinished(connection)
        await act_as(connection, "conserje_owner")
        await _require_nobody(connection)
        async with connection.transaction():
            await connection.execute(silence.begin(silence.RECOVERED))
    finally:
        await connection.close()
    await migrate.migrate(url)
    moment = at.astimezone(UTC).isoformat(timespec="seconds")
    return await _hold(url, f"Postgres' own backup of {moment}", at, 0, told)


async def _prepare(order: Order) -> int:
    """Make the roles; the server's version. Raises BackupError where the database is not empty."""
    connection = await _connect(order.url)
    try:
        if (server := connection.get_server_version().major) * 10000 < migrate.OLDEST_SERVER:
            raise DatabaseError(f"Postgres {server} is too old: Conserje needs 15 or newer.")
        await schema.refuse_other_tables(connection)
        await migrate.ensure_roles(connection)
        again = await _require_empty(connection)
        _require_no_files(order.settings.files, again)
        return server
    finally:
        await connection.close()


async def _connect(url: str) -> asyncpg.Connection[Any]:
    """Raises DatabaseError."""
    try:
        return await connect(url, timeout=10)
    except (*CANNOT_ASK, asyncpg.PostgresError) as error:
        raise DatabaseError(f"Postgres cannot be reached: {describe(error)}.") from None


async def _require_nobody(connection: Connection) -> None:
    """Raises BackupError. Right after the server's start it may take heartbeat.LIVING."""
    seen, rest = await _look_for_the_living(connection)
    if seen and rest > 0:
        log.info("Somebody was seen, here or before the server was started: looking again in %.0f s", rest)
        await asyncio.sleep(rest)
        seen, _ = await _look_for_the_living(connection)
    if seen:
        raise BackupError("Processes of Conserje work on this database: stop them, and try again.")


async def _look_for_the_living(connection: Connection) -> tuple[bool, float]:
    row = await connection.fetchrow(LIVING, heartbeat.LIVING)
    assert row is not None  # of no table
    return row[0], row[1]


async def _require_empty(connection: Connection) -> bool:
    """Whether a restoring was cut off here. Raises BackupError."""
    if await connection.fetchval("SELECT to_regclass('public.tenants')") is None:
        return False
    again = await silence.unfinished(connection) == silence.LOADED
    await act_as(connection, "conserje_owner")
    if not again and await connection.fetchval("SELECT EXISTS (SELECT FROM public.tenants)"):
        raise BackupError(
            "The database holds an installation already: make an empty one by `CREATE DATABASE`, and name it"
            " in CONSERJE_DATABASE_URL."
        )
    await _require_nobody(connection)
    return again


def _require_no_files(folder: Path, again: bool) -> None:
    """Raises BackupError."""
    if not again and folder.exists() and any(each.name.isdecimal() for each in folder.iterdir()):
        raise BackupError(f"{folder} holds files of an installation: move it away, and try again.")


def _is_plain(source: Path) -> bool:
    try:
        with source.open("rb") as file:
            return file.read(len(PLAIN)) == PLAIN
    except OSError as error:
        raise BackupError(f"{source} cannot be read ({error.strerror}).") from None


async def _load_plain(order: Order, server: int) -> None:
    with order.source.open("rb") as file:
        parts = order.progress.through("database", iter(lambda: file.read(dump.PART), b""))
        async with dump.loading(order.url, server, parts, EMPTY) as last:
            last.append(silence.begin(silence.LOADED))


async def _load(order: Order, server: int) -> tuple[datetime, int]:
    """When the backup was made, and how many files it has; these lie beside their place then."""
    with archive.reading(order.source, order.vault) as (head, entries):
        _refuse_newer(head, server)
        _require_room(order, head)
        name, parts = next(entries)
        if name != archive.DATABASE:
            raise BackupError(f"{order.source} does not begin with a database.")
        through = order.progress.through("database", parts)
        with _staged(order) as folder:
            async with dump.loading(order.url, server, through, EMPTY) as last:
                listed = archive.read_rest(head, entries, partial(_unpack, order, folder))
                last += (silence.begin(silence.LOADED), contents.refusing_others(listed))
    return head.made_at, listed.files


def _refuse_newer(head: Head, server: int) -> None:
    """Raises BackupError."""
    known = schema.newest()
    if head.schema_version > known:
        raise BackupError(
            f"The backup's schema is {head.schema_version}, too new for this release, which knows {known}:"
            f" install {head.release} or newer."
        )


def _require_room(order: Order, head: Head) -> None:
    """Raises BackupError, with both figures, before anything is written."""
    needed = head.files_bytes + (int(head.database_bytes * 1.2) if order.embedded else 0)
    order.settings.data_dir.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(order.settings.data_dir).free
    if needed > free:
        raise BackupError(
            f"The backup needs about {needed / 2**30:.2f} GB, and {order.settings.data_dir} has"
            f" {free / 2**30:.2f} GB free: make room, or set CONSERJE_DATA_DIR."
        )


def _staging(order: Order) -> Path:
    return order.settings.files.with_name("files.restored")


@contextmanager
def _staged(order: Order) -> Iterator[Path]:
    """A folder for the files, beside their own. Raises BackupError where the disk takes no more."""
    folder = _staging(order)
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(mode=0o700, parents=True)
        yield folder
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise BackupError(f"{folder.parent} takes no files ({error.strerror}): make room.") from None
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _unpack(order: Order, folder: Path, name: str, parts: Iterator[bytes]) -> None:
    """Raises BackupError."""
    path = _place(folder, name)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        for part in order.progress.through("files", parts):
            file.write(part)


def _place(folder: Path, name: str) -> Path:
    """Made of numbers alone. Raises BackupError."""
    tenant, _, file = name.removeprefix(archive.FILES).partition("/")
    if not (name.startswith(archive.FILES) and tenant.isdecimal() and file.isdecimal()):
        raise BackupError(
            "The backup has an entry of a name that this release does not know: update Conserje."
        )
    return folder / tenant / file


def _put_files(order: Order) -> None:
    """Give the files their place, in which at most those of a restoring are that was cut off."""
    staged, place = _staging(order), order.settings.files
    if staged.exists():
        if place.exists():
            shutil.rmtree(place)
        staged.rename(place)


async def _hold(url: str, source: str, made_at: datetime | None, files: int, told: Told) -> Restored:
    """In one transaction: what may have been done elsewhere is held, and what was wanted since is known."""
    connection = await connect(url)
    try:
        await act_as(connection, "conserje_owner")
        async with connection.transaction():
            await silence.fall(connection, source, made_at, told.until)
            turns, messages = await restoring.hold(connection, source)
            ended = await notices.end_all(
                connection, f"Restored from {source}: another installation sent it, or not."
            )
            await pushes.end_all(connection)
            await connection.execute(LEAVE_A_GAP, GAP)
            replayed = await replay.replay(connection, told, made_at)
            count = await connection.fetchval("SELECT count(*) FROM messages")
    finally:
        await connection.close()
    return Restored(
        made_at=made_at,
        clock_was_right=True,
        messages=count,
        files=files,
        held_turns=turns,
        held_messages=messages,
        ended_notices=ended,
        log_until=told.until,
        changes=replayed.changes,
        strangers=replayed.strangers,
        forgotten=replayed.forgotten,
    )


async def resume(connection: Connection) -> None:
    """Let everything go on that is not held, in the caller's transaction."""
    await connection.execute("SET LOCAL ROLE conserje_owner")
    await silence.end(connection)
    await restoring.look_again(connection)
