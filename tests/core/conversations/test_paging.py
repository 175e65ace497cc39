"""Pages: each message, conversation and contact once, newest first, whatever comes meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from scene import Scene

from conserje.conversations import handling, held
from conserje.conversations.held import Filter
from conserje.conversations.paging import (
    page_of_contacts,
    page_of_conversations,
    page_of_messages,
)
from conserje.storage.scope import acting_for

NAMES = ("ana", "luis", "eva", "hugo", "rosa")


async def wrote(scene: Scene, *names: str) -> int:
    """These have written one after the other; the tenant."""
    for name in names:
        await scene.write(f"hola de {name}", sender=name)
    return (await scene.entry()).tenant.id


async def test_pages_of_messages_are_whole_while_more_comes(scene: Scene) -> None:
    tenant_id = await wrote(scene, *NAMES)
    async with acting_for(scene.pool, tenant_id) as scope:
        first = await page_of_messages(scope.connection, tenant_id, 2)
    await wrote(scene, "zoe")
    seen = [each.contact for each in first.items]
    page = first
    while page.next is not None:
        async with acting_for(scene.pool, tenant_id) as scope:
            page = await page_of_messages(scope.connection, tenant_id, 2, before=page.next)
        seen += [each.contact for each in page.items]
    assert seen == list(reversed(NAMES))


async def test_messages_of_one_conversation_and_since_a_moment(scene: Scene) -> None:
    tenant_id = await wrote(scene, "ana", "luis", "ana")
    moment = datetime.now(UTC) - timedelta(days=1)
    await scene.pool.execute(
        "UPDATE messages SET created_at = $1 WHERE id = (SELECT min(id) FROM messages)",
        moment - timedelta(days=1),
    )
    async with acting_for(scene.pool, tenant_id) as scope:
        talk = await scope.connection.fetchval("SELECT id FROM conversations WHERE peer = 'ana'")
        of_ana = await page_of_messages(scope.connection, tenant_id, 10, conversation_id=talk)
        lately = await page_of_messages(scope.connection, tenant_id, 10, since=moment)
        one = await page_of_messages(scope.connection, tenant_id, 2, since=moment)
    assert [each.contact for each in of_ana.items] == ["ana", "ana"]
    assert [each.contact for each in lately.items] == ["ana", "luis"] and lately.next is None
    assert len(one.items) == 2 and one.next is None  # what is older is none that is wanted


async def test_pages_of_conversations_are_in_the_order_of_activity(scene: Scene) -> None:
    tenant_id = await wrote(scene, *NAMES)
    await scene.pool.execute(
        "UPDATE conversations SET active_at = '2026-03-01 12:00Z'::timestamptz + id * '1 s'::interval"
    )
    seen: list[str] = []
    async with acting_for(scene.pool, tenant_id) as scope:
        page = await page_of_conversations(scope.connection, tenant_id, 2)
        seen += [each.contact for each in page.items]
        while page.next:
            page = await page_of_conversations(scope.connection, tenant_id, 2, before=page.next)
            seen += [each.contact for each in page.items]
    assert seen == list(reversed(NAMES))


async def test_conversations_with_a_person_held_or_waiting(scene: Scene) -> None:
    tenant = (await scene.entry()).tenant
    await wrote(scene, "ana", "luis", "eva")
    ids = {row["peer"]: row["id"] for row in await scene.pool.fetch("SELECT id, peer FROM conversations")}
    await handling.take(scene.pool, tenant, ids["luis"])
    await scene.pool.execute("UPDATE conversations SET state = 'held' WHERE id = $1", ids["eva"])
    await scene.pool.execute("UPDATE messages SET turn_id = 0 WHERE conversation_id = $1", ids["ana"])
    async with acting_for(scene.pool, tenant.id) as scope:
        found = {
            wanted: {
                each.contact
                for each in (await page_of_conversations(scope.connection, tenant.id, 9, wanted=wanted)).items
            }
            for wanted in (None, "person", "held", "waiting")
        }
    assert found == {
        None: {"ana", "luis", "eva"},
        "person": {"luis"},
        "held": {"eva"},
        "waiting": {"luis", "eva"},
    }


async def test_pages_of_contacts_leave_out_the_forgotten(scene: Scene) -> None:
    tenant_id = await wrote(scene, *NAMES)
    await scene.pool.execute(
        "INSERT INTO forgotten (tenant_id, contact_id)"
        " SELECT tenant_id, contact_id FROM identities WHERE name = 'eva'"
    )
    seen: list[str] = []
    async with acting_for(scene.pool, tenant_id) as scope:
        page = await page_of_contacts(scope.connection, tenant_id, 3)
        while True:
            seen += [each.identities[0] for each in page.items]
            if page.next is None:
                break
            page = await page_of_contacts(scope.connection, tenant_id, 3, before=page.next)
    assert seen == [f"post {name}" for name in ("rosa", "hugo", "luis", "ana")]


async def test_what_is_held_comes_by_pages_too(scene: Scene) -> None:
    await wrote(scene, *NAMES)
    await scene.pool.execute("UPDATE conversations SET state = 'held', cause = peer")
    await scene.pool.execute("UPDATE messages SET created_at = '2026-03-01'")  # held since one moment
    async with scene.pool.acquire() as connection:
        first = await held.list_all(connection, Filter(), 3)
        rest = await held.list_all(connection, Filter(), 3, (first[-1].since, first[-1].id))
    assert sorted(each.cause for each in first + rest) == sorted(NAMES) and len(first) == 3
