"""A file of this node: SQLite, readable by nobody else, used in a thread of its own."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

R = TypeVar("R")

BUSY_SECONDS = 10.0  # another process of the node may be writing


class NodeFileError(Exception):
    """The file cannot be used; the text says why."""


@dataclass
class NodeFile:
    """One file; its folder is made 0700, itself 0600. Entered, it is open."""

    path: Path
    settings: str  # statements run at each opening
    layout: str = (
        ""  # statements run before them where the file is new: on a full disk an old one still opens
    )

    async def __aenter__(self) -> Self:
        """Raises NodeFileError."""
        self._thread = ThreadPoolExecutor(1, self.path.stem)
        try:
            self._connection = await self._in_thread(self._open)
        except BaseException:
            self._thread.shutdown()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._in_thread(self._connection.close)
        self._thread.shutdown()

    async def run(self, work: Callable[[sqlite3.Connection], R]) -> R:
        """What `work` comes to, all of it or nothing, on the disk before this returns.

        Raises NodeFileError.
        """
        return await self._transaction(work, "COMMIT")

    async def try_out(self, work: Callable[[sqlite3.Connection], R]) -> R:
        """What `work` would come to. Raises NodeFileError."""
        return await self._transaction(work, "ROLLBACK")

    async def _transaction(self, work: Callable[[sqlite3.Connection], R], end: str) -> R:
        def transaction() -> R:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(self._connection)
                self._connection.execute(end)
            except BaseException:
                if self._connection.in_transaction:  # a full disk ends it by itself
                    self._connection.execute("ROLLBACK")
                raise
            return result

        return await self._in_thread(transaction)

    async def read(self, work: Callable[[sqlite3.Connection], R]) -> R:
        """What `work` finds. Raises NodeFileError."""
        return await self._in_thread(lambda: work(self._connection))

    async def _in_thread(self, work: Callable[[], R]) -> R:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (sqlite3.Error, OSError) as error:
            raise NodeFileError(f"{self.path} cannot be used: {error}.") from error

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))  # those that SQLite adds are like it
        connection = sqlite3.connect(
            self.path, isolation_level=None, timeout=BUSY_SECONDS, check_same_thread=False
        )
        connection.executescript(self.settings if self.path.stat().st_size else self.layout + self.settings)
        return connection
