"""Pages: how many each statement of a pool touches, as Postgres itself counts them while it really runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import asyncpg
import pytest

from conserje.storage import database

R = TypeVar("R")

# Of our tables and the queue's, with their indexes and what is too large for a row; what triggers and
# functions touch is among them, the server's own tables are not. The counts are a transaction's.
TOUCHED = "SELECT sum(pg_stat_get_xact_blocks_fetched(oid))::bigint FROM pg_class WHERE oid >= 16384"

_NO_STATEMENTS = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET ", "RESET ")


@dataclass
class Pages:
    """What each statement touched, each time that it ran."""

    counts: dict[str, list[int]] = field(default_factory=dict)

    def note(self, statement: str, touched: int) -> None:
        self.counts.setdefault(statement, []).append(touched)

    def most(self) -> dict[str, int]:
        """The most that each has touched until now; from now on it is counted anew."""
        most = {statement: max(counts) for statement, counts in self.counts.items()}
        self.counts.clear()
        return most


class _Counting(asyncpg.Connection):
    """Each statement that is in no transaction gets one of its own."""

    pages: Pages
    _touched: int | None = None  # in this transaction until now, where nothing has run since it was asked

    def cursor(self, *args: Any, **how: Any) -> Any:
        self._touched = None
        return super().cursor(*args, **how)

    async def executemany(self, *args: Any, **how: Any) -> Any:
        self._touched = None
        return await super().executemany(*args, **how)

    async def fetch(self, query: str, *args: Any, **how: Any) -> Any:
        return await self._counted(super().fetch, query, *args, **how)

    async def fetchrow(self, query: str, *args: Any, **how: Any) -> Any:
        return await self._counted(super().fetchrow, query, *args, **how)

    async def fetchval(self, query: str, *args: Any, **how: Any) -> Any:
        return await self._counted(super().fetchval, query, *args, **how)

    async def execute(self, query: str, *args: Any, **how: Any) -> Any:
        return await self._counted(super().execute, query, *args, **how)

    async def _counted(self, run: Callable[..., Awaitable[R]], query: str, *args: Any, **how: Any) -> R:
        if query.startswith(_NO_STATEMENTS):
            self._touched = None
            return await run(query, *args, **how)
        if not self.is_in_transaction():
            async with self.transaction():
                return await self._counted(run, query, *args, **how)
        before = self._touched if self._touched is not None else await super().fetchval(TOUCHED)
        self._touched = None
        result = await run(query, *args, **how)
        self._touched = await super().fetchval(TOUCHED)
        self.pages.note(query, self._touched - before)
        return result


@contextmanager
def counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pages]:
    """The pools that are made within count, those of commands too."""

    class Counting(_Counting):
        pages = Pages()

    async def connect(url: str, **how: Any) -> asyncpg.Connection[Any]:
        connection = await database.connect_as_core(url, **how | {"connection_class": Counting})
        # What a parallel worker touches would be counted as its own.
        await connection.execute("SET max_parallel_workers_per_gather = 0")
        return connection

    monkeypatch.setattr("conserje.storage.pool.connect_as_core", connect)
    yield Counting.pages
