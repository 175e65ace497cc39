"""Makes events durable: all that wait together in one transaction, with their jobs."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import asyncpg

from conserje.contract.message import Event, InboundMessage
from conserje.conversations.rows import InboundRow, Row, prepare
from conserje.intake import writing
from conserje.intake.packing import pack, unpack
from conserje.intake.priority import Loads
from conserje.intake.spool import Spool
from conserje.intake.writing import Item
from conserje.plugins.plugins import Plugins
from conserje.rules import consent
from conserje.storage.database import CANNOT_ASK, Pool, describe
from conserje.storage.sqlite import NodeFileError
from conserje.storage.stillness import explained
from conserje.telemetry.log import place
from conserje.tenants.accounts import AccountRow
from conserje.tenants.tenants import Tenant

log = logging.getLogger(__name__)

IN_FLIGHT = 2  # one batch is being written while the next one's commit waits for the disk
LARGEST_BATCH = 256
STORE_LIMIT = 1.0  # seconds that Postgres may take before the spool does
DRAIN_EVERY = 0.2  # seconds between two looks at the spool, and two tries to empty it
LARGEST_DRAIN = 512  # events that are taken out of the spool at once
OUT_OF_TIME = (TimeoutError, asyncpg.QueryCanceledError)  # by our limit, or by the server's statement_timeout
POISON = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
)
RETRIES = 3  # of a batch that lost a deadlock


class NotDurable(Exception):
    """The events could not be made durable; whoever posted them must post them again."""


@dataclass(slots=True)
class _Waiting:
    """Whoever has posted events: those that no batch has had yet, and what is waited for."""

    items: list[Item]
    durable: asyncio.Future[None]


@dataclass
class Intake:
    """Group commit: whoever waits while a batch is written goes into the next one, and whoever has posted
    more than one batch holds waits again for each.

    With a spool, what Postgres does not take within STORE_LIMIT goes there, and so does all that comes
    while something is in it.
    """

    pool: Pool
    plugins: Plugins
    spool: Spool | None = None
    _queue: deque[_Waiting] = field(default_factory=deque)
    _flights: set[asyncio.Task[None]] = field(default_factory=set)
    _storing: set[asyncio.Task[None]] = field(default_factory=set)
    _loads: Loads = field(default_factory=Loads)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._flights:
            await asyncio.wait(self._flights)
        for task in self._storing:  # what they store is in the spool as well
            task.cancel()

    async def take(self, tenant: Tenant, events: Sequence[tuple[AccountRow, Event]]) -> None:
        """Return when all `events` are on a disk. Raises NotDurable."""
        if not events:
            return
        items: list[Item] = []
        for n, (account, event) in enumerate(events, 1):
            items.append(Item(self._row(tenant, account, event), account.quiet_period_of(tenant)))
            if n % LARGEST_BATCH == 0:
                await asyncio.sleep(0)  # others' posts come in between
        durable = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(items, durable))
        if len(self._flights) < IN_FLIGHT:
            flight = asyncio.create_task(self._fly())
            self._flights.add(flight)
            flight.add_done_callback(self._flights.discard)
        await durable

    def _row(self, tenant: Tenant, account: AccountRow, event: Event) -> Row:
        row = prepare(tenant.id, account, event)
        channel = self.plugins.channels.get(account.channel)
        if channel and isinstance(row, InboundRow) and isinstance(event, InboundMessage):
            return consent.marked(row, event, channel, tenant.locale)
        return row

    async def _fly(self) -> None:
        while self._queue:
            waiting, items = self._next_batch()
            error = await self._commit(items)
            for each in waiting:
                self._go_on(each, error)

    def _next_batch(self) -> tuple[list[_Waiting], list[Item]]:
        """Those who have waited longest, and as much of theirs as a batch holds."""
        waiting: list[_Waiting] = []
        items: list[Item] = []
        while self._queue and (room := LARGEST_BATCH - len(items)):
            waiting.append(first := self._queue.popleft())
            items += first.items[:room]
            first.items = first.items[room:]
        return waiting, items

    def _go_on(self, waiting: _Waiting, error: Exception | None) -> None:
        """What is left goes behind those who wait: after its first part, since the order is kept."""
        if waiting.durable.done():  # the request was cancelled
            return
        if error:
            waiting.durable.set_exception(NotDurable(describe(error)))
        elif waiting.items:
            self._queue.append(waiting)
        else:
            waiting.durable.set_result(None)

    async def _commit(self, items: list[Item]) -> Exception | None:
        """Make `items` durable; the error if they are not known to be."""
        items = _unique(items)
        try:
            if self.spool is None:
                await self._store(items)
            elif self.spool.busy:
                await self._keep(self.spool, items)
            else:
                await self._store_or_keep(self.spool, items)
        except (*CANNOT_ASK, NodeFileError) as error:
            log.warning("Events are not taken: %s", describe(error))
            return error
        except Exception as error:
            log.error("A batch of events could not be stored: %s", place(error))
            return error
        return None

    async def _store_or_keep(self, spool: Spool, items: list[Item]) -> None:
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
            return
        try:
            storing.result()
        except asyncpg.ForeignKeyViolationError:
            raise
        except (*CANNOT_ASK, asyncpg.PostgresError) as error:
            why = explained(error, type(error).__name__)
            log.warning("Postgres does not take events, the spool does: %s", why)
            await self._keep(spool, items)

    async def _keep(self, spool: Spool, items: Sequence[Item]) -> None:
        now = datetime.now(UTC)
        await spool.keep([pack(_with_time(item.row, now)) for item in items])

    async def _store(self, items: list[Item], tries: int = RETRIES, *, orphans: bool = False) -> None:
        """Store `items`; what Postgres refuses is halved out until it stands alone, and kept raw.

        With `orphans`, what belongs to an account that is gone goes with it.
        """
        try:
            async with self.pool.acquire(timeout=5) as connection, connection.transaction():
                await writing.write(connection, items, self._loads)
        except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
            if not tries:
                raise
            await self._store(items, tries - 1, orphans=orphans)
        except POISON as error:
            if isinstance(error, asyncpg.ForeignKeyViolationError) and not orphans:
                raise  # the account was removed meanwhile: whoever posts again is told so
            if len(items) == 1:
                await writing.reject(self.pool, items[0], error)
                return
            middle = len(items) // 2
            await self._store(items[:middle], orphans=orphans)
            await self._store(items[middle:], orphans=orphans)

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
                await self._store(_unique(Item(unpack(packed)) for _, packed in rows), orphans=True)
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


def _unique(items: Iterable[Item]) -> list[Item]:
    """Each event once, in the order of their taking."""
    first: dict[tuple[int, int, bytes], Item] = {}
    for item in items:
        first.setdefault(item.place, item)
    return list(first.values())


def _with_time(row: Row, now: datetime) -> Row:
    """A message that will be stored later says when it came."""
    return row._replace(at=row.at or now) if isinstance(row, InboundRow) else row
