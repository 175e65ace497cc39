"""A browser asks to be told: for its own sign-in alone, and what it keeps of the console is nobody's data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from people import Browser, House, open_house
from push_service import PushService, written

from conserje.access import sign_ins
from conserje.notices import devices
from conserje.storage.database import Pool

URL = "https://push.example/1"


def subscription(url: str = URL) -> str:
    """As a browser writes it."""
    address = PushService().subscribe("").address
    keys = {"p256dh": written(address.p256dh), "auth": written(address.auth)}
    return json.dumps({"endpoint": url, "expirationTime": None, "keys": keys})


async def is_told(console: House, browser: Browser) -> bool:
    token = browser.http.cookies["conserje"]
    async with console.pool.acquire() as connection:
        return await devices.is_kept(connection, sign_ins.hash_of(token))


async def test_a_browser_is_told_until_it_is_not(console: House) -> None:
    agent, other = await console.as_("agent"), await console.as_("agent")
    assert "Tell me here" in (await agent.get("/me")).text
    key = (await agent.post("/me/device/key", 200)).answer.json()["key"]
    assert (await other.post("/me/device/key", 200)).answer.json()["key"] == key
    await agent.post("/me/device", 204, subscription=subscription())
    assert await is_told(console, agent) and not await is_told(console, other)
    await other.post("/me/device/end")  # a login ends its own alone
    assert await is_told(console, agent)
    page = await agent.get("/me")
    assert "Tell me here" not in page.text
    await agent.post(page.form("device/end").action)
    assert not await is_told(console, agent)


async def test_it_ends_with_the_sign_in(console: House) -> None:
    agent = await console.as_("agent")
    await agent.post("/me/device", 204, subscription=subscription())
    done = await agent.post("/sign-out")
    assert done.answer.headers["clear-site-data"] == '"cache", "storage"'
    assert await console.pool.fetchval("SELECT count(*) FROM devices") == 0


@pytest.mark.parametrize(
    "given",
    ["", "[]", "{}", "x" * 5000, subscription("http://127.0.0.1/"), '{"endpoint": "https://a/", "keys": {}}',
     '{"endpoint": "https://a/", "keys": {"p256dh": "!", "auth": 1}}', subscription("https://a/\u0000")],
)  # fmt: skip
async def test_what_is_no_browser_s_is_refused(console: House, given: str) -> None:
    agent = await console.as_("agent")
    await agent.post("/me/device", 400, subscription=given)
    assert not await is_told(console, agent)


async def test_who_answers_nobody_is_not_offered_it(console: House) -> None:
    for somebody in (await console.as_("reader"), await console.as_operator("owner")):
        assert "Tell me here" not in (await somebody.get("/me")).text
        await somebody.post("/me/device/key", 404)
        await somebody.post("/me/device", 404, subscription=subscription())


async def test_without_https_nobody_is_offered_it(pool: Pool, database_url: str, keyring: Path) -> None:
    public = "http://{slug}.shops.example"
    async with open_house(pool, database_url, keyring, public_url=public) as house:
        agent = await house.as_("agent")
        assert "Tell me here" not in (await agent.get("/me")).text
        await agent.post("/me/device/key", 404)


async def test_what_a_browser_installs_has_nothing_of_anybody_s(console: House) -> None:
    agent, nobody = await console.as_("agent"), await console.nobody()
    manifest = (await nobody.get("/console.webmanifest")).answer
    assert manifest.headers["content-type"] == "application/manifest+json"
    for icon in manifest.json()["icons"]:
        assert (await nobody.http.get(icon["src"])).content.startswith(b"\x89PNG")
    worker = (await nobody.get("/worker.js")).answer
    assert worker.headers["content-type"].startswith("text/javascript")
    assert worker.headers["cache-control"] == "no-cache"
    pages = [await somebody.get("/offline") for somebody in (agent, nobody)]
    assert pages[0].text == pages[1].text
