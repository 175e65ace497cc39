"""The worker: takes jobs from the queue, shares its slots fairly, and comes back to what was missed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.models import Job as QueueJob

from conserje import jobs, notices, queue
from conserje.collector import Collector
from conserje.conversation import Conversation
from conserje.database import CANNOT_ASK, Pool
from conserje.delivery import Delivery
from conserje.directory import DirectoryUnavailable, UnknownTenant
from conserje.jobs import Job
from conserje.log import place
from conserje.notifier import Notifier
from conserje.queue import QueueDriver
from conserje.turns import LEASE

log = logging.getLogger(__name__)

BATCH = 10
DEQUEUE_TIMEOUT = timedelta(seconds=1)
# Then a job is picked again: its worker is dead, or the answer that gave it to one was lost on the way.
HEARTBEAT_TIMEOUT = timedelta(seconds=2)
SHUTDOWN_LIMIT = 15.0  # seconds that turns in hand get to end
LAST_LIMIT = 5.0  # seconds for what is cancelled then, which may find Postgres gone
CANCELLATIONS = 3  # of the queue, of the jobs that it waits for then, of their being put back
GATHER = 0.005  # seconds in which jobs that go back join each other
AFTER_A_FAILURE = timedelta(seconds=30)
UPKEEP_EVERY = 5.0
LOG_KEPT = timedelta(minutes=10)

# Hints that were lost (a stalled worker can finish its successor's job): conversations that have
# something to do and that nobody has looked at for a while.
SWEEP = """
WITH idle AS NOT MATERIALIZED (
    SELECT conversations.tenant_id, conversations.id, state FROM conversations
    JOIN tenants ON tenants.id = conversations.tenant_id AND tenants.status = 'active'
    WHERE coalesce(leased_until < now(), true) AND coalesce(swept_at, '-infinity') < now() - $1::interval * 4
), due AS (
    (SELECT 'converse' AS entrypoint, idle.tenant_id, idle.id FROM messages
     JOIN idle ON idle.tenant_id = messages.tenant_id AND idle.id = conversation_id AND idle.state <> 'held'
     WHERE direction = 'in' AND turn_id IS NULL AND created_at < now() - $1::interval LIMIT 1000)
    UNION
    (SELECT 'deliver', idle.tenant_id, idle.id FROM messages
     JOIN idle ON idle.tenant_id = messages.tenant_id AND idle.id = conversation_id
     WHERE messages.state IN ('queued', 'sending', 'uncertain')
       AND coalesce(due_at, attempted_at, created_at) < now() - $1::interval LIMIT 1000)
), swept AS (
    UPDATE conversations SET swept_at = now() FROM due
    WHERE conversations.tenant_id = due.tenant_id AND conversations.id = due.id
)
SELECT entrypoint, tenant_id, id FROM due
"""
SWEEP_AFTER = timedelta(seconds=30)

PRUNE = "DELETE FROM pgqueuer.pgqueuer_log WHERE created < now() - $1::interval"


@dataclass
class Pace:
    """How fast one tenant's jobs of a kind go through its share."""

    interval: float  # seconds from one job's end to the next one's, a moving average
    ended: float = 0.0  # when the last job did
    next: float = 0.0  # when the next job that went back may come


@dataclass
class Share:
    """Gives one tenant at most a quarter of the slots; the rest of its jobs go back, spread over
    the time that its share takes for them. `pace` is the seconds that a job takes by itself."""

    slots: int
    pace: float = 0.01
    running: Counter[int] = field(default_factory=Counter)
    _paces: dict[int, dict[str, Pace]] = field(default_factory=dict)

    def enter(self, tenant_id: int, kind: str, now: float) -> timedelta | None:
        """None: the job may run, and `leave` must follow. Else it goes back for that long."""
        if self.running[tenant_id] < self.slots // 4 and self.running.total() < self.slots:
            self.running[tenant_id] += 1
            return None
        # One pace for each kind: a reply that is to be sent does not queue behind a flood to be read.
        pace = self._paces.setdefault(tenant_id, {}).setdefault(kind, Pace(self.pace, ended=now))
        pace.next = max(pace.next, now) + pace.interval
        return timedelta(seconds=pace.next - now)

    def leave(self, tenant_id: int, kind: str, now: float) -> None:
        self.running[tenant_id] -= 1
        if not self.running[tenant_id]:
            del self.running[tenant_id]
            self._paces.pop(tenant_id, None)
        elif pace := self._paces.get(tenant_id, {}).get(kind):
            pace.interval += (now - pace.ended - pace.interval) / 20
            pace.ended = now


@dataclass
class Worker:
    """Runs turns and deliveries until it is told to stop."""

    pool: Pool
    url: str
    conversation: Conversation
    delivery: Delivery
    collector: Collector
    notifier: Notifier
    slots: int
    _manager: QueueManager | None = None
    _returning: list[Job] = field(default_factory=list)
    _return: asyncio.Task[None] | None = None
    _returns: set[asyncio.Task[None]] = field(default_factory=set)
    _stopping: bool = False

    async def run(self) -> None:
        """Work until `stop`. The queue's own loop is started again should it end."""
        upkeep = asyncio.create_task(self._keep_up())
        try:
            while not self._stopping:
                try:
                    await self._work()
                except Exception as error:
                    log.error("The queue stopped and starts again: %s", type(error).__name__)
                    await asyncio.sleep(1)
        finally:
            left = {upkeep, *self._returns}
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=LAST_LIMIT)

    def stop(self) -> None:
        """Take no more jobs; those in hand may end, in their time."""
        self._stopping = True
        if self._manager:
            self._manager.shutdown.set()

    async def _work(self) -> None:
        driver = QueueDriver(self.pool, self.url)
        manager = QueueManager(queue.queries(driver), queue.SETTINGS.channel)
        # A file takes a minute where a turn takes a second: a quarter of the slots is for all of them, and
        # for notices, which tenants' own servers may take their time for.
        talking, waiting = Share(self.slots), Share(self.slots // 4, pace=0.5)
        for name, handle, share in (
            (jobs.CONVERSE, self.conversation.converse, talking),
            (jobs.DELIVER, self.delivery.deliver, talking),
            (jobs.COLLECT, self.collector.collect, waiting),
            (jobs.NOTIFY, self.notifier.notify, waiting),
        ):
            manager.entrypoint(name, on_failure="hold", accepts_context=False)(
                self._handler(name, handle, share)
            )
        self._manager = manager
        running = asyncio.create_task(
            manager.run(
                dequeue_timeout=DEQUEUE_TIMEOUT,
                batch_size=BATCH,
                max_concurrent_tasks=self.slots,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                log_aggregation_interval=timedelta(0),
            )
        )
        stopped = asyncio.create_task(manager.shutdown.wait())
        try:
            await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
            _, late = await asyncio.wait({running}, timeout=SHUTDOWN_LIMIT)
            if late:
                log.warning("Turns in hand did not end within %g s; others take them over", SHUTDOWN_LIMIT)
        finally:
            stopped.cancel()
            driver.patient = False
            await _end(running)
        if not late and not running.cancelled():
            running.result()

    def _handler(
        self, name: str, handle: Callable[[Job], Awaitable[None]], share: Share
    ) -> Callable[[QueueJob], Awaitable[None]]:
        async def run(queued: QueueJob) -> None:
            tenant_id, conversation_id, message_id = jobs.read_payload(queued.payload)
            job = Job(name, tenant_id, conversation_id, message_id, queued.priority)
            if (pause := share.enter(tenant_id, name, time.monotonic())) is not None:
                await self._put_back(job, pause)
                return
            try:
                await self._attend(handle, job)
            except asyncio.CancelledError:  # the worker ends, and the queue forgets the job
                await self._put_back(job, LEASE)
                raise
            finally:
                share.leave(tenant_id, name, time.monotonic())

        return run

    async def _attend(self, handle: Callable[[Job], Awaitable[None]], job: Job) -> None:
        """Handle one job; whatever happens, nothing is raised and nothing due is forgotten."""
        pause = 0.2
        while True:
            try:
                await handle(job)
            except UnknownTenant:
                return  # removed, and its messages with it
            except (*CANNOT_ASK, DirectoryUnavailable) as error:
                log.warning("Postgres does not answer a %s job: %s", job.entrypoint, type(error).__name__)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)
                continue
            except Exception as error:
                log.error("A %s job of tenant %s failed: %s", job.entrypoint, job.tenant_id, place(error))
                await self._put_back(job, AFTER_A_FAILURE)
            return

    async def _put_back(self, job: Job, delay: timedelta) -> None:
        """Return when the job waits in the queue again; those that go back together go at once."""
        again = Job(job.entrypoint, job.tenant_id, job.conversation_id, job.message_id, job.priority, delay)
        self._returning.append(again)
        if self._return is None:
            self._return = asyncio.create_task(self._return_all())
            self._returns.add(self._return)
            self._return.add_done_callback(self._returns.discard)
        await asyncio.shield(self._return)

    async def _return_all(self) -> None:
        await asyncio.sleep(GATHER)
        going, self._returning, self._return = self._returning, [], None
        while True:
            try:
                async with self.pool.acquire() as connection:
                    return await queue.enqueue(connection, going)
            except CANNOT_ASK:
                await asyncio.sleep(1)

    async def _keep_up(self) -> None:
        while True:
            await asyncio.sleep(UPKEEP_EVERY)
            with suppress(*CANNOT_ASK):
                await self.sweep()
                await self.collector.keep_up()
                await notices.recover(self.pool)
                await self.pool.execute(PRUNE, LOG_KEPT)

    async def sweep(self) -> None:
        """Enqueue what is due and was not looked at for long."""
        async with self.pool.acquire() as connection, connection.transaction():
            due = await connection.fetch(SWEEP, SWEEP_AFTER)
            await queue.enqueue(
                connection,
                [Job(name, tenant_id, conversation, priority=-1000) for name, tenant_id, conversation in due],
            )
        if due:
            log.info("Looked again at %s conversations", len(due))


async def _end(running: asyncio.Task[None]) -> None:
    """Leave nothing of the queue behind, which ends when its jobs have ended."""
    for _ in range(CANCELLATIONS):
        if running.cancel():
            await asyncio.wait({running}, timeout=LAST_LIMIT / CANCELLATIONS)
