"""The spool: a file of this node that takes events while Postgres cannot, in the order of their taking."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import mmap
import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from conserje.storage.sqlite import NodeFile, NodeFileError

log = logging.getLogger(__name__)

FILE = "events.sqlite"
PAGE = 4096  # bytes
SMALLEST = 64  # pages
LEAST_FREE = 16 * 1024 * 1024  # bytes of the disk
ASKED_AT_ONCE = 200  # events
LOOK_EVERY = 1.0  # seconds between two looks whether the drainer has ended

LAYOUT = "PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL;"
SETTINGS = """
PRAGMA secure_delete = FAST;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA max_page_count = {pages};
CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY AUTOINCREMENT, event BLOB NOT NULL) STRICT;
"""
KEEP = "INSERT INTO events (event) VALUES (?)"
OLDEST = "SELECT id, event FROM events WHERE id > ? ORDER BY id LIMIT ?"
FORGET = "DELETE FROM events WHERE id <= {last};"
COUNT = "SELECT count(*) FROM events"
DROP = "DELETE FROM events WHERE id = ?"
# What contacts wrote stays in neither file: the pages go, and the log, in which they still stand, too.
EMPTY_OUT = "PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE);"
CHECKPOINT = "PRAGMA wal_checkpoint(TRUNCATE)"
TRY = "INSERT INTO events (event) VALUES (zeroblob(65536))"


@dataclass
class Spool:
    """One node's events: all processes of the node write to it, and one of them drains it."""

    folder: Path
    limit: int  # bytes
    untidy: bool = field(default=False, init=False)  # what is elsewhere is still in the file
    _elsewhere: int = field(default=0, init=False)  # the number of the last event that is

    async def __aenter__(self) -> Self:
        """Raises NodeFileError where the folder cannot be written to."""
        settings = SETTINGS.format(pages=max(self.limit // PAGE, SMALLEST))
        self._file = await NodeFile(self.folder / FILE, settings, LAYOUT).__aenter__()
        self._lock = os.open(self.folder / "drainer.lock", os.O_RDWR | os.O_CREAT, 0o600)
        flag = os.open(self.folder / "busy", os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(flag, 1)
        self._flag = mmap.mmap(flag, 1)
        os.close(flag)
        await self.settle()  # the flag of a node that lost its power may say anything
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._file.__aexit__(kind, error, trace)
        self._flag.close()
        os.close(self._lock)

    @property
    def busy(self) -> bool:
        """Whether events wait, of this process or of another of the node; new ones go behind them."""
        return self._flag[0] != 0

    def size(self) -> int:
        """The bytes of the files in which events wait; 0 where none do."""
        return sum(path.stat().st_size for path in self.folder.glob(f"{FILE}*")) if self.busy else 0

    async def keep(self, events: Sequence[bytes]) -> None:
        """Return when `events` are on the disk. Raises NodeFileError."""

        def insert(connection: sqlite3.Connection) -> None:
            self._flag[0] = 1
            connection.executemany(KEEP, [(event,) for event in events])

        await self._file.run(insert)

    async def oldest(self, most: int) -> list[tuple[int, bytes]]:
        """The events that have waited longest, with their numbers. Raises NodeFileError."""
        return await self._after(self._elsewhere, most)

    async def _after(self, last: int, most: int) -> list[tuple[int, bytes]]:
        return await self._file.read(lambda connection: connection.execute(OLDEST, (last, most)).fetchall())

    async def forget(self, last: int) -> None:
        """Drop the events up to the number `last`, which are elsewhere now.

        A full disk takes not even that: they are passed over then, and dropped once `tidy` can.
        """
        self._elsewhere = last
        await self._try(FORGET.format(last=last))

    async def drop(self, wanted: Callable[[bytes], bool]) -> int:
        """Take out the events that are `wanted`, and leave nothing of them in the files; how many there were.

        It is asked of each in their order, also of those that come meanwhile; whoever keeps events waits for
        no answer. Raises NodeFileError, also where somebody reads the files all the time.
        """

        def wipe(connection: sqlite3.Connection) -> None:
            connection.executescript("PRAGMA incremental_vacuum")
            if connection.execute(CHECKPOINT).fetchone()[0]:
                raise sqlite3.OperationalError("Somebody else reads the spool: try again.")

        await self._file.read(lambda connection: connection.execute("PRAGMA secure_delete = ON"))
        dropped = last = 0
        while rows := await self._after(last, ASKED_AT_ONCE):
            found = [(id,) for id, event in rows if wanted(event)]
            dropped += await self._drop(found)
            last = rows[-1][0]
        await self._file.read(wipe)
        await self.settle()
        return dropped

    async def _drop(self, numbers: list[tuple[int]]) -> int:
        """How many of them were still there."""
        return await self._file.run(lambda connection: connection.executemany(DROP, numbers).rowcount)

    async def tidy(self) -> None:
        """Leave nothing in the files of what is elsewhere, as far as the disk lets that be written."""
        await self._try(FORGET.format(last=self._elsewhere) + EMPTY_OUT)

    async def _try(self, script: str) -> None:
        try:
            # A script is run to its end, where execute() lets go of one page.
            await self._file.read(lambda connection: connection.executescript(script))
        except NodeFileError as error:
            if not self.untidy:
                log.warning("The spool passes over what it cannot drop yet: %s", error)
            self.untidy = True
        else:
            self.untidy = False

    async def settle(self) -> None:
        """Find out whether the spool is empty; leave nothing in its files then. Raises NodeFileError."""

        def look(connection: sqlite3.Connection) -> bool:
            waits = connection.execute(OLDEST, (self._elsewhere, 1)).fetchone() is not None
            self._flag[0] = waits  # nobody can add one meanwhile: the transaction is the only writer
            return waits

        if not await self._file.run(look):
            await self.tidy()

    async def count(self) -> int:
        """How many events wait. Raises NodeFileError."""
        return await self._file.read(lambda connection: int(connection.execute(COUNT).fetchone()[0]))

    async def check(self) -> None:
        """Raises NodeFileError where there is no room left, or the file cannot be written."""
        free = os.statvfs(self.folder)
        if free.f_bavail * free.f_frsize < LEAST_FREE:
            raise NodeFileError(f"The disk of {self.folder} is full: make room.")
        await self._file.try_out(lambda connection: connection.execute(TRY).rowcount)

    async def become_drainer(self) -> None:
        """Return when this process is the one of the node that drains; it stays so until it ends."""
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                await asyncio.sleep(LOOK_EVERY)
            else:
                return
