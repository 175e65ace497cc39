"""Names: what is nobody's is no question to Postgres, and somebody is never said to be nobody for long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from waiting import LIMIT, until, until_heard

from conserje.errors import DirectoryUnavailable, UnknownTenant
from conserje.storage import changes
from conserje.storage.database import Pool
from conserje.tenants import accounts, names, tenants
from conserje.tenants import directory as looking
from conserje.tenants.directory import Directory


@pytest_asyncio.fixture
async def directory(
    pool: Pool, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Directory]:
    """It knows the names of all tenants, and hears what is notified alone."""
    monkeypatch.setattr(changes, "ROUND", 2 * LIMIT)
    async with Directory(pool, database_url) as directory:
        await directory.know_names()
        yield directory


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What Postgres was asked for."""
    asked: list[tuple[str, str]] = []
    find = accounts.find

    async def counting(database: Any, *key: Any) -> Any:
        asked.append(key)
        return await find(database, *key)

    monkeypatch.setattr(accounts, "find", counting)
    return asked


async def tenant_id(pool: Pool, slug: str = "acme") -> int:
    return (await tenants.add(pool, slug, slug.title())).id  # type: ignore[arg-type]


async def nobody(directory: Directory, slug: str = "acme") -> bool:
    try:
        await directory.by_slug(slug)
    except UnknownTenant:
        return True
    return False


async def until_known(directory: Directory, pool: Pool) -> None:
    """Until the directory knows the names of all that was committed by now."""
    await until_heard(directory, pool)
    await until(lambda: directory._names.current)


async def test_what_is_nobodys_is_no_question_to_postgres(
    pool: Pool, directory: Directory, asked: list[tuple[str, str]]
) -> None:
    assert all(await asyncio.gather(*(nobody(directory, f"stranger-{n}") for n in range(100))))
    with pytest.raises(UnknownTenant):
        await directory.by_domain("chat.acme.cl")
    assert await directory.at("twilio", [f"+{n}" for n in range(100)]) == []
    assert asked == []


async def test_promise_10_a_new_name_is_live(pool: Pool, directory: Directory) -> None:
    assert await nobody(directory)
    acme = await tenant_id(pool)
    await until_known(directory, pool)
    assert (await directory.by_slug("acme")).tenant.id == acme
    await pool.execute("INSERT INTO domains VALUES ($1, 'chat.acme.cl')", acme)
    await pool.execute("INSERT INTO accounts (tenant_id, channel, address) VALUES ($1, 'twilio', '+1')", acme)
    await until_known(directory, pool)
    assert (await directory.by_domain("chat.acme.cl")).tenant.id == acme
    assert [entry.tenant.id for entry in await directory.at("twilio", ["+1", "+2"])] == [acme]


async def test_a_notification_that_is_on_its_way_is_waited_for(
    pool: Pool, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "PONDERED", LIMIT)
    asking = asyncio.create_task(directory.by_slug("acme"))
    at = asyncio.create_task(directory.at("twilio", ["+1", "+2"]))
    acme = await tenant_id(pool)
    assert (await asking).tenant.id == acme
    await pool.execute("INSERT INTO accounts (tenant_id, channel, address) VALUES ($1, 'twilio', '+1')", acme)
    assert [entry.tenant.id for entry in await at] == [acme]


async def test_nobody_is_said_to_be_nobody_before_the_news_are_read(
    pool: Pool, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, learn = asyncio.Event(), directory._names._learn

    async def slow(changed: list[int] | None) -> None:
        await reading.wait()
        await learn(changed)

    monkeypatch.setattr(directory._names, "_learn", slow)
    assert await nobody(directory)
    await tenant_id(pool)
    await until_heard(directory, pool)
    assert not await nobody(directory)  # Postgres was asked
    assert await nobody(directory, "bravo")
    reading.set()


async def test_while_nothing_is_told_postgres_is_asked_each_time(pool: Pool, directory: Directory) -> None:
    assert await nobody(directory)
    directory.changes._following.cancel()
    await until(lambda: not directory.changes.listening)
    await tenant_id(pool)
    assert not await nobody(directory)


async def test_names_that_nobody_is_known_by_have_a_share_of_the_pool(
    pool: Pool, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, at_once, most = asyncio.Event(), 0, 0
    find = accounts.find

    async def slow(database: Any, by: Any, value: str) -> Any:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        if value.startswith("stranger"):
            await release.wait()
        at_once -= 1
        return await find(database, by, value)

    acme = await tenant_id(pool)
    async with Directory(pool, database_url) as directory:
        await directory.know_names()
        monkeypatch.setattr(accounts, "find", slow)
        monkeypatch.setattr(looking, "ASK_LIMIT", 2 * LIMIT)
        directory._names._behind = True  # as it is while news are read
        strangers = [asyncio.create_task(nobody(directory, f"stranger-{n}")) for n in range(100)]
        await until(lambda: most == looking.SHARE)
        assert (await directory.by_slug("acme")).tenant.id == acme
        with pytest.raises(DirectoryUnavailable, match="at once"):
            await directory.by_slug("one-more")
        release.set()
        assert all(await asyncio.gather(*strangers))
        assert most == looking.SHARE + 1


async def test_one_slow_look_up_concerns_that_name_only(
    pool: Pool, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for slug in ("acme", "bravo"):
        await tenant_id(pool, slug)
    await until_known(directory, pool)
    find = accounts.find

    async def slow(database: Any, by: Any, value: str) -> Any:
        if value == "acme":
            await asyncio.Event().wait()
        return await find(database, by, value)

    monkeypatch.setattr(accounts, "find", slow)
    monkeypatch.setattr(looking, "ASK_LIMIT", 0.01)
    for _ in range(2):
        with pytest.raises(DirectoryUnavailable):
            await directory.by_slug("acme")
    monkeypatch.setattr(looking, "ASK_LIMIT", LIMIT)
    assert (await directory.by_slug("bravo")).tenant.slug == "bravo"


async def test_a_change_of_one_tenant_leaves_what_is_known_of_other_names(
    pool: Pool, directory: Directory, asked: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses: list[Any] = []
    tenants_at = accounts.tenants_at

    async def counting(*arguments: Any) -> Any:
        addresses.append(arguments)
        return await tenants_at(*arguments)

    monkeypatch.setattr(accounts, "tenants_at", counting)
    acme, _, _ = [await tenant_id(pool, slug) for slug in ("acme", "bravo", "gone")]
    await pool.execute("INSERT INTO accounts (tenant_id, channel, address) VALUES ($1, 'twilio', '+1')", acme)
    await until_known(directory, pool)
    await pool.execute("DELETE FROM tenants WHERE slug = 'gone'")
    await until_known(directory, pool)
    for _ in range(3):
        assert await nobody(directory, "gone")  # whose providers go on posting for days
        assert [entry.tenant.id for entry in await directory.at("twilio", ["+1"])] == [acme]
        await pool.execute("UPDATE tenants SET name = name || '!' WHERE slug = 'bravo'")
        await until_known(directory, pool)
    assert asked.count(("slug", "gone")) == 1
    assert len(addresses) == 1


async def test_many_changes_at_once_say_which(pool: Pool, directory: Directory) -> None:
    """A notification can name 300; the table has the others."""
    acme = await tenant_id(pool)
    await pool.execute(
        "INSERT INTO tenants (slug, name) SELECT 't' || n, 'T' FROM generate_series(1, 400) AS n"
    )
    await until_known(directory, pool)
    assert not await nobody(directory, "t400")
    await directory.by_slug("acme")
    await pool.execute("UPDATE tenants SET name = 'New' WHERE id <> $1", acme)
    await until(lambda: directory.cached(("slug", "t400")) is None)
    assert directory.cached(("slug", "acme"))
