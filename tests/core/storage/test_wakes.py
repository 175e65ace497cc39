"""What wakes a worker: jobs that came, once for each look, first the one whose turn it is."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import timedelta
from functools import partial

import pytest
from pgqueuer.ports.repository import EntrypointExecutionParameter
from plans import analyze, pages
from scene import Scene
from waiting import until

from conserje.storage import jobs, queue, wakes
from conserje.storage.database import Connection, Pool
from conserje.storage.jobs import Job
from conserje.storage.queue import QueueDriver
from conserje.storage.wakes import MISSED, SparingQueries, Wakes

KINDS = [jobs.CONVERSE]
WAITING = """
INSERT INTO pgqueuer.pgqueuer (entrypoint, priority, status, execute_after)
SELECT $1, 0, 'queued', now() + (n - 10000) * interval '1 second' FROM generate_series(1, 20000) AS n
"""


def changed(operation: str, at: int = 0) -> str:
    return json.dumps({"type": "table_changed_event", "operation": operation, "sent_at": at})


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def heard(told: list[str]) -> Wakes:
    return Wakes(lambda channel, payload: told.append(payload))


def test_of_jobs_that_come_it_is_told_once_until_somebody_looks(heard: Wakes, told: list[str]) -> None:
    for operation in ("insert", "insert", "delete", "update"):
        heard.hear("jobs", changed(operation))
    assert told == [changed("insert")]
    heard.looked()
    heard.hear("jobs", changed("delete"))
    heard.hear("jobs", changed("insert"))
    assert told == [changed("insert")] * 2


def test_what_is_no_change_of_the_table_is_passed_on(heard: Wakes, told: list[str]) -> None:
    heard.place = 1  # of one: nothing is this worker's
    for _ in range(2):
        heard.hear("jobs", '{"type": "health_check_event"}')
    assert len(told) == 2


def test_each_job_is_one_worker_s_turn(heard: Wakes) -> None:
    heard.workers = 3
    turns = {n: 0 for n in range(3)}
    for at in range(300):
        mine = []
        for heard.place in turns:
            mine += [heard.place] * heard.is_ours(changed("insert", at))
        [place] = mine
        turns[place] += 1
    assert min(turns.values()) > 50


@pytest.mark.parametrize("looked", [False, True])
async def test_the_others_are_told_later_where_they_have_not_looked(
    heard: Wakes, told: list[str], monkeypatch: pytest.MonkeyPatch, looked: bool
) -> None:
    monkeypatch.setattr(wakes, "LATER", timedelta(milliseconds=1))
    monkeypatch.setattr(heard, "is_ours", lambda what: False)
    heard.hear("jobs", changed("insert"))
    assert not told
    if looked:
        heard.looked()
    asyncio.get_running_loop().call_later(0.002, told.append, "end")
    await until(lambda: "end" in told)
    assert told == [*([] if looked else [changed("insert")]), "end"]


@pytest.mark.parametrize(
    ("longest", "absent"), [(timedelta(milliseconds=1), True), (timedelta(hours=1), False)]
)
async def test_who_left_a_job_to_others_is_waited_for_no_more(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, longest: timedelta, absent: bool
) -> None:
    driver = QueueDriver(pool, pool, "")
    ours, heard = queue.sparing_queries(driver), driver.wakes
    assert isinstance(ours, SparingQueries)
    heard.stand(0, 2)
    theirs = [what for at in range(50) if not heard.is_ours(what := changed("insert", at))]
    async with pool.acquire() as connection:
        await jobs.enqueue(connection, [Job(jobs.CONVERSE, 1, 1, delay=timedelta(seconds=-1))])
    monkeypatch.setattr(wakes, "LATER", timedelta(milliseconds=1))
    heard.hear(jobs.CHANNEL, theirs[0])
    await until(lambda: heard.told)
    monkeypatch.setattr(wakes, "LATER", longest)  # an hour: what was found had come just now
    assert await taken(ours, 2) == 1
    assert [heard.is_ours(what) for what in theirs] == [absent] * len(theirs)
    heard.stand(0, 3)
    assert not all(heard.is_ours(what) for what in theirs)  # others may have its place


async def taken(ours: SparingQueries, most: int) -> int:
    """How many jobs a look takes."""
    found = await ours.dequeue(
        batch_size=most,
        entrypoints={kind: EntrypointExecutionParameter(concurrency_limit=0) for kind in KINDS},
        queue_manager_id=uuid.uuid4(),
        global_concurrency_limit=40,
        heartbeat_timeout=timedelta(minutes=1),
    )
    return len(found)


@pytest.mark.parametrize("looked", [False, True])
async def test_what_is_due_soon_is_looked_for_when_it_is_due(
    heard: Wakes, told: list[str], looked: bool
) -> None:
    """Not with the next job that comes: somebody else's would wait for it."""
    heard.wake_in(timedelta(milliseconds=1))
    if looked:
        heard.looked()
    asyncio.get_running_loop().call_later(0.002, told.append, "end")
    await until(lambda: "end" in told)
    assert told == [*([] if looked else [MISSED % jobs.CHANNEL]), "end"]


@pytest.mark.parametrize("due", [[], [-3.0], [5.0], [9.0, 5.0], [5.0, -1.0, 9.0]])
async def test_one_question_has_the_answers_of_the_library_s_three(pool: Pool, due: list[float]) -> None:
    async with pool.acquire() as connection:
        await jobs.enqueue(
            connection, [Job(jobs.CONVERSE, 1, 1, delay=timedelta(seconds=seconds)) for seconds in due]
        )
    driver = QueueDriver(pool, pool, "")
    theirs, ours = queue.queries(driver), queue.sparing_queries(driver)
    eligible = await ours.eligible_queued_work(KINDS)  # type: ignore[arg-type]
    assert eligible == await theirs.eligible_queued_work(KINDS)  # type: ignore[arg-type]
    if not eligible:
        eta, expected = await ours.next_deferred_eta(KINDS), await theirs.next_deferred_eta(KINDS)  # type: ignore[arg-type]
        assert (eta is None) == (expected is None)
        assert eta is None or expected is None or abs(eta - expected) < timedelta(seconds=2)
        assert await ours.queued_work(KINDS) == await theirs.queued_work(KINDS)  # type: ignore[arg-type]


async def test_what_is_next_is_found_by_an_index_however_many_wait(connection: Connection) -> None:
    for kind in (jobs.CONVERSE, jobs.DELIVER, jobs.RELEASE):
        await connection.execute(WAITING, kind)
    await analyze(connection, "pgqueuer.pgqueuer")
    kinds = [jobs.CONVERSE, jobs.DELIVER, jobs.RELEASE, jobs.TELL]
    assert await pages(connection, wakes.NEXT, kinds) < 30


async def test_after_a_part_of_a_batch_there_is_no_more_unless_it_is_told_of(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with pool.acquire() as connection:
        await jobs.enqueue(connection, [Job(jobs.CONVERSE, 1, n) for n in range(3)])
    driver = QueueDriver(pool, pool, "")
    asked: list[str] = []
    fetch = driver.fetch

    async def counting(query: str, *arguments: object) -> list[dict[str, object]]:
        asked.append(query)
        return await fetch(query, *arguments)

    monkeypatch.setattr(driver, "fetch", counting)
    ours = queue.sparing_queries(driver)
    assert isinstance(ours, SparingQueries)
    take = partial(taken, ours)
    assert [await take(2), await take(2), await take(2)] == [2, 1, 0]
    assert len(asked) == 2
    assert await take(2) == 0
    assert len(asked) == 3
    async with pool.acquire() as connection:
        await jobs.enqueue(connection, [Job(jobs.CONVERSE, 1, 9)])
    assert await take(2) == 1
    driver.wakes.hear(jobs.CHANNEL, changed("insert"))
    assert await take(2) == 0
    assert len(asked) == 5


async def test_a_job_whose_worker_is_gone_is_done_by_another(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Wakes, "is_ours", lambda self, what: False)
    async with scene.working():
        await scene.write("hola")
        await until(lambda: scene.post.sent)
