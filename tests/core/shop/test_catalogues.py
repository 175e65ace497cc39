"""A process knows tenants' catalogues for as long as their products are what they were."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
import pytest_asyncio
from waiting import until

from conserje import Product
from conserje.shop import catalogues as module
from conserje.shop.catalogues import Catalogues, TenantProducts
from conserje.shop.products import upsert_many
from conserje.shop.search import Catalogue
from conserje.storage.changes import PRODUCTS, Changes
from conserje.storage.database import Pool


@pytest_asyncio.fixture
async def catalogues(pool: Pool, database_url: str) -> AsyncIterator[Catalogues]:
    changes = Changes(database_url)
    known = Catalogues(pool, changes)
    async with changes:
        yield known


async def tenant(pool: Pool, slug: str, *names: str) -> int:
    tenant_id: int = await pool.fetchval(
        "INSERT INTO tenants (slug, name) VALUES ($1, $1) RETURNING id", slug
    )
    async with pool.acquire() as connection:
        await upsert_many(connection, tenant_id, [Product(0, name, Decimal(4990)) for name in names])
    return tenant_id


async def until_heard(catalogues: Catalogues, pool: Pool) -> None:
    """Wait until every change that is committed by now was heard of."""
    heard: list[list[int] | None] = []
    catalogues._changes.tell(heard.append, PRODUCTS)
    await pool.execute("SELECT pg_notify($1, '0')", PRODUCTS)  # of no tenant, and told after the others
    await until(lambda: [0] in heard)


async def names(catalogues: Catalogues, tenant_id: int) -> list[str]:
    return [product.name for product in (await catalogues.of(tenant_id)).products]


async def test_a_catalogue_is_read_once_however_many_turns_ask(pool: Pool, catalogues: Catalogues) -> None:
    acme = await tenant(pool, "acme", "Café")
    await until_heard(catalogues, pool)
    at_once = await asyncio.gather(*(catalogues.of(acme) for _ in range(20)))
    assert len({id(each) for each in at_once}) == 1


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ("INSERT INTO products (tenant_id, name, price) VALUES ($1, 'Pan', 1)", ["Café", "Pan", "Té"]),
        ("UPDATE products SET status = 'inactive' WHERE tenant_id = $1 AND name = 'Té'", ["Café"]),
        ("UPDATE products SET name = 'Mate' WHERE tenant_id = $1 AND name = 'Té'", ["Café", "Mate"]),
        ("DELETE FROM products WHERE tenant_id = $1", []),
    ],
)
async def test_a_change_of_a_product_is_known_promise_10(
    pool: Pool, catalogues: Catalogues, change: str, left: list[str]
) -> None:
    acme, bravo = await tenant(pool, "acme", "Café", "Té"), await tenant(pool, "bravo", "Pelota")
    await until_heard(catalogues, pool)
    before = await catalogues.of(bravo)
    await pool.execute(change, acme)

    async def known() -> bool:
        return await names(catalogues, acme) == left

    await until(known)
    assert await catalogues.of(bravo) is before


async def test_what_nobody_tells_of_is_read_at_each_use(pool: Pool, database_url: str) -> None:
    acme = await tenant(pool, "acme", "Café")
    catalogues = Catalogues(pool, Changes(database_url))  # which listens to nobody
    assert await names(catalogues, acme) == ["Café"]
    await pool.execute("UPDATE products SET name = 'Té'")
    assert await names(catalogues, acme) == ["Té"]


async def test_what_a_change_overtook_while_it_was_read_is_not_kept(pool: Pool, database_url: str) -> None:
    acme = await tenant(pool, "acme", "Café")
    changes = Changes(database_url)
    catalogues = Catalogues(pool, changes)
    async with changes:
        reading = asyncio.create_task(catalogues.of(acme))
        await asyncio.sleep(0)  # it has begun
        changes._pass_on(PRODUCTS, [acme])
        overtaken = await reading
        assert await catalogues.of(acme) is not overtaken


async def test_memory_for_catalogues_is_bounded(
    pool: Pool, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT", 100_000)
    monkeypatch.setattr(module, "LARGEST", 200)
    changes = Changes(database_url)
    catalogues = Catalogues(pool, changes)
    many = [f"Producto {n:04}" for n in range(300)]
    tenants = [await tenant(pool, f"t{n}", *many[: 5 + n]) for n in range(40)]
    large = await tenant(pool, "large", *many)
    async with changes:
        await until_heard(catalogues, pool)
        for each in tenants:
            await catalogues.of(each)
        assert catalogues.size <= 100_000
        assert await names(catalogues, large) == many[:200]
        assert catalogues.size > 100_000  # too large for it alone, and built once all the same
        assert await catalogues.of(large) is await catalogues.of(large)


def test_of_a_long_description_the_beginning_is_indexed() -> None:
    long = " ".join(f"palabra{n:05}" for n in range(140)) + " zanahoria"
    short = Catalogue([Product(1, "Silla", Decimal(1), description=long[:500])])
    whole = Catalogue([Product(1, "Silla", Decimal(1), description=long[:2000])])
    assert whole.size - short.size == len(long) - 500  # the text itself
    assert whole.search("una de palabra00003", 1)
    assert not whole.search("zanahoria", 1)


async def test_a_turn_sees_the_products_as_they_were_at_its_first_look(
    pool: Pool, catalogues: Catalogues
) -> None:
    acme = await tenant(pool, "acme", "Café")
    products = TenantProducts(catalogues, acme)
    first = await products.all()
    first.clear()
    await pool.execute("DELETE FROM products")
    assert [match.product.name for match in await products.search("café")] == ["Café"]

    async def gone() -> bool:
        return await TenantProducts(catalogues, acme).all() == []

    await until(gone)


async def test_what_one_tenant_sells_no_other_finds_promise_6(pool: Pool, catalogues: Catalogues) -> None:
    acme, bravo = await tenant(pool, "acme", "Northern Lights"), await tenant(pool, "bravo", "Xbox")
    assert [m.product.name for m in await TenantProducts(catalogues, acme).search("northern")] == [
        "Northern Lights"
    ]
    assert await TenantProducts(catalogues, bravo).search("northern") == []


async def test_a_long_text_keeps_no_other_task_waiting(catalogues: Catalogues, pool: Pool) -> None:
    acme = await tenant(pool, "acme", *(f"Vaporizador {n}" for n in range(200)))
    products = TenantProducts(catalogues, acme)
    await products.all()
    searching = asyncio.create_task(products.search("vaporisadro " * 150))
    await asyncio.sleep(0)
    assert not searching.done()
    assert await searching
