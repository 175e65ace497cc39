"""Locks: a conversation before its messages, a message before its files; whoever sweeps waits for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from album import Album, send
from scene import Scene
from waiting import until

from conserje import Edit, File, InboundMessage, Revocation, Text
from conserje.conversations import overdue, state
from conserje.intake import writing
from conserje.storage.scope import acting_for

WAITS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@pytest_asyncio.fixture
async def until_waiting(database_url: str) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """Returns when so many wait for a lock."""
    same_user = await asyncpg.connect(database_url)  # as conserje_core one sees nobody's waiting

    async def waited(number: int) -> None:
        async def waits() -> bool:
            return bool(await same_user.fetchval(WAITS) >= number)

        await until(waits)

    yield waited
    await same_user.close()


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A number for each time that intake began to write a batch: what lost a deadlock is written again."""
    tries: list[int] = []
    write: Callable[..., Any] = writing.write

    async def written(connection: Any, items: Any, *others: Any) -> None:
        tries.append(len(items))
        await write(connection, items, *others)

    monkeypatch.setattr(writing, "write", written)
    return tries


async def test_a_contact_who_edits_and_wants_no_more_meets_a_turn_that_ends(
    scene: Scene, tries: list[int], until_waiting: Callable[[int], Awaitable[None]]
) -> None:
    entry = await scene.entry()
    account = entry.accounts[0]
    await scene.write("hola", key="first")
    place = (entry.tenant.id, await scene.pool.fetchval("SELECT id FROM conversations"))
    edits = InboundMessage(account.address, "second", "ana", Edit("first", Text("buenas")))
    parts = InboundMessage(account.address, "third", "ana", Text("stop"))
    tries.clear()
    async with acting_for(scene.pool, place[0]) as scope:
        await state.lock(scope.connection, *place)
        taking = asyncio.create_task(scene.intake.take(entry.tenant, [(account, edits), (account, parts)]))
        await until_waiting(1)
        await state.leave(scope.connection, *place)
    await taking
    assert tries == [2]


async def test_a_file_is_kept_while_its_message_is_taken_back(
    scene: Scene, tries: list[int], until_waiting: Callable[[int], Awaitable[None]]
) -> None:
    scene.post = Album()
    scene.collector.plugins.channels["post"] = scene.post
    entry = await scene.entry()
    account = entry.accounts[0]
    job = await send(scene, File("a", "image/png"), key="photo")
    back = InboundMessage(account.address, "back", "ana", Revocation("photo"))
    tries.clear()
    async with scene.pool.acquire() as holder, holder.transaction():
        await holder.execute("SELECT FROM messages FOR NO KEY UPDATE")
        taking = asyncio.create_task(scene.intake.take(entry.tenant, [(account, back)]))
        await until_waiting(1)
        collecting = asyncio.create_task(scene.collector.collect(job))
        await until_waiting(2)
    await asyncio.gather(taking, collecting)
    assert tries == [1]
    assert not await scene.pool.fetchval("SELECT count(*) FROM files")


async def test_a_sweep_leaves_out_what_somebody_is_at(scene: Scene) -> None:
    for sender in ("ana", "eva"):
        await scene.write("hola", sender)
    await scene.pool.execute("UPDATE messages SET created_at = now() - interval '1 hour'")
    await scene.pool.execute("DELETE FROM pgqueuer.pgqueuer")
    async with scene.pool.acquire() as holder, holder.transaction():
        await holder.execute("SELECT FROM conversations WHERE peer = 'ana' FOR NO KEY UPDATE")
        await overdue.sweep(scene.pool)
    assert await scene.pool.fetchval("SELECT count(*) FROM pgqueuer.pgqueuer") == 1
    assert await scene.pool.fetchval("SELECT peer FROM conversations WHERE swept_at IS NOT NULL") == "eva"
