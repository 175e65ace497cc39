"""A restoring that has not ended: nobody works on it, and it goes on by the command that it names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from processes import bare_environment, run_to_end
from rebirth import NO_JOBS, leave_undone, reborn, resume, save
from scene import Scene

from conserje.conversations import overdue
from conserje.operations import restore
from conserje.operations.archive import BackupError
from conserje.operations.journal import Told
from conserje.operations.restore import Order, Restored
from conserje.settings import Settings
from conserje.storage import jobs
from conserje.storage.database import CANNOT_ASK, DatabaseError
from conserje.storage.jobs import Job
from conserje.storage.pool import connect_pool
from conserje.telemetry import heartbeat

BEAT = """
INSERT INTO heartbeats (process, kind, counted, seen_at) VALUES ('web1:7', 'edge', '', now() - $1::interval)
"""


@asynccontextmanager
async def cut_off() -> AsyncIterator[None]:
    """Whoever restores in the block is killed once the data is there."""

    async def dead(*_: object) -> Restored:
        raise ConnectionResetError

    with pytest.MonkeyPatch.context() as patched, pytest.raises(ConnectionResetError):
        patched.setattr(restore, "_hold", dead)
        yield


async def test_nobody_works_on_one_that_was_cut_off_behind_its_data_and_it_is_done_again(
    scene: Scene, old: Settings, order: Order
) -> None:
    (old.files / "7").mkdir(parents=True)
    (old.files / "7" / "1").write_bytes(b"x")
    await leave_undone(scene)
    made = await save(scene, old)
    async with cut_off():
        await restore.restore(replace(order, source=made))
    for _ in ("serve", "work"):
        with pytest.raises(DatabaseError, match="not to the end: give `conserje restore FROM` again"):
            await connect_pool(order.url, patient=True)
    owner = await asyncpg.connect(order.url, server_settings={"role": "conserje_owner"})
    with pytest.raises(CANNOT_ASK):  # of one that began before: its spool has what it was given
        await jobs.enqueue(owner, [Job(jobs.CONVERSE, 1, 1)])
    assert await owner.fetchval(NO_JOBS)
    with pytest.raises(DatabaseError, match="restore FROM"):
        await restore.silence_recovered(order.url, datetime.now(UTC), Told(None, [], [], []))

    await owner.execute(BEAT, timedelta(seconds=-10))  # also for who looks again on a server that is young
    with pytest.raises(BackupError, match="stop them"):
        await restore.restore(replace(order, source=made))
    await owner.execute("DELETE FROM heartbeats")
    await owner.execute("INSERT INTO tenants (slug, name) VALUES ('somebody', 'else')")
    await owner.close()
    (order.settings.files / "7" / "2").write_bytes(b"what the first left")
    done = await restore.restore(replace(order, source=made))
    assert (done.held_turns, done.held_messages, done.files) == (1, 1, 1)
    assert [file.name for file in (order.settings.files / "7").iterdir()] == ["1"]
    async with reborn(order) as other:
        assert [slug for [slug] in await other.pool.fetch("SELECT slug FROM tenants")] == ["acme"]
        await overdue.sweep(other.pool)
        assert await other.pool.fetchval(NO_JOBS)


async def test_serve_and_work_say_how_a_restoring_goes_on(
    scene: Scene, old: Settings, order: Order, keyring: Path
) -> None:
    made = await save(scene, old)
    async with cut_off():
        await restore.restore(replace(order, source=made))
    environment = bare_environment() | {
        "CONSERJE_DATABASE_URL": order.url,
        "CONSERJE_DATA_DIR": str(order.settings.data_dir),
        "CONSERJE_MASTER_KEYS_FILE": str(keyring),
        "CONSERJE_LISTEN": str(order.settings.data_dir / "edge.sock"),
        "CONSERJE_OPERATOR_LISTEN": str(order.settings.data_dir / "operator.sock"),
        "CONSERJE_CONSOLE_LISTEN": str(order.settings.data_dir / "console.sock"),
    }
    for command in ("serve", "work"):
        code, _, errors = await run_to_end(environment, command)
        assert (code, "`conserje restore FROM`" in errors) == (1, True), errors


@pytest.mark.new_database
async def test_a_database_that_postgres_brought_back_is_silenced(scene: Scene) -> None:
    await leave_undone(scene)
    done = await restore.silence_recovered(scene.url, datetime.now(UTC), Told(None, [], [], []))
    assert (done.held_turns, done.held_messages) == (1, 1)
    await scene.write("hola de nuevo", sender="ana")
    assert await scene.pool.fetchval(NO_JOBS)
    await resume(scene)
    assert not await scene.pool.fetchval(NO_JOBS)


@pytest.mark.new_database
async def test_one_whose_silencing_was_cut_off_goes_on_and_no_backup_is_restored_over_it(
    scene: Scene, old: Settings, order: Order
) -> None:
    await leave_undone(scene)
    made, recovered = await save(scene, old), (scene.url, datetime.now(UTC), Told(None, [], [], []))
    async with cut_off():
        await restore.silence_recovered(*recovered)
    with pytest.raises(DatabaseError, match="restore --recovered TIME` again"):
        await connect_pool(scene.url, patient=True)
    with pytest.raises(BackupError, match="holds an installation already"):
        await restore.restore(replace(order, source=made, url=scene.url))
    done = await restore.silence_recovered(*recovered)
    assert (done.held_turns, done.held_messages) == (1, 1)
    await scene.write("hola de nuevo", sender="ana")
    assert await scene.pool.fetchval(NO_JOBS)
    await resume(scene)
    assert not await scene.pool.fetchval(NO_JOBS)


async def test_a_moment_that_is_yet_to_come_is_no_recovered_one(scene: Scene) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    with pytest.raises(BackupError, match="yet to come"):
        await restore.silence_recovered(scene.url, tomorrow, Told(None, [], [], []))


@pytest.fixture
async def young(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> timedelta:
    """So long the server is up, and that is as good as the moment of its start."""
    up: timedelta = await scene.pool.fetchval("SELECT now() - pg_postmaster_start_time()")
    monkeypatch.setattr(heartbeat, "LIVING", up + timedelta(seconds=0.5))
    return up


@pytest.mark.new_database
async def test_who_was_seen_in_what_a_server_brought_back_is_waited_for_and_lives_no_more(
    scene: Scene, young: timedelta
) -> None:
    await scene.pool.execute(BEAT, young + timedelta(seconds=0.1))
    await restore.silence_recovered(scene.url, datetime.now(UTC), Told(None, [], [], []))


@pytest.mark.new_database
async def test_who_lives_beats_again_after_the_start_of_the_server(scene: Scene, young: timedelta) -> None:
    await scene.pool.execute(BEAT, young + timedelta(seconds=0.1))

    async def live() -> None:
        while True:
            await asyncio.sleep(0.1)
            await scene.pool.execute("UPDATE heartbeats SET seen_at = now()")

    living = asyncio.create_task(live())
    with pytest.raises(BackupError, match="stop them"):
        await restore.silence_recovered(scene.url, datetime.now(UTC), Told(None, [], [], []))
    living.cancel()


@pytest.mark.new_database
async def test_who_was_seen_in_a_time_to_come_does_not_live(scene: Scene) -> None:
    await scene.pool.execute(BEAT, timedelta(hours=-1))
    await restore.silence_recovered(scene.url, datetime.now(UTC), Told(None, [], [], []))
