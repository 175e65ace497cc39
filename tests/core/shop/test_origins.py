"""The origins of a tenant's pictures: each once, by an index, however many products there are."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pages import counting

from conserje import Product
from conserje.shop import origins
from conserje.shop.products import upsert_many
from conserje.storage.database import Pool
from conserje.storage.pool import connect_pool

MANY = """
INSERT INTO products (tenant_id, name, price, picture)
SELECT $1, 'p' || n, 1, 'https://cdn' || n % 5 || '.example.com/' || n || '.jpg'
FROM generate_series(1, $2) AS n
"""


async def tenant(pool: Pool, slug: str, *pictures: str) -> int:
    id: int = await pool.fetchval("INSERT INTO tenants (slug, name) VALUES ($1, $1) RETURNING id", slug)
    products = [Product(0, f"{n}", Decimal(1), picture=each) for n, each in enumerate(pictures)]
    async with pool.acquire() as connection:
        await upsert_many(connection, id, products)
    return id


async def test_each_origin_once_and_only_the_tenant_s_own(pool: Pool) -> None:
    pictures = ("https://b.cl/1.jpg", "https://B.cl/2.jpg", "https://a.cl:8443/x", "", "https://c.cl")
    acme = await tenant(pool, "acme", *pictures)
    bravo = await tenant(pool, "bravo", "https://bravo.cl/1.jpg")
    assert await origins.of(pool, acme) == ("https://a.cl:8443", "https://b.cl", "https://c.cl")
    assert await origins.of(pool, bravo) == ("https://bravo.cl",)
    assert await origins.of(pool, await tenant(pool, "carla")) == ()


async def test_of_very_many_there_are_some(pool: Pool) -> None:
    acme = await tenant(pool, "acme", *(f"https://cdn{n}.cl/1.jpg" for n in range(origins.MOST + 5)))
    assert len(await origins.of(pool, acme)) == origins.MOST


async def test_promise_11_no_more_is_read_because_there_are_more_products(
    pool: Pool, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    few, many = await tenant(pool, "few"), await tenant(pool, "many")
    await pool.execute(MANY, few, 50)
    await pool.execute(MANY, many, 20_000)
    await pool.execute("ANALYZE products")
    with counting(monkeypatch) as pages:
        async with await connect_pool(database_url) as counted:
            touched = []
            for id in (few, many):
                await origins.of(counted, id)  # what is learnt of a table is not counted
                pages.most()
                assert len(await origins.of(counted, id)) == 5
                touched.append(pages.most()[origins.ORIGINS])
    assert touched[1] < touched[0] + 60
