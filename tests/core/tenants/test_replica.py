"""The replica: every tenant as Postgres had it, read by key, kept as rows change."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from waiting import LIMIT, until

from conserje.errors import DirectoryUnavailable
from conserje.storage.changes import Changes
from conserje.storage.database import Pool
from conserje.tenants import accounts, domains, replica, tenants
from conserje.tenants.directory import Directory
from conserje.tenants.replica import Replica


@asynccontextmanager
async def kept(pool: Pool, url: str, path: Path) -> AsyncIterator[Replica]:
    """A replica that is being kept."""
    changes = Changes(url)
    async with Replica(path) as made, changes:
        changes.tell(made.hear)
        keeping = asyncio.create_task(made.keep(pool))
        try:
            yield made
        finally:
            keeping.cancel()
            await asyncio.wait({keeping})


async def find(made: Replica, slug: str) -> replica.Entry | None:
    return await made.find("slug", slug)


async def until_equal(made: Replica, pool: Pool, slug: str) -> None:
    """Until the replica says of a tenant what Postgres says."""

    async def equal() -> bool:
        return await find(made, slug) == await accounts.find(pool, "slug", slug)

    await until(equal)


async def add(pool: Pool, slug: str) -> tenants.Tenant:
    async with pool.acquire() as connection:
        tenant = await tenants.add(connection, slug, slug.title())
        await domains.add(connection, tenant.id, f"chat.{slug}.cl")
        await accounts.add(
            connection, tenant.id, "twilio", "+1", settings={"ñ": [1, None]}, credentials="v1.x"
        )
    return tenant


async def test_it_says_what_postgres_says_and_follows_it(
    pool: Pool, database_url: str, tmp_path: Path
) -> None:
    acme = await add(pool, "acme")
    async with kept(pool, database_url, tmp_path / "roster.sqlite") as made:
        await until_equal(made, pool, "acme")
        expected = await accounts.find(pool, "slug", "acme")
        assert await made.find("domain", "chat.acme.cl") == expected
        assert await made.find("id", str(acme.id)) == expected
        assert await made.find("slug", "nobody") is None
        assert await made.tenants_at("twilio", ["+1", "+2"]) == {"+1": (acme.id,)}
        await pool.execute(
            "UPDATE tenants SET slug = 'nueva', quiet_period = '2.5 seconds', aliases = '{a,b}',"
            """ hours = '{"week": {"monday": ["09:00-13:00"]}, "exceptions": {"2026-12-25": []}}'"""
        )
        await pool.execute("UPDATE accounts SET status = 'suspended', quiet_period = '0'")
        await pool.execute("UPDATE domains SET host = 'otra.acme.cl'")
        await until_equal(made, pool, "nueva")
        assert await find(made, "acme") == await find(made, "nueva")  # it was called so until now
        assert await made.find("domain", "chat.acme.cl") is None
        await pool.execute("DELETE FROM tenants")
        await until_equal(made, pool, "nueva")


async def test_many_changes_at_once_copy_all(
    pool: Pool, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "PAGE", 7)
    await pool.execute("INSERT INTO tenants (slug, name) SELECT 'old-' || n, n FROM generate_series(1, 20) n")
    async with kept(pool, database_url, tmp_path / "roster.sqlite") as made:
        await until_equal(made, pool, "old-20")
        await pool.execute("DELETE FROM tenants WHERE slug = 'old-3'")
        await pool.execute(
            "INSERT INTO tenants (slug, name) SELECT 'n-' || n, n FROM generate_series(1, 400) n"
        )
        await until_equal(made, pool, "n-400")
        for slug in ("old-3", "n-1", "n-399"):
            await until_equal(made, pool, slug)


@pytest.mark.new_database  # which goes at once; to delete all that row by row takes as long as the test
async def test_a_bulk_change_copies_what_changed_and_lets_others_have_their_turn(
    pool: Pool, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pool.execute(
        "INSERT INTO tenants (slug, name) SELECT 't' || n, n FROM generate_series(1, 1500) AS n"
    )
    await pool.execute(
        "INSERT INTO accounts (tenant_id, channel, address)"
        " SELECT id, 'post', n || slug FROM tenants, generate_series(1, 50) AS n"
    )
    read, copied = replica._read, []

    async def counting(*arguments: Any) -> list[asyncpg.Record]:
        rows = await read(*arguments)
        copied.append(len(rows))
        return rows

    async with kept(pool, database_url, tmp_path / "roster.sqlite") as made:
        await until_equal(made, pool, "t1500")
        monkeypatch.setattr(replica, "_read", counting)
        async with held() as longest:
            await pool.execute("UPDATE tenants SET name = 'New' WHERE id % 2 = 0")
            await until(lambda: sum(copied) == 750)
    assert len(copied) > 1
    assert max(longest) < 5 * 0.05


@asynccontextmanager
async def held() -> AsyncIterator[list[float]]:
    """The CPU seconds of this thread between two turns of a task that does nothing."""
    seconds: list[float] = []

    async def tick() -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0.001)
            seconds.append(time.thread_time() - before)

    ticking = asyncio.create_task(tick())
    gc.collect()
    gc.disable()  # all that the tests have made is no process's of ours
    try:
        yield seconds
    finally:
        gc.enable()
        ticking.cancel()
        await asyncio.wait({ticking})


async def test_a_directory_that_starts_without_postgres_reads_it(
    pool: Pool, database_url: str, tmp_path: Path
) -> None:
    await add(pool, "acme")
    path = tmp_path / "roster.sqlite"
    async with kept(pool, database_url, path) as made:
        await until_equal(made, pool, "acme")
    away = "postgresql://conserje@/nowhere?host=/nonexistent"
    nobody = await asyncpg.create_pool(away, min_size=0)
    async with Replica(path) as read, Directory(nobody, away, read) as directory:
        entry = await directory.by_slug("acme")
        assert [account.credentials for account in entry.accounts] == ["v1.x"]
        assert (await directory.by_domain("chat.acme.cl")).tenant.slug == "acme"
        with pytest.raises(DirectoryUnavailable):  # it may be one that was added since
            await directory.by_slug("bravo")
    nobody.terminate()


async def test_an_entry_of_another_release_is_none(pool: Pool, database_url: str, tmp_path: Path) -> None:
    await add(pool, "acme")
    async with kept(pool, database_url, tmp_path / "roster.sqlite") as made:
        await until_equal(made, pool, "acme")
        await made._file.run(
            lambda connection: (
                connection.execute("UPDATE tenants SET entry = CAST('[{}, []]' AS BLOB)").rowcount
            )
        )
        assert await find(made, "acme") is None


async def test_it_waits_for_a_postgres_that_is_away(
    pool: Pool, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "AGAIN_AFTER", 0.05)
    failing = True
    read = replica._read

    async def sometimes(*arguments: object) -> list[asyncpg.Record]:
        if failing:
            raise asyncpg.CannotConnectNowError("starting")
        return await read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(replica, "_read", sometimes)
    await add(pool, "acme")
    async with kept(pool, database_url, tmp_path / "roster.sqlite") as made:
        await until(lambda: made._all_changed)
        failing = False
        await until_equal(made, pool, "acme")


async def test_it_ends_though_its_question_fails_as_it_is_told_to(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Postgres' library may raise an error of its own where somebody is cancelled in it."""
    asked = asyncio.Event()

    async def fail(*_: object) -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise asyncpg.InterfaceError("pool is closed") from None

    made = Replica(tmp_path / "replica")
    monkeypatch.setattr(made, "_copy_all", fail)
    keeping = asyncio.create_task(made.keep(pool))
    await asyncio.wait_for(asked.wait(), LIMIT)
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(keeping, LIMIT)
