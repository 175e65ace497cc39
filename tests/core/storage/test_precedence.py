"""A flood's transactions wait where somebody else's job has just begun, and for no longer than they may."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest
from scene import Scene
from waiting import until

from conserje.storage import jobs, precedence, scope
from conserje.storage.scope import acting_for

AN_HOUR = 3600.0


@pytest.fixture
def ahead(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Somebody's job has begun, and takes an hour."""
    monkeypatch.setattr(precedence, "AHEAD", AN_HOUR)
    monkeypatch.setattr(precedence, "LONGEST", AN_HOUR)
    precedence.here.begin(time.monotonic())
    yield
    precedence.here = precedence.Precedence()


async def transact(scene: Scene, *, flooded: bool) -> None:
    precedence.gives_way.set(flooded)
    async with acting_for(scene.pool, 1) as acting:
        await acting.connection.execute("SELECT 1")


@pytest.mark.usefixtures("ahead")
async def test_a_flood_waits_for_others_who_wait_for_nobody(scene: Scene) -> None:
    flood = asyncio.create_task(transact(scene, flooded=True))
    for _ in range(5):
        await asyncio.create_task(transact(scene, flooded=False))
    assert not flood.done()
    flood.cancel()


@pytest.mark.usefixtures("ahead")
async def test_a_flood_goes_on_however_many_are_ahead(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precedence, "LONGEST", 0.05)
    await asyncio.create_task(transact(scene, flooded=True))


async def test_a_flood_alone_waits_for_nobody(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precedence, "LONGEST", AN_HOUR)
    await asyncio.create_task(transact(scene, flooded=True))


async def test_it_is_the_flood_that_gives_way(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[tuple[int, bool]] = set()

    def see(pool: object, tenant_id: int, aside: bool) -> asyncio.Semaphore:
        seen.add((tenant_id, precedence.gives_way.get()))
        return room_of(pool, tenant_id, aside)  # type: ignore[arg-type]

    room_of = scope._room_of
    monkeypatch.setattr(scope, "_room_of", see)
    acme, bravo = await scene.entry(), await scene.add("bravo")
    await scene.write("mucho")
    await scene.pool.execute("UPDATE pgqueuer.pgqueuer SET priority = $1", jobs.FLOODED)
    await scene.write("hola", slug="bravo")
    async with scene.working():
        await until(lambda: len(scene.post.sent) == 2)
    assert seen == {(acme.tenant.id, True), (bravo.tenant.id, False)}
