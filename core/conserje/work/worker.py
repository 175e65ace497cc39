"""The engine: takes jobs from the queue, gives each to its task, and shares its slots fairly."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Literal

import asyncpg
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.models import Job as QueueJob

from conserje.errors import DirectoryUnavailable, UnknownTenant
from conserje.storage import jobs, precedence, queue, statistics
from conserje.storage.backoff import pause
from conserje.storage.database import CANNOT_ASK, Pool
from conserje.storage.hands import Hands
from conserje.storage.jobs import Job
from conserje.storage.pool import connect_queue
from conserje.storage.queue import QueueDriver
from conserje.storage.stillness import explained
from conserje.storage.wakes import Wakes
from conserje.telemetry import heartbeat
from conserje.telemetry.heartbeat import this_process
from conserje.telemetry.log import place
from conserje.work.share import LATEST, Share

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
WHILE_LOCKED = timedelta(milliseconds=500)  # whoever waited would keep a connection from others
AFTER_A_STOP = timedelta(seconds=2)  # until then what was cut off still has its lease
UPKEEP_EVERY = 5.0
FEEL_EVERY = 0.02  # seconds between two looks at how late the loop comes round

# A slow job takes a minute where a quick one takes a second; nobody waits for a paced one; what posts to
# tenants' own servers waits for them. A quarter of the slots is for all of each kind.
Lane = Literal["quick", "slow", "paced", "outside"]


@dataclass(frozen=True, slots=True)
class Task:
    """A kind of job: who handles it, beside which others, and what brings back those that were lost.

    `bring` puts a tenant's next jobs of a flood into the queue, at most so many, for after so long.
    """

    kind: str
    handle: Callable[[Job], Awaitable[None]]
    lane: Lane = "quick"
    upkeep: Callable[[], Awaitable[None]] | None = None
    bring: Callable[[int, int, timedelta], Awaitable[None]] | None = None
    every: float = UPKEEP_EVERY  # seconds between two upkeeps


@dataclass
class Worker:
    """Does its tasks' jobs until it is told to stop."""

    pool: Pool
    url: str
    tasks: Sequence[Task]
    slots: int
    _manager: QueueManager | None = None
    _wakes: Wakes | None = None
    _returning: list[Job] = field(default_factory=list)
    _return: asyncio.Task[None] | None = None
    _returns: set[asyncio.Task[None]] = field(default_factory=set)
    _stopping: bool = False

    async def run(self) -> None:
        """Work until `stop`. The queue's own loop is started again should it end."""
        upkeep = {
            asyncio.create_task(self._keep_up(every))
            for every in {UPKEEP_EVERY, *(t.every for t in self.tasks)}
        }
        try:
            while not self._stopping:
                try:
                    await self._work()
                except Exception as error:
                    log.error("The queue stopped and starts again: %s", type(error).__name__)
                    await asyncio.sleep(1)
        finally:
            left = {*upkeep, *self._returns}
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=LAST_LIMIT)

    def stop(self) -> None:
        """Take no more jobs; those in hand may end, in their time."""
        self._stopping = True
        if self._manager:
            self._manager.shutdown.set()

    async def _work(self) -> None:
        noting = await connect_queue(self.url, queue.CONNECTIONS)
        try:
            await self._take_jobs(QueueDriver(noting, self.pool, self.url))
        finally:
            noting.terminate()

    async def _take_jobs(self, driver: QueueDriver) -> None:
        hands = Hands(self.slots)
        queries = queue.sparing_queries(driver, hands)
        manager = QueueManager(queries, queue.SETTINGS.channel)
        shares: dict[Lane, Share] = {
            "quick": Share(self.slots),
            "slow": Share(self.slots // 4, pace=0.5),
            "paced": Share(self.slots // 4),
            "outside": Share(max(self.slots // 4, 1), pace=0.5),
        }
        for task in self.tasks:
            manager.entrypoint(task.kind, on_failure="hold", accepts_context=False)(
                _ending(self._handler(task, shares[task.lane]), queries.end)
            )
        self._manager, self._wakes = manager, driver.wakes
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
        feeling = asyncio.create_task(_feel((hands, *shares.values())))
        try:
            await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
            _, late = await asyncio.wait({running}, timeout=SHUTDOWN_LIMIT)
            if late:
                log.warning("Turns in hand did not end within %g s; others take them over", SHUTDOWN_LIMIT)
        finally:
            stopped.cancel()
            feeling.cancel()
            driver.patient = False
            await _end(running)
        if not late and not running.cancelled():
            running.result()

    def _handler(self, task: Task, share: Share) -> Callable[[QueueJob], Awaitable[None]]:
        async def run(queued: QueueJob) -> None:
            tenant_id, conversation_id, message_id = jobs.read_payload(queued.payload)
            job = Job(task.kind, tenant_id, conversation_id, message_id, queued.priority)
            began, flooded = time.monotonic(), job.priority == jobs.FLOODED
            if (pause := share.enter(tenant_id, task.kind, began, flooded=flooded)) is not None:
                await self._put_back(job, pause)
                return
            precedence.gives_way.set(flooded)  # each job is a task
            if task.lane == "quick" and not flooded:
                precedence.here.begin(began)
            try:
                await self._attend(task.handle, job)
            except asyncio.CancelledError:  # the worker ends, and the queue forgets the job
                await self._put_back(job, AFTER_A_STOP)
                raise
            finally:
                share.leave(tenant_id, task.kind, began, time.monotonic())
            if flooded and task.bring:
                more, rest = share.wanted(tenant_id, task.kind, time.monotonic())
                if more:
                    with suppress(*CANNOT_ASK):  # upkeep brings one later
                        await task.bring(tenant_id, more, rest)

        return run

    async def _attend(self, handle: Callable[[Job], Awaitable[None]], job: Job) -> None:
        """Handle one job; whatever happens, nothing is raised and nothing due is forgotten."""
        for tries in itertools.count(1):
            try:
                await handle(job)
            except UnknownTenant:
                return  # removed, and its messages with it
            except (*CANNOT_ASK, DirectoryUnavailable) as error:
                why = explained(error, f"Postgres does not answer: {type(error).__name__}")
                log.warning("A %s job waits: %s", job.entrypoint, why)
                await asyncio.sleep(pause(tries, 0.2, 5.0))
                continue
            except asyncpg.LockNotAvailableError:  # a worker has it that stands still, perhaps
                await self._put_back(job, WHILE_LOCKED)
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
                    return await jobs.enqueue(connection, going)
            except CANNOT_ASK:
                await asyncio.sleep(1)

    async def _keep_up(self, every: float) -> None:
        """Do the upkeep that is done so often."""
        upkeeps = [task.upkeep for task in self.tasks if task.upkeep and task.every == every]
        if every == UPKEEP_EVERY:
            upkeeps += [
                partial(queue.prune, self.pool),
                partial(statistics.renew, self.pool),
                self._take_place,
            ]
        while True:
            await asyncio.sleep(every)
            for upkeep in upkeeps:
                try:
                    await upkeep()
                except CANNOT_ASK:
                    break
                except Exception as error:  # the others are done all the same, and this one again
                    log.error("An upkeep failed: %s", place(error))

    async def _take_place(self) -> None:
        """Know whose turn it is among those that work."""
        names = await heartbeat.workers(self.pool)
        if self._wakes and this_process() in names:
            self._wakes.stand(names.index(this_process()), len(names))


def _ending(
    handle: Callable[[QueueJob], Awaitable[None]], end: Callable[[int], None]
) -> Callable[[QueueJob], Awaitable[None]]:
    """What it handles is told to `end` once it is done."""

    async def run(queued: QueueJob) -> None:
        await handle(queued)
        end(queued.id)

    return run


async def _feel(feelers: Sequence[Share | Hands]) -> None:
    """Tell them how late the loop comes round; one moment, however long, is not yet a busy loop."""
    late = 0.0
    while True:
        before = time.monotonic()
        await asyncio.sleep(FEEL_EVERY)
        late += (min(time.monotonic() - before - FEEL_EVERY, LATEST) - late) / 5
        for each in feelers:
            each.late = late


async def _end(running: asyncio.Task[None]) -> None:
    """Leave nothing of the queue behind, which ends when its jobs have ended."""
    for _ in range(CANCELLATIONS):
        if running.cancel():
            await asyncio.wait({running}, timeout=LAST_LIMIT / CANCELLATIONS)
