"""The queue's driver: sits out an absent Postgres, and listens again when its connection dies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Self, TypeVar

from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.ports.driver import NotifyCallback

from conserje.database import CANNOT_ASK, Pool, connect

log = logging.getLogger(__name__)

CALL_LIMIT = 10.0
LAST_CALL_LIMIT = 2.0
PING_EVERY = 2.0
PING_LIMIT = 2.0
LONGEST_PAUSE = 2.0

# Wakes the queue as if something had been enqueued: what was notified meanwhile went unheard.
MISSED = (
    '{"channel": "%s", "operation": "insert", "sent_at": "2000-01-01T00:00:00+00:00",'
    ' "table": "pgqueuer", "type": "table_changed_event"}'
)

T = TypeVar("T")


class QueueDriver(AsyncpgPoolDriver):
    """PgQueuer's pool driver, waiting where its own raises, with a LISTEN connection of its own."""

    def __init__(self, pool: Pool, url: str) -> None:
        super().__init__(pool)
        self._url = url
        self._listeners: list[tuple[str, NotifyCallback]] = []
        self._ear: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()
        self.patient = True  # False: the worker ends, and waits for nobody

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        return await self._patiently(lambda: super(QueueDriver, self).fetch(query, *args))

    async def execute(self, query: str, *args: object) -> str:
        return await self._patiently(lambda: super(QueueDriver, self).execute(query, *args))

    async def notify(self, channel: str, payload: str) -> None:
        await self._patiently(lambda: super(QueueDriver, self).notify(channel, payload))

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        self._listeners.append((channel, callback))
        if self._ear is None:
            self._ear = asyncio.create_task(self._listen())
        await self._listening.wait()

    async def remove_listener(self, channel: str, callback: NotifyCallback) -> None:
        self._listeners.remove((channel, callback))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._ear:
            self._ear.cancel()
            await asyncio.wait({self._ear})

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call until Postgres answers: the queue's loop must not end because it was away."""
        pause = 0.1
        while True:
            try:
                async with asyncio.timeout(CALL_LIMIT if self.patient else LAST_CALL_LIMIT):
                    return await call()
            except CANNOT_ASK as error:
                if not self.patient:
                    raise
                log.warning("The queue waits for Postgres: %s", type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _listen(self) -> None:
        """Hear notifications for ever, over as many connections as it takes."""
        pause = 0.1
        while True:
            try:
                await self._listen_once()
            except CANNOT_ASK as error:
                log.warning("The queue's listener lost its connection: %s", type(error).__name__)
                if isinstance(error, TimeoutError):
                    self._hang_up()
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE) if not self._listening.is_set() else 0.1
            self._listening.clear()

    def _hang_up(self) -> None:
        """Postgres is silent. Its machine may be gone and another have its place, of which those who
        wait on the pool's connections would hear only after their time limits, one after the other."""
        for holder in self._pool._holders:  # type: ignore[attr-defined] # nothing public ends those in use
            holder.terminate()

    async def _listen_once(self) -> None:
        connection = await connect(
            self._url,
            timeout=5,
            server_settings={"role": "conserje_core", "application_name": "conserje queue"},
        )
        try:
            for channel in {channel for channel, _ in self._listeners}:
                await connection.add_listener(channel, self._hear)
            self._listening.set()
            for channel, callback in self._listeners:
                callback(MISSED % channel)
            closed = asyncio.Event()
            connection.add_termination_listener(lambda _: closed.set())
            while not closed.is_set():
                await connection.execute("SELECT 1", timeout=PING_LIMIT)
                with suppress(TimeoutError):
                    await asyncio.wait_for(closed.wait(), PING_EVERY)
        finally:
            connection.terminate()

    def _hear(self, _connection: Any, _pid: int, channel: str, payload: object) -> None:
        for wanted, callback in self._listeners:
            if wanted == channel and isinstance(payload, str):
                callback(payload)
