"""The sale: a basket is thanked for in the tenant's language, and goes to a person."""

from __future__ import annotations

import pytest
from scene import Scene

from conserje import InboundMessage, Order, OrderItem
from conserje.tenants.words import ORDERED


@pytest.mark.parametrize(
    ("locale", "said"), [("es-CL", ORDERED["es"]), ("pt-BR", ORDERED["pt"]), ("fr", ORDERED["en"])]
)
async def test_a_basket_is_thanked_for_and_goes_to_a_person(scene: Scene, locale: str, said: str) -> None:
    await scene.pool.execute("UPDATE tenants SET locale = $1, notice_email = 'ana@example.com'", locale)
    await scene.heard()
    entry = await scene.entry()
    account = entry.accounts[0]
    order = Order((OrderItem("pan-1", 2),), "CLP", "gracias")
    async with scene.working():
        await scene.intake.take(entry.tenant, [(account, InboundMessage(account.address, "k", "ana", order))])
        await scene.settled()
    assert scene.post.texts == [said]
    assert not scene.parrot.heard
    row = await scene.pool.fetchrow("SELECT assistant, intent FROM turns")
    assert row is not None
    assert tuple(row) == ("sale", "sale")
    assert await scene.pool.fetchval("SELECT state FROM conversations") == "person"
    assert await scene.pool.fetchval("SELECT count(*) FROM notices") == 1
