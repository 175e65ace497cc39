"""Meta's posts through the real processes: a basket goes to a person, a strange number's are acknowledged."""

from __future__ import annotations

from installation import Installation
from waiting import until

from conserje.tenants.words import ORDERED
from conserje_fakes.meta import Number, create
from conserje_fakes.server import serving

OWN, STRANGE, ANA = "110000000000001", "110000000000099", "56922222222"
SECRETS = ("EAAficha", "s3creto")
BASKET = {
    "type": "order",
    "order": {
        "catalog_id": "1",
        "text": "gracias",
        "product_items": [
            {"product_retailer_id": "pan-1", "quantity": 2, "item_price": 1990, "currency": "CLP"}
        ],
    },
}


async def test_a_basket_is_thanked_for_and_goes_to_a_person(installation: Installation) -> None:
    await installation.add_at_meta("acme", OWN, *SECRETS)
    port = installation.environment["CONSERJE_LISTEN"].rpartition(":")[2]
    own, shared = f"http://acme.localhost:{port}/bot/meta/webhook", f"http://localhost:{port}/webhook/meta"
    numbers = [Number(OWN, *SECRETS, own), Number(STRANGE, *SECRETS, own), Number("299", *SECRETS, shared)]
    app = create(numbers)
    meta = app.state.stand_in
    async with serving(app) as url:
        installation.environment["CONSERJE_META_BASE_URL"] = url
        async with installation.serving(), installation.working():
            for strange in (STRANGE, "299"):  # a refusal would come again for ever
                await meta.write(strange, ANA, "¿hay alguien?")
            _, taken = meta.receive(OWN, ANA, BASKET)
            await taken
            await until(lambda: meta.sent(OWN, ANA))
            await installation.until_settled()
    assert meta.sent(OWN, ANA) == [ORDERED["es"]]
    assert await installation.pool.fetchval("SELECT state FROM conversations") == "person"
    assert await installation.pool.fetchval("SELECT count(*) FROM messages WHERE direction = 'in'") == 1
