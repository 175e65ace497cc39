"""Files on the chat page, in a real browser: chosen, pasted, dropped, recorded; and the cards of products."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from browser.visitors import BALLS, SHOP, Site, Visitor, until_said, violations, write
from playwright.async_api import FilePayload, Page, Request, Route, expect
from samples import chunk, pdf, png
from waiting import LIMIT, until

pytestmark = pytest.mark.long

HOUSE = FilePayload(name="mi casa.png", mimeType="image/png", buffer=png(chunk(b"tEXt", b"Comment\0GPS")))
LETTER = FilePayload(name="carta.pdf", mimeType="application/pdf", buffer=pdf())
HTML = FilePayload(name="foto.jpg", mimeType="image/jpeg", buffer=b"<!doctype html><script>alert(1)</script>")

HAND_OVER = """([name, kind]) => {
    const bytes = Uint8Array.from(atob(kind[1]), (letter) => letter.codePointAt(0));
    const files = new DataTransfer();
    files.items.add(new File([bytes], name, { type: "image/png" }));
    const how = { bubbles: true, cancelable: true };
    const given = kind[0] === "paste"
        ? new ClipboardEvent("paste", { ...how, clipboardData: files })
        : new DragEvent("drop", { ...how, dataTransfer: files });
    document.getElementById("text").dispatchEvent(given);
}"""

TONE = """
navigator.mediaDevices.getUserMedia = async () => {
    const voice = (window.voice ??= new AudioContext());
    const tone = new OscillatorNode(voice), to = new MediaStreamAudioDestinationNode(voice);
    tone.connect(to);
    tone.start();
    return to.stream;
};
"""


async def choose(page: Page, *files: FilePayload) -> None:
    await page.locator("#file").set_input_files(list(files))


async def post(visitor: Visitor, request: Request, content: bytes) -> None:
    """As the browser does, which alone knows the name."""
    [cookie] = await visitor.context.cookies()
    parts = urlsplit(request.url)
    headers = {
        "host": parts.netloc,
        "origin": f"http://{parts.netloc}",
        "cookie": f"{cookie['name']}={cookie['value']}",
    }
    local = request.url.replace(str(parts.hostname), "127.0.0.1")
    async with httpx2.AsyncClient(timeout=LIMIT, trust_env=False) as http:
        assert (await http.post(local, headers=headers, content=content)).status_code == 200


async def test_a_picture_is_sent_and_is_there_after_a_reload(site: Site, visitor: Visitor) -> None:
    page = await visitor.page(await site.add("photo"))
    await write(page, "hola")
    await until_said(page, "Tú: hola", "Photo: hola")
    await choose(page, HOUSE, LETTER)
    mine = page.locator(".said.mine[data-id]")
    await expect(mine).to_have_count(3)
    await expect(page.get_by_role("img", name="mi casa.png")).to_be_visible()
    await expect(mine.last).to_contain_text("carta.pdf")
    assert not await violations(page)
    await page.reload()
    picture = page.get_by_role("img", name="mi casa.png")
    await expect(picture).to_have_js_property("naturalWidth", 1)
    assert (await picture.get_attribute("src") or "").startswith("/files/")
    link = page.get_by_role("link", name="carta.pdf")
    async with page.expect_download() as found:
        await link.click()
    assert (await found.value).suggested_filename == "carta.pdf"


@pytest.mark.parametrize("way", ["paste", "drop"])
async def test_a_picture_is_pasted_or_dropped(site: Site, visitor: Visitor, way: str) -> None:
    page = await visitor.page(await site.add(f"by-{way}"))
    await write(page, "hola")
    await page.evaluate(HAND_OVER, ["otra.png", [way, base64.b64encode(png()).decode()]])
    await expect(page.locator(".said.mine[data-id]")).to_have_count(2)
    await expect(page.get_by_role("img", name="otra.png")).to_be_visible()


async def test_what_is_not_taken_is_said_in_a_sentence(site: Site, visitor: Visitor) -> None:
    visitor.expected = "status of 415"
    page = await visitor.page(await site.add("sentences"))
    await page.set_viewport_size({"width": 390, "height": 400})  # which the talk is longer than
    await choose(page, HOUSE)
    await expect(page.locator(".note.trouble")).to_have_text(
        "Escribe primero un mensaje; después puedes enviar archivos."
    )
    await write(page, "hola")
    await until_said(page, "Tú: hola", "Sentences: hola")
    await choose(page, HTML)
    await expect(page.locator(".note.trouble").last).to_contain_text("este archivo es de otro tipo")
    large = FilePayload(name="grande.pdf", mimeType="application/pdf", buffer=bytes(16 * 2**20 + 1))
    await choose(page, large)
    await expect(page.locator(".note.trouble").last).to_contain_text("puede tener hasta 16 MB")
    await expect(page.locator(".note.trouble").last).to_be_in_viewport(ratio=1)
    await write(page, "chao")
    await until_said(page, "Tú: hola", "Sentences: hola", "Tú: chao", "Sentences: chao")


async def test_what_was_chosen_in_an_outage_is_sent_by_itself_once(site: Site, visitor: Visitor) -> None:
    visitor.expected = "net::ERR_FAILED|net::ERR_INTERNET_DISCONNECTED"
    page = await visitor.page(await site.add("outage"))
    await write(page, "hola")
    await until_said(page, "Tú: hola", "Outage: hola")
    tries: list[str] = []

    async def lose(route: Route) -> None:
        tries.append(route.request.url)
        if len(tries) == 1:
            await route.abort()  # it never came
        elif len(tries) == 2:
            await post(visitor, route.request, HOUSE["buffer"])
            await route.abort()  # it was taken, and its answer is lost
        else:
            await route.continue_()

    await page.route("**/upload*", lose)
    await choose(page, HOUSE)
    await write(page, "después")
    await expect(page.locator(".said.mine[data-id]")).to_have_count(3)
    assert len(tries) == 3 and len(set(tries)) == 1
    await page.reload()
    await expect(page.locator(".said.mine[data-id]")).to_have_count(3)


async def test_what_was_chosen_before_a_reload_is_sent_after_it(site: Site, visitor: Visitor) -> None:
    visitor.expected = "net::ERR_FAILED"
    page = await visitor.page(await site.add("shelf"))
    await write(page, "hola")
    await until_said(page, "Tú: hola", "Shelf: hola")
    async with page.expect_request("**/upload*"):
        await page.route("**/upload*", lambda route: route.abort())
        await choose(page, HOUSE)
    await write(page, "después")
    await page.unroute("**/upload*")
    await page.reload()
    await expect(page.locator(".said.mine[data-id]")).to_have_count(3)
    await expect(page.get_by_role("img", name="mi casa.png")).to_be_visible()
    await page.reload()
    await expect(page.locator(".said.mine[data-id]")).to_have_count(3)


@pytest.mark.parametrize("status", [408, 429, 503])
async def test_a_file_that_cannot_be_handed_in_holds_up_no_text(
    site: Site, visitor: Visitor, status: int
) -> None:
    visitor.expected = f"status of {status}"
    page = await visitor.page(await site.add(f"stuck-{status}"))
    await write(page, "hola")
    await until_said(page, "Tú: hola", f"Stuck-{status}: hola")
    await page.route("**/upload*", lambda route: route.fulfill(status=status))
    await choose(page, HOUSE)
    await write(page, "después")
    await expect(page.locator(".said.mine[data-id] .text").last).to_have_text("Tú: después")
    await expect(page.get_by_role("status")).to_be_empty()
    await page.unroute("**/upload*")
    await page.get_by_role("button", name="Reintentar").click()
    await expect(page.locator(".said.mine[data-id]")).to_have_count(3)
    await expect(page.locator(".note.trouble")).to_have_count(0)


async def test_a_file_that_is_gone_is_said_to_be_and_holds_up_no_text(
    site: Site, visitor: Visitor, tmp_path: Path
) -> None:
    visitor.expected = "net::ERR_"
    page = await visitor.page(await site.add("gone"))
    await write(page, "hola")
    await until_said(page, "Tú: hola", "Gone: hola")
    path = tmp_path / "casa.pdf"
    path.write_bytes(LETTER["buffer"])
    async with page.expect_request("**/upload*"):
        await page.route("**/upload*", lambda route: route.abort())
        await page.locator("#file").set_input_files(path)
    path.unlink()
    await page.unroute("**/upload*")
    await write(page, "después")
    await expect(page.locator(".note.trouble")).to_contain_text("elígelo de nuevo")
    await until_said(page, "Tú: hola", "Gone: hola", "Tú: después", "Gone: después")


async def test_a_file_that_the_browser_did_not_keep_is_said_to_be_gone_after_a_reload(
    site: Site, visitor: Visitor
) -> None:
    visitor.expected = "net::ERR_FAILED"
    page = await visitor.page(await site.add("unkept"))
    await page.add_init_script("Object.defineProperty(window, 'indexedDB', { value: null })")
    await page.reload()
    await write(page, "hola")
    await until_said(page, "Tú: hola", "Unkept: hola")
    async with page.expect_request("**/upload*"):
        await page.route("**/upload*", lambda route: route.abort())
        await choose(page, HOUSE)
    await write(page, "después")
    await page.unroute("**/upload*")
    await page.reload()
    await until_said(page, "Tú: hola", "Unkept: hola", "Tú: después", "Unkept: después")
    lost = page.locator(".said.mine", has_text="mi casa.png")
    await expect(lost.locator(".note.trouble")).to_contain_text("elígelo de nuevo")


async def test_a_voice_is_recorded_and_can_be_heard(site: Site, visitor: Visitor) -> None:
    page = await visitor.page()
    await page.add_init_script(TONE)
    await page.goto(await site.add("voice"))
    await write(page, "hola")
    await until_said(page, "Tú: hola", "Voice: hola")
    record = page.get_by_role("button", name="Grabar un mensaje de voz")
    await record.click()
    stop = page.get_by_role("button", name="Grabando")
    await expect(stop).to_have_attribute("aria-pressed", "true")
    await page.keyboard.press("Escape")
    await expect(record).to_have_attribute("aria-pressed", "false")
    await record.click()
    await expect(stop).to_be_visible()
    await until(lambda: page.evaluate("voice.currentTime > 1"))
    await stop.click()
    await expect(page.locator(".said.mine[data-id]")).to_have_count(2)
    await page.reload()
    player = page.locator("audio")
    await expect(player).to_have_count(1)
    await until(lambda: player.evaluate("audio => audio.readyState >= 1"))


async def test_products_show_their_picture_and_lead_to_the_shop(site: Site, visitor: Visitor) -> None:
    url = await site.add("cards", "catalog", BALLS, **SHOP)
    await site.installation.pool.execute(
        "UPDATE products SET picture = 'https://cdn.example.com/b.png', link = 'https://tienda.example.com/b'"
        " WHERE tenant_id = (SELECT id FROM tenants WHERE slug = 'cards')"
    )
    page = await visitor.page()
    asked: list[dict[str, str]] = []

    async def picture(route: Route) -> None:
        asked.append(route.request.headers)
        await route.fulfill(body=png(), content_type="image/png")

    await page.route("https://cdn.example.com/**", picture)
    await page.goto(url)
    await write(page, "tienen pelotas?")
    card = page.get_by_role("button", name="Pelota chica")
    await expect(card.locator("img")).to_have_js_property("naturalWidth", 1)
    link = page.get_by_role("link", name="Ver en la tienda: Pelota chica")
    await expect(link).to_have_attribute("href", "https://tienda.example.com/b")
    await expect(link).to_have_attribute("rel", "noopener noreferrer")
    assert not await violations(page)
    await card.click()
    shown = page.locator(".card")
    await expect(shown).to_contain_text("$1.990, quedan 3")
    await expect(shown.locator("img")).to_have_js_property("naturalWidth", 1)
    assert asked and not any("referer" in headers for headers in asked)
