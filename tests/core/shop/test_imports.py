"""A list says what it would do, does that, and changes nothing when it is one's own export."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Any

import pytest

from conserje.contract.assistant import Product
from conserje.errors import ChangedMeanwhile
from conserje.operations.retention import RULES
from conserje.shop import browsing, exporting, imports, products, sheet
from conserje.shop.imports import NoImport
from conserje.shop.products import NoProduct, ProductError, from_row, tag_of
from conserje.storage import pruning
from conserje.storage.database import Connection, Pool
from conserje.storage.scope import acting_for
from conserje.tenants import tenants

BROWNIE = {"name": "Brownie", "price": 5990, "stock": 12, "description": "Con nuez", "keywords": ["nuez"]}
QUEQUE = {"name": "Queque", "price": 4990}


@pytest.fixture
async def acme(pool: Pool) -> int:
    async with pool.acquire() as connection:
        return (await tenants.add(connection, "acme", "Acme")).id


@pytest.fixture
async def connection(pool: Pool, acme: int) -> AsyncIterator[Connection]:
    async with acting_for(pool, acme) as scope:
        listed = [from_row(row, "CLP") for row in (BROWNIE, QUEQUE)]
        await products.upsert_many(scope.connection, acme, listed)
        yield scope.connection


async def stored(connection: Connection, tenant_id: int, text: str, currency: str = "CLP") -> int:
    return await imports.store(connection, tenant_id, "lista.csv", await sheet.read(text.encode(), currency))


async def counted(connection: Connection, tenant_id: int, id: int) -> dict[str, int]:
    return {kind: n for kind, n in (await imports.count(connection, tenant_id, id)).items() if n}


async def names(connection: Connection, tenant_id: int) -> dict[str, tuple[Any, ...]]:
    found = await products.list_everything(connection, tenant_id)
    return {each.name: (int(each.price), each.stock, status) for each, status in found}


LIST = """nombre;precio;stock
Brownie;6.990;12
Queque;4990;
Torta;15.990;3
Pan;gratis;1
"""


async def test_what_a_list_would_do_is_said_and_done(connection: Connection, acme: int) -> None:
    id = await stored(connection, acme, LIST)
    said = {"changed": 1, "same": 1, "added": 1, "wrong": 1}
    assert await counted(connection, acme, id) == said
    [changed] = await imports.look(connection, acme, id, "changed")
    assert (changed["line"], changed["name"], changed["old_price"], changed["new_price"]) == (
        2, "Brownie", 5990, 6990,
    )  # fmt: skip
    [wrong] = await imports.look(connection, acme, id, "wrong")
    assert (wrong["line"], wrong["name"], wrong["why"], wrong["value"]) == (5, "Pan", "price", "gratis")
    done = await imports.take(connection, acme, id, replace=False)
    assert {kind: n for kind, n in done.items() if n} == said
    assert await names(connection, acme) == {
        "Brownie": (6990, 12, "active"), "Queque": (4990, None, "active"), "Torta": (15990, 3, "active"),
    }  # fmt: skip
    brownie, _ = await products.get(connection, acme, "Brownie")
    assert (brownie.description, brownie.keywords) == ("Con nuez", ("nuez",)), "the list has no such columns"
    assert (await imports.get(connection, acme, id)).done == done
    with pytest.raises(NoImport):
        await imports.take(connection, acme, id, replace=False)


async def test_it_speaks_of_the_products_as_they_are_now(connection: Connection, acme: int) -> None:
    id = await stored(connection, acme, LIST)
    await products.change(connection, acme, "Brownie", "CLP", {"price": "6990"})
    assert await counted(connection, acme, id) == {"same": 2, "added": 1, "wrong": 1}


async def test_who_replaces_keeps_what_a_wrong_line_names(connection: Connection, acme: int) -> None:
    id = await stored(connection, acme, "nombre;precio\nTorta;1990\nQueque;gratis\n")
    assert await counted(connection, acme, id) == {"added": 1, "wrong": 1, "removed": 1}
    assert [row["name"] for row in await imports.look(connection, acme, id, "removed")] == ["Brownie"]
    await imports.take(connection, acme, id, replace=True)
    assert set(await names(connection, acme)) == {"Torta", "Queque"}


async def test_a_list_of_which_nothing_is_right_removes_nothing(connection: Connection, acme: int) -> None:
    id = await stored(connection, acme, "nombre;precio\nTorta;gratis\n")
    with pytest.raises(ProductError):
        await imports.take(connection, acme, id, replace=True)
    assert len(await names(connection, acme)) == 2


async def test_a_new_product_needs_a_price(connection: Connection, acme: int) -> None:
    id = await stored(connection, acme, "nombre;en venta\nBrownie;no\nTorta;sí\n")
    assert await counted(connection, acme, id) == {"changed": 1, "unknown": 1, "removed": 1}
    await imports.take(connection, acme, id, replace=False)
    assert await names(connection, acme) == {
        "Brownie": (5990, 12, "inactive"),
        "Queque": (4990, None, "active"),
    }


TRAPS: list[dict[str, Any]] = [
    {"name": "=1+1", "price": "1290.5", "description": "+cmd|' /C calc'!A0", "category": "@SUM(A1)"},
    {"name": "'=1+1", "price": 1, "stock": 0, "link": 'https://acme.example/x?a=1;b="2"'},
    {"name": "-10%", "price": 1234567.89, "keywords": ["=a", "b"], "description": 'a "b"; c\nd, e'},
    {"name": "+56 9 1234 5678", "price": 0, "description": "'", "picture": "https://acme.example/x.jpg"},
    {"name": "501", "price": 1290},
]


@pytest.mark.parametrize("language", ["es", "en"])
async def test_ones_own_export_changes_nothing(connection: Connection, acme: int, language: str) -> None:
    await products.upsert_many(connection, acme, [from_row(row, "USD") for row in TRAPS], {"501"})
    everything = await products.list_everything(connection, acme)
    text = exporting.head(language) + exporting.body(everything, "USD", language)
    id = await stored(connection, acme, text, "USD")
    assert await counted(connection, acme, id) == {"same": 7}
    assert not (await imports.get(connection, acme, id)).unused


def exported(row: dict[str, Any], language: str = "es", currency: str = "CLP") -> Sequence[str]:
    [line] = exporting.body([(from_row(row, currency), "active")], currency, language).splitlines()
    return line.split("," if language == "en" else ";")


def test_no_spreadsheet_reckons_with_what_is_exported() -> None:
    name, price, stock, category, *_ = exported(
        {"name": "=1+1", "price": 12990, "stock": 3, "category": "@x"}
    )
    assert (name, price, stock, category) == ("'=1+1", "12990", "3", "'@x")
    assert exported({"name": "+56912345678", "price": 1})[0] == "+56912345678"
    assert exported({"name": "x", "price": "12.5"}, currency="USD")[1] == "12,50"
    assert exported({"name": "x", "price": "12.5"}, "en", "USD")[1] == "12.50"


async def test_of_all_lists_the_last_are_kept_for_a_day(pool: Pool, acme: int) -> None:
    async with acting_for(pool, acme) as scope:
        ids = [await stored(scope.connection, acme, LIST) for _ in range(imports.KEPT + 1)]
        with pytest.raises(NoImport):
            await imports.get(scope.connection, acme, ids[0])
    [rule] = [rule for rule in RULES if rule.table == "imports"]
    async with pool.acquire() as connection:
        await connection.execute("UPDATE imports SET made_at = now() - interval '25 h' WHERE id = $1", ids[1])
        assert await pruning.count(connection, rule, acme) == 1
        assert (await pruning.prune(connection, rule, acme, rule.first)).rows == 1


@pytest.mark.parametrize(
    ("words", "which", "found"),
    [
        ("", "", ["Brownie", "Café", "Queque"]),
        ("CAFE", "", ["Café"]),
        ("nuez", "", ["Brownie"]),
        ("%", "", []),
        ("", "off", ["Café"]),
        ("", "on", ["Brownie", "Queque"]),
        ("", "out", ["Café"]),
    ],
)
async def test_products_are_found_by_their_words(
    connection: Connection, acme: int, words: str, which: browsing.Which, found: list[str]
) -> None:
    cafe = from_row({"name": "Café", "price": 1990, "stock": 0}, "CLP")
    await products.upsert_many(connection, acme, [cafe], {"Café"})
    shelf = await browsing.browse(connection, acme, words, which, page=7)
    assert [each.name for each, _ in shelf.products] == found
    assert (shelf.number, shelf.page, shelf.pages) == (len(found), 1, 1)


async def test_two_who_change_a_product_do_not_overwrite_it(connection: Connection, acme: int) -> None:
    found = await products.get(connection, acme, "Brownie")
    tag = tag_of(*found)
    assert await products.locked(connection, acme, found[0].id, tag) == found
    await products.change(connection, acme, "Brownie", "CLP", {"stock": 11})
    with pytest.raises(ChangedMeanwhile):
        await products.locked(connection, acme, found[0].id, tag)
    await products.remove(connection, acme, "Brownie")
    with pytest.raises(NoProduct):
        await products.locked(connection, acme, found[0].id, tag)


async def test_a_new_product_replaces_none(connection: Connection, acme: int) -> None:
    with pytest.raises(ProductError):
        await products.add(connection, acme, Product(0, "Brownie", Decimal(1)))
    assert await products.add(connection, acme, Product(0, "Torta", Decimal(1)))
