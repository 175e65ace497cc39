"""A real browser shows that somebody waits, though no page is open, and keeps no page with data."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from browser.conftest import NO_SANDBOX
from browser.office import PHONE, Desk, Office, open_office, violations
from debian import require
from people import House, open_house
from playwright.async_api import Browser, CDPSession, Page, async_playwright, expect
from push_service import PushService, written
from waiting import LIMIT, until

from conserje.notices import push_keys
from conserje.storage.database import Pool

pytestmark = pytest.mark.long

# Browsers without a network have no push service: this one gives the address of the test's own.
SUBSCRIBE = """
PushManager.prototype.subscribe = async (given) => {
  localStorage.setItem("asked", JSON.stringify(given));
  return { toJSON: () => (%s) };
};
Object.defineProperty(Notification, "permission", { get: () => "granted" });
Notification.requestPermission = async () => "granted";
"""
KEPT = """async () => {
  const found = [];
  for (const name of await caches.keys())
    for (const request of await (await caches.open(name)).keys()) found.push(new URL(request.url).pathname);
  return found;
}"""
SHOWN = """async () => (await (await navigator.serviceWorker.ready).getNotifications())
  .map(({ title, body, data }) => ({ title, body, data }))"""
TOLD = {"title": "Acme", "body": "2 conversations wait for you.", "tag": "acme", "url": "/t/acme/desk"}


@pytest_asyncio.fixture
async def whole_browser() -> AsyncIterator[Browser]:
    """The shell of it shows no notifications."""
    chromium = require("chromium", "chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=NO_SANDBOX, timeout=LIMIT * 1000
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture
async def office(pool: Pool, database_url: str, keyring: Path, browser: Browser) -> AsyncIterator[Office]:
    async with open_house(pool, database_url, keyring) as house, open_office(house, browser) as office:
        yield office


async def agent_at(office: Office, **device: Any) -> Desk:
    desk = await office.desk(await office.house.as_("agent"), **device)
    await desk.context.grant_permissions(["notifications"])
    address = PushService().subscribe("").address
    keys = {"p256dh": written(address.p256dh), "auth": written(address.auth)}
    given = json.dumps({"endpoint": "https://push.example/1", "keys": keys})
    await desk.context.add_init_script(SUBSCRIBE % given)
    return desk


async def working(page: Page) -> None:
    """Until the worker has what it keeps."""
    await page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")


async def devices_of(house: House) -> int:
    found: int = await house.pool.fetchval("SELECT count(*) FROM devices")
    return found


async def test_an_agent_chooses_to_be_told_and_not_to_be(office: Office) -> None:
    desk = await agent_at(office, **PHONE)
    page = await desk.page("/me")
    await page.get_by_role("button", name="Tell me here").tap()
    await expect(page.get_by_text("This browser tells you")).to_be_visible()
    assert await devices_of(office.house) == 1
    assert await violations(page) == []
    await page.get_by_role("button", name="Tell me nothing here").tap()
    await expect(page.get_by_role("button", name="Tell me here")).to_be_visible()
    assert await devices_of(office.house) == 0


async def test_a_browser_that_may_not_says_so(office: Office) -> None:
    desk = await office.desk(await office.house.as_("agent"))
    page = await desk.page("/me")
    await page.get_by_role("button", name="Tell me here").click()
    await expect(page.get_by_text("This browser may not show it")).to_be_visible()
    assert await devices_of(office.house) == 0


async def test_the_browser_is_asked_with_the_installation_s_key(office: Office) -> None:
    desk = await agent_at(office)
    page = await desk.page("/me")
    await page.get_by_role("button", name="Tell me here").click()
    await expect(page.get_by_text("This browser tells you")).to_be_visible()
    async with office.house.pool.acquire() as connection:
        key = await push_keys.public(connection, office.house.context.vault)
    asked = json.loads(await page.evaluate("localStorage.getItem('asked')"))
    assert asked == {"userVisibleOnly": True, "applicationServerKey": key}


async def test_a_login_that_chose_it_is_told_after_the_next_sign_in(office: Office) -> None:
    desk = await agent_at(office)
    page = await desk.page("/me")
    await page.get_by_role("button", name="Tell me here").click()
    await expect(page.get_by_text("This browser tells you")).to_be_visible()
    await page.evaluate("login => localStorage.setItem(`told ${login}`, 'former')", desk.person.login_id)
    await office.house.pool.execute("DELETE FROM devices")  # with the former sign-in
    await page.goto(office.url + "/t/acme/desk")
    await until(lambda: devices_of(office.house))


async def _worker(page: Page) -> tuple[CDPSession, asyncio.Future[str]]:
    """The browser's own way to it, and its registration's number."""
    session = await page.context.new_cdp_session(page)
    found: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def hear(told: dict[str, Any]) -> None:
        for each in told["registrations"]:
            if not found.done():
                found.set_result(each["registrationId"])

    session.on("ServiceWorker.workerRegistrationUpdated", hear)
    await session.send("ServiceWorker.enable")
    return session, found


async def test_a_push_is_shown_by_name_and_number(office: Office, whole_browser: Browser) -> None:
    office.browser = whole_browser
    desk = await agent_at(office)
    page = await desk.page("/t/acme/desk")
    await working(page)
    session, found = await _worker(page)
    push = {"origin": office.url, "registrationId": await found, "data": json.dumps(TOLD)}
    await session.send("ServiceWorker.deliverPushMessage", push)
    shown = {"title": TOLD["title"], "body": TOLD["body"], "data": TOLD["url"]}
    await until(lambda: page.evaluate(SHOWN))
    assert await page.evaluate(SHOWN) == [shown]


async def test_offline_there_is_a_page_and_nothing_else_is_kept(office: Office) -> None:
    desk = await agent_at(office)
    desk.expected = "ERR_INTERNET_DISCONNECTED"
    page = await desk.page("/t/acme/desk")
    await working(page)
    await page.goto(office.url + "/me")
    await desk.context.set_offline(True)
    await page.goto(office.url + "/t/acme/products")
    await expect(page.get_by_role("heading", name="There is no connection")).to_be_visible()
    assert await violations(page) == []
    kept = await page.evaluate(KEPT)
    assert "/offline" in kept
    assert [path for path in kept if path != "/offline" and not path.startswith("/static/")] == []
    await desk.context.set_offline(False)
    await page.get_by_role("link", name="Try again").click()
    await expect(page).to_have_title("Products · Acme")


async def test_who_signs_out_leaves_nothing_in_the_browser(office: Office) -> None:
    desk = await agent_at(office)
    page = await desk.page("/me")
    await working(page)
    await page.evaluate("localStorage.setItem('draft', 'x')")
    await page.locator("form[action='/sign-out']").evaluate("form => form.requestSubmit()")
    await page.wait_for_url("**/sign-in")
    assert await page.evaluate(KEPT) == []
    assert await page.evaluate("localStorage.length") == 0
    assert await page.evaluate("async () => (await navigator.serviceWorker.getRegistrations()).length") == 0


async def test_it_can_be_installed(office: Office) -> None:
    desk = await agent_at(office, **PHONE)
    page = await desk.page("/t/acme/desk")
    session = await page.context.new_cdp_session(page)
    manifest = await session.send("Page.getAppManifest")
    assert manifest["errors"] == [] and manifest["url"] == office.url + "/console.webmanifest"
    faults = await session.send("Page.getInstallabilityErrors")
    assert [each["errorId"] for each in faults["installabilityErrors"]] in ([], ["in-incognito"])
