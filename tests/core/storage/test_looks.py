"""A look at the queue: what it takes, notes and tells, as the library's own statements would."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta

import pytest
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.domain.models import Job as Taken
from pgqueuer.domain.types import QueueEntrypoint, QueueManagerId
from pgqueuer.ports import RepositoryPort
from pgqueuer.ports.repository import EntrypointExecutionParameter
from plans import analyze, pages
from waiting import until

from conserje.storage import jobs, looks, queue, wakes
from conserje.storage.database import Connection, Pool
from conserje.storage.hands import FEW, LATE, Hands
from conserje.storage.jobs import Job
from conserje.storage.looks import SparingQueries
from conserje.storage.queue import QueueDriver

KINDS = [jobs.CONVERSE, jobs.DELIVER]
WORKER = QueueManagerId(uuid.uuid4())
HEARTBEAT = timedelta(seconds=2)
WAITING = """
INSERT INTO pgqueuer.pgqueuer (entrypoint, priority, status, execute_after)
SELECT $1, 0, 'queued', now() + (n - 10000) * interval '1 second' FROM generate_series(1, 20000) AS n
"""
ROWS = "SELECT to_jsonb(job) - 'updated' - 'heartbeat' FROM pgqueuer.pgqueuer AS job ORDER BY id"
STALE = "UPDATE pgqueuer.pgqueuer SET status = 'picked', heartbeat = now() - interval '1 minute' WHERE id = "
OTHER_WORKER = "UPDATE pgqueuer.pgqueuer SET status = 'picked', heartbeat = now() WHERE id = "


class Driver(QueueDriver):
    """Remembers what it was asked."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool, pool, "")
        self.asked: list[str] = []

    async def fetch(self, query: str, *arguments: object) -> list[dict[str, object]]:
        self.asked.append(query)
        return await super().fetch(query, *arguments)

    async def execute(self, query: str, *arguments: object) -> str:
        self.asked.append(query)
        return await super().execute(query, *arguments)


@pytest.fixture
def driver(pool: Pool) -> Driver:
    return Driver(pool)


@pytest.fixture
def hands() -> Hands:
    return Hands(40)


@pytest.fixture
def ours(driver: Driver, hands: Hands) -> SparingQueries:
    return queue.sparing_queries(driver, hands)


async def take(queries: RepositoryPort, most: int) -> list[Taken]:
    return await queries.dequeue(
        batch_size=most,
        entrypoints={QueueEntrypoint(kind): EntrypointExecutionParameter(0) for kind in KINDS},
        queue_manager_id=WORKER,
        global_concurrency_limit=40,
        heartbeat_timeout=HEARTBEAT,
    )


async def add(pool: Pool, *added: Job) -> list[int]:
    async with pool.acquire() as connection:
        await jobs.enqueue(connection, added)
        rows = await connection.fetch(
            "SELECT id FROM pgqueuer.pgqueuer ORDER BY id DESC LIMIT $1", len(added)
        )
    return [row["id"] for row in reversed(rows)]


@pytest.mark.both
@pytest.mark.parametrize("most", [2, 3, 10])
async def test_it_takes_and_leaves_what_the_library_would(
    connection: Connection, hands: Hands, most: int
) -> None:
    """The better ones first; what others left behind, and nothing that is not due, another's or unknown."""
    left = [
        Job(jobs.CONVERSE, 1, 1),
        Job(jobs.DELIVER, 1, 2, priority=5),
        Job(jobs.CONVERSE, 1, 3, priority=-100),
        Job(jobs.CONVERSE, 1, 4, delay=timedelta(seconds=9)),
        Job("unknown", 1, 5),
        Job(jobs.CONVERSE, 1, 6, priority=1),  # left behind
        Job(jobs.CONVERSE, 1, 7),  # another worker's
    ]
    await jobs.enqueue(connection, left)
    await connection.execute("UPDATE pgqueuer.pgqueuer SET execute_after = execute_after - interval '1 s'")
    ids = [row["id"] for row in await connection.fetch("SELECT id FROM pgqueuer.pgqueuer ORDER BY id")]
    await connection.execute(f"{STALE}{ids[5]}")
    await connection.execute(f"{OTHER_WORKER}{ids[6]}")
    driver = AsyncpgDriver(connection)  # type: ignore[arg-type]
    found = []
    for queries in (queue.queries(driver), SparingQueries(wakes.Wakes(print), hands, driver, **builders())):
        undone = connection.transaction()
        await undone.start()
        taken = await take(queries, most)
        found.append(([job.id for job in taken], [row[0] for row in await connection.fetch(ROWS)]))
        await undone.rollback()
    assert found[0] == found[1]
    assert found[0][0] == [ids[n] for n in (1, 5, 0, 2)][:most]


def builders() -> dict[str, object]:
    return {"qbe": queue._ENVIRONMENT, "qbq": queue._QUEUE, "qbs": queue._SCHEDULER}


@pytest.mark.parametrize("due", [[], [5.0], [9.0, 5.0], [-1.0, 5.0, 9.0], [-1.0]])
async def test_a_look_tells_when_the_next_job_is_due(
    pool: Pool, ours: SparingQueries, driver: Driver, due: list[float]
) -> None:
    await add(pool, *(Job(jobs.CONVERSE, 1, 1, delay=timedelta(seconds=each)) for each in due))
    assert len(await take(ours, 10)) == sum(each < 0 for each in due)
    asked = len(driver.asked)
    eta, expected = await ours.next_deferred_eta(KINDS), await queue.queries(driver).next_deferred_eta(KINDS)  # type: ignore[arg-type]
    assert (eta is None) == (expected is None)
    assert eta is None or expected is None or abs(eta - expected) < timedelta(seconds=2)
    assert await ours.eligible_queued_work(KINDS) == await ours.queued_work(KINDS) == 0  # type: ignore[arg-type]
    assert len(driver.asked) == asked + 1  # the library's


async def test_one_statement_takes_jobs_and_notes_which_ended(
    pool: Pool, ours: SparingQueries, driver: Driver
) -> None:
    first, second = await add(pool, Job(jobs.CONVERSE, 1, 1), Job(jobs.CONVERSE, 1, 2))
    [taken] = await take(ours, 1)
    assert taken.id == first
    ours.end(first)
    [taken] = await take(ours, 1)
    assert taken.id == second
    assert [row["id"] for row in await pool.fetch("SELECT id FROM pgqueuer.pgqueuer")] == [second]
    await ours.log_jobs([(taken, "successful", None)])
    assert not await pool.fetch("SELECT FROM pgqueuer.pgqueuer")
    assert driver.asked == [looks.LOOK, looks.LOOK, looks.ENDED]
    await ours.log_jobs([(taken, "successful", None)])
    assert len(driver.asked) == 3


async def test_a_job_that_failed_is_held(pool: Pool, ours: SparingQueries, hands: Hands) -> None:
    await add(pool, Job(jobs.CONVERSE, 1, 1))
    [taken] = await take(ours, 1)
    await ours.log_jobs([(taken, "failed", None)])
    assert hands.room() == 40
    assert await pool.fetchval("SELECT status::text FROM pgqueuer.pgqueuer") == "failed"


async def test_what_could_not_be_noted_is_noted_later(
    pool: Pool, ours: SparingQueries, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise ConnectionError

    await add(pool, Job(jobs.CONVERSE, 1, 1))
    [taken] = await take(ours, 1)
    ours.end(taken.id)
    with monkeypatch.context() as broken:
        broken.setattr(driver, "fetch", fail)
        broken.setattr(driver, "execute", fail)
        with pytest.raises(ConnectionError):
            await take(ours, 2)
        with pytest.raises(ConnectionError):
            await ours.log_jobs([(taken, "successful", None)])
    await ours.log_jobs([(taken, "successful", None)])
    assert not await pool.fetch("SELECT FROM pgqueuer.pgqueuer")


async def test_after_a_part_of_a_batch_there_is_no_more_unless_it_is_told_of(
    pool: Pool, ours: SparingQueries, driver: Driver
) -> None:
    await add(pool, *(Job(jobs.CONVERSE, 1, n) for n in range(3)))
    assert [len(await take(ours, 2)) for _ in range(3)] == [2, 1, 0]
    assert len(driver.asked) == 2
    assert not await take(ours, 2)
    assert len(driver.asked) == 3
    await add(pool, Job(jobs.CONVERSE, 1, 9))
    assert len(await take(ours, 2)) == 1
    driver.wakes.hear(jobs.CHANNEL, json.dumps({"type": "table_changed_event", "operation": "insert"}))
    assert not await take(ours, 2)
    assert len(driver.asked) == 5


async def test_with_its_hands_full_it_asks_nothing_until_a_job_ends(pool: Pool, driver: Driver) -> None:
    told: list[str] = []
    driver.wakes = wakes.Wakes(lambda channel, payload: told.append(payload))
    ours = queue.sparing_queries(driver, Hands(2))
    await add(pool, *(Job(jobs.CONVERSE, 1, n) for n in range(3)))
    first, _ = await take(ours, 10)
    assert not await take(ours, 10)
    assert len(driver.asked) == 1
    driver.wakes.told = True  # somebody waits: the first that ends makes room
    ours.end(first.id)
    assert len(told) == 1
    assert len(await take(ours, 10)) == 1


def test_where_the_loop_comes_round_late_a_few_jobs_begin_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("conserje.storage.hands.time.monotonic", lambda: now[0])
    hands = Hands(40)
    hands.take(range(FEW + 5))
    assert hands.room() == 40 - FEW - 5
    hands.late = 2 * LATE
    assert hands.room() == 0
    now[0] += 1  # they wait for others, not for the processor
    assert hands.room() == FEW
    hands.take(range(100, 104))
    assert hands.room() == FEW - 4
    assert hands.end(100)
    assert not hands.end(100)
    assert hands.room() == FEW - 3


async def test_what_is_due_and_next_is_found_by_an_index_however_many_wait(connection: Connection) -> None:
    kinds = [jobs.CONVERSE, jobs.DELIVER, jobs.RELEASE, jobs.TELL]
    for kind in kinds[:3]:
        await connection.execute(WAITING, kind)
    await analyze(connection, "pgqueuer.pgqueuer")
    few = [[], kinds, 10, WORKER, HEARTBEAT, False]
    assert await pages(connection, looks.LOOK, *few) < 400
    none = [[], [jobs.TELL], 10, WORKER, HEARTBEAT, True]
    assert await pages(connection, looks.LOOK, *none) < 30


@pytest.mark.parametrize(
    ("longest", "absent"), [(timedelta(milliseconds=1), True), (timedelta(hours=1), False)]
)
async def test_who_left_a_job_to_others_is_waited_for_no_more(
    pool: Pool,
    ours: SparingQueries,
    driver: Driver,
    monkeypatch: pytest.MonkeyPatch,
    longest: timedelta,
    absent: bool,
) -> None:
    heard = driver.wakes
    heard.stand(0, 2)
    told = [json.dumps({"type": "table_changed_event", "operation": "insert", "at": at}) for at in range(50)]
    theirs = [what for what in told if not heard.is_ours(what)]
    await add(pool, Job(jobs.CONVERSE, 1, 1, delay=timedelta(seconds=-1)))
    monkeypatch.setattr(wakes, "LATER", timedelta(milliseconds=1))
    heard.hear(jobs.CHANNEL, theirs[0])
    await until(lambda: heard.told)
    monkeypatch.setattr(wakes, "LATER", longest)  # an hour: what was found had come just now
    assert len(await take(ours, 2)) == 1
    assert [heard.is_ours(what) for what in theirs] == [absent] * len(theirs)
    heard.stand(0, 3)
    assert not all(heard.is_ours(what) for what in theirs)  # others may have its place


@pytest.mark.new_database
async def test_a_job_that_comes_is_told_of_and_one_that_ends_is_not(pool: Pool) -> None:
    heard: list[str] = []
    async with pool.acquire() as ear:
        await ear.add_listener(jobs.CHANNEL, lambda _c, _p, _ch, payload: heard.append(payload))
        [id_] = await add(pool, Job(jobs.CONVERSE, 1, 1))
        await until(lambda: heard)
        await pool.execute(looks.ENDED, [id_])
        await add(pool, Job(jobs.CONVERSE, 1, 1))
        await until(lambda: len(heard) > 1)
        await ear.reset()
    assert [json.loads(each)["operation"] for each in heard] == ["insert", "insert"]
