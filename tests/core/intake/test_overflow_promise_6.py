"""A flood: few of its jobs are in the queue, each that ends brings the next, and all is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from scene import Scene
from waiting import until

from conserje import InboundMessage, Text
from conserje.conversations import overdue, overflow
from conserje.conversations.overdue import SWEEP_AFTER
from conserje.costs.prices import Prices
from conserje.intake import intake, writing
from conserje.intake.intake import ENOUGH, LARGEST_PART
from conserje.intake.priority import CHAINS, FLOOD, LOOK_AGAIN, Flight, Loads
from conserje.intake.writing import Item
from conserje.storage.database import Connection
from conserje.storage.jobs import FLOODED

MANY = FLOOD + 60


async def flood(scene: Scene, contacts: int) -> None:
    entry = await scene.entry()
    account = entry.accounts[0]
    events = [
        (account, InboundMessage(account.address, f"f{n}", f"s{n}", Text("x"))) for n in range(contacts)
    ]
    await scene.intake.take(entry.tenant, events)


async def queued(scene: Scene) -> list[int]:
    rows = await scene.pool.fetch("SELECT priority FROM pgqueuer.pgqueuer WHERE entrypoint = 'converse'")
    return [row["priority"] for row in rows]


async def test_few_of_a_flood_s_jobs_are_in_the_queue(scene: Scene) -> None:
    await flood(scene, MANY)
    assert len(await queued(scene)) <= FLOOD + CHAINS
    assert min(await queued(scene)) == FLOODED
    assert await scene.pool.fetchval("SELECT count(*) FROM overflow") >= MANY - FLOOD - CHAINS


async def test_promise_6_all_of_a_flood_is_answered(scene: Scene) -> None:
    async with scene.working():
        await flood(scene, MANY)
        await until(lambda: len(scene.post.sent) == MANY)
    assert await scene.pool.fetchval("SELECT count(*) FROM overflow") == 0


async def test_what_one_contact_writes_in_a_flood_is_brought_once(scene: Scene) -> None:
    await flood(scene, FLOOD + CHAINS)
    for n in range(5):
        await scene.write(f"y{n}", sender="ana")
    assert await scene.pool.fetchval("SELECT count(*) FROM overflow") == 1


async def test_a_flood_s_turns_are_brought_in_the_order_of_their_taking(scene: Scene) -> None:
    await flood(scene, FLOOD + CHAINS)
    for name in ("zoe", "ana", "luz"):
        await scene.write("hola", sender=name)
    await scene.pool.execute("DELETE FROM pgqueuer.pgqueuer")
    [tenant_id] = [row["id"] for row in await scene.pool.fetch("SELECT id FROM tenants WHERE slug = 'acme'")]
    await overflow.bring(scene.pool, tenant_id, 2)
    left = await scene.pool.fetch(
        "SELECT peer FROM overflow JOIN conversations ON conversations.id = conversation_id"
    )
    assert [row["peer"] for row in left] == ["luz"]
    assert await queued(scene) == [FLOODED, FLOODED]


async def test_a_turn_that_was_to_bring_the_next_and_was_lost_is_made_up_for(scene: Scene) -> None:
    await flood(scene, MANY)
    await scene.pool.execute("DELETE FROM pgqueuer.pgqueuer")
    await overdue.sweep(scene.pool)
    assert await queued(scene) == [FLOODED]


async def test_the_sweep_leaves_a_flood_where_it_is(scene: Scene) -> None:
    await flood(scene, MANY)
    await scene.pool.execute("DELETE FROM pgqueuer.pgqueuer")
    await scene.pool.execute("UPDATE messages SET created_at = now() - $1::interval * 2", SWEEP_AFTER)
    await overdue.sweep(scene.pool)
    assert len(await queued(scene)) <= FLOOD + CHAINS + 1


async def test_what_is_being_stored_counts_before_postgres_can_count_it(scene: Scene) -> None:
    loads, tenant_id = Loads(), (await scene.entry()).tenant.id
    async with scene.pool.acquire() as connection:
        with Flight(loads) as slow, Flight(loads) as next_one:
            await slow.look(connection, {tenant_id})
            priorities = [slow.priority(tenant_id) for _ in range(FLOOD)]
            loads._known[tenant_id].asked -= LOOK_AGAIN + 1
            await next_one.look(connection, {tenant_id})
            priorities += [next_one.priority(tenant_id) for _ in range(CHAINS + 1)]
        assert priorities[-2:] == [FLOODED, None]
        loads._known[tenant_id].asked -= LOOK_AGAIN + 1
        with Flight(loads) as later:
            await later.look(connection, {tenant_id})
            assert later.priority(tenant_id) == 0  # nothing was stored, nothing is in flight any more


async def test_what_is_held_is_no_flood(scene: Scene) -> None:
    await flood(scene, MANY)
    await scene.pool.execute("UPDATE conversations SET state = 'held', cause = 'because'")
    await scene.pool.execute("DELETE FROM pgqueuer.pgqueuer")
    scene.intake._loads._known.clear()
    await scene.write("hola", sender="ana")
    assert await queued(scene) == [0]


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many events each transaction has stored."""
    stored: list[int] = []

    async def seen(connection: Connection, items: Sequence[Item], flight: Flight, prices: Prices) -> None:
        stored.append(len(items))
        await write(connection, items, flight, prices)

    write = writing.write
    monkeypatch.setattr(writing, "write", seen)
    return stored


async def test_a_flood_s_events_are_stored_together(
    scene: Scene, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    await flood(scene, FLOOD + CHAINS)
    monkeypatch.setattr(intake, "GATHER", 3600)
    sizes.clear()
    for _ in range(3):
        await asyncio.gather(*(scene.write("hola", sender=f"y{n}") for n in range(ENOUGH)))
    assert sizes == [ENOUGH] * 3


@pytest.mark.new_database  # which goes at once; to delete all that row by row takes as long as the test
async def test_a_post_of_thousands_is_stored_in_parts_with_others_between(
    scene: Scene, sizes: list[int]
) -> None:
    await scene.add("bravo")
    entry = await scene.entry()
    account = entry.accounts[0]
    events = [(account, InboundMessage(account.address, f"k{n}", f"s{n}", Text("x"))) for n in range(2000)]
    post = asyncio.create_task(scene.intake.take(entry.tenant, events))
    await until(lambda: sizes)
    await scene.write("hola", slug="bravo")
    assert not post.done()
    await post
    assert max(sizes) <= LARGEST_PART + 1
    assert await scene.pool.fetchval("SELECT count(*) FROM messages") == 2001
