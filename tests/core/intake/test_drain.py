"""Intake with a spool: what Postgres does not take now it takes later, once and in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from disk import full_disk
from scene import Scene

from conserje import InboundMessage, Text
from conserje.conversations import messages
from conserje.conversations.rows import InboundRow, prepare
from conserje.intake.intake import STORE_LIMIT, Intake, NotDurable
from conserje.intake.packing import pack
from conserje.intake.spool import Spool
from conserje.storage import silence
from conserje.storage.database import CANNOT_ASK, Connection
from conserje.storage.sqlite import NodeFileError


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    async with Spool(tmp_path / "spool", 64 * 1024 * 1024) as spool:
        yield spool


@pytest.fixture
async def intake(scene: Scene, spool: Spool) -> AsyncIterator[Intake]:
    async with Intake(scene.pool, scene.intake.plugins, spool) as intake:
        yield intake


async def row(scene: Scene, text: str, key: str, sender: str = "ana") -> InboundRow:
    entry = await scene.entry()
    account = entry.accounts[0]
    event = InboundMessage(account.address, key, sender, Text(text))
    made = prepare(entry.tenant.id, account, event)
    assert isinstance(made, InboundRow)
    return made._replace(at=datetime.now(UTC))


async def write(scene: Scene, intake: Intake, text: str, key: str) -> None:
    entry = await scene.entry()
    account = entry.accounts[0]
    await intake.take(entry.tenant, [(account, InboundMessage(account.address, key, "ana", Text(text)))])


async def stored(scene: Scene) -> list[str]:
    rows = await scene.pool.fetch("SELECT content::json->>'text' AS text FROM messages ORDER BY id")
    return [each["text"] for each in rows]


async def test_while_something_waits_what_is_new_goes_behind_it(
    scene: Scene, intake: Intake, spool: Spool
) -> None:
    await spool.keep([pack(await row(scene, "primero", "1"))])
    await write(scene, intake, "segundo", "2")
    assert await stored(scene) == []
    assert await intake._drain(spool) == 2
    assert await stored(scene) == ["primero", "segundo"]
    assert not spool.busy
    await write(scene, intake, "tercero", "3")
    assert await stored(scene) == ["primero", "segundo", "tercero"]
    late = await scene.pool.fetch("SELECT late_by IS NOT NULL AS late FROM messages ORDER BY id")
    assert [each["late"] for each in late] == [True, True, False]
    assert await scene.pool.fetchval("SELECT count(*) FROM pgqueuer.pgqueuer") == 3


async def test_a_message_keeps_the_time_of_its_taking(scene: Scene, intake: Intake, spool: Spool) -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    await spool.keep([pack((await row(scene, "hola", "1"))._replace(at=at))])
    await intake._drain(spool)
    [found] = await scene.pool.fetch(
        "SELECT created_at, created_at + late_by > now() - '1 min'::interval AS ok FROM messages"
    )
    assert found["created_at"] == at and found["ok"]


async def test_promise_2_what_is_in_both_places_is_stored_once(
    scene: Scene, intake: Intake, spool: Spool
) -> None:
    await write(scene, intake, "hola", "1")
    await spool.keep([pack(await row(scene, "hola", "1"))] * 2)
    assert await intake._drain(spool) == 2
    assert await stored(scene) == ["hola"]
    assert await scene.pool.fetchval("SELECT count(*) FROM pgqueuer.pgqueuer") == 1


async def test_promise_1_a_silent_postgres_does_not_keep_the_provider_waiting(
    scene: Scene, intake: Intake, spool: Spool
) -> None:
    await scene.entry()
    async with scene.pool.acquire() as other, other.transaction():
        await other.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
        async with asyncio.timeout(4 * STORE_LIMIT):
            await write(scene, intake, "hola", "1")
            await write(scene, intake, "chao", "2")
        assert spool.busy
    assert await intake._drain(spool) == 2
    assert await stored(scene) == ["hola", "chao"]


async def test_what_postgres_refuses_stands_alone(scene: Scene, intake: Intake, spool: Spool) -> None:
    good = [await row(scene, f"n{n}", f"{n}") for n in range(5)]
    bad = (await row(scene, "malo", "bad"))._replace(contact_address="a\0b")
    await spool.keep([pack(each) for each in (*good[:3], bad, *good[3:])])
    await intake._drain(spool)
    assert sorted(await stored(scene)) == ["n0", "n1", "n2", "n3", "n4"]
    [reject] = await scene.pool.fetch("SELECT raw, cause FROM rejects")
    assert "malo" in reject["raw"] and "Postgres" in reject["cause"]
    assert not spool.busy


async def test_what_belongs_to_an_account_that_is_gone_goes_with_it(
    scene: Scene, intake: Intake, spool: Spool
) -> None:
    gone = (await row(scene, "tarde", "1"))._replace(account_id=10**9)
    await spool.keep([pack(gone), pack(await row(scene, "hola", "2"))])
    await intake._drain(spool)
    assert await stored(scene) == ["hola"]
    assert await scene.pool.fetchval("SELECT count(*) FROM rejects") == 0
    assert not spool.busy


async def test_a_drain_that_fails_keeps_all(
    scene: Scene, intake: Intake, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise CANNOT_ASK[0]("away")

    await spool.keep([pack(await row(scene, "hola", "1"))])
    with monkeypatch.context() as patch:
        patch.setattr(messages, "take_plain", away)
        with pytest.raises(OSError):
            await intake._drain(spool)
    assert await spool.count() == 1
    await intake._drain(spool)
    assert await stored(scene) == ["hola"]


@pytest.mark.parametrize("ran_out", [TimeoutError(), asyncpg.QueryCanceledError("statement timeout")])
async def test_what_cannot_be_stored_in_time_is_stored_in_smaller_parts(
    scene: Scene, intake: Intake, spool: Spool, monkeypatch: pytest.MonkeyPatch, ran_out: Exception
) -> None:
    sizes, take = [], messages.take_plain

    async def slow(connection: Connection, rows: Sequence[InboundRow], *rest: Any) -> list[bool]:
        sizes.append(len(rows))
        if len(rows) > 3:
            raise ran_out
        return await take(connection, rows, *rest)

    monkeypatch.setattr(messages, "take_plain", slow)
    await spool.keep([pack(await row(scene, f"n{n}", f"{n}")) for n in range(12)])
    assert await intake._drain(spool) == 12
    assert sizes == [12, 6, 3, 4, 2, 3, 4, 2, 2]
    assert await stored(scene) == [f"n{n}" for n in range(12)]


async def test_one_alone_that_cannot_be_stored_in_time_stays(
    scene: Scene, intake: Intake, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*_: object) -> None:
        raise TimeoutError

    await spool.keep([pack(await row(scene, f"n{n}", f"{n}")) for n in range(2)])
    monkeypatch.setattr(messages, "take_plain", silent)
    with pytest.raises(TimeoutError):
        await intake._drain(spool)
    assert await spool.count() == 2


async def test_a_full_disk_does_not_keep_events_from_postgres(
    scene: Scene, intake: Intake, spool: Spool
) -> None:
    await spool.keep([pack(await row(scene, "primero", "1"))])
    with full_disk():
        assert await intake._drain(spool) == 1
        assert not spool.busy
        await write(scene, intake, "segundo", "2")
    assert await stored(scene) == ["primero", "segundo"]


async def test_what_a_full_disk_kept_in_the_spool_goes_once_there_is_room(
    scene: Scene, intake: Intake, spool: Spool
) -> None:
    await spool.keep([pack(await row(scene, "primero", "1"))])
    with full_disk():
        await intake._drain(spool)
        await spool.tidy()
        assert await spool.count() == 1
    draining = asyncio.create_task(intake.drain(spool))
    async with asyncio.timeout(10):
        while await spool.count():
            await asyncio.sleep(0.02)
    draining.cancel()
    assert not spool.untidy
    assert await stored(scene) == ["primero"]


async def test_a_full_disk_that_took_nothing_is_not_asked_while_postgres_answers(
    scene: Scene, intake: Intake, spool: Spool
) -> None:
    with full_disk():
        with pytest.raises(NodeFileError):
            await spool.keep([pack(await row(scene, "primero", "1"))])
        await intake._drain(spool)
        await write(scene, intake, "segundo", "2")
    assert await stored(scene) == ["segundo"]


async def test_a_process_starts_on_a_full_disk(spool: Spool) -> None:
    await spool.keep([b"1"])
    with full_disk():
        async with Spool(spool.folder, spool.limit) as other:
            assert [event for _, event in await other.oldest(5)] == [b"1"]


@pytest.mark.new_database
async def test_what_comes_while_a_backup_is_restored_waits_for_its_end_or_is_refused(
    scene: Scene, intake: Intake, spool: Spool
) -> None:
    await scene.entry()
    owner = await asyncpg.connect(scene.url, server_settings={"role": "conserje_owner"})
    await owner.execute(silence.begin(silence.LOADED))
    with pytest.raises(NotDurable):  # without a spool: who posted it comes again
        await write(scene, scene.intake, "hola", "1")
    await write(scene, intake, "hola", "1")
    with pytest.raises(CANNOT_ASK):
        await intake._drain(spool)
    assert (await stored(scene), await spool.count()) == ([], 1)
    await silence.fall(owner, "x.backup", None, None)
    await silence.end(owner)
    await owner.close()
    await intake._drain(spool)
    assert await stored(scene) == ["hola"]
    assert await scene.pool.fetchval("SELECT count(*) FROM pgqueuer.pgqueuer") == 1
