"""Part by part: each message, conversation and contact once, newest first, whatever comes meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from scene import Scene

from conserje.conversations import handling, held, paging
from conserje.conversations.handling import Conversation, Wanted
from conserje.conversations.held import Filter
from conserje.conversations.listing import Message
from conserje.storage.scope import acting_for

NAMES = ("ana", "luis", "eva", "hugo", "rosa")


async def wrote(scene: Scene, *names: str) -> int:
    """These have written one after the other; the tenant."""
    for name in names:
        await scene.write(f"hola de {name}", sender=name)
    return (await scene.entry()).tenant.id


async def test_messages_come_once_while_more_comes(scene: Scene) -> None:
    tenant_id = await wrote(scene, *NAMES)
    seen: list[Message] = []
    while True:
        async with acting_for(scene.pool, tenant_id) as scope:
            before = seen[-1].id if seen else paging.LAST_ID
            found = await paging.messages(scope.connection, tenant_id, 2, before=before)
        if not found:
            break
        seen += found
        await wrote(scene, "zoe")
    assert [each.contact for each in seen] == list(reversed(NAMES))


async def test_messages_of_one_conversation_and_since_a_moment(scene: Scene) -> None:
    tenant_id = await wrote(scene, "ana", "luis", "ana")
    moment = datetime.now(UTC) - timedelta(days=1)
    await scene.pool.execute(
        "UPDATE messages SET created_at = $1 WHERE id = (SELECT min(id) FROM messages)",
        moment - timedelta(minutes=1),
    )
    async with acting_for(scene.pool, tenant_id) as scope:
        talk = await scope.connection.fetchval("SELECT id FROM conversations WHERE peer = 'ana'")
        of_ana = await paging.messages(scope.connection, tenant_id, 10, conversation_id=talk)
        lately = await paging.messages(scope.connection, tenant_id, 10, since=moment)
    assert [each.contact for each in of_ana] == ["ana", "ana"]
    assert [each.contact for each in lately] == ["ana", "luis"]


async def test_conversations_come_in_the_order_of_activity(scene: Scene) -> None:
    tenant_id = await wrote(scene, *NAMES)
    await scene.pool.execute("UPDATE conversations SET active_at = '2026-03-01 12:00Z'")  # all at once
    seen: list[Conversation] = []
    async with acting_for(scene.pool, tenant_id) as scope:
        while True:
            before = (seen[-1].active_at, seen[-1].id) if seen else paging.NEWEST
            if not (found := await paging.conversations(scope.connection, tenant_id, 2, before=before)):
                break
            seen += found
    assert [each.contact for each in seen] == list(reversed(NAMES))


async def test_conversations_with_a_person_held_or_waiting(scene: Scene) -> None:
    tenant = (await scene.entry()).tenant
    await wrote(scene, "ana", "luis", "eva")
    ids = {row["peer"]: row["id"] for row in await scene.pool.fetch("SELECT id, peer FROM conversations")}
    await handling.take(scene.pool, tenant, ids["luis"])
    await scene.pool.execute("UPDATE conversations SET state = 'held' WHERE id = $1", ids["eva"])
    await scene.pool.execute("UPDATE messages SET turn_id = 0 WHERE conversation_id = $1", ids["ana"])
    states: tuple[Wanted | None, ...] = (None, "person", "held", "waiting")
    async with acting_for(scene.pool, tenant.id) as scope:
        found = {
            wanted: {
                each.contact
                for each in await paging.conversations(scope.connection, tenant.id, 9, wanted=wanted)
            }
            for wanted in states
        }
    assert found == {
        None: {"ana", "luis", "eva"},
        "person": {"luis"},
        "held": {"eva"},
        "waiting": {"luis", "eva"},
    }


async def test_contacts_come_but_the_forgotten(scene: Scene) -> None:
    tenant_id = await wrote(scene, *NAMES)
    await scene.pool.execute(
        "INSERT INTO forgotten (tenant_id, contact_id)"
        " SELECT tenant_id, contact_id FROM identities WHERE name = 'eva'"
    )
    async with acting_for(scene.pool, tenant_id) as scope:
        first = await paging.seen_contacts(scope.connection, tenant_id, 3)
        rest = await paging.seen_contacts(scope.connection, tenant_id, 3, before=first[-1].id)
    named = [each.identities[0] for each in first + rest]
    assert len(first) == 3 and named == [f"post {name}" for name in ("rosa", "hugo", "luis", "ana")]


async def test_what_is_held_comes_part_by_part_too(scene: Scene) -> None:
    await wrote(scene, *NAMES)
    await scene.pool.execute("UPDATE conversations SET state = 'held', cause = peer")
    await scene.pool.execute("UPDATE messages SET created_at = '2026-03-01'")  # held since one moment
    async with scene.pool.acquire() as connection:
        first = await held.list_all(connection, Filter(), 3)
        rest = await held.list_all(connection, Filter(), 3, (first[-1].since, first[-1].id))
    assert sorted(each.cause for each in first + rest) == sorted(NAMES) and len(first) == 3
