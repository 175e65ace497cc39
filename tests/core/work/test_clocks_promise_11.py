"""Clocks: what was written while one was fast is answered once it is right; two that differ prove nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from scene import Scene
from waiting import until

from conserje import Receipt, Text, Uncertain
from conserje.conversations import overdue, state
from conserje.conversations.rows import stored
from conserje.storage import jobs
from conserje.storage.jobs import Job
from conserje.telemetry import clocks, heartbeat
from conserje.turns import late

HOUR = timedelta(hours=1)


async def converse_job(scene: Scene) -> Job:
    row = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations")
    assert row is not None
    return Job(jobs.CONVERSE, *row)


async def queue_message(scene: Scene) -> Job:
    """A reply that waits to be sent; its deliver job."""
    await scene.write("hola")
    row = await scene.pool.fetchrow("SELECT tenant_id, id, account_id FROM conversations")
    assert row is not None
    await scene.pool.execute(
        "INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, sequence, state)"
        " VALUES ($1, $2, $3, 'out', $4, 1, 'queued')",
        *row,
        stored(Text("uno")),
    )
    return Job(jobs.DELIVER, row["tenant_id"], row["id"])


async def put_ahead(scene: Scene, table: str, *columns: str) -> None:
    """As it was written while the clock was an hour fast."""
    for column in columns:
        await scene.pool.execute(f"UPDATE {table} SET {column} = coalesce({column}, now()) + $1", HOUR)


async def test_promise_11_what_was_taken_by_a_fast_clock_is_answered_once_it_is_right(scene: Scene) -> None:
    await scene.write("hola")
    await put_ahead(scene, "messages", "created_at")
    await put_ahead(scene, "pgqueuer.pgqueuer", "execute_after")
    await put_ahead(scene, "conversations", "swept_at", "leased_until")
    await overdue.sweep(scene.pool)
    async with scene.working():
        await until(lambda: scene.post.texts)


async def test_a_quiet_period_of_a_fast_clock_is_over(scene: Scene) -> None:
    await scene.pool.execute("UPDATE tenants SET quiet_period = '1 second'")
    await scene.heard()
    await scene.write("hola")
    await put_ahead(scene, "messages", "created_at")
    await scene.conversation.converse(await converse_job(scene))
    assert len(scene.parrot.heard) == 1


async def test_a_lease_of_a_fast_clock_ends_as_soon_as_any(scene: Scene) -> None:
    await scene.write("hola")
    await put_ahead(scene, "conversations", "leased_until")
    await scene.conversation.converse(await converse_job(scene))
    left = await scene.pool.fetchval("SELECT leased_until - now() FROM conversations")
    assert left <= state.LEASE
    assert not scene.parrot.heard  # its holder may live, and renews it


async def test_a_pause_of_a_fast_clock_is_over(scene: Scene) -> None:
    job = await queue_message(scene)
    await put_ahead(scene, "messages", "due_at")
    await scene.delivery.deliver(job)
    assert scene.post.texts == ["uno"]


async def test_an_attempt_of_a_fast_clock_may_last_as_long_as_any(scene: Scene) -> None:
    job = await queue_message(scene)
    await scene.pool.execute("UPDATE messages SET state = 'sending', attempt = 1 WHERE direction = 'out'")
    await put_ahead(scene, "messages", "attempted_at")
    await scene.delivery.deliver(job)
    attempted_at = await scene.pool.fetchval("SELECT attempted_at FROM messages WHERE direction = 'out'")
    assert attempted_at <= datetime.now(UTC) + clocks.TOLERANCE
    assert not scene.post.texts


async def test_the_sweep_finds_a_reply_that_a_fast_clock_put_off(scene: Scene) -> None:
    await queue_message(scene)
    await put_ahead(scene, "messages", "due_at")
    await scene.pool.execute("UPDATE messages SET turn_id = 1 WHERE direction = 'in'")
    await scene.pool.execute("DELETE FROM pgqueuer.pgqueuer")
    await overdue.sweep(scene.pool)
    assert await scene.pool.fetchval("SELECT entrypoint FROM pgqueuer.pgqueuer") == "deliver"


@pytest.mark.parametrize("ahead", [timedelta(seconds=30), timedelta(seconds=-30)])
async def test_promise_3_by_the_times_of_two_clocks_nothing_is_certainly_not_there(
    scene: Scene, ahead: timedelta
) -> None:
    job = await queue_message(scene)
    scene.post.does.append(Uncertain("hung up"))
    scene.post.found, scene.post.clock_ahead = None, ahead
    await scene.delivery.deliver(job)
    await scene.delivery.deliver(job)
    assert not scene.post.sent
    row = await scene.pool.fetchrow("SELECT state, cause FROM messages WHERE direction = 'out'")
    assert row is not None
    assert row["state"] == "uncertain"
    assert row["cause"].startswith("The clocks of Postgres and the provider are ")


async def test_what_is_found_counts_whatever_the_clocks_say(scene: Scene) -> None:
    job = await queue_message(scene)
    scene.post.does.append(Uncertain("hung up"))
    scene.post.found, scene.post.clock_ahead = Receipt("P77"), HOUR
    await scene.delivery.deliver(job)
    await scene.delivery.deliver(job)
    assert await scene.pool.fetchval("SELECT provider_id FROM messages WHERE direction = 'out'") == "P77"


async def test_a_provider_that_tells_no_time_is_measured_by_this_machine(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await queue_message(scene)
    scene.post.does.append(Uncertain("hung up"))
    scene.post.found = None
    monkeypatch.setattr("conserje.delivery.outcome.TOLERANCE", timedelta(0))
    await scene.delivery.deliver(job)
    cause = await scene.pool.fetchval("SELECT cause FROM messages WHERE direction = 'out'")
    assert cause.startswith("The clocks of Postgres and this machine are ")


async def test_a_message_is_late_by_more_than_the_clocks_are_apart(scene: Scene) -> None:
    tenant = (await scene.entry()).tenant
    now = datetime.now(UTC)
    written = [now - tenant.late_after - timedelta(seconds=20)]
    assert late.late(tenant, written, None, now)
    clocks.note_postgres(datetime.now(UTC) + timedelta(seconds=30))
    try:
        assert late.late(tenant, written, None, now) is None
    finally:
        clocks.note_postgres(datetime.now(UTC))


async def test_a_process_that_was_seen_in_the_future_does_not_live(scene: Scene) -> None:
    await scene.pool.execute(
        "INSERT INTO heartbeats (process, kind, seen_at, counted) VALUES ('a:1', 'work', now() + $1, '[]')",
        HOUR,
    )
    assert await heartbeat.living(scene.pool) == []
