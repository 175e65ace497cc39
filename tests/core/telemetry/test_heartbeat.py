"""The heartbeat: who lives, what was counted, and an absent Postgres."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from prometheus_client.metrics_core import Metric
from waiting import until

from conserje.storage.database import Pool
from conserje.telemetry import clocks, heartbeat, metrics
from conserje.telemetry.heartbeat import Heartbeat, Living, this_process

END_OTHERS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND usename = session_user AND pid <> pg_backend_pid()
"""


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_EVERY", 0.05)


def total(metric: Metric, **labels: str) -> float:
    return sum(sample.value for sample in metric.samples if labels.items() <= sample.labels.items())


async def test_a_process_lives_while_it_beats_and_tells_what_it_counts(pool: Pool) -> None:
    async with Heartbeat(pool, "work"):
        await until(lambda: heartbeat.living(pool))
        metrics.turn("beaten", 0.2)

        async def told() -> bool:
            [process] = await heartbeat.living(pool)
            assert (process.process, process.kind) == (this_process(), "work")
            joined = {metric.name: metric for metric in metrics.join({"p": process.counted})}
            assert total(joined["conserje_resident_bytes"], process="p") > 10_000_000
            return total(joined["conserje_turn_seconds"], assistant="beaten", process="p", le="+Inf") == 1

        await until(told)
    assert await pool.fetchval("SELECT count(*) FROM heartbeats") == 0


async def test_how_far_postgres_clock_is_ahead_is_told(pool: Pool) -> None:
    def ahead() -> list[float]:
        joined = {metric.name: metric for metric in metrics.join({"p": metrics.write()})}
        samples = joined["conserje_clock_ahead_seconds"].samples
        return [sample.value for sample in samples if sample.labels["clock"] == "postgres"]

    clocks.note_postgres(datetime.now(UTC) + timedelta(hours=1))
    async with Heartbeat(pool, "work"):
        await until(lambda: abs(ahead()[0]) < 60)


async def test_clocks_that_are_apart_are_said_once(
    pool: Pool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[datetime] = []

    def note(now: datetime) -> timedelta:
        told.append(now)
        return timedelta(seconds=30)

    monkeypatch.setattr(clocks, "note_postgres", note)
    async with Heartbeat(pool, "work"):
        await until(lambda: len(told) > 2)
    [said] = [record.getMessage() for record in caplog.records if "clock" in record.getMessage()]
    assert said == "The machine's clock is 30 s behind Postgres': set it right"


async def test_two_kinds_of_one_process_are_two(pool: Pool) -> None:
    async with Heartbeat(pool, "work"), Heartbeat(pool, "edge"):

        async def both() -> bool:
            return [process.kind for process in await heartbeat.living(pool)] == ["edge", "work"]

        await until(both)


async def test_the_silent_do_not_live_and_are_forgotten(pool: Pool) -> None:
    await pool.execute(
        "INSERT INTO heartbeats (process, kind, seen_at, counted) VALUES"
        " ('a:1', 'work', now() - interval '14 seconds', '[]'),"
        " ('b:2', 'work', now() - interval '16 seconds', '[]'),"
        " ('c:3', 'work', now() - interval '11 minutes', '[]')"
    )
    assert await heartbeat.living(pool) == [Living("a:1", "work", "[]")]
    async with Heartbeat(pool, "edge"):

        async def pruned() -> bool:
            rows = await pool.fetch("SELECT process FROM heartbeats")
            return {row["process"] for row in rows} == {"a:1", "b:2", this_process()}

        await until(pruned)


async def test_one_that_slept_for_long_lives_again(pool: Pool) -> None:
    async with Heartbeat(pool, "edge"):
        await until(lambda: heartbeat.living(pool))
        await pool.execute("UPDATE heartbeats SET seen_at = now() - interval '1 hour'")
        await until(lambda: heartbeat.living(pool))


@asynccontextmanager
async def silent(pool: Pool) -> AsyncIterator[None]:
    """Postgres does not answer who beats: somebody has locked the table."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK heartbeats IN SHARE MODE")
        yield


@pytest.mark.new_database
async def test_lost_connections_only_delay_it(pool: Pool, database_url: str) -> None:
    user = await asyncpg.connect(database_url)
    async with Heartbeat(pool, "edge"):
        await until(lambda: heartbeat.living(pool))
        for _ in range(3):
            await user.execute("DELETE FROM heartbeats")
            await until(lambda: user.fetchval(END_OTHERS))  # one that was on its way may have come since
            await user.execute("DELETE FROM heartbeats")

            async def beaten() -> object:
                return await user.fetchval("SELECT count(*) FROM heartbeats")

            await until(beaten)
    await user.close()


async def test_it_ends_in_time_although_postgres_is_silent(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "LAST_LIMIT", 0.1)
    loop = asyncio.get_running_loop()
    async with silent(pool):
        started = loop.time()
        async with Heartbeat(pool, "edge"):
            await asyncio.sleep(0)
        assert loop.time() - started < 9  # the pool gives a statement ten seconds


def test_what_is_written_holds_every_sample_but_the_times_of_creation() -> None:
    metrics.webhook("written", 200)
    families = json.loads(metrics.write())
    names = {name for family in families for name, _, _ in family["samples"]}
    assert "conserje_webhooks_total" in names
    assert not [name for name in names if name.endswith("_created")]
