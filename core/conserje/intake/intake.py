"""Makes events durable: all that wait together in one transaction, with their jobs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import asyncpg
from cachetools import LRUCache

from conserje.contract.message import Event, InboundMessage
from conserje.conversations import messages
from conserje.conversations.rows import InboundRow, RejectRow, ReportRow, Row, pack, prepare, unpack
from conserje.files import table as files
from conserje.intake.spool import Spool
from conserje.plugins import Plugins
from conserje.rules import consent
from conserje.rules.consent import Heard
from conserje.storage import jobs, queue
from conserje.storage.database import CANNOT_ASK, Connection, Pool, describe
from conserje.storage.jobs import Job
from conserje.storage.sqlite import NodeFileError
from conserje.telemetry.log import place
from conserje.tenants.accounts import Account
from conserje.tenants.tenants import Tenant

log = logging.getLogger(__name__)

IN_FLIGHT = 2  # one batch is being written while the next one's commit waits for the disk
LARGEST_BATCH = 256
STORE_LIMIT = 1.0  # seconds that Postgres may take before the spool does
DRAIN_EVERY = 0.2  # seconds between two looks at the spool, and two tries to empty it
LARGEST_DRAIN = 512  # events that are taken out of the spool at once
OUT_OF_TIME = (TimeoutError, asyncpg.QueryCanceledError)  # by our limit, or by the server's statement_timeout
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
    row: Row
    quiet_period: timedelta = timedelta(0)

    @property
    def place(self) -> tuple[int, int, bytes]:
        return self.row.tenant_id, self.row.account_id, self.row.event_key


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
    """Group commit: whoever waits while a batch is written goes into the next one.

    With a spool, what Postgres does not take within STORE_LIMIT goes there, and so does all that comes
    while something is in it.
    """

    pool: Pool
    plugins: Plugins
    spool: Spool | None = None
    _queue: deque[_Waiting] = field(default_factory=deque)
    _flights: set[asyncio.Task[None]] = field(default_factory=set)
    _storing: set[asyncio.Task[None]] = field(default_factory=set)
    _loads: LRUCache[int, _Load] = field(default_factory=lambda: LRUCache(10_000))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._flights:
            await asyncio.wait(self._flights)
        for task in self._storing:  # what they store is in the spool as well
            task.cancel()

    async def take(self, tenant: Tenant, events: Sequence[tuple[Account, Event]]) -> None:
        """Return when all `events` are on a disk. Raises NotDurable."""
        if not events:
            return
        items = [
            _Item(self._row(tenant, account, event), account.quiet_period_of(tenant))
            for account, event in events
        ]
        durable = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(items, durable))
        if len(self._flights) < IN_FLIGHT:
            flight = asyncio.create_task(self._fly())
            self._flights.add(flight)
            flight.add_done_callback(self._flights.discard)
        await durable

    def _row(self, tenant: Tenant, account: Account, event: Event) -> Row:
        row = prepare(tenant.id, account, event)
        channel = self.plugins.channels.get(account.channel)
        if channel and isinstance(row, InboundRow) and isinstance(event, InboundMessage):
            return consent.marked(row, event, channel, tenant.locale)
        return row

    async def drain(self, spool: Spool) -> None:
        """Give what was spooled to Postgres, the oldest first, until this is cancelled."""
        while True:
            await asyncio.sleep(DRAIN_EVERY)
            if not spool.busy:
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
                await self._store(_unique(_Item(unpack(packed)) for _, packed in rows), orphans=True)
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
                    waiting.durable.set_exception(NotDurable(describe(error)))

    def _next_batch(self) -> list[_Waiting]:
        batch, size = [], 0
        while self._queue and size < LARGEST_BATCH:
            batch.append(self._queue.popleft())
            size += len(batch[-1].items)
        return batch

    async def _commit(self, items: list[_Item]) -> Exception | None:
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

    async def _store_or_keep(self, spool: Spool, items: list[_Item]) -> None:
        """Postgres has STORE_LIMIT; what it does not take by then, perhaps after all, the spool has."""
        storing = asyncio.create_task(self._store(items))
        self._storing.add(storing)
        storing.add_done_callback(self._storing.discard)
        # Not asyncio.timeout: a cancelled query still waits for the word of a silent server.
        await asyncio.wait({storing}, timeout=STORE_LIMIT)
        if not storing.done():
            storing.add_done_callback(lambda done: done.cancelled() or done.exception())
            log.warning("Postgres is silent: events go to the spool")
            await self._keep(spool, items)
            return
        try:
            storing.result()
        except asyncpg.ForeignKeyViolationError:
            raise
        except (*CANNOT_ASK, asyncpg.PostgresError) as error:
            log.warning("Postgres does not take events, the spool does: %s", type(error).__name__)
            await self._keep(spool, items)

    async def _keep(self, spool: Spool, items: Sequence[_Item]) -> None:
        now = datetime.now(UTC)
        await spool.keep([pack(_with_time(item.row, now)) for item in items])

    async def _store(self, items: list[_Item], tries: int = RETRIES, *, orphans: bool = False) -> None:
        """Store `items`; what Postgres refuses is halved out until it stands alone, and kept raw.

        With `orphans`, what belongs to an account that is gone goes with it.
        """
        try:
            async with self.pool.acquire(timeout=5) as connection, connection.transaction():
                await self._write(connection, items)
        except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
            if not tries:
                raise
            await self._store(items, tries - 1, orphans=orphans)
        except POISON as error:
            if isinstance(error, asyncpg.ForeignKeyViolationError) and not orphans:
                raise  # the account was removed meanwhile: whoever posts again is told so
            if len(items) == 1:
                await self._reject(items[0], error)
                return
            middle = len(items) // 2
            await self._store(items[:middle], orphans=orphans)
            await self._store(items[middle:], orphans=orphans)

    async def _write(self, connection: Connection, items: list[_Item]) -> None:
        due, heard = await self._take(connection, items)
        reports = [item.row for item in items if isinstance(item.row, ReportRow)]
        if reports:
            heard += await consent.reported(connection, reports)
            settled = await messages.report(connection, reports)
            due += [Job(jobs.DELIVER, tenant_id, conversation) for tenant_id, conversation in settled]
        for item in items:
            if isinstance(item.row, RejectRow):
                await messages.reject(connection, item.row)
        due += await consent.follow(connection, heard)
        await queue.enqueue(connection, due)

    async def _take(self, connection: Connection, items: list[_Item]) -> tuple[list[Job], list[Heard]]:
        """Store inbound messages; jobs for what is new, due when its quiet period ends, and its signs."""
        inbound = [(item.row, item.quiet_period) for item in items if isinstance(item.row, InboundRow)]
        if not inbound:
            return [], []
        now = time.monotonic()
        await self._look_at_load(connection, {row.tenant_id for row, _ in inbound}, now)
        places = await messages.take(connection, [row for row, _ in inbound])
        new = [
            (row, each.conversation_id, each.message_id, quiet_period)
            for (row, quiet_period), each in zip(inbound, places, strict=True)
            if each.message_id
        ]
        due = [
            self._job(row.tenant_id, conversation_id, message_id, quiet_period, now)
            for row, conversation_id, message_id, quiet_period in new
            if not row.wordless
        ]
        heard = [consent.written(row, conversation_id) for row, conversation_id, _, _ in new if row.consent]
        sent = [
            files.Sent(row.tenant_id, row.account_id, conversation_id, message_id, row.files)
            for row, conversation_id, message_id, _ in new
            if row.files
        ]
        bare = [
            (row.tenant_id, row.account_id, row.amends) for row, _ in inbound if row.amends and not row.files
        ]
        await files.drop(connection, bare)
        return due + await files.note(connection, sent), heard

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

    def _job(
        self, tenant_id: int, conversation_id: int, message_id: int, quiet_period: timedelta, now: float
    ) -> Job:
        priority, pause = self._loads[tenant_id].one_more(now)
        delay = max(quiet_period, timedelta(seconds=pause))
        return Job(jobs.CONVERSE, tenant_id, conversation_id, message_id, priority, delay)

    async def _reject(self, item: _Item, error: Exception) -> None:
        row = item.row
        log.error("An event of account %s was refused by Postgres (%s)", row.account_id, type(error).__name__)
        if isinstance(error, asyncpg.ForeignKeyViolationError):
            return  # its account is gone, and would have taken it along
        raw = row.raw if isinstance(row, RejectRow) else pack(row).decode()
        reject = RejectRow(row.tenant_id, row.account_id, row.event_key, raw, f"Postgres: {error}"[:500])
        async with self.pool.acquire(timeout=5) as connection:
            await messages.reject(connection, reject)


def _unique(items: Iterable[_Item]) -> list[_Item]:
    """Each event once, in the order of their taking."""
    first: dict[tuple[int, int, bytes], _Item] = {}
    for item in items:
        first.setdefault(item.place, item)
    return list(first.values())


def _with_time(row: Row, now: datetime) -> Row:
    """A message that will be stored later says when it came."""
    return row._replace(at=row.at or now) if isinstance(row, InboundRow) else row
