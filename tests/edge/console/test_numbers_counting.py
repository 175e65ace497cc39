"""Numbers are counted once for all who ask, a few at a time, and nobody is refused them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import asyncpg
import pytest
from people import House
from trouble import TROUBLE

from conserje.storage.database import Connection, Pool
from conserje_edge.console.numbers import counting
from conserje_edge.console.numbers.counting import Counted, TooMuch, Wanted, counted

DAY = date(2026, 3, 10)
ASK = counting._ask


@dataclass
class Slow:
    """Counts as always, once it may; fails where it is told to."""

    may: asyncio.Event = field(default_factory=asyncio.Event)
    begun: list[Wanted] = field(default_factory=list)
    at_once: int = 0
    most: int = 0
    error: BaseException | None = None

    async def ask(self, connection: Connection, wanted: Wanted) -> Counted:
        self.begun.append(wanted)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await self.may.wait()
            if self.error:
                raise self.error
            return await ASK(connection, wanted)
        finally:
            self.at_once -= 1


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    slow = Slow()
    monkeypatch.setattr(counting, "_ask", slow.ask)
    monkeypatch.setattr(counting, "KEPT", 1e9)
    yield slow
    counting._counts.clear()


def days(pool: Pool, tenant_id: int, last: int = DAY.day) -> Wanted:
    return Wanted(pool, tenant_id, "America/Santiago", DAY, DAY.replace(day=last))


async def test_who_reloads_a_page_has_it_counted_once(console: House, slow: Slow) -> None:
    await console.pool.execute(TROUBLE, await console.tenant("acme"))
    reader = await console.as_("reader", "acme")
    pages = [asyncio.create_task(reader.get("/t/acme/numbers")) for _ in range(20)]
    while not slow.begun:
        await asyncio.sleep(0)
    await reader.get("/t/acme/desk")  # others are not waited for
    slow.may.set()
    assert all("Messages received 1" in page.text for page in await asyncio.gather(*pages))
    assert len(slow.begun) == 1


async def test_a_page_that_is_not_counted_yet_says_so_and_comes(
    console: House, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "PATIENCE", 0.01)
    reader = await console.as_("reader", "acme")
    page = await reader.get("/t/acme/numbers?days=7")
    assert "still being counted" in page.text and page.links["Look again"] == "/t/acme/numbers?days=7"
    slow.may.set()
    await asyncio.gather(*counting._counts.values())
    assert "Nothing was said" in (await reader.get(page.links["Look again"])).text
    assert len(slow.begun) == 1


async def test_of_a_tenant_one_is_counted_at_a_time_and_of_all_a_few(console: House, slow: Slow) -> None:
    tenants = [await console.tenant(slug) for slug in ("acme", "bravo", "charlie")]
    wanted = [days(console.pool, tenant, last) for tenant in tenants for last in range(10, 14)]
    asked = [asyncio.create_task(counted(each)) for each in wanted]
    while slow.at_once < counting.AT_ONCE:
        await asyncio.sleep(0)
    assert {each.tenant_id for each in slow.begun} == set(tenants[:2])
    slow.may.set()
    assert all(await asyncio.gather(*asked))
    assert (len(slow.begun), slow.most) == (len(wanted), counting.AT_ONCE)


async def test_who_asks_for_many_periods_has_the_others_later(console: House, slow: Slow) -> None:
    tenant = await console.tenant("acme")
    asked = [asyncio.create_task(counted(days(console.pool, tenant, last))) for last in range(10, 10 + 9)]
    while not slow.begun:
        await asyncio.sleep(0)
    assert await counted(days(console.pool, tenant, 20)) is None
    slow.may.set()
    assert sum(each is not None for each in await asyncio.gather(*asked)) == counting.OF_TENANT
    assert await counted(days(console.pool, tenant, 20))


@pytest.mark.parametrize("error", [TimeoutError(), asyncpg.QueryCanceledError()])
async def test_what_takes_too_long_is_tried_once_and_told(
    console: House, slow: Slow, error: BaseException
) -> None:
    slow.error = error
    slow.may.set()
    reader = await console.as_("reader", "acme")
    for path in ("/t/acme/numbers", "/t/acme/numbers", "/t/acme/numbers.csv"):
        assert "choose fewer days" in (await reader.get(path, 503)).text
    assert len(slow.begun) == 1


async def test_that_postgres_was_away_is_not_kept(console: House, slow: Slow) -> None:
    slow.error = asyncpg.ConnectionDoesNotExistError()
    slow.may.set()
    wanted = days(console.pool, await console.tenant("acme"))
    with pytest.raises(asyncpg.ConnectionDoesNotExistError):
        await counted(wanted)
    slow.error = None
    while wanted in counting._counts:
        await asyncio.sleep(0)
    assert await counted(wanted)


async def test_what_is_out_of_time_in_postgres_leaves_a_connection_that_works(
    console: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask(connection: Connection, wanted: Wanted) -> Counted:
        await connection.execute("SELECT pg_sleep(5)", timeout=0.05)
        raise AssertionError

    monkeypatch.setattr(counting, "_ask", ask)
    wanted = days(console.pool, await console.tenant("acme"))
    with pytest.raises(TooMuch):
        await counted(wanted)
    assert await console.pool.fetchval("SELECT 1") == 1
