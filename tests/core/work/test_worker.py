"""The whole way of a message in one process: intake, worker, reply."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import asyncpg
import pytest
from scene import Scene
from waiting import LIMIT, at_work, until

from conserje.conversations.overdue import SWEEP_AFTER, sweep
from conserje.errors import DirectoryUnavailable
from conserje.intake.intake import NotDurable
from conserje.storage import jobs, queue
from conserje.storage.database import CANNOT_ASK
from conserje.storage.jobs import Job
from conserje.storage.pool import connect_queue
from conserje.work.share import LATEST, Share
from conserje.work.worker import Task, Worker, _feel

NOTING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'conserje jobs'
"""


async def test_a_message_is_answered(scene: Scene) -> None:
    async with scene.working():
        await scene.write("hola")
        await until(lambda: scene.post.texts)
    assert scene.post.texts == ["hola"]
    assert scene.post.sent[0].to == "ana"


async def test_a_burst_is_one_turn(scene: Scene) -> None:
    await scene.add("bravo", quiet="2 seconds")
    async with scene.working():
        for word in ("uno", "dos", "tres"):
            await scene.write(word, slug="bravo")
        await until(lambda: scene.post.texts)
    assert scene.post.texts == ["uno / dos / tres"]


async def test_many_conversations_are_answered_once_each_and_in_order(scene: Scene) -> None:
    async with scene.working():
        for n in range(5):
            await asyncio.gather(*(scene.write(f"{n}", sender=f"s{s}") for s in range(20)))
            await asyncio.sleep(0.05)
        await until(lambda: sum(len(text.split(" / ")) for text in scene.post.texts) >= 100)
    for sender in range(20):
        said = [m.content.text for m in scene.post.sent if m.to == f"s{sender}"]  # type: ignore[union-attr]
        assert " / ".join(said).split(" / ") == ["0", "1", "2", "3", "4"]


@pytest.mark.new_database
async def test_a_job_is_never_lost_to_an_error(scene: Scene, database_url: str) -> None:
    """An error of ours leaves a job for later, not a message without one."""
    await scene.write("hola")
    await run_as_user(database_url, "SET ROLE conserje_owner; ALTER TABLE turns ADD CHECK (false)")
    async with scene.working():
        await until(lambda: scene.parrot.heard)
    left = await scene.pool.fetch(
        "SELECT status::text, execute_after > now() + '10 s' FROM pgqueuer.pgqueuer"
    )
    assert [tuple(row) for row in left] == [("queued", True)]


@pytest.mark.new_database
async def test_lost_connections_are_ridden_out(scene: Scene, database_url: str) -> None:
    """All backends terminated, the queue's listener among them: jobs still start within 3 s."""
    kill = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND usename = session_user AND pid <> pg_backend_pid()"
    )
    async with scene.working():
        await scene.write("uno")
        await until(lambda: len(scene.post.sent) == 1)
        took = []
        for n in range(2, 5):
            await run_as_user(database_url, kill)
            started = time.monotonic()
            await write_somehow(scene, f"{n}")
            await until(lambda n=n: len(scene.post.sent) == n)  # type: ignore[misc]
            took.append(time.monotonic() - started)
    assert min(took) < 3  # a busy machine may be late, but not each time


async def run_as_user(url: str, sql: str) -> None:
    """As the database's user, who may more than the application does."""
    connection = await asyncpg.connect(url)
    await connection.execute(sql)
    await connection.close()


async def write_somehow(scene: Scene, text: str) -> None:
    """As a provider would: post again until it is taken."""

    async def taken() -> bool:
        try:
            await scene.write(text, key=text)
        except (*CANNOT_ASK, DirectoryUnavailable, NotDurable):
            return False
        return True

    await until(taken)


async def test_what_lost_its_job_is_found_again(scene: Scene) -> None:
    await scene.write("hola")
    await scene.pool.execute("DELETE FROM pgqueuer.pgqueuer")
    await scene.pool.execute("UPDATE messages SET created_at = now() - $1::interval * 2", SWEEP_AFTER)
    await sweep(scene.pool)
    await sweep(scene.pool)  # it was looked at: not again so soon
    assert await scene.pool.fetchval("SELECT count(*) FROM pgqueuer.pgqueuer") == 1
    async with scene.working():
        await until(lambda: scene.post.texts)


async def test_an_upkeep_that_fails_is_done_again_and_keeps_no_other_from_it(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[str] = []

    async def fails() -> None:
        done.append("fails")
        raise asyncpg.UndefinedTableError("of another release")

    async def other() -> None:
        done.append("other")

    async def handle(job: Job) -> None: ...

    tasks = [Task(kind, handle, upkeep=upkeep, every=0.001) for kind, upkeep in (("a", fails), ("b", other))]
    worker = Worker(scene.pool, scene.url, tasks, 40)
    running = asyncio.create_task(worker.run())
    await until(lambda: done.count("other") > 1)
    worker.stop()
    await running
    assert done[:4] == ["fails", "other"] * 2
    assert "An upkeep failed: UndefinedTableError" in caplog.text


async def test_lost_jobs_are_found_behind_thousands_that_were_looked_at(scene: Scene) -> None:
    await scene.add("bravo")
    await asyncio.gather(*(scene.write("x", sender=f"s{n}") for n in range(1100)))
    await scene.write("hola", slug="bravo")
    await scene.pool.execute("DELETE FROM overflow")
    await scene.pool.execute("DELETE FROM pgqueuer.pgqueuer")
    await scene.pool.execute("UPDATE messages SET created_at = now() - $1::interval * 2", SWEEP_AFTER)
    await sweep(scene.pool)
    await sweep(scene.pool)
    assert await scene.pool.fetchval("SELECT count(*) FROM pgqueuer.pgqueuer") == 1101


async def test_a_quarter_of_the_slots_is_free_for_whoever_comes(scene: Scene) -> None:
    await scene.add("bravo")
    scene.parrot.ready.clear()
    async with scene.working(slots=20):
        await asyncio.gather(*(scene.write("x", sender=f"s{n}") for n in range(30)))
        await until(lambda: len(scene.parrot.heard) == 15)
        await scene.write("hola", slug="bravo")
        await until(lambda: len(scene.parrot.heard) == 16)
        assert scene.parrot.heard[-1].tenant.slug == "bravo"  # while none of the flood's turns has ended
        scene.parrot.ready.set()
        await until(lambda: len(scene.post.sent) == 31)


def test_what_is_above_the_share_goes_back_spread_over_the_time_that_it_takes() -> None:
    share = Share(40)
    assert [share.enter(1, "converse", 0.0) for _ in range(30)] == [None] * 30
    assert share.enter(1, "converse", 0.0)
    for second in range(1, 101):  # a job ends each second, and the next one enters
        share.leave(1, "converse", second - 30, second)
        assert share.enter(1, "converse", second) is None
    pauses = [share.enter(1, "converse", 100.0) for _ in range(30)]
    seconds = [pause.total_seconds() for pause in pauses if pause]
    assert len(seconds) == 30
    assert seconds == sorted(seconds)
    assert 25 < seconds[-1] < 31
    delivery = share.enter(1, "deliver", 100.0)
    assert delivery
    assert delivery.total_seconds() < 1  # a reply does not queue behind them
    assert share.enter(2, "converse", 100.0) is None


def test_beside_others_a_tenant_gets_a_quarter_and_a_flood_what_its_rate_needs() -> None:
    share = Share(40)
    assert share.room(1, 0.0, flooded=True) == 30
    assert share.enter(2, "converse", 0.0) is None
    assert share.room(1, 0.0, flooded=False) == 10
    assert share.room(1, 0.0, flooded=True) == 1
    for second in range(100):  # jobs that wait for others, for a long time
        assert share.enter(2, "converse", second) is None
        assert share.enter(1, "converse", second, flooded=True) is None
        share.leave(1, "converse", second - 2.0, second)
        share.leave(2, "converse", second, second)
    assert share.room(1, 100.0, flooded=True) == 10
    assert share.room(1, 108.0, flooded=True) == 30  # the other one has had no job for long


def ended(share: Share, seconds: float, late: float = 0.0, floods: bool = False) -> int:
    """How many of a flood's jobs of 1 ms end in that time beside others; each brings the next."""
    for _ in range(1000):  # it was alone
        assert share.enter(1, "converse", 0.0, flooded=True) is None
        share.leave(1, "converse", 0.0, 0.0)
    share.late, count, due, now = late, 0, [0.0], 0.0
    while due and (now := due.pop(0)) < seconds:
        assert share.enter(2, "converse", now, flooded=floods) is None
        share.leave(2, "converse", now, now)
        if (pause := share.enter(1, "converse", now, flooded=True)) is not None:
            due.append(now + pause.total_seconds())
            continue
        share.leave(1, "converse", now, now + 0.001)
        count += 1
        more, rest = share.wanted(1, "converse", now + 0.001)
        due += [now + 0.001 + rest.total_seconds()] * more
    return count


def test_beside_others_a_flood_keeps_to_its_rate_and_to_what_the_loop_can_bear() -> None:
    assert 190 <= ended(Share(40), 10.0) <= 205
    assert 45 <= ended(Share(40), 10.0, late=0.004) <= 55
    assert 38 <= ended(Share(40), 10.0, late=1.0) <= 45


def test_floods_share_what_one_of_them_may_have() -> None:
    assert ended(Share(40), 1.0, floods=True) > 900
    share = Share(40)
    for tenant_id in (1, 2, 3):
        assert share.enter(tenant_id, "converse", 0.0, flooded=True) is None
    assert share.room(1, 0.0, flooded=True) == 9


def test_where_the_loop_comes_round_late_everybody_keeps_to_the_rate() -> None:
    share = Share(40)
    for share.late, count in ((0.0, 100), (0.002, 6)):
        assert share.enter(2, "converse", 0.0) is None
        share.leave(2, "converse", 0.0, 0.0)
        entered = 0
        for _ in range(100):
            if share.enter(1, "converse", 0.0) is None:
                share.leave(1, "converse", 0.0, 0.0)
                entered += 1
        assert entered == count


def test_who_comes_beside_a_flood_does_not_pay_for_what_that_had_while_it_was_alone() -> None:
    share = Share(40)
    for _ in range(30):
        assert share.enter(1, "converse", 0.0, flooded=True) is None
    share.late = 0.01
    for _ in range(10):
        assert share.enter(2, "converse", 0.1) is None
    assert share.enter(1, "converse", 0.1, flooded=True)
    assert share.enter(2, "converse", 1.0), "by then it is not the flood's"


def test_of_a_flood_no_more_is_brought_than_there_is_room_for() -> None:
    share = Share(40)
    assert share.enter(1, "converse", 0.0, flooded=True) is None
    assert share.wanted(1, "converse", 0.0) == (29, timedelta(0))
    assert share.wanted(1, "converse", 0.0) == (0, timedelta(0))  # they are on their way
    assert share.enter(1, "deliver", 0.0, flooded=True) is None  # none of them
    share.leave(1, "deliver", 0.0, 0.0)
    for _ in range(29):
        assert share.enter(1, "converse", 1.0, flooded=True) is None
    share.leave(1, "converse", 0.0, 1.0)
    assert share.wanted(1, "converse", 1.0) == (1, timedelta(0))
    assert share.wanted(1, "converse", 20.0) == (1, timedelta(0))  # another worker has it


def test_of_a_flood_that_went_back_none_else_is_brought() -> None:
    share = Share(40)
    assert share.enter(2, "converse", 0.0) is None
    assert share.enter(1, "converse", 0.0, flooded=True) is None
    pauses = [share.enter(1, "converse", 0.0, flooded=True) for _ in range(100)]
    assert [round(pause.total_seconds(), 2) for pause in pauses if pause][::50] == [0.05, 2.55]
    share.leave(1, "converse", 0.0, 0.01)
    assert share.wanted(1, "converse", 0.01)[0] == 0


async def test_how_late_the_loop_comes_round_is_felt() -> None:
    share = Share(40)
    feeling = asyncio.create_task(_feel([share]))
    while share.late < LATEST / 2:
        time.sleep(0.05)  # noqa: ASYNC251 - somebody's code that blocks
        await asyncio.sleep(0)
    feeling.cancel()


async def test_one_long_moment_of_the_loop_holds_up_nobody() -> None:
    share = Share(40)
    feeling = asyncio.create_task(_feel([share]))
    await asyncio.sleep(0)
    time.sleep(0.5)  # noqa: ASYNC251 - the machine stood still
    await until(lambda: share.late)
    feeling.cancel()
    assert share.enter(2, "converse", 0.0) is None
    for n in range(5):
        assert share.enter(1, "converse", 0.0) is None, n
        share.leave(1, "converse", 0.0, 0.01)


def test_of_tenants_whose_jobs_have_long_ended_nothing_is_kept() -> None:
    share = Share(40)
    for tenant_id in range(100):  # jobs that last longer than a tenant is remembered without any
        assert share.enter(tenant_id, "converse", tenant_id * 20.0) is None
        share.leave(tenant_id, "converse", tenant_id * 20.0, tenant_id * 20.0 + 10)
    share.enter(100, "converse", 5000.0)
    assert share._paces.keys() == {100}


async def test_the_queues_log_holds_no_text_of_an_error(scene: Scene) -> None:
    scene.parrot.fails.append(ValueError("a secret"))
    await scene.write("hola")
    async with scene.working():
        await until(lambda: scene.post.texts)
    log = await scene.pool.fetch("SELECT traceback::text FROM pgqueuer.pgqueuer_log")
    assert not any("secret" in (row["traceback"] or "") for row in log)
    assert (
        await scene.pool.fetchval(
            "SELECT count(*) FROM pgqueuer.pgqueuer WHERE entrypoint = $1", jobs.CONVERSE
        )
        == 0
    )


async def test_what_the_queue_notes_waits_for_no_disk_and_what_a_turn_stores_does(scene: Scene) -> None:
    noting = await connect_queue(scene.url, 1)
    durable = [await pool.fetchval("SHOW synchronous_commit") for pool in (noting, scene.pool)]
    noting.terminate()
    assert durable == ["off", "on"]
    async with scene.working():
        await scene.write("hola")
        await until(lambda: scene.post.texts)
        assert await scene.pool.fetchval(NOTING) in range(1, queue.CONNECTIONS + 1)

    async def none_is_left() -> bool:
        return await scene.pool.fetchval(NOTING) == 0  # type: ignore[no-any-return]

    await until(none_is_left)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conserje.work.worker.SHUTDOWN_LIMIT", 0.3)
    monkeypatch.setattr("conserje.work.worker.LAST_LIMIT", 0.9)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("end", ["stopped", "cancelled"])
async def test_it_leaves_nothing_behind_although_postgres_is_gone(scene: Scene, end: str) -> None:
    scene.parrot.ready.clear()
    await scene.write("hola")
    worker = scene.worker()
    running = asyncio.create_task(worker.run())
    await until(lambda: scene.parrot.heard)
    scene.pool.terminate()  # the turn in hand can be settled no more, nor its job be put back
    scene.parrot.ready.set()
    worker.stop() if end == "stopped" else running.cancel()
    await asyncio.wait({running}, timeout=LIMIT)
    assert running.done()
    assert not at_work("conserje.work.worker", "conserje.storage.queue", "pgqueuer")


async def test_a_job_does_not_wait_for_a_conversation_that_somebody_else_has(scene: Scene) -> None:
    await scene.write("hola", sender="ana")
    async with scene.pool.acquire() as stuck, stuck.transaction():
        await stuck.execute("SELECT FROM conversations FOR UPDATE")
        async with scene.working() as worker:
            await until(lambda: worker._returning or worker._return)  # it goes back
            await scene.write("hola", sender="bea")
            await until(lambda: scene.post.sent)
            assert [each.to for each in scene.post.sent] == ["bea"]
            await stuck.execute("ROLLBACK AND CHAIN")
            await scene.settled()
    assert {each.to for each in scene.post.sent} == {"ana", "bea"}
