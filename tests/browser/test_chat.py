"""The chat page in a real browser, with the real processes behind it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx2
import pytest
from browser.visitors import BALLS, SHOP, Site, Visitor, until_said, violations, write
from playwright.async_api import Page, Route, expect
from staff import say
from waiting import LIMIT, until

from conserje import Text
from conserje.conversations import handling
from conserje.tenants import tenants

pytestmark = pytest.mark.long

WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ALWAYS_OPEN = """
UPDATE accounts SET settings = $1 FROM tenants WHERE tenants.id = tenant_id AND slug = 'hours'
"""
TAKEN = "SELECT count(*) FROM messages JOIN tenants ON tenants.id = tenant_id WHERE slug = $1"


async def test_a_visitor_talks_and_finds_everything_again_after_a_reload(
    site: Site, visitor: Visitor
) -> None:
    page = await visitor.page(await site.add("talk", greeting="¡Wena!"))
    await expect(page.get_by_role("log")).to_have_text("Talk: ¡Wena!")
    for number in range(3):
        await write(page, f"hola {number}")
    said = ["Tú: hola 0", "Tú: hola 1", "Tú: hola 2"]
    await expect(page.locator(".said.mine .text")).to_have_text(said)
    await expect(page.locator(".said:not(.mine)", has_text="hola 2")).to_have_count(1)
    before = await page.locator(".said[data-id] .text").all_text_contents()
    await page.reload()
    await until_said(page, *before)
    await write(page, "¿sigues ahí?")
    await until_said(page, *before, "Tú: ¿sigues ahí?", "Talk: ¿sigues ahí?")


async def test_who_only_looks_costs_neither_session_nor_stream(site: Site, visitor: Visitor) -> None:
    page = await visitor.page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2].partition("?")[0]))
    async with page.expect_response("**/history"):
        await page.goto(await site.add("idle"))
    await page.wait_for_load_state("networkidle")
    scripts = {
        f"{name}.js"
        for name in (
            "attention",
            "files",
            "hours",
            "identity",
            "listening",
            "outbox",
            "page",
            "shelf",
            "talk",
        )
    }
    assert set(asked) == {"", "chat.css", "files.css", "history", "icon.svg", "theme.css"} | scripts
    assert not await visitor.context.cookies()


async def test_a_second_tab_shows_the_same_and_each_message_once(site: Site, visitor: Visitor) -> None:
    url = await site.add("tabs")
    first = await visitor.page(url)
    await write(first, "uno")
    await until_said(first, "Tú: uno", "Tabs: uno")
    second = await visitor.page(url)
    await write(second, "dos")
    for page in (first, second):
        await until_said(page, "Tú: uno", "Tabs: uno", "Tú: dos", "Tabs: dos")
    async with second.expect_request("**/stream*"):  # it is looked at, so it listens for both
        await second.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await write(first, "tres")
    said = ["Tú: uno", "Tabs: uno", "Tú: dos", "Tabs: dos", "Tú: tres", "Tabs: tres"]
    for page in (first, second):
        await until_said(page, *said)
    await second.close()
    await write(first, "fin")
    await until_said(first, *said, "Tú: fin", "Tabs: fin")


async def test_twelve_tabs_all_hear_by_one_stream(site: Site, visitor: Visitor) -> None:
    url = await site.add("twelve")
    pages = [await visitor.page(url) for _ in range(12)]
    await write(pages[0], "hola")
    for page in pages:
        await until_said(page, "Tú: hola", "Twelve: hola")
    await pages.pop(0).close()
    await write(pages[-1], "chao")
    for page in pages:
        await until_said(page, "Tú: hola", "Twelve: hola", "Tú: chao", "Twelve: chao")


async def test_a_message_whose_answer_was_lost_is_taken_once(site: Site, visitor: Visitor) -> None:
    visitor.expected = "net::ERR_FAILED"
    page = await visitor.page(await site.add("lost"))

    async def lose(route: Route) -> None:
        request = route.request
        [cookie] = await visitor.context.cookies()
        headers = {
            "host": request.url.split("/")[2],
            "origin": site.url("lost"),
            "cookie": f"{cookie['name']}={cookie['value']}",
            "content-type": "application/json",
        }
        local = request.url.replace("lost.localhost", "127.0.0.1")  # only Chromium knows the name
        async with httpx2.AsyncClient(timeout=LIMIT, trust_env=False) as http:
            assert (await http.post(local, headers=headers, content=request.post_data)).status_code == 200
        await route.abort()

    await page.route("**/bot/web/webhook", lose, times=2)
    await write(page, "una vez")
    await until_said(page, "Tú: una vez", "Lost: una vez")
    await write(page, "otra")
    await until_said(page, "Tú: una vez", "Lost: una vez", "Tú: otra", "Lost: otra")
    assert await site.installation.pool.fetchval(TAKEN, "lost") == 4


async def test_a_server_that_goes_and_comes_back_loses_and_doubles_nothing(
    alone: Site, visitor: Visitor
) -> None:
    visitor.expected = "net::ERR_|status of 503"
    url = await alone.add("cut")
    async with alone.installation.working():
        async with alone.installation.serving():
            page = await visitor.page(url)
            await write(page, "uno")
            await until_said(page, "Tú: uno", "Cut: uno")
        await write(page, "dos")
        await expect(page.get_by_role("status")).to_have_text("Sin conexión, reintentando…")
        async with alone.installation.serving():
            await until_said(page, "Tú: uno", "Cut: uno", "Tú: dos", "Cut: dos")
            await write(page, "tres")
            await until_said(page, "Tú: uno", "Cut: uno", "Tú: dos", "Cut: dos", "Tú: tres", "Cut: tres")
    assert await alone.installation.pool.fetchval(TAKEN, "cut") == 6


async def test_after_an_outage_the_page_sends_by_itself_also_after_a_reload(
    site: Site, visitor: Visitor
) -> None:
    visitor.expected = "net::ERR_|status of 50[23]"
    page = await visitor.page(await site.add("outage"))
    status = page.get_by_role("status")
    await page.clock.install()
    await page.route("**/bot/web/webhook", lambda route: route.fulfill(status=503))
    await write(page, "uno")
    await expect(status).to_have_text("Sin conexión, reintentando…")
    for _ in range(8):  # longer than it tries at short intervals
        async with page.expect_request("**/bot/web/webhook"):
            await page.clock.run_for(31_000)
    await write(page, "dos")
    await page.reload()
    await expect(page.locator(".said.mine .text")).to_have_text(["Tú: uno", "Tú: dos"])
    await expect(status).to_have_text("Sin conexión, reintentando…")
    await page.unroute("**/bot/web/webhook")
    await page.evaluate("dispatchEvent(new Event('online'))")
    await expect(page.locator(".said.mine[data-id] .text")).to_have_text(["Tú: uno", "Tú: dos"])
    await expect(status).to_have_text("")
    await page.reload()
    await expect(page.locator(".said.mine[data-id] .text")).to_have_text(["Tú: uno", "Tú: dos"])
    assert await site.installation.pool.fetchval(f"{TAKEN} AND direction = 'in'", "outage") == 2


async def test_what_it_says_of_the_hours_changes_while_it_stays_open(site: Site, visitor: Visitor) -> None:
    today = datetime.now(ZoneInfo("America/Santiago")).weekday()
    url = await site.add("hours", hours={WEEK[(today + 3) % 7]: ["10:00-11:00"]})
    page = await visitor.page()
    await page.clock.install()
    await page.goto(url)
    hours, notice = page.locator("#hours"), page.locator("#closed")
    await expect(hours).to_contain_text("Cerrado ahora")
    await expect(notice).to_be_visible()
    always = json.dumps({"hours": {day: ["00:00-12:00", "12:00-24:00"] for day in WEEK}})
    await site.installation.pool.execute(ALWAYS_OPEN, always)

    async def is_open() -> bool:
        return "Abierto ahora" in await page.evaluate("fetch('/').then(answer => answer.text())")

    await until(is_open)
    await expect(hours).to_contain_text("Cerrado ahora")
    await page.clock.fast_forward(96 * 3600 * 1000)
    await expect(hours).to_have_text("Abierto ahora")
    await expect(notice).to_be_hidden()


async def test_hours_that_change_in_a_month_are_asked_for_once_a_day(site: Site, visitor: Visitor) -> None:
    url = await site.add("rarely")
    now = datetime.now(ZoneInfo("America/Santiago"))
    opens = json.dumps({"exceptions": {str(now.date() + timedelta(days=27)): ["10:00-11:00"]}})
    await site.installation.pool.execute("UPDATE tenants SET hours = $1 WHERE slug = 'rarely'", opens)
    page = await visitor.page()
    await page.clock.install()
    await page.goto(url)
    await expect(page.locator("#hours")).to_contain_text("Cerrado ahora")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.clock.run_for(23 * 3600 * 1000)
    assert await page.evaluate("fetch('/icon.svg').then(answer => answer.ok)")
    assert [url for url in asked if url.endswith("/")] == []
    async with page.expect_request(f"{url}/"):
        await page.clock.run_for(2 * 3600 * 1000)


async def test_it_shows_who_answers_and_what_was_read(site: Site, visitor: Visitor) -> None:
    page = await visitor.page(await site.add("who"))
    await write(page, "hola")
    await until_said(page, "Tú: hola", "Who: hola")
    await expect(page.locator(".day")).to_have_text(["Hoy"])
    await expect(page.locator(".mine .state")).to_have_text("Leído")
    await expect(page.locator("#attending")).to_have_text("Te responde el asistente")
    pool = site.installation.pool
    async with pool.acquire() as connection:
        tenant = await tenants.get(connection, "who")
    conversation = await pool.fetchval("SELECT id FROM conversations WHERE tenant_id = $1", tenant.id)
    await handling.take(pool, tenant, conversation, "Ana")
    await expect(page.locator("#attending")).to_have_text("Te atiende Ana")
    await write(page, "¿quién eres?")
    await expect(page.locator(".mine .state")).to_have_text(["Leído", "Entregado"])
    await say(pool, tenant, conversation, [Text("soy Ana")])
    await until_said(page, "Tú: hola", "Who: hola", "Tú: ¿quién eres?", "Ana: soy Ana")
    await expect(page.locator(".who")).to_have_text(["Asistente", "Ana"])
    await expect(page.locator(".mine .state")).to_have_text(["Leído", "Leído"])


async def test_what_comes_while_nobody_looks_is_counted(site: Site, visitor: Visitor) -> None:
    page = await visitor.page(await site.add("unread"))
    await write(page, "hola")
    await until_said(page, "Tú: hola", "Unread: hola")
    await look(page, away=True)
    await write(page, "chao")
    await expect(page).to_have_title("(1) Unread")
    await look(page, away=False)
    await expect(page).to_have_title("Unread")
    read = f"SELECT ({TAKEN} AND direction = 'out' AND messages.state = 'read') = 2"
    await until(lambda: site.installation.pool.fetchval(read, "unread"))


async def look(page: Page, *, away: bool) -> None:
    """Away from the page, or at it again, as far as it knows."""
    hidden = "true" if away else "false"
    await page.evaluate(f"Object.defineProperty(document, 'hidden', {{value: {hidden}, configurable: true}})")
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


async def test_the_composer_hides_nothing_and_has_one_ring(site: Site, visitor: Visitor) -> None:
    page = await visitor.page(await site.add("composer"))
    for number in range(8):
        await write(page, f"hola {number}")
    await expect(page.locator(".said:not(.mine)", has_text="hola 7")).to_have_count(1)
    await page.get_by_label("Escribe un mensaje").fill("línea\n" * 6)
    last = page.locator("#log > :last-child")
    await expect(last).to_be_in_viewport(ratio=1)
    left = "log.scrollHeight - log.scrollTop - log.clientHeight"
    await page.wait_for_function(f"{left} < 2")
    assert await page.evaluate("getComputedStyle(document.activeElement).outlineOffset") == "-1px"


async def test_the_composer_is_one_line_before_anything_is_written(site: Site, visitor: Visitor) -> None:
    page = await visitor.page()
    await page.set_viewport_size({"width": 320, "height": 720})
    await page.goto(await site.add("narrow"))
    composer = page.get_by_label("Escribe un mensaje")
    height = await composer.evaluate("composer => composer.clientHeight")
    assert height == await composer.evaluate("composer => (composer.placeholder = '', composer.clientHeight)")


async def test_the_talk_stays_at_its_end_when_a_picture_comes_late(site: Site, visitor: Visitor) -> None:
    page = await visitor.page(await site.add("late"))
    for number in range(8):
        await write(page, f"hola {number}")
    await expect(page.locator(".said:not(.mine)", has_text="hola 7")).to_have_count(1)
    left = "log.scrollHeight - log.scrollTop - log.clientHeight"
    await until(lambda: page.evaluate(f"{left} < 2"))
    await page.evaluate("""() => {
        const last = log.lastElementChild;
        last.style.paddingBottom = "300px";
        log.dispatchEvent(new Event("scroll")); // of the message, which is told a frame later
        last.dispatchEvent(new Event("load"));
    }""")
    await until(lambda: page.evaluate(f"{left} < 2"))
    await page.evaluate("log.scrollTop -= 200")
    await until(lambda: page.evaluate(f"{left} >= 200"))
    await page.locator("#log > :last-child").evaluate("last => last.dispatchEvent(new Event('load'))")
    assert await page.evaluate(left) >= 200  # who reads further up goes on reading


async def test_who_writes_too_fast_is_told_and_may_try_again(site: Site, visitor: Visitor) -> None:
    visitor.expected = "status of 429"
    page = await visitor.page(await site.add("fast"))
    await page.route("**/bot/web/webhook", lambda route: route.fulfill(status=429), times=1)
    await write(page, "hola")
    await expect(page.get_by_text("Vas muy rápido")).to_be_visible()
    await page.get_by_role("button", name="Reintentar").click()
    await until_said(page, "Tú: hola", "Fast: hola")
    await expect(page.get_by_text("Vas muy rápido")).to_have_count(0)


async def test_a_message_that_is_refused_stays_where_it_was_written(site: Site, visitor: Visitor) -> None:
    visitor.expected = "status of 400"
    page = await visitor.page(await site.add("wrong"))
    await page.route("**/bot/web/webhook", lambda route: route.fulfill(status=400), times=1)
    await write(page, "esto no")
    await expect(page.get_by_text("no se puede enviar así")).to_be_visible()
    await write(page, "esto sí")
    await until_said(page, "Tú: esto sí", "Wrong: esto sí")
    said = ["Wrong: ¡Hola! ¿En qué te podemos ayudar?", "Tú: esto no", "Tú: esto sí", "Wrong: esto sí"]
    await expect(page.locator(".text")).to_have_text(said)


async def test_a_session_that_is_over_is_opened_again(site: Site, visitor: Visitor) -> None:
    visitor.expected = "status of 403"
    page = await visitor.page(await site.add("over"))
    await write(page, "hola")
    await until_said(page, "Tú: hola", "Over: hola")
    await visitor.context.clear_cookies()
    await write(page, "otra vez")
    await until_said(page, "Tú: hola", "Over: hola", "Tú: otra vez", "Over: otra vez")


async def test_buttons_are_pressed_and_the_typing_sign_shows(site: Site, visitor: Visitor) -> None:
    page = await visitor.page(await site.add("colours", "colours", quick_answers=["Quiero una"]))
    await page.get_by_role("button", name="Quiero una").click()
    await page.get_by_role("button", name="Azul").click()
    said = ("Tú: Quiero una", "Colours: ¿De qué color?", "Tú: Azul", "Colours: Elegiste Azul (a)")
    await until_said(page, *said)
    await expect(page.get_by_role("button", name="Quiero una")).to_be_hidden()
    await write(page, "piensa")
    await expect(page.get_by_role("status")).to_have_text("Colours está escribiendo…")
    Path(site.installation.environment["MAY_STOP"]).touch()
    await until_said(page, *said, "Tú: piensa", "Colours: ya")
    await expect(page.get_by_role("status")).to_be_empty()


async def test_products_are_cards_with_their_price(site: Site, visitor: Visitor) -> None:
    page = await visitor.page(await site.add("shop", "catalog", BALLS, **SHOP))
    await write(page, "tienen pelotas?")
    card = page.get_by_role("button", name="Pelota chica")
    await expect(card).to_have_text("Pelota chica $1.990, quedan 3")
    await card.click()
    await until_said(
        page,
        "Tú: tienen pelotas?",
        "Shop: Tenemos esto. ¿Cuál te interesa?",
        "Tú: Pelota chica",
        "Shop: Pelota chica: $1.990, quedan 3. ¿Te interesa?",
    )


async def test_markup_is_text_and_only_https_is_a_link(site: Site, visitor: Visitor) -> None:
    page = await visitor.page(await site.add("markup", greeting="<b>hola</b>"))
    evil = "<img src=x onerror=alert(1)> javascript:alert(1) (https://example.com/a?b=c)."
    await write(page, evil)
    await until_said(page, f"Tú: {evil}", f"Markup: {evil}")
    assert await page.locator(".text img, .text b").count() == 0
    links = page.locator(".said[data-id] a")
    await expect(links).to_have_text(["https://example.com/a?b=c"] * 2)
    await expect(links.first).to_have_attribute("rel", "noopener noreferrer")


async def test_the_keyboard_is_enough(site: Site, visitor: Visitor) -> None:
    page = await visitor.page(await site.add("keys", "colours", quick_answers=["Quiero una"]))
    await expect(page.get_by_label("Escribe un mensaje")).to_be_focused()
    await page.keyboard.press("Shift+Tab")
    await expect(page.get_by_role("button", name="Quiero una")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Escribe un mensaje")).to_be_focused()
    await expect(page.get_by_role("button", name="Azul")).to_be_visible()
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Space")
    await expect(page.get_by_text("Elegiste Azul (a)")).to_be_visible()
    await page.get_by_label("Escribe un mensaje").focus()
    await page.keyboard.type("dos")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("líneas")
    await page.keyboard.press("Enter")
    own = page.locator(".said.mine[data-id] .text").last
    await expect(own).to_have_text("Tú: dos líneas")
    assert (await own.inner_text()).endswith("dos\nlíneas")


@pytest.mark.parametrize(
    ("scheme", "width"), [("light", 1280), ("dark", 1000), ("light", 390), ("dark", 360)]
)
async def test_it_fits_and_axe_finds_nothing(site: Site, visitor: Visitor, scheme: str, width: int) -> None:
    page = await visitor.page()
    await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await page.set_viewport_size({"width": width, "height": 720})
    await page.goto(await site.add(f"axe-{scheme}-{width}", "catalog", BALLS, **SHOP))
    assert not await violations(page)
    await write(page, "x" * 300)
    await write(page, "pelotas")
    await page.get_by_role("button", name="Pelota chica").hover()
    assert not await violations(page)
    assert await page.evaluate("document.documentElement.scrollWidth") == width
