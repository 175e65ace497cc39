"""People come in as their issuer knows them, in a real browser, from another site and back."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from browser.office import PHONE, Office, open_office, violations
from issuing import issuing, settings_of
from people import open_house
from playwright.async_api import Browser, expect

from conserje.access import logins
from conserje.storage.database import Pool
from conserje_fakes.oidc import StandIn

pytestmark = pytest.mark.long


@pytest_asyncio.fixture
async def stand_in() -> AsyncIterator[StandIn]:
    async with issuing("") as stand_in:
        yield stand_in


@pytest_asyncio.fixture
async def office(
    pool: Pool, database_url: str, keyring: Path, browser: Browser, stand_in: StandIn
) -> AsyncIterator[Office]:
    async with (
        open_house(pool, database_url, keyring, **settings_of(stand_in)) as house,
        open_office(house, browser) as office,
    ):
        stand_in.back = (f"{office.url}/oidc",)
        yield office


async def test_there_and_back_without_a_password(office: Office, stand_in: StandIn) -> None:
    async with office.house.pool.acquire() as connection:
        await logins.add(connection, "ana@example.com", "Ana Soto", "owner")
    desk = await office.desk(await office.house.nobody(), **PHONE)
    page = await desk.page("/o/logins")
    go_on = page.get_by_role("button", name="Go on by 127.0.0.1")
    assert await violations(page) == []
    stand_in.since = time.time() - 3600
    await go_on.click()
    await expect(page.get_by_role("heading", name="Logins")).to_be_visible()
    await page.goto(f"{office.url}/me")
    assert await violations(page) == []
    await page.get_by_role("link", name="Not any more").click()  # asks once more who they are
    await go_on.click()
    await page.get_by_role("button", name="Not any more").click()
    await expect(page.get_by_role("button", name="Come in by it from now on")).to_be_visible()
    await page.get_by_role("button", name="Come in by it from now on").click()
    await expect(page.get_by_role("button", name="Not any more")).to_be_visible()


async def test_who_is_not_let_in_is_told_why(office: Office, stand_in: StandIn) -> None:
    desk = await office.desk(await office.house.nobody())
    desk.expected = "422"
    page = await desk.page("/sign-in")
    await page.get_by_role("button", name="Go on by 127.0.0.1").click()
    await expect(page.get_by_role("alert")).to_contain_text("ask for an invitation")
    assert await violations(page) == []
