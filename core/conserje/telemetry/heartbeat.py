"""The heartbeat: tells the other processes that this one lives, and what it has counted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Literal, Self

import asyncpg

from conserje.storage.database import CANNOT_ASK, Connection, Pool, describe
from conserje.telemetry import clocks, metrics

log = logging.getLogger(__name__)

BEAT_EVERY = 5.0  # seconds
LAST_LIMIT = 2.0  # seconds for taking the row away at the end
LIVING = timedelta(seconds=15)  # two beats may be lost
FORGOTTEN = timedelta(minutes=10)

# Rows that another process is taking away are left to it.
BEAT = """
WITH forgotten AS (
    DELETE FROM heartbeats WHERE (process, kind) IN (
        SELECT process, kind FROM heartbeats
        WHERE seen_at < now() - $5::interval AND (process, kind) <> ($1, $2) FOR UPDATE SKIP LOCKED)
)
INSERT INTO heartbeats (process, kind, started_at, counted, plugins) VALUES ($1, $2, $3, $4, $6)
ON CONFLICT (process, kind)
DO UPDATE SET started_at = excluded.started_at, seen_at = now(), counted = excluded.counted,
    plugins = excluded.plugins
RETURNING clock_timestamp()
"""

END = "DELETE FROM heartbeats WHERE process = $1 AND kind = $2"

LIST = """
SELECT process, kind, counted FROM heartbeats WHERE seen_at BETWEEN now() - $1::interval AND now() + $1
ORDER BY process, kind
"""

WORKERS = """
SELECT process FROM heartbeats WHERE kind = 'work' AND seen_at BETWEEN now() - $1::interval AND now() + $1
ORDER BY process
"""

TOLD = """
SELECT process, kind, plugins FROM heartbeats WHERE seen_at BETWEEN now() - $1::interval AND now() + $1
ORDER BY process, kind
"""

Kind = Literal["edge", "work"]


@dataclass(frozen=True, slots=True)
class Living:
    """A process that was heard of lately."""

    process: str
    kind: Kind
    counted: str


async def living(database: Pool | Connection) -> list[Living]:
    """The processes of all machines."""
    return [Living(**row) for row in await database.fetch(LIST, LIVING)]


async def workers(pool: Pool) -> list[str]:
    """The processes of all machines that work, in one order for all."""
    return [row["process"] for row in await pool.fetch(WORKERS, LIVING)]


async def told(database: Pool | Connection) -> list[tuple[str, Kind, str | None]]:
    """The processes of all machines, each with its kind, and what it tells of its plugins."""
    return [tuple(row) for row in await database.fetch(TOLD, LIVING)]


def this_process() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


@dataclass
class Heartbeat:
    """Beats for as long as it is entered; without Postgres it beats later."""

    pool: Pool
    kind: Kind
    plugins: Callable[[], str] | None = None  # what it tells of them, as JSON
    _started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    _apart: bool = field(default=False, init=False)

    async def __aenter__(self) -> Self:
        self._beating = asyncio.create_task(self._beat())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A server that is silent keeps even a cancelled query waiting.
        await asyncio.wait({asyncio.create_task(self._end())}, timeout=LAST_LIMIT)

    async def _end(self) -> None:
        self._beating.cancel()
        await asyncio.wait({self._beating})
        with contextlib.suppress(*CANNOT_ASK, asyncpg.PostgresError):
            await self.pool.execute(END, this_process(), self.kind)

    def _look_at(self, skew: timedelta) -> None:
        """Say once when the clocks come apart."""
        apart = abs(skew) >= clocks.TOLERANCE
        if apart and not self._apart:
            seconds, where = abs(skew).total_seconds(), "ahead of" if skew < timedelta(0) else "behind"
            log.warning("The machine's clock is %.0f s %s Postgres': set it right", seconds, where)
        self._apart = apart

    async def _beat(self) -> None:
        while True:
            try:
                told = self.plugins() if self.plugins else None
                place = (this_process(), self.kind, self._started_at)
                now = await self.pool.fetchval(BEAT, *place, metrics.write(), FORGOTTEN, told)
                self._look_at(clocks.note_postgres(now))
            except (*CANNOT_ASK, asyncpg.PostgresError) as error:
                log.warning("The heartbeat is late: %s", describe(error))
            await asyncio.sleep(BEAT_EVERY)
