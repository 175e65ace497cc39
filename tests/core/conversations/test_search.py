"""Searching: by name, by number however it is written, by words without case and accents."""

from __future__ import annotations

import pytest
from scene import Scene

from conserje.conversations import search
from conserje.conversations.paging import LAST_ID
from conserje.storage.scope import acting_for


async def people(scene: Scene, text: str) -> list[str]:
    tenant_id = (await scene.entry()).tenant.id
    async with acting_for(scene.pool, tenant_id) as scope:
        found, _ = await search.people(scope.connection, tenant_id, text, 10)
    peers = {row["id"]: row["peer"] for row in await scene.pool.fetch("SELECT id, peer FROM conversations")}
    return [peers[id] for id in found]


async def said(scene: Scene, text: str, limit: int = 10) -> list[str]:
    tenant_id = (await scene.entry()).tenant.id
    async with acting_for(scene.pool, tenant_id) as scope:
        found, _ = await search.said(scope.connection, tenant_id, text, limit)
    texts = {row["id"]: row["content"] for row in await scene.pool.fetch("SELECT id, content FROM messages")}
    return [texts[each.id] for each in found]


@pytest.mark.parametrize(
    "written", ["+56 9 1234 5678", "912345678", "9 1234-5678", "(0) 9 1234 5678", "0056912345678", "5678"]
)
async def test_a_number_is_found_however_it_is_written(scene: Scene, written: str) -> None:
    await scene.write("hola", sender="whatsapp:+56912345678")
    await scene.write("hola", sender="whatsapp:+56987654321")
    assert await people(scene, written) == ["whatsapp:+56912345678"]


@pytest.mark.parametrize("written", ["ana maria", "MARÍA", "maría ana", "  nuñez "])
async def test_a_name_is_found_without_case_and_accents(scene: Scene, written: str) -> None:
    await scene.write("hola", sender="uno")
    await scene.write("hola", sender="dos")
    await scene.pool.execute("UPDATE contacts SET name = 'Ana María Núñez' WHERE name = 'Uno'")
    assert await people(scene, written) == ["uno"]


@pytest.mark.parametrize("written", ["(.*", "50%", "a_b", "\\", '"', "[", "x" * 5000, "\0"])
async def test_signs_are_signs(scene: Scene, written: str) -> None:
    await scene.write("hola", sender="ana")
    assert await people(scene, written) == await said(scene, written) == []
    await scene.write(f"esto: {written}", sender="ana")
    assert len(await said(scene, written)) == 1


async def test_words_are_found_in_any_order_newest_first(scene: Scene) -> None:
    for text in ("¿Tienen pan de CENTENO?", "centeno no, pan sí", "pan"):
        await scene.write(text)
    found = await said(scene, "centéno pan")
    assert ["no, pan" in found[0], "CENTENO" in found[1], len(found)] == [True, True, 2]


async def test_what_only_the_stored_form_says_is_not_found(scene: Scene) -> None:
    await scene.write("hola")
    assert await said(scene, "type") == await said(scene, "text") == []


async def test_what_was_taken_back_is_not_found(scene: Scene) -> None:
    await scene.write("mi secreto")
    await scene.pool.execute("UPDATE messages SET content = $1", '{"of":"","type":"revocation"}')
    assert await said(scene, "secreto") == []


async def test_a_search_goes_on_where_it_ended(scene: Scene) -> None:
    for n in range(5):
        await scene.write(f"pan {n}")
    tenant_id, found, before = (await scene.entry()).tenant.id, 0, LAST_ID
    async with acting_for(scene.pool, tenant_id) as scope:
        while True:
            part = await search.said(scope.connection, tenant_id, "pan", 2, before)
            found += len(part.said)
            if part.next is None:
                break
            before = part.next
    assert found == 5


async def test_people_go_on_too(scene: Scene) -> None:
    for name in ("ana", "anabel", "analia"):
        await scene.write("hola", sender=name)
    tenant_id = (await scene.entry()).tenant.id
    async with acting_for(scene.pool, tenant_id) as scope:
        first = await search.people(scope.connection, tenant_id, "ana", 2)
        rest = await search.people(scope.connection, tenant_id, "ana", 2, first.next)
    assert len({*first.conversations, *rest.conversations}) == 3 and rest.next is None


async def test_another_tenant_s_words_are_not_found(scene: Scene) -> None:
    await scene.add("bravo")
    await scene.write("secreto", slug="bravo")
    assert await said(scene, "secreto") == await people(scene, "ana") == []
