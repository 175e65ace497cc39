"""Presence: who looks at a conversation just now, and is forgotten a minute later."""

from __future__ import annotations

from scene import Scene

from conserje.conversations import presence
from conserje.conversations.presence import Present
from conserje.storage.scope import acting_for

ANA, LUIS = 1, 2


async def place_of(scene: Scene) -> tuple[int, int]:
    await scene.write("hola")
    id: int = await scene.pool.fetchval("SELECT id FROM conversations")
    return (await scene.entry()).tenant.id, id


async def test_who_looks_is_seen_by_the_others_and_not_by_oneself(scene: Scene) -> None:
    place = await place_of(scene)
    async with acting_for(scene.pool, place[0]) as scope:
        connection = scope.connection
        assert await presence.see(connection, *place, ANA, "Ana", writes=False)
        assert not await presence.see(connection, *place, ANA, "Ana", writes=False)
        assert await presence.others(connection, *place, ANA) == []
        assert await presence.others(connection, *place, LUIS) == [Present(ANA, "Ana", writes=False)]
        assert await presence.see(connection, *place, ANA, "Ana", writes=True)
        assert await presence.others(connection, *place, LUIS) == [Present(ANA, "Ana", writes=True)]
        assert await presence.leave(connection, *place, ANA)
        assert not await presence.leave(connection, *place, ANA)
        assert await presence.others(connection, *place, LUIS) == []


async def test_who_was_not_seen_for_a_minute_is_not_there_and_leaves_no_row(scene: Scene) -> None:
    place = await place_of(scene)
    async with acting_for(scene.pool, place[0]) as scope:
        await presence.see(scope.connection, *place, ANA, "Ana", writes=False)
    await scene.pool.execute("UPDATE presences SET seen_at = now() - interval '61 seconds'")
    async with acting_for(scene.pool, place[0]) as scope:
        assert await presence.others(scope.connection, *place, LUIS) == []
        assert await presence.see(scope.connection, *place, ANA, "Ana", writes=False)
    await scene.pool.execute("UPDATE presences SET seen_at = now() - interval '61 seconds'")
    async with acting_for(scene.pool, place[0]) as scope:
        await presence.see(scope.connection, *place, LUIS, "Luis", writes=False)
    assert [tuple(row) for row in await scene.pool.fetch("SELECT login_id FROM presences")] == [(LUIS,)]


async def test_nobody_is_at_a_conversation_that_is_not_there(scene: Scene) -> None:
    tenant_id, id = await place_of(scene)
    async with acting_for(scene.pool, tenant_id) as scope:
        assert not await presence.see(scope.connection, tenant_id, id + 1, ANA, "Ana", writes=False)
