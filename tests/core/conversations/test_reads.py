"""What each login has read: only forward, but by saying so."""

from __future__ import annotations

from scene import Scene

from conserje.conversations import reads
from conserje.storage.scope import acting_for

READ = "SELECT message_id FROM reads WHERE login_id = $1"


async def test_what_was_read_stays_read_until_it_is_marked_unread(scene: Scene) -> None:
    for _ in range(3):
        await scene.write("hola")
    ids = [row["id"] for row in await scene.pool.fetch("SELECT id FROM messages ORDER BY id")]
    place = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations")
    assert place is not None
    tenant_id, conversation = place
    async with acting_for(scene.pool, tenant_id) as scope:
        await reads.mark(scope.connection, tenant_id, 1, conversation, ids[1])
        await reads.mark(scope.connection, tenant_id, 1, conversation, ids[0])
        await reads.mark(scope.connection, tenant_id, 2, conversation, ids[2])
        await reads.mark(scope.connection, tenant_id, 1, conversation + 1, ids[2])  # of nobody's
    assert await scene.pool.fetch(READ, 1) == [(ids[1],)]
    async with acting_for(scene.pool, tenant_id) as scope:
        await reads.mark_unread(scope.connection, tenant_id, 2, conversation)
        await reads.mark_unread(scope.connection, tenant_id, 2, conversation + 1)
    assert await scene.pool.fetch(READ, 2) == [(ids[2] - 1,)]
