"""Makes events durable: all that wait together in one transaction, with their jobs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Self

import asyncpg
from cachetools import LRUCache

from conserje import jobs, messages
from conserje.accounts import Account
from conserje.database import CANNOT_ASK, Connection, Pool
from conserje.jobs import Job
from conserje.message import Event, InboundMessage, StatusUpdate, Unreadable
from conserje.tenants import Tenant

log = logging.getLogger(__name__)

IN_FLIGHT = 2  # one batch is being written while the next one's commit waits for the disk
LARGEST_BATCH = 256
FLOOD = 100  # waiting messages of a tenant from which on they are a flood
FLOOD_PACE = 0.02  # seconds between the due times that one node gives to a flood's messages
LOOK_AGAIN = 0.25  # seconds that a look at how many wait is good for
POISON = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
)
RETRIES = 3  # of a batch that lost a deadlock


class NotDurable(Exception):
    """The events could not be made durable; whoever posted them must post them again."""


@dataclass(frozen=True, slots=True)
class _Item:
    tenant: Tenant
    account: Account
    event: Event

    @property
    def place(self) -> tuple[int, int, str]:
        return self.tenant.id, self.account.id, self.event.key


@dataclass(slots=True)
class _Waiting:
    items: list[_Item]
    durable: asyncio.Future[None]


@dataclass(slots=True)
class _Load:
    """What a tenant has waiting: as Postgres said, and what this node took since."""

    waiting: int
    asked: float
    due: float = 0.0  # of the flood's last message

    def one_more(self, now: float) -> tuple[int, float]:
        """The priority of the next message's job, and its seconds of delay for the sake of others.

        The more wait, the lower it is; a flood's jobs come due one after the other, so that
        workers need not pick up and put back thousands.
        """
        self.waiting += 1
        if self.waiting <= FLOOD:
            return 1 - self.waiting, 0.0
        self.due = max(self.due, now) + FLOOD_PACE
        return -FLOOD, self.due - now


@dataclass
class Intake:
    """Group commit: whoever waits while a batch is written goes into the next one."""

    pool: Pool
    _queue: deque[_Waiting] = field(default_factory=deque)
    _flights: set[asyncio.Task[None]] = field(default_factory=set)
    _loads: LRUCache[int, _Load] = field(default_factory=lambda: LRUCache(10_000))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._flights:
            await asyncio.wait(self._flights)

    async def take(self, tenant: Tenant, events: Sequence[tuple[Account, Event]]) -> None:
        """Return when all `events` are committed. Raises NotDurable."""
        if not events:
            return
        durable = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting([_Item(tenant, account, event) for account, event in events], durable))
        if len(self._flights) < IN_FLIGHT:
            flight = asyncio.create_task(self._fly())
            self._flights.add(flight)
            flight.add_done_callback(self._flights.discard)
        await durable

    async def _fly(self) -> None:
        while self._queue:
            batch = self._next_batch()
            error = await self._commit([item for waiting in batch for item in waiting.items])
            for waiting in batch:
                if waiting.durable.done():  # the request was cancelled
                    continue
                if error is None:
                    waiting.durable.set_result(None)
                else:
                    waiting.durable.set_exception(NotDurable(str(error) or type(error).__name__))

    def _next_batch(self) -> list[_Waiting]:
        batch, size = [], 0
        while self._queue and size < LARGEST_BATCH:
            batch.append(self._queue.popleft())
            size += len(batch[-1].items)
        return batch

    async def _commit(self, items: list[_Item]) -> Exception | None:
        """Store what can be stored; the error if it is not known to be on disk."""
        unique = sorted({item.place: item for item in items}.values(), key=lambda item: item.place)
        try:
            await self._store(unique)
        except CANNOT_ASK as error:
            log.warning("Postgres does not take events: %s", error or type(error).__name__)
            return error
        except Exception as error:
            log.exception("A batch of events could not be stored")
            return error
        return None

    async def _store(self, items: list[_Item], tries: int = RETRIES) -> None:
        """Store `items`; what Postgres refuses is halved out until it stands alone, and kept raw."""
        try:
            async with self.pool.acquire(timeout=5) as connection, connection.transaction():
                await self._write(connection, items)
        except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
            if not tries:
                raise
            await self._store(items, tries - 1)
        except asyncpg.ForeignKeyViolationError:
            raise  # the account was removed meanwhile: whoever posts again is told so
        except POISON as error:
            if len(items) == 1:
                await self._reject(items[0], error)
                return
            middle = len(items) // 2
            await self._store(items[:middle])
            await self._store(items[middle:])

    async def _write(self, connection: Connection, items: list[_Item]) -> None:
        due = await self._take(connection, [item for item in items if isinstance(item.event, InboundMessage)])
        updates = [
            (item.tenant.id, item.account.id, item.event)
            for item in items
            if isinstance(item.event, StatusUpdate)
        ]
        if updates:
            settled = await messages.report(connection, updates)
            due += [Job(jobs.DELIVER, tenant_id, conversation) for tenant_id, conversation in settled]
        for item in items:
            if isinstance(event := item.event, Unreadable):
                await messages.reject(
                    connection, item.tenant.id, item.account.id, event.key, event.raw, event.cause
                )
        await jobs.enqueue(connection, due)

    async def _take(self, connection: Connection, items: list[_Item]) -> list[Job]:
        """Store inbound messages; a job for each that is new, due when its quiet period ends."""
        if not items:
            return []
        inbound = [
            messages.Inbound(item.tenant.id, item.account.id, item.account.channel, item.event)
            for item in items
            if isinstance(item.event, InboundMessage)
        ]
        now = time.monotonic()
        await self._look_at_load(connection, {item.tenant.id for item in items}, now)
        places = await messages.take(connection, inbound)
        return [
            self._job(item, place, now) for item, place in zip(items, places, strict=True) if place.message_id
        ]

    async def _look_at_load(self, connection: Connection, tenant_ids: set[int], now: float) -> None:
        old = [
            tenant_id
            for tenant_id in tenant_ids
            if (load := self._loads.get(tenant_id)) is None or load.asked + LOOK_AGAIN < now
        ]
        if old:
            for tenant_id, waiting in await connection.fetch(messages.WAITING, old, FLOOD):
                load = self._loads.setdefault(tenant_id, _Load(0, 0.0))
                load.waiting, load.asked = waiting, now

    def _job(self, item: _Item, place: messages.Taken, now: float) -> Job:
        priority, pause = self._loads[item.tenant.id].one_more(now)
        delay = max(item.account.quiet_period_of(item.tenant), timedelta(seconds=pause))
        return Job(
            jobs.CONVERSE, item.tenant.id, place.conversation_id, place.message_id or 0, priority, delay
        )

    async def _reject(self, item: _Item, error: Exception) -> None:
        log.error("An event of %s was refused by Postgres (%s)", item.account.address, type(error).__name__)
        async with self.pool.acquire(timeout=5) as connection:
            await messages.reject(
                connection,
                item.tenant.id,
                item.account.id,
                item.event.key,
                repr(item.event),
                f"Postgres: {error}",
            )
