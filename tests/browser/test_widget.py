"""The chat in a client's own site, in a real browser, with the real processes behind it."""

from __future__ import annotations

import re

import pytest
from browser.visitors import Site, Visitor, until_said, violations, write
from playwright.async_api import expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route as WebRoute
from waiting import until

from conserje_fakes.server import serving

pytestmark = pytest.mark.long


def foreign(body: str) -> Starlette:
    """A site of a client's own."""

    async def home(request: Request) -> HTMLResponse:
        head = "<!doctype html><html lang=es><title>Tienda</title><link rel=icon href=data:,>"
        page = f"{head}<main><h1>Tienda</h1>{body}"
        return HTMLResponse(page, headers={"content-security-policy": "style-src 'none'"})

    return Starlette(routes=[WebRoute("/", home)])


async def test_the_widget_on_a_client_s_own_site(site: Site, visitor: Visitor) -> None:
    async with serving(foreign(f'<script src="{site.url("widget")}/chat.js"></script>')) as shop:
        shop = shop.replace("127.0.0.1", "localhost")
        await site.add("widget", origins=[shop])
        page = await visitor.page(shop)
        button = page.get_by_role("button", name="Abrir el chat de Widget")
        await expect(button).to_have_attribute("aria-expanded", "false")
        assert not await violations(page)
        await button.click()
        frame = page.frame_locator("iframe")
        await expect(frame.get_by_label("Escribe un mensaje")).to_be_focused()
        await write(frame, "hola")
        await until_said(frame, "Tú: hola", "Widget: hola")
        await page.keyboard.press("Escape")
        await expect(page.locator("iframe")).to_be_hidden()
        await expect(button).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(frame.get_by_label("Escribe un mensaje")).to_be_focused()
        await page.get_by_role("button", name="Cerrar el chat").click()
        await expect(page.locator("iframe")).to_be_hidden()
        await page.reload()
        await button.click()
        await until_said(frame, "Tú: hola", "Widget: hola")
        [cookie] = await visitor.context.cookies()
        assert cookie["partitionKey"] == "http://localhost"


async def test_the_widget_stays_open_across_the_site_s_pages(site: Site, visitor: Visitor) -> None:
    script = f'<script src="{site.url("across")}/chat.js" data-side="left" data-offset="40 60"></script>'
    async with serving(foreign(f'<button onclick="Conserje.open()">¿Dudas?</button>{script}')) as shop:
        shop = shop.replace("127.0.0.1", "localhost")
        await site.add("across", origins=[shop])
        page = await visitor.page(shop)
        button = page.get_by_role("button", name="Abrir el chat de Across")
        box = await button.bounding_box()
        assert box and (box["x"], box["y"] + box["height"]) == (40, 720 - 60)
        await page.get_by_role("button", name="¿Dudas?").click()
        frame = page.frame_locator("iframe")
        await write(frame, "hola")
        await until_said(frame, "Tú: hola", "Across: hola")
        await page.goto(f"{shop}/?other")
        await until_said(frame, "Tú: hola", "Across: hola")
        assert await page.evaluate("document.activeElement === document.body")
        await page.evaluate("Conserje.close()")
        await expect(page.locator("iframe")).to_be_hidden()
        await page.goto(shop)
        await expect(button).to_have_attribute("aria-expanded", "false")
        await button.click()
        await page.set_viewport_size({"width": 390, "height": 720})
        await page.reload()
        await expect(button).to_have_attribute("aria-expanded", "false")


async def test_who_the_site_says_that_one_is_is_told_once_one_has_written(
    site: Site, visitor: Visitor
) -> None:
    script = f'<script src="{site.url("known")}/chat.js"></script>'
    said = "<script>Conserje.identify({name: 'Ana', phone: '+56912345678'})</script>"
    async with serving(foreign(script + said)) as shop:
        shop = shop.replace("127.0.0.1", "localhost")
        await site.add("known", origins=[shop])
        page = await visitor.page(shop)
        await page.get_by_role("button", name="Abrir el chat de Known").click()
        frame = page.frame_locator("iframe")
        async with page.expect_request("**/identify"):
            await write(frame, "hola")
        await until_said(frame, "Tú: hola", "Known: hola")

        async def told() -> bool:
            found = await site.installation.pool.fetch(
                "SELECT content FROM messages JOIN tenants ON tenants.id = tenant_id"
                " WHERE slug = 'known' AND kind = 'note'"
            )
            return ["Says: Ana, +56912345678" in row["content"] for row in found] == [True]

        await until(told)


async def test_what_a_site_does_not_know_is_nothing_and_who_was_told_to_wait_says_it_again(
    site: Site, visitor: Visitor
) -> None:
    visitor.expected = "status of 429"
    script = f'<script src="{site.url("partly")}/chat.js"></script>'
    said = "<script>Conserje.identify({name: 'Ana', phone: null})</script>"
    async with serving(foreign(script + said)) as shop:
        shop = shop.replace("127.0.0.1", "localhost")
        await site.add("partly", origins=[shop])
        page = await visitor.page(shop)
        await page.route("**/identify", lambda route: route.fulfill(status=429), times=1)
        await page.get_by_role("button", name="Abrir el chat de Partly").click()
        frame = page.frame_locator("iframe")
        async with page.expect_response("**/identify") as refused:
            await write(frame, "hola")
        assert (await refused.value).status == 429
        async with page.expect_response("**/identify") as told:
            await write(frame, "sigo aquí")
        assert (await told.value).status == 204
        assert (await told.value).request.post_data_json == {"name": "Ana", "phone": "", "hash": ""}


async def test_a_browser_that_keeps_no_cookie_is_shown_the_way_out(site: Site, visitor: Visitor) -> None:
    visitor.expected = "status of 403"
    async with serving(foreign(f'<script src="{site.url("blocked")}/chat.js"></script>')) as shop:
        shop = shop.replace("127.0.0.1", "localhost")
        await site.add("blocked", origins=[shop])
        page = await visitor.page(shop)
        await page.route("**/session", lambda route: route.fulfill(status=204))
        await page.get_by_role("button", name="Abrir el chat").click()
        frame = page.frame_locator("iframe")
        await write(frame, "hola")
        link = frame.get_by_role("link", name="Abrir el chat en su propia pestaña")
        await expect(link).to_have_attribute("href", f"{site.url('blocked')}/")


async def test_a_site_that_is_not_on_the_list_gets_no_chat(site: Site, visitor: Visitor) -> None:
    visitor.expected = r"frame-ancestors|is not shown: its setting \"origins\""
    url = await site.add("refused", origins=["https://www.tienda.cl"])
    body = f'<script src="{url}/chat.js"></script><iframe src="{url}/"></iframe>'
    async with serving(foreign(body)) as shop:
        page = await visitor.page(shop)

        async def refused() -> bool:
            return len(page.frames) == 2 and page.frames[1].url.startswith("chrome-error:")

        await until(refused)
        assert await page.locator("conserje-chat").count() == 0
    assert re.search("frame-ancestors", " ".join(visitor.heard))
