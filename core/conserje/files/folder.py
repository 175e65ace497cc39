"""Keeps files on the disk: judged by their first bytes, there whole or not at all."""

from __future__ import annotations

import asyncio
import codecs
import hashlib
import os
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

import filetype

from conserje.contract.channel import Refused
from conserje.files import table as files
from conserje.files.kinds import judge
from conserje.files.table import Kept
from conserje.storage.database import Connection, Pool

LAIN_FOR = 24 * 3600.0  # seconds, and a file whose row is on its way has one
LOOKED_AT = 500  # files of a tenant, at once
ABANDONED_AFTER = 6 * 3600.0  # seconds without a write to it, and a half-written file has no writer
HEAD = 8192  # bytes by which the content type is judged
RESERVE, RESERVED_SHARE = 2 * 2**30, 0.05  # bytes and part of the disk that no file takes, whichever is more
_JUDGES = ThreadPoolExecutor(2, "uploads")  # each has a whole file in memory
_TEXT = re.compile(r"text/[a-z0-9.+-]{1,60}")
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")

T = TypeVar("T")


class NoRoom(Exception):
    """The data directory takes no file; the text says why."""


def path_of(folder: Path, tenant_id: int, file_id: int) -> Path:
    """Where a file lies, made of numbers alone."""
    return folder / f"{tenant_id:d}" / f"{file_id:d}"


def judged(head: bytes, said: str) -> str:
    """The content type that the first bytes say; what the sender `said` tells texts apart, nothing else."""
    if by_bytes := filetype.guess_mime(head):  # type: ignore[no-untyped-call]
        return str(by_bytes)
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "application/octet-stream"
    if not head or _CONTROL.search(text):
        return "application/octet-stream"
    said = said.partition(";")[0].strip().lower()
    return said if _TEXT.fullmatch(said) else "text/plain"


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file that a stranger uploaded: on the disk, and at no place yet."""

    half: Path
    kept: Kept


@dataclass(frozen=True, slots=True)
class Folder:
    """The files of all tenants on this machine's disk, readable by nobody else."""

    path: Path

    async def keep(
        self, tenant_id: int, file_id: int, parts: AsyncIterator[bytes], said: str, most: int
    ) -> Kept:
        """Write a file as its parts come; it is there whole and on the disk, or not at all.

        Raises Refused for one of more than `most` bytes, NoRoom, and what `parts` raises.
        """
        size, digest, head = 0, hashlib.sha256(), b""
        async with self._writing(path_of(self.path, tenant_id, file_id)) as file:
            async for part in parts:
                size += len(part)
                if size > most:
                    raise Refused(f"The file is larger than the {most:,} bytes that the channel allows.")
                digest.update(part)
                head += part[: HEAD - len(head)]
                await _on_disk(_write, file, part)
        return Kept(size, digest.digest(), judged(head, said))

    @asynccontextmanager
    async def _writing(self, whole: Path) -> AsyncIterator[BinaryIO]:
        half = self.path / "new" / f"{whole.parent.name}-{whole.name}-{secrets.token_hex(8)}"
        file = await _on_disk(_create, half)
        try:
            yield file
            await _on_disk(_finish, file, half, whole)
        except BaseException:
            with suppress(OSError):
                file.close()
            with suppress(OSError):
                half.unlink()
            raise

    @asynccontextmanager
    async def receive(self, parts: AsyncIterator[bytes], most: int) -> AsyncIterator[Arrived]:
        """Take in what a stranger uploads as it comes, then judge it by its bytes and take off what it says
        beside; what is not placed within is removed.

        Raises Refused for one of more than `most` bytes, Odd for a kind that is not taken, NoRoom, and what
        `parts` raises.
        """
        half = self.path / "new" / f"upload-{secrets.token_hex(8)}"
        try:
            await _fill(half, parts, most)
            yield Arrived(half, await _on_disk(_clean, half, threads=_JUDGES))
        finally:
            with suppress(OSError):
                half.unlink()

    async def place(self, arrived: Arrived, tenant_id: int, file_id: int) -> None:
        """From now on it is there, and on the disk. Raises NoRoom."""
        await _on_disk(_place, arrived.half, path_of(self.path, tenant_id, file_id))

    async def read(self, tenant_id: int, file_id: int) -> bytes | None:
        """All of a file; None: it is not on this machine's disk, or not to be read."""
        try:
            return await asyncio.to_thread(path_of(self.path, tenant_id, file_id).read_bytes)
        except OSError:
            return None

    async def remove(self, gone: Iterable[tuple[int, int]]) -> None:
        """Remove these files, by tenant and id. Raises NoRoom."""
        await _on_disk(self._remove, gone)

    def _remove(self, gone: Iterable[tuple[int, int]]) -> None:
        for tenant_id, file_id in gone:
            path = path_of(self.path, tenant_id, file_id)
            path.unlink(missing_ok=True)
            with suppress(OSError):  # the tenant has others, or had none
                path.parent.rmdir()

    async def lying(self) -> AsyncIterator[tuple[int, list[int]]]:
        """The ids of the files that have lain there for a day, by their tenants, some at once.

        Raises NoRoom.
        """
        for tenant_id in await _on_disk(_numbers, self.path, None):
            ids = await _on_disk(_numbers, self.path / str(tenant_id), time.time() - LAIN_FOR)
            for first in range(0, len(ids), LOOKED_AT):
                yield tenant_id, ids[first : first + LOOKED_AT]

    async def clear(self, database: Connection | Pool) -> int:
        """Remove what has no row any more; how many files. Raises NoRoom."""
        done = 0
        while gone := await files.removed(database):
            await self.remove(gone)
            await files.forget(database, gone)
            done += len(gone)
        return done

    async def tidy(self) -> None:
        """Remove what was half written by processes that are dead. Raises NoRoom."""
        await _on_disk(self._tidy)

    def _tidy(self) -> None:
        before = time.time() - ABANDONED_AFTER
        for half in (self.path / "new").glob("*"):
            with suppress(FileNotFoundError):  # it has just become a whole one
                if half.stat().st_mtime < before:
                    half.unlink()


def _numbers(folder: Path, before: float | None) -> list[int]:
    """What is called by a number in a folder, and was not written to since."""
    try:
        with os.scandir(folder) as entries:
            return sorted(int(each.name) for each in entries if _is_number(each, before))
    except FileNotFoundError:  # nothing was kept yet, or the tenant's last file has just gone
        return []


def _is_number(entry: os.DirEntry[str], before: float | None) -> bool:
    if not _NUMBER.fullmatch(entry.name):
        return False
    if before is None:
        return entry.is_dir(follow_symlinks=False)
    try:
        return entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime < before
    except FileNotFoundError:  # it has just gone
        return False


async def _fill(half: Path, parts: AsyncIterator[bytes], most: int) -> None:
    size, file = 0, await _on_disk(_create, half)
    with file:
        async for part in parts:
            size += len(part)
            if size > most:
                raise Refused(f"The file is larger than the {most:,} bytes that are taken.")
            await _on_disk(_write, file, part)


def _clean(half: Path) -> Kept:
    """Write the file anew, without what is not kept of it. Raises Odd."""
    kind, pieces = judge(half.read_bytes())
    digest, size = hashlib.sha256(), 0
    with _open(clean := half.with_name(f"{half.name}-clean")) as file:
        try:
            for piece in pieces:
                file.write(piece)
                digest.update(piece)
                size += len(piece)
            file.flush()
            os.fsync(file.fileno())
            clean.rename(half)
        except BaseException:
            clean.unlink(missing_ok=True)
            raise
    return Kept(size, digest.digest(), kind)


async def _on_disk(
    work: Callable[..., T], *arguments: object, threads: ThreadPoolExecutor | None = None
) -> T:
    """Do this outside the event loop. Raises NoRoom."""
    try:
        return await asyncio.get_running_loop().run_in_executor(threads, work, *arguments)
    except OSError as error:
        raise NoRoom(f"The disk takes no file ({error.strerror}).") from None


def _leave_reserve(disk: os.statvfs_result) -> None:
    """Raises NoRoom: events and Postgres need the rest of the disk more than files do."""
    reserve = max(disk.f_blocks * disk.f_frsize * RESERVED_SHARE, RESERVE)
    if disk.f_bavail * disk.f_frsize < reserve:
        raise NoRoom(f"The disk has less than the {reserve / 2**30:.1f} GB free that no file takes.")


def _write(file: BinaryIO, part: bytes) -> None:
    _leave_reserve(os.fstatvfs(file.fileno()))
    file.write(part)


def _create(half: Path) -> BinaryIO:
    half.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return _open(half)


def _open(half: Path) -> BinaryIO:
    """A new file, in a folder that is there."""
    _leave_reserve(os.statvfs(half.parent))
    return os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _finish(file: BinaryIO, half: Path, whole: Path) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()
    _place(half, whole)


def _place(half: Path, whole: Path) -> None:
    _move(half, whole)
    for folder in (whole.parent, whole.parent.parent):
        with suppress(FileNotFoundError):  # the file has been removed again, and it was the tenant's last
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def _move(half: Path, whole: Path) -> None:
    while True:
        whole.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            half.rename(whole)
        except FileNotFoundError:  # the tenant's last file has just been removed, and its folder with it
            if not half.exists():
                raise
        else:
            return
