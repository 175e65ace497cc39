"""Prepared answers: what a tenant's people say often, kept by its owner."""

from __future__ import annotations

import pytest
from scene import Scene

from conserje.conversations import prepared
from conserje.conversations.prepared import NoPrepared, Prepared, PreparedError
from conserje.storage.scope import acting_for


async def test_prepared_answers_are_kept_changed_and_removed(scene: Scene) -> None:
    tenant_id = (await scene.entry()).tenant.id
    async with acting_for(scene.pool, tenant_id) as scope:
        late = await prepared.add(scope.connection, tenant_id, " Tarde  ya ", "Llegamos tarde.\n")
        await prepared.add(scope.connection, tenant_id, "horario", "Abrimos a las 9.")
        await prepared.change(scope.connection, tenant_id, late, "Tarde", "Ya vamos.")
    async with acting_for(scene.pool, tenant_id) as scope:
        found = await prepared.list_all(scope.connection, tenant_id)
        assert [(each.title, each.text) for each in found] == [
            ("horario", "Abrimos a las 9."),
            ("Tarde", "Ya vamos."),
        ]
        assert await prepared.get(scope.connection, tenant_id, late) == found[1]
        await prepared.remove(scope.connection, tenant_id, late)
        for gone in (prepared.get, prepared.remove):
            with pytest.raises(NoPrepared):
                await gone(scope.connection, tenant_id, late)


@pytest.mark.parametrize(
    ("title", "text", "field"),
    [(" ", "x", "title"), ("x" * 61, "x", "title"), ("x", "\n", "text"), ("x", "y" * 4001, "text")],
)
async def test_what_cannot_be_kept_is_refused_in_a_sentence(
    scene: Scene, title: str, text: str, field: str
) -> None:
    tenant_id = (await scene.entry()).tenant.id
    async with acting_for(scene.pool, tenant_id) as scope:
        with pytest.raises(PreparedError, match="characters") as raised:
            await prepared.add(scope.connection, tenant_id, title, text)
    assert raised.value.of == field


async def test_a_title_is_one_answers_alone(scene: Scene) -> None:
    tenant_id = (await scene.entry()).tenant.id
    async with acting_for(scene.pool, tenant_id) as scope:
        await prepared.add(scope.connection, tenant_id, "Horario", "x")
        other = await prepared.add(scope.connection, tenant_id, "Pago", "x")
        with pytest.raises(PreparedError, match="this title"):
            await prepared.add(scope.connection, tenant_id, "HORARIO", "y")
        with pytest.raises(PreparedError, match="this title"):
            await prepared.change(scope.connection, tenant_id, other, "horario", "y")
        await prepared.change(scope.connection, tenant_id, other, "PAGO", "y")


async def test_a_tenant_keeps_no_more_than_a_person_reads(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepared, "MOST", 1)
    tenant_id = (await scene.entry()).tenant.id
    async with acting_for(scene.pool, tenant_id) as scope:
        await prepared.add(scope.connection, tenant_id, "a", "x")
        with pytest.raises(PreparedError, match="remove one"):
            await prepared.add(scope.connection, tenant_id, "b", "x")


@pytest.mark.parametrize(
    ("name", "said"), [("Ana María Soto", "Hola Ana, ¿cómo estás?"), (" ", "Hola, ¿cómo estás?")]
)
def test_the_contacts_first_name_is_filled_in(name: str, said: str) -> None:
    assert Prepared(1, "saludo", "Hola {name}, ¿cómo estás?").said_to(name) == said
