"""The list of conversations in a real browser: what happens is seen, on a telephone, and nothing jumps."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from browser.office import PHONE, Office, open_office, violations
from people import open_house
from playwright.async_api import Browser, Locator, Page, expect
from waiting import until

from conserje.contract.message import Text
from conserje.conversations import handling
from conserje.conversations.rows import stored
from conserje.storage.database import Pool

pytestmark = pytest.mark.long

TALKS = """
WITH account AS (
    INSERT INTO accounts (tenant_id, channel, address) VALUES ($1, 'post', '+56') RETURNING id
), contact AS (
    INSERT INTO contacts (tenant_id, name) SELECT $1, unnest($2::text[]) RETURNING id, name
)
INSERT INTO conversations (tenant_id, account_id, contact_id, peer, active_at)
SELECT $1, account.id, contact.id, name, now() - contact.id * interval '1 minute' FROM account, contact
RETURNING peer, id
"""
WRITE = """
INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, event_key, turn_id)
SELECT tenant_id, id, account_id, 'in', $2, gen_random_uuid()::text::bytea, 0 FROM conversations WHERE id = $1
"""
NAMES = ["Ana", "Luis", "Eva"]


class Shop:
    """A tenant's conversations, and a telephone that shows them."""

    def __init__(self, office: Office, tenant_id: int, ids: dict[str, int]) -> None:
        self.office, self.tenant_id, self.ids = office, tenant_id, ids

    async def open(self, path: str, **device: object) -> Page:
        desk = await self.office.desk(await self.office.house.as_("agent"), **device)
        page = await desk.page(path)
        await until(lambda: self.office.house.bells.lines == 1)
        return page

    async def write(self, name: str, text: str) -> None:
        pool = self.office.house.pool
        await pool.execute(WRITE, self.ids[name], stored(Text(text)))
        await pool.execute("UPDATE conversations SET active_at = now() WHERE id = $1", self.ids[name])
        self.office.house.bells.ring(self.tenant_id)


@pytest_asyncio.fixture
async def shop(pool: Pool, database_url: str, keyring: Path, browser: Browser) -> AsyncIterator[Shop]:
    async with open_house(pool, database_url, keyring) as house, open_office(house, browser) as office:
        tenant_id = await house.tenant("acme")
        rows = await pool.fetch(TALKS, tenant_id, NAMES)
        shop = Shop(office, tenant_id, {row["peer"]: row["id"] for row in rows})
        for name in reversed(NAMES):
            await pool.execute(WRITE, shop.ids[name], stored(Text(f"hola de {name}")))
        yield shop


def rows(page: Page) -> Locator:
    return page.get_by_role("listitem")


async def test_what_somebody_takes_is_seen_on_a_telephone(shop: Shop) -> None:
    page = await shop.open("/t/acme/desk", **PHONE)
    await expect(page.get_by_text("Nobody waits for a person")).to_be_visible()
    entry = await shop.office.house.context.directory.by_slug("acme")
    await handling.take(shop.office.house.pool, entry.tenant, shop.ids["Luis"], "Rosa", 99)
    await expect(rows(page)).to_have_text([re.compile(r"Luis.*hola de Luis.*Rosa", re.DOTALL)])
    await expect(page.get_by_role("link", name="Waiting for a person 1")).to_be_visible()
    assert await violations(page) == []


async def test_a_row_under_the_finger_stays_where_it_is(shop: Shop) -> None:
    page = await shop.open("/t/acme/desk?tab=all")
    await expect(rows(page)).to_contain_text(NAMES)
    await page.keyboard.press("j")
    first = page.get_by_role("link", name=re.compile("^Ana"))
    await expect(first).to_be_focused()
    await shop.write("Eva", "¿alguien?")
    await expect(rows(page)).to_contain_text(["Ana", "Luis", "¿alguien?"])
    await expect(first).to_be_focused()
    await page.get_by_role("button", name="1 new").click()
    await expect(rows(page)).to_contain_text(["¿alguien?", "Ana", "Luis"])


async def test_a_search_is_found_by_its_key_and_goes_to_the_conversation(shop: Shop) -> None:
    page = await shop.open("/t/acme/desk")
    await page.keyboard.press("/")
    await page.keyboard.type("hola luis")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Messages")).to_be_visible()
    await page.get_by_role("link", name=re.compile("^Luis")).click()
    await expect(page).to_have_url(re.compile(f"/t/acme/desk/{shop.ids['Luis']}$"))
