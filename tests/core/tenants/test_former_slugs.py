"""Former slugs: a tenant that is called otherwise is still found where it was, and nobody else is."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest
from waiting import until

from conserje.errors import UnknownTenant
from conserje.storage.database import Pool
from conserje.tenants import tenants
from conserje.tenants.directory import Directory
from conserje.tenants.replica import Replica

RENAME = "UPDATE tenants SET slug = 'nueva' WHERE slug = 'acme'"
END = "UPDATE former_slugs SET until = now() - interval '1 second'"


@pytest.fixture(autouse=True)
async def _acme(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await tenants.add(connection, "acme", "Acme")


async def called(directory: Directory, slug: str) -> str | None:
    """What the tenant found by a slug is called."""
    try:
        return (await directory.by_slug(slug)).tenant.slug
    except UnknownTenant:
        return None


async def test_it_is_found_by_both_until_the_old_one_ends(pool: Pool, database_url: str) -> None:
    async with Directory(pool, database_url) as directory:
        await directory.know_names()
        assert await called(directory, "acme") == "acme"
        await pool.execute(RENAME)
        await until(lambda: _is(directory, "acme", "nueva"))
        await until(lambda: _is(directory, "nueva", "nueva"))
        await pool.execute(END)
        await until(lambda: _is(directory, "acme", None))


async def _is(directory: Directory, slug: str, name: str | None) -> bool:
    return await called(directory, slug) == name


async def test_nobody_else_can_take_it_before_and_anybody_after(pool: Pool, database_url: str) -> None:
    await pool.execute(RENAME)
    take = "INSERT INTO tenants (slug, name) VALUES ('acme', 'Other')"
    with pytest.raises(asyncpg.UniqueViolationError, match="reserved"):
        await pool.execute(take)
    async with Directory(pool, database_url) as directory:
        first = (await directory.by_slug("acme")).tenant.id
        await pool.execute(END)
        await pool.execute(take)
        await until(lambda: _another(directory, first))


async def _another(directory: Directory, first: int) -> bool:
    return (await directory.by_slug("acme")).tenant.id != first


async def test_it_is_found_so_where_postgres_is_silent(pool: Pool, tmp_path: Path) -> None:
    await pool.execute(RENAME)
    async with Replica(tmp_path / "replica.sqlite") as replica:
        await replica._copy_all(pool)
        found = await replica.find("slug", "acme")
        assert found and found[0].slug == "nueva" and found[0].first_slug == "acme"
        assert await replica.find("slug", "other") is None


async def test_the_first_of_its_slugs_stays_known(pool: Pool) -> None:
    await pool.execute(RENAME)
    await pool.execute("UPDATE tenants SET slug = 'tercera' WHERE slug = 'nueva'")
    async with pool.acquire() as connection:
        tenant = await tenants.get(connection, "tercera")
        assert tenant.first_slug == "acme"
        assert list(await tenants.former_slugs(connection, tenant.id)) == ["acme", "nueva"]
