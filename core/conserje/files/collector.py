"""Collects the files that contacts sent: from the provider into the data directory, never whole in memory."""

from __future__ import annotations

import asyncio
import codecs
import hashlib
import logging
import os
import re
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, TypeVar

import filetype

from conserje.contract.channel import NotOffered, Refused, TryLater
from conserje.contract.limits import Limits
from conserje.files import table as files
from conserje.files.table import Kept, NotKept, Wanted
from conserje.net.fetch import FetchFailed, FetchRefused
from conserje.plugins import PluginMissing, Plugins
from conserje.storage import queue
from conserje.storage.database import Pool, acting_for
from conserje.storage.jobs import Job
from conserje.tenants.directory import Directory
from conserje.tenants.entry import AccountUnusable, Entry
from conserje.tenants.vault import Vault

log = logging.getLogger(__name__)

GRACE = timedelta(seconds=10)  # after a file's own time, before it counts as nobody's
TRIES = 16  # with these pauses, some four hours
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 1800.0
NO_ROOM_PAUSE = timedelta(minutes=1)
LOST_AFTER = timedelta(seconds=30)
ABANDONED_AFTER = 6 * 3600.0  # seconds without a write to it, and a half-written file has no writer
HEAD = 8192  # bytes by which the content type is judged
_TEXT = re.compile(r"text/[a-z0-9.+-]{1,60}")
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
                await _on_disk(file.write, part)
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

    async def remove(self, gone: Iterable[tuple[int, int]]) -> None:
        """Remove these files, by tenant and id. Raises NoRoom."""
        await _on_disk(self._remove, gone)

    def _remove(self, gone: Iterable[tuple[int, int]]) -> None:
        for tenant_id, file_id in gone:
            path = path_of(self.path, tenant_id, file_id)
            path.unlink(missing_ok=True)
            with suppress(OSError):  # the tenant has others, or had none
                path.parent.rmdir()

    async def tidy(self) -> None:
        """Remove what was half written by processes that are dead. Raises NoRoom."""
        await _on_disk(self._tidy)

    def _tidy(self) -> None:
        before = time.time() - ABANDONED_AFTER
        for half in (self.path / "new").glob("*"):
            with suppress(FileNotFoundError):  # it has just become a whole one
                if half.stat().st_mtime < before:
                    half.unlink()


async def _on_disk(work: Callable[..., T], *arguments: object) -> T:
    """Do this outside the event loop. Raises NoRoom."""
    try:
        return await asyncio.to_thread(work, *arguments)
    except OSError as error:
        raise NoRoom(f"The disk takes no file ({error.strerror}).") from None


def _create(half: Path) -> BinaryIO:
    half.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _finish(file: BinaryIO, half: Path, whole: Path) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()
    whole.parent.mkdir(mode=0o700, exist_ok=True)
    half.rename(whole)
    for folder in (whole.parent, whole.parent.parent):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@dataclass(frozen=True)
class Collector:
    """Collects wanted files, in this worker."""

    pool: Pool
    directory: Directory
    plugins: Plugins
    vault: Vault
    folder: Folder

    async def collect(self, job: Job) -> None:
        """Collect the files of a message, one after the other; what cannot be had now comes again."""
        entry = await self.directory.by_id(job.tenant_id)
        if not entry.tenant.active:
            return  # once it is again, they are due for long
        while isinstance(wanted := await self._claim(entry, job), Wanted):
            await self._collect(entry, job, wanted)
        if wanted is not None:
            async with self.pool.acquire() as connection:
                await queue.enqueue(connection, [replace(job, delay=wanted)])

    async def _claim(self, entry: Entry, job: Job) -> Wanted | timedelta | None:
        async with acting_for(self.pool, job.tenant_id) as connection:
            return await files.claim(connection, job, lambda account_id: self._lease(entry, account_id))

    def _lease(self, entry: Entry, account_id: int) -> timedelta:
        """As long as one file of the account may take."""
        account = entry.account(account_id)
        channel = self.plugins.channels.get(account.channel) if account else None
        limits = channel.limits_of(account.address) if account and channel else Limits()
        return timedelta(seconds=limits.file_seconds) + GRACE

    async def _collect(self, entry: Entry, job: Job, wanted: Wanted) -> None:
        try:
            end = await self._download(entry, wanted)
        except NoRoom as error:
            log.error("%s Files wait until CONSERJE_DATA_DIR can be written to again.", error)
            end = NotKept(str(error), NO_ROOM_PAUSE, counted=False)
        if isinstance(end, NotKept) and end.again is None:
            log.warning("A file for %s will not be had: %s", entry.tenant.slug, end.cause)
        async with acting_for(self.pool, job.tenant_id) as connection:
            wanted_still = await files.settle(connection, job, wanted, end)
        if not wanted_still:
            await self.folder.remove([(job.tenant_id, wanted.id)])

    async def _download(self, entry: Entry, wanted: Wanted) -> Kept | NotKept:
        """Raises NoRoom."""
        try:
            channel, account = entry.at_provider(wanted.account_id, self.plugins, self.vault)
            limits = channel.limits_of(account.address)
            async with (
                asyncio.timeout(limits.file_seconds),
                _closing(channel.media(wanted.file, account)) as parts,
            ):
                return await self.folder.keep(
                    entry.tenant.id, wanted.id, parts, wanted.file.content_type, limits.file_bytes
                )
        except NoRoom:
            raise
        except (Refused, FetchRefused, NotOffered) as error:
            return NotKept(str(error))
        except TimeoutError:
            return _later(wanted, f"It did not come within {limits.file_seconds:g} s.")
        except TryLater as error:
            return _later(wanted, str(error), error.after)
        except (FetchFailed, AccountUnusable, PluginMissing) as error:
            return _later(wanted, str(error))
        except Exception as error:  # its text may hold an address that opens by itself, or a key
            return _later(wanted, type(error).__name__)

    async def keep_up(self) -> None:
        """Look again for what was forgotten, and remove from the disk what has no row any more."""
        async with self.pool.acquire() as connection, connection.transaction():
            await queue.enqueue(connection, await files.lost(connection, LOST_AFTER))
        try:
            await self.folder.tidy()
            if gone := await files.removed(self.pool):
                await self.folder.remove(gone)
                await files.forget(self.pool, gone)
        except NoRoom as error:
            log.error("Files cannot be removed: %s", error)


@asynccontextmanager
async def _closing(parts: AsyncIterator[bytes]) -> AsyncIterator[AsyncIterator[bytes]]:
    try:
        yield parts
    finally:
        if isinstance(parts, AsyncGenerator):
            await parts.aclose()


def _later(wanted: Wanted, cause: str, after: float = 0.0) -> NotKept:
    """The pauses grow; after the last try the file is gone."""
    if wanted.tries >= TRIES:
        return NotKept(cause)
    pause = min(FIRST_PAUSE * 2 ** (wanted.tries - 1), LONGEST_PAUSE)
    return NotKept(cause, timedelta(seconds=max(after, pause)))
