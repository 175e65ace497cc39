"""A process knows what tenants say about themselves for as long as it is what it was."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial

import pytest
from waiting import until

from conserje.shop import knowledge
from conserje.shop.answers import Answers
from conserje.shop.knowledge import Question, Told
from conserje.shop.lore import Lore, TenantKnowledge
from conserje.storage.changes import Changes
from conserje.storage.database import Pool
from conserje.storage.scope import acting_for
from conserje.tenants import tenants

MONDAY = datetime(2026, 11, 30, 15, tzinfo=UTC)


@pytest.fixture
async def lore(pool: Pool, database_url: str) -> AsyncIterator[Lore]:
    changes = Changes(database_url)
    known = Lore(pool, changes)
    async with changes:
        await until(lambda: changes.listening)
        yield known


async def says(pool: Pool, slug: str, payment: str) -> tenants.Tenant:
    async with pool.acquire() as connection:
        tenant = await tenants.add(connection, slug, slug.title())
        told = Told({"payment": payment}, [Question("¿Tienen wifi?", f"Sí, en {slug}.")])
        await knowledge.take(connection, tenant.id, told)
    return tenant


async def answers(lore: Lore, tenant: tenants.Tenant, text: str) -> list[str]:
    found = await TenantKnowledge(lore, tenant.id, tenant.seen, lambda: MONDAY).search(text)
    return [known.answer for known in found]


async def test_a_change_is_heard_and_nothing_is_read_before(pool: Pool, lore: Lore) -> None:
    acme = await says(pool, "acme", "Efectivo.")
    assert await answers(lore, acme, "¿cómo puedo pagar?") == ["Efectivo."]

    async def kept() -> bool:
        return await lore.of(acme.id) is await lore.of(acme.id)

    await until(kept)
    await pool.execute("UPDATE facts SET said = 'Tarjetas.'")

    async def heard() -> bool:
        return await answers(lore, acme, "¿cómo puedo pagar?") == ["Tarjetas."]

    await until(heard)
    await pool.execute("DELETE FROM questions")

    async def forgotten() -> bool:
        return await answers(lore, acme, "tienen wifi?") == []

    await until(forgotten)


async def test_what_one_tenant_says_no_other_finds_promise_6(pool: Pool, lore: Lore) -> None:
    acme, bravo = await says(pool, "acme", "Efectivo."), await says(pool, "bravo", "Tarjetas.")
    assert await answers(lore, acme, "tienen wifi?") == ["Sí, en acme."]
    assert await answers(lore, bravo, "tienen wifi?") == ["Sí, en bravo."]
    async with acting_for(pool, acme.id) as scope:
        assert await knowledge.read(scope.connection, bravo.id) == Told({}, [])


async def test_hours_are_the_tenant_s_own(pool: Pool, lore: Lore) -> None:
    acme = await says(pool, "acme", "Efectivo.")
    assert await answers(lore, acme, "¿a qué hora abren?") == []
    async with pool.acquire() as connection:
        await tenants.set_hours(connection, "acme", {"week": {"monday": ["10:00-20:00"]}})
        acme = await tenants.get(connection, "acme")
    assert await answers(lore, acme, "¿están abiertos?") == ["Sí, ahora estamos abiertos, hasta las 20:00."]


async def test_knowledge_too_large_for_the_room_is_read_once_all_the_same(
    pool: Pool, lore: Lore, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme, bravo = await says(pool, "acme", "Efectivo."), await says(pool, "bravo", "Tarjetas.")
    monkeypatch.setattr(lore, "_room", 100)

    async def kept(tenant: tenants.Tenant) -> bool:
        return await lore.of(tenant.id) is await lore.of(tenant.id)

    for tenant in (acme, bravo):
        await until(partial(kept, tenant))
    assert list(lore._kept) == [bravo.id]


def test_of_a_long_wording_the_first_words_are_indexed() -> None:
    words = [f"palabra{n}" for n in range(40)]
    short, long = (Answers(Told({}, [Question(" ".join(each), "Sí.")])) for each in (words[:25], words))
    assert long.size - short.size == len(" ".join(words)) - len(" ".join(words[:25]))
