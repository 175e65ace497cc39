"""Prices as people write them, products as they are stored, what a search finds, and what it costs."""

from __future__ import annotations

import json
from decimal import Decimal
from importlib.resources import files
from random import Random
from typing import Any

import pytest
from cpu import at_most

from conserje import Match, Product, format_price
from conserje.contract.prices import PriceError, parse_price
from conserje.shop.products import (
    ProductError,
    from_row,
    list_all,
    upsert_many,
)
from conserje.shop.search import Catalogue
from conserje.storage.database import Connection, Pool
from conserje.storage.scope import acting_for

SLUGS = ("acme", "bravo", "mundo-canino")


def demo(slug: str) -> list[Product]:
    catalogue = json.loads(files("conserje_fakes").joinpath(f"demo_data/{slug}.json").read_text("utf-8"))
    return [from_row(row, "CLP") for row in catalogue["products"]]


DEMO = {slug: demo(slug) for slug in SLUGS}


def search(products: list[Product], text: str, limit: int = 5) -> list[Match]:
    return Catalogue(products).search(text, limit)


@pytest.mark.parametrize(
    ("text", "currency", "price"),
    [
        ("$12.990", "CLP", "12990"),
        ("12990", "CLP", "12990"),
        ("CLP 12.990", "CLP", "12990"),
        ("12.990 clp", "CLP", "12990"),
        ("CLP$ 12.990", "CLP", "12990"),
        (" $ 12.990.- ", "CLP", "12990"),
        ("1.290.000", "CLP", "1290000"),
        ("1,290,000", "CLP", "1290000"),
        ("12.990,00", "CLP", "12990"),
        ("0", "CLP", "0"),
        ("1.290,50", "USD", "1290.50"),
        ("1,290.50", "USD", "1290.50"),
        ("12.5", "USD", "12.5"),
        ("US$12,50", "USD", "12.50"),
        ("USD 12.990", "USD", "12990"),
    ],
)
def test_reads_prices_as_people_write_them(text: str, currency: str, price: str) -> None:
    assert parse_price(text, currency) == Decimal(price)


@pytest.mark.parametrize(
    "text",
    ["", "$", "gratis", "-3", "12 990", "1.29", "12.99", "0.500", "1.290.00", "12.990 c/u", "USD 12", "US$ 3",
     "12..990", ".990", "1e5", "NaN", "١٢", "9" * 13, "$12.990 - $15.990"],
)  # fmt: skip
def test_what_is_no_price_in_pesos_is_an_error(text: str) -> None:
    with pytest.raises(PriceError):
        parse_price(text, "CLP")


@pytest.mark.parametrize("currency", ["CLP", "USD", "PEN", "PYG"])
@pytest.mark.parametrize("amount", [0, 7, 990, 12990, 1290000, 99999999])
def test_reads_the_prices_that_it_writes(amount: int, currency: str) -> None:
    assert parse_price(format_price(Decimal(amount), currency), currency) == amount


def test_writes_prices_as_contacts_read_them() -> None:
    assert format_price(Decimal("12990.00"), "CLP") == "$12.990"
    assert format_price(Decimal("1290.5"), "USD") == "USD 1.290,50"


def test_reads_a_row_of_csv_and_one_of_json_alike() -> None:
    csv = {"name": " Café ", "price": "$4.990", "stock": "", "keywords": "grano; molido, "}
    sheet: dict[str, Any] = {
        "name": "Café",
        "price": 4990,
        "stock": None,
        "keywords": ["grano", "molido"],
    }
    assert from_row(csv, "CLP") == from_row(sheet, "CLP")
    assert from_row(csv, "CLP").keywords == ("grano", "molido")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"name": " "}, "name"),
        ({"name": "x\0"}, "name"),
        ({"name": "x\ud800"}, "name"),
        ({"price": ""}, "price"),
        ({"price": None}, "price"),
        ({"price": True}, "price"),
        ({"price": 12.5}, "price"),
        ({"price": float("nan")}, "price"),
        ({"price": "-1"}, "price"),
        ({"stock": "-1"}, "stock"),
        ({"stock": "1.5"}, "stock"),
        ({"stock": 2**31}, "stock"),
        ({"keywords": [3]}, "keywords"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_row_is_named_with_its_field(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ProductError, match=f"Product .*, {named}: "):
        from_row({"name": "Café", "price": "4990"} | changes, "CLP")


async def new_tenant(connection: Connection, slug: str) -> int:
    tenant_id: int = await connection.fetchval(
        "INSERT INTO tenants (slug, name) VALUES ($1, $1) RETURNING id", slug
    )
    return tenant_id


async def test_keeps_everything_about_a_product(connection: Connection) -> None:
    tenant_id = await new_tenant(connection, "acme")
    products = [
        Product(0, "Té", Decimal("1990.00"), None, "Hojas", 'con "comillas" y ñ', ("té, verde", "infusión")),
        Product(0, "Café", Decimal("4990.00"), 0),
    ]
    await upsert_many(connection, tenant_id, products)
    stored = await list_all(connection, tenant_id)
    assert [product.name for product in stored] == ["Café", "Té"]
    assert [(p.price, p.stock, p.category, p.description, p.keywords) for p in stored] == [
        (p.price, p.stock, p.category, p.description, p.keywords) for p in reversed(products)
    ]


async def test_a_product_of_the_same_name_is_replaced_and_on_sale_again(connection: Connection) -> None:
    tenant_id = await new_tenant(connection, "acme")
    await upsert_many(connection, tenant_id, [Product(0, "Café", Decimal(4990), 3)])
    (before,) = await list_all(connection, tenant_id)
    await connection.execute("UPDATE products SET status = 'inactive' WHERE tenant_id = $1", tenant_id)
    assert await list_all(connection, tenant_id) == []
    await upsert_many(connection, tenant_id, [Product(0, "Café", Decimal(5990), 2)])
    (after,) = await list_all(connection, tenant_id)
    assert (after.id, after.price, after.stock) == (before.id, Decimal(5990), 2)


async def test_a_name_listed_twice_stores_nothing(connection: Connection) -> None:
    tenant_id = await new_tenant(connection, "acme")
    with pytest.raises(ProductError, match="'Café' is listed twice"):
        await upsert_many(connection, tenant_id, [Product(0, "Café", Decimal(n)) for n in (1, 2)])
    assert await list_all(connection, tenant_id) == []


async def test_a_tenant_may_list_its_own_products_and_no_one_else_s(pool: Pool) -> None:
    async with pool.acquire() as connection:
        acme, bravo = await new_tenant(connection, "acme"), await new_tenant(connection, "bravo")
        async with acting_for(pool, acme) as scope:
            await upsert_many(scope.connection, acme, DEMO["acme"])
            assert await list_all(scope.connection, bravo) == []
        await upsert_many(connection, bravo, DEMO["bravo"])
    async with acting_for(pool, bravo) as scope:
        names = {p.name for p in await list_all(scope.connection, bravo)}
    assert names == {p.name for p in DEMO["bravo"]}


@pytest.mark.parametrize(
    ("slug", "text", "first"),
    [
        ("acme", "NÓRTHERN LÍGHTS", "Northern Lights 5 g"),
        ("acme", "nortern ligths", "Northern Lights 5 g"),
        ("acme", "semillas northern lights", "Semillas Northern Lights Auto x3"),
        ("acme", "2 brownies", "Brownie mágico"),
        ("acme", "baporisadores", "Vaporizador de mesa Volcano"),
        ("acme", "florcitas", "Northern Lights 5 g"),
        ("acme", "luces", "Kit indoor LED 100 W"),
        ("bravo", "xbox series x", "Xbox Series X"),
        ("bravo", "plastation", "PlayStation 5 Slim"),
        ("bravo", "juego de zelda", "Zelda Tears of the Kingdom"),
        ("mundo-canino", "camita", "Cama ortopédica"),
        ("mundo-canino", "comida pa mi perrito viejito", "Alimento senior Pro Plan 7,5 kg"),
    ],
)
def test_finds_what_is_meant(slug: str, text: str, first: str) -> None:
    best = search(DEMO[slug], text, 5)[0]
    assert best.product.name == first
    assert best.score >= 0.7


@pytest.mark.parametrize(
    ("slug", "text"),
    [
        ("acme", "semillas de tomate"),
        ("bravo", "playstation 4"),
        ("bravo", "xbox 360"),
        ("mundo-canino", "comida para gatos"),
        ("mundo-canino", "pasta dental"),
    ],
)
def test_a_product_that_only_shares_a_word_scores_low(slug: str, text: str) -> None:
    assert 0 < search(DEMO[slug], text, 5)[0].score < 0.7


@pytest.mark.parametrize(
    ("slug", "text"),
    [("mundo-canino", "huevos"), ("mundo-canino", "correo"), ("bravo", "fuego"), ("bravo", "playa"),
     ("acme", "aceituna"), ("acme", "vaso"), ("acme", "hola qué tal"), ("acme", "🌿"), ("acme", ""),
     ("acme", "20"), ("acme", "play 5")],
)  # fmt: skip
def test_a_word_that_merely_looks_alike_finds_nothing(slug: str, text: str) -> None:
    assert search(DEMO[slug], text, 5) == []


def test_what_is_sold_out_comes_last_among_equals() -> None:
    names = [match.product.name for match in search(DEMO["bravo"], "consolas", 5)]
    assert names[-1] == "Xbox Series X"


def test_scores_stay_between_0_and_1_and_within_the_limit() -> None:
    for text in ("perro", "perro perro pelota collar", "comida de perro adulto champion dog 18 kg"):
        matches = search(DEMO["mundo-canino"], text, 3)
        assert len(matches) == 3
        assert all(0 < match.score <= 1 for match in matches)


def test_of_two_products_with_one_word_each_the_better_one_is_found_whatever_the_number_of_others() -> None:
    many = [Product(n, f"Arena fina {n:04}", Decimal(1), 0) for n in range(3000)]
    products = [*many, Product(1, "Zafiro arena", Decimal(1), 0), Product(2, "Zócalo arena", Decimal(1), 5)]
    assert [match.product.name for match in search(products, "arena", 2)] == ["Zócalo arena", "Zafiro arena"]


def test_a_message_s_first_30_unknown_words_are_looked_for_as_slips_of_the_pen() -> None:
    shop = [Product(1, "Vaporizador", Decimal(1))]
    unknown = [f"{first}{second}luma" for first in "bdfgjlmnprt" for second in "aeiou"]
    for before, found in ((29, True), (30, False)):
        text = ". ".join([*unknown[:before], "vaporisadro"])
        assert bool(search(shop, text)) is found, before


def _syllables(chance: Random, count: int) -> str:
    return "".join(chance.choice("bcdfglmnprst") + chance.choice("aeiou") for _ in range(count))


def test_no_message_costs_much_at_ten_thousand_products_promise_11() -> None:
    chance = Random(11)
    words = sorted({_syllables(chance, chance.randint(2, 5)) for _ in range(4000)})
    common = chance.sample(words, 12)
    shop = Catalogue(
        [
            Product(
                n,
                f"{' '.join(chance.sample(common, 2))} {chance.choice(words)} {n}",
                Decimal(1),
                n % 3,
                " ".join(common[:3]),
                "",
                tuple(chance.sample(words, 4)),
            )
            for n in range(10_000)
        ]
    )
    long = [word for word in words if len(word) > 7]
    slips = (word[:-2] + word[-1] + word[-2] for word in chance.choices(long, k=400))
    texts = [
        " ".join(slips),
        " ".join(_syllables(chance, 3) for _ in range(400)),
        " ".join(common * 20),
        " ".join(words[::10]),
        ". ".join(" ".join(chance.sample(common, 5)) for _ in range(100)),
        ". ".join(f"{common[0]} {word}" for word in words[:300]),
        "a." * 1000,
    ]
    for text in texts:
        with at_most(0.1, text[:80]):  # the goal is 20 ms
            shop.search(text, 6)


@pytest.mark.parametrize("typed", ["pin\u0303ata", "PIN\u0303ATA", "piñata"])
def test_an_accent_may_come_after_its_letter(typed: str) -> None:
    catalogue = Catalogue([Product(1, "Pin\u0303ata de estrella", Decimal(9990))])
    assert [match.product.id for match in catalogue.search(typed, 1)] == [1]
