"""Every page of the console in a real browser: for everybody, light and dark, on a telephone and wide."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from browser.office import DESK, PHONE, Office, open_office, violations
from people import House, open_house
from playwright.async_api import Browser, Page
from scene import Scene

from conserje.storage.database import Pool
from conserje_edge.console.areas import PLACES
from conserje_edge.console.entrance.vouching import BACK, ON_THE_WAY

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

NAME = "مخبز Ñuñoa <b>&amp; una tienda de nombre muy, muy largo que no termina</b>"
THERE = """
WITH account AS (
    INSERT INTO accounts (tenant_id, channel, address) VALUES ($1, 'twilio', 'whatsapp:+56911111111')
    RETURNING id
)
SELECT conversations.id AS conversation, contact_id AS contact, account.id AS account_id,
    (SELECT max(id) FROM messages WHERE messages.tenant_id = $1 AND direction = 'out') AS message
FROM conversations, account WHERE tenant_id = $1 ORDER BY conversations.id DESC LIMIT 1
"""
# Those by which people come from an issuer are seen where there is one.
ELSEWHERE = ("/", "/t/{slug}/desk/{conversation}/here", ON_THE_WAY, BACK)
_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")


@pytest_asyncio.fixture
async def office(
    scene: Scene, pool: Pool, database_url: str, keyring: Path, browser: Browser
) -> AsyncIterator[Office]:
    """Of a tenant with two conversations, of which one waits for a person."""
    tenant_id = (await scene.entry()).tenant.id
    await pool.execute("UPDATE tenants SET name = $2 WHERE id = $1", tenant_id, NAME)
    async with scene.working():
        await scene.write("hola, ¿tienen pelotas?")
        await scene.settled()
        scene.parrot.hand_over = True
        await scene.write("quiero hablar con " + "alguien" * 20, "ana-con-un-nombre-largo" * 3)
        await scene.settled()
    async with open_house(pool, database_url, keyring) as house, open_office(house, browser) as office:
        house.tenant_ids["acme"] = tenant_id
        yield office


async def paths(house: House) -> list[str]:
    """The addresses of all that can be seen, as far as what their parameters name is there."""
    row = await house.pool.fetchrow(THERE, house.tenant_ids["acme"])
    assert row
    known: dict[str, Any] = {**row, "slug": "acme", "channel": "twilio"}
    seen = [place.path for place in PLACES if place.get and place.path not in ELSEWHERE]
    return [
        _PARAMETER.sub(lambda match: str(known[match[1]]), path)
        for path in seen
        if set(_PARAMETER.findall(path)) <= known.keys()
    ]


@pytest.mark.parametrize("device", [PHONE, DESK], ids=["phone", "desk"])
async def test_every_page_is_for_everybody(office: Office, device: dict[str, Any]) -> None:
    house, faults = office.house, []
    desk = await office.desk(await house.as_operator("owner", language="es"), **device)
    desk.expected = r"postMessage|acme\.localhost"  # its chat page, shown in small, is not there
    page = await desk.page()
    for path in await paths(house):
        kind = (await desk.person.http.get(path)).headers.get("content-type", "")
        if not kind.startswith("text/html"):
            continue  # to be downloaded, or led on
        answer = await page.goto(office.url + path)
        if not answer or answer.status >= 400:
            faults.append(f"{path}: {answer and answer.status}")
        faults += [f"{path}: {each[:200]}" for each in await violations(page)]
        await page.emulate_media(color_scheme="dark")
        faults += [f"{path} dark: {each[:200]}" for each in await violations(page, "color-contrast")]
        await page.emulate_media(color_scheme="light")
        if wide := await _overflow(page):
            faults.append(f"{path} is {wide} wide")
    assert not faults, "\n".join(faults)


async def _overflow(page: Page) -> int:
    """How wide the page is, where it is wider than its window."""
    wide: int = await page.evaluate("document.documentElement.scrollWidth")
    return wide if page.viewport_size and wide > page.viewport_size["width"] else 0


async def test_what_only_shows_is_shown_without_scripts(office: Office) -> None:
    desk = await office.desk(await office.house.as_operator("owner"), java_script_enabled=False)
    page = await desk.page("/t/acme/desk")
    await page.get_by_role("navigation").get_by_role("link").first.click()
    assert await page.get_by_role("heading", level=1).count() == 1
