"""Makes events durable: all that wait together in one transaction, with their jobs."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from types import TracebackType
from typing import Self, TypeVar

import asyncpg

from conserje.contract.channel import AnyChannel
from conserje.contract.message import Event, Ignored, InboundMessage, Kept, Unreadable
from conserje.conversations.rows import BusinessRow, InboundRow, RejectRow, Row, beside_key, prepare
from conserje.costs.prices import Prices
from conserje.intake import writing
from conserje.intake.packing import pack, unpack
from conserje.intake.priority import Flight, Loads
from conserje.intake.spool import Spool
from conserje.intake.writing import Item, Place
from conserje.plugins import given, guard
from conserje.plugins.guard import PluginFailed
from conserje.plugins.plugins import Plugins
from conserje.rules import consent
from conserje.storage.database import CANNOT_ASK, Connection, Pool, describe
from conserje.storage.sqlite import NodeFileError
from conserje.storage.stillness import explained
from conserje.storage.text import clean
from conserje.telemetry import metrics
from conserje.telemetry.log import place
from conserje.tenants.accounts import AccountRow
from conserje.tenants.entry import AccountUnusable, validated
from conserje.tenants.tenants import Tenant

log = logging.getLogger(__name__)

IN_FLIGHT = 2  # of a machine: one batch is being written while the next one's commit waits for the disk
LONG_FLIGHT = 0.05  # seconds: a batch that is written for so long waits for somebody, and others go past it
CONNECTIONS = IN_FLIGHT + 1  # and the spool's events
LARGEST_BATCH = 256
LARGEST_PART = 64  # events of one post in a batch: whoever posts one meanwhile waits for it
GATHER = 0.05  # seconds in which a flood's events wait for each other: a transaction costs what ten events do
ENOUGH = 8  # of them that do not wait
STORE_LIMIT = 1.0  # seconds that Postgres may take before the spool does
DRAIN_EVERY = 0.2  # seconds between two looks at the spool, and two tries to empty it
LARGEST_DRAIN = 512  # events that are taken out of the spool at once
OUT_OF_TIME = (TimeoutError, asyncpg.QueryCanceledError)  # by our limit, or by the server's statement_timeout
POISON = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
)
RETRIES = 3  # of a batch that lost a deadlock, or of an event whose conversation has just gone


R = TypeVar("R")


class NotDurable(Exception):
    """The events could not be made durable; whoever posted them must post them again."""


@dataclass(slots=True)
class _Waiting:
    """Whoever has posted events: those that no batch has had yet, and what is waited for."""

    items: list[Item]
    durable: asyncio.Future[None]
    tenant_id: int


@dataclass
class Intake:
    """Group commit: whoever waits while a batch is written goes into the next one, and whoever has posted
    more than LARGEST_PART waits again for each part. A flood's events gather first: they are many, and each
    batch takes from others what it takes.

    With a spool, what Postgres does not take within STORE_LIMIT goes there, and so does all that comes
    while something is in it. Batches go by connections of their own, where they are given. A process that
    shares its machine with others writes fewer of them `at_once`, which are the larger.
    """

    pool: Pool
    plugins: Plugins
    spool: Spool | None = None
    storing: Pool | None = None
    at_once: int = IN_FLIGHT
    _queue: deque[_Waiting] = field(default_factory=deque)
    _gathered: list[_Waiting] = field(default_factory=list)
    _flights: set[asyncio.Task[None]] = field(default_factory=set)
    _storing: set[asyncio.Task[list[Item]]] = field(default_factory=set)
    _loads: Loads = field(default_factory=Loads)
    _took_off: float = 0.0  # the last batch

    def __post_init__(self) -> None:
        self.prices = Prices(self.pool)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._queue_up(self._gathered)
        while self._flights:
            await asyncio.wait(self._flights)
        for task in self._storing:  # what they store is in the spool as well
            task.cancel()

    async def take(self, tenant: Tenant, events: Sequence[tuple[AccountRow, Event]]) -> None:
        """Return when all `events` are on a disk. Raises NotDurable."""
        items: list[Item] = []
        for n, (account, event) in enumerate(_kept(events), 1):
            quiet_period = account.quiet_period_of(tenant)
            items += [Item(row, quiet_period) for row in self._rows(tenant, account, event)]
            if n % LARGEST_PART == 0:
                await asyncio.sleep(0)  # others' posts come in between
        if not items:
            return
        waiting = _Waiting(items, asyncio.get_running_loop().create_future(), tenant.id)
        if self._loads.is_flood(tenant.id):
            self._gather(waiting)
        else:
            self._queue_up([waiting])
        await waiting.durable

    async def take_with(
        self,
        tenant: Tenant,
        account: AccountRow,
        message: InboundMessage,
        beside: Callable[[Connection, Place], Awaitable[R]],
    ) -> R:
        """Store a message, and in the same transaction what `beside` writes of its files: no spool has those.

        Raises NotDurable, and what `beside` raises.
        """
        if self.spool is not None and self.spool.busy:  # what was said before it is not in Postgres yet
            raise NotDurable("The spool is not empty.")
        row = self._row(tenant, account, message)
        assert isinstance(row, InboundRow)
        item = Item(row._replace(files=()), account.quiet_period_of(tenant))
        for tries in range(RETRIES, -1, -1):
            try:
                with Flight(self._loads) as flight:
                    async with self.pool.acquire(timeout=5) as connection, connection.transaction():
                        await writing.write(connection, [item], flight, self.prices)
                        return await beside(connection, item.place)
            except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError) as error:
                if not tries:
                    raise NotDurable(describe(error)) from None
            except (*CANNOT_ASK, asyncpg.PostgresError) as error:
                raise NotDurable(describe(error)) from None
        raise AssertionError

    def _rows(self, tenant: Tenant, account: AccountRow, event: Kept) -> Iterator[Row]:
        """The row of an event, and that of what of it makes no sense."""
        row = self._row(tenant, account, event)
        yield row
        if not isinstance(event, Unreadable) and event.beside:
            odd = event.beside
            cause = clean(odd.cause)[:500]
            key = beside_key(row.event_key)
            yield RejectRow(tenant.id, account.id, key, clean(odd.raw), cause, row.event_key)

    def _row(self, tenant: Tenant, account: AccountRow, event: Kept) -> Row:
        row = prepare(tenant.id, account, event)
        channel = self.plugins.channels.get(account.channel)
        if channel and isinstance(row, InboundRow) and isinstance(event, InboundMessage):
            return consent.marked(row, event, channel, tenant.locale)
        if channel and isinstance(row, BusinessRow):
            return row._replace(silences=row.silences and _is_silenced(channel, tenant, account))
        return row

    def _gather(self, waiting: _Waiting) -> None:
        if not self._gathered:
            asyncio.get_running_loop().call_later(GATHER, self._queue_up, self._gathered)
        self._gathered.append(waiting)
        if sum(len(each.items) for each in self._gathered) >= ENOUGH:
            self._queue_up(self._gathered)

    def _queue_up(self, waiting: list[_Waiting]) -> None:
        """Have these written; a list that was gathered is emptied, and others gather in a new one."""
        if waiting is self._gathered:
            self._gathered = []
        self._queue.extend(waiting)
        waiting.clear()
        if self._queue and self._may_fly():
            flight = asyncio.create_task(self._fly())
            self._flights.add(flight)
            flight.add_done_callback(self._landed)

    def _may_fly(self) -> bool:
        flying = len(self._flights)
        return flying < self.at_once or (flying < IN_FLIGHT and monotonic() >= self._took_off + LONG_FLIGHT)

    def _landed(self, flight: asyncio.Task[None]) -> None:
        """Whoever was told of its end may have queued more before this."""
        self._flights.discard(flight)
        self._queue_up([])

    async def _fly(self) -> None:
        while self._queue:
            self._took_off = monotonic()
            asyncio.get_running_loop().call_later(LONG_FLIGHT, self._queue_up, [])  # whoever waits by then
            batch = self._next_batch()
            lost, why = await self._commit([item for _, part in batch for item in part])
            for waiting, part in batch:
                is_lost = bool(lost) and not lost.isdisjoint(item.place for item in part)
                self._go_on(waiting, NotDurable(why) if is_lost else None)

    def _next_batch(self) -> list[tuple[_Waiting, list[Item]]]:
        """Those who have waited longest, and as much of theirs as a batch holds."""
        batch, room = [], LARGEST_BATCH
        while self._queue and room:
            waiting = self._queue.popleft()
            most = min(room, LARGEST_PART)
            part, waiting.items = waiting.items[:most], waiting.items[most:]
            batch.append((waiting, part))
            room -= len(part)
        return batch

    def _go_on(self, waiting: _Waiting, error: NotDurable | None) -> None:
        """What is left goes behind those who wait: after its first part, since the order is kept.

        Of a flood it comes later: its batches are large, and others' wait for the same processors.
        """
        if waiting.durable.done():  # the request was cancelled
            return
        if error:
            waiting.durable.set_exception(error)
        elif waiting.items and self._loads.is_flood(waiting.tenant_id):
            asyncio.get_running_loop().call_later(GATHER, self._queue_up, [waiting])
        elif waiting.items:
            self._queue.append(waiting)
        else:
            waiting.durable.set_result(None)

    async def _commit(self, items: list[Item]) -> tuple[set[Place], str]:
        """Make `items` durable; the places of those that are not known to be, and why."""
        items = _unique(items)
        try:
            return {item.place for item in await self._make_durable(items)}, "The account is gone"
        except (*CANNOT_ASK, NodeFileError) as error:
            log.warning("Events are not taken: %s", describe(error))
            why = describe(error)
        except Exception as error:
            log.error("A batch of events could not be stored: %s", place(error))
            why = describe(error)
        return {item.place for item in items}, why

    async def _make_durable(self, items: list[Item]) -> list[Item]:
        """Those come back whose account is gone: whoever posts them again is told so."""
        if self.spool is None:
            return await self._store(items)
        if self.spool.busy:
            await self._keep(self.spool, items)
            return []
        return await self._store_or_keep(self.spool, items)

    async def _store_or_keep(self, spool: Spool, items: list[Item]) -> list[Item]:
        """Postgres has STORE_LIMIT; what it does not take by then, perhaps after all, the spool has."""
        storing = asyncio.create_task(self._store(items))
        self._storing.add(storing)
        storing.add_done_callback(self._storing.discard)
        # Not asyncio.timeout: a cancelled query still waits for the word of a silent server.
        await asyncio.wait({storing}, timeout=STORE_LIMIT)
        if not storing.done():
            storing.add_done_callback(lambda done: done.cancelled() or done.exception())
            log.warning("Events go to the spool: %s", explained(TimeoutError(), "Postgres is silent"))
            await self._keep(spool, items)
            return []
        try:
            return storing.result()
        except (*CANNOT_ASK, asyncpg.PostgresError) as error:
            why = explained(error, type(error).__name__)
            log.warning("Postgres does not take events, the spool does: %s", why)
            await self._keep(spool, items)
            return []

    async def _keep(self, spool: Spool, items: Sequence[Item]) -> None:
        now = datetime.now(UTC)
        await spool.keep([pack(_with_time(item.row, now)) for item in items])

    async def _store(self, items: list[Item], tries: int = RETRIES) -> list[Item]:
        """Store `items`; what Postgres refuses is halved out until it stands alone, and kept raw.

        Those come back whose account was removed meanwhile, and took along what was said to it.
        """
        pool = self.storing or self.pool
        try:
            with Flight(self._loads) as flight:
                async with pool.acquire(timeout=5) as connection:
                    if items := list(await writing.write_plain(connection, items, flight)):
                        async with connection.transaction():
                            await writing.write(connection, items, flight, self.prices)
        except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
            if not tries:
                raise
            return await self._store(items, tries - 1)
        except POISON as error:
            if len(items) > 1:
                middle = len(items) // 2
                return await self._store(items[:middle]) + await self._store(items[middle:])
            if isinstance(error, asyncpg.ForeignKeyViolationError):  # also where its conversation was pruned
                return await self._store(items, tries - 1) if tries else items
            await writing.reject(self.pool, items[0], error)
        return []

    async def drain(self, spool: Spool) -> None:
        """Give what was spooled to Postgres, the oldest first, until this is cancelled."""
        while True:
            await asyncio.sleep(DRAIN_EVERY)
            if not spool.busy:
                if spool.untidy:
                    await spool.tidy()
                continue
            try:
                drained = await self._drain(spool)
            except Exception as error:  # of Postgres or of the file; neither loses an event
                log.warning("The spool keeps its events for now: %s", describe(error))
            else:
                log.info("The spool is empty again: Postgres has its %d events", drained)

    async def _drain(self, spool: Spool) -> int:
        """Empty the spool; how many events were in it.

        As many at once as Postgres stores within its time: half of them where it ran out, one more where not.
        """
        drained, most = 0, LARGEST_DRAIN
        while rows := await spool.oldest(most):
            try:
                await self._store(_unique(Item(unpack(packed)) for _, packed in rows))
            except OUT_OF_TIME:
                if len(rows) == 1:
                    raise
                most = len(rows) // 2
                log.warning("Storing %d events took too long: %d are tried at once", len(rows), most)
            else:
                await spool.forget(rows[-1][0])
                drained += len(rows)
                most = min(most + 1, LARGEST_DRAIN)
        await spool.settle()
        return drained


def _kept(events: Iterable[tuple[AccountRow, Event]]) -> Iterator[tuple[AccountRow, Kept]]:
    """The events that are stored; the others are counted."""
    for account, event in events:
        if isinstance(event, Ignored):
            metrics.ignored(account.channel, event.kind)
        else:
            yield account, event


def _is_silenced(channel: AnyChannel, tenant: Tenant, account: AccountRow) -> bool:
    """Whether the account's assistant is silent once the business speaks; it is where nobody can say."""
    try:
        settings = validated(channel.Settings, json.dumps(account.settings), f"settings of {account.address}")
        return guard.called(channel, tenant.slug, "silenced", given.truth, settings)
    except (AccountUnusable, PluginFailed) as error:
        log.warning("The assistant of %s is silent, since the business spoke: %s", tenant.slug, error)
        return True


def _unique(items: Iterable[Item]) -> list[Item]:
    """Each event once, in the order of their taking."""
    first: dict[Place, Item] = {}
    for item in items:
        first.setdefault(item.place, item)
    return list(first.values())


def _with_time(row: Row, now: datetime) -> Row:
    """A message that will be stored later says when it came."""
    return row._replace(at=row.at or now) if isinstance(row, InboundRow | BusinessRow) else row
