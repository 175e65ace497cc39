"""An owner and their shop in a real browser: by roles and names alone, on a telephone and at a desk."""

from __future__ import annotations

import os
import random
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from browser.office import DESK, PHONE, Office, open_office, violations
from people import open_house
from playwright.async_api import Browser, Page, expect

from conserje.operations import lore
from conserje.shop import asked, products
from conserje.shop.knowledge import Question
from conserje.storage.database import Pool
from conserje.storage.scope import acting_for

pytestmark = pytest.mark.long

PICTURES = os.environ.get("CONSOLE_PICTURES")  # a folder, for who wants to look at the pages
ROWS = [
    {"name": "Brownie de chocolate con nuez", "price": 5990, "stock": 12, "category": "Dulces"},
    {"name": "Queque de zanahoria", "price": 14990, "stock": 0, "category": "Dulces"},
    {"name": "خبز " * 12, "price": 1990},
    {"name": "Torta de mil hojas para veinte personas, con manjar casero y almendras", "price": 38990},
]


@pytest_asyncio.fixture
async def office(pool: Pool, database_url: str, keyring: Path, browser: Browser) -> AsyncIterator[Office]:
    async with open_house(pool, database_url, keyring) as house, open_office(house, browser) as office:
        id = await house.tenant("acme", "Pastelería Acme", assistant="catalog", fallback_assistant="parrot")
        async with acting_for(pool, id) as scope:
            listed = [products.from_row(row, "CLP") for row in ROWS]
            await products.upsert_many(scope.connection, id, listed, {"Queque de zanahoria"})
        async with pool.acquire() as connection:
            await lore.say(connection, "acme", "payment", "Efectivo, tarjetas y transferencia.")
            await lore.add(connection, "acme", Question("¿Hacen tortas sin gluten?", "Sí, por encargo."))
            for each in ("¿Arriendan sillas?", "¿arriendan sillas?", "¿Tienen estacionamiento?"):
                await asked.note(connection, id, [each], "")
        yield office


async def opened(office: Office, path: str, **device: Any) -> Page:
    desk = await office.desk(await office.house.as_("owner"), locale="es-CL", **device)
    return await desk.page(f"/t/acme/{path}")


PAGES = (
    "products", "products/new", "products/import", "knowledge?tab=asked", "knowledge?tab=questions",
    "knowledge?tab=facts", "assistant",
)  # fmt: skip


@pytest.mark.parametrize("device", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_every_page_is_fit_for_everybody(office: Office, device: dict[str, Any], colours: Any) -> None:
    page = await opened(office, "products", **device, color_scheme=colours)
    paths = [*PAGES]
    [id] = await office.house.pool.fetch("SELECT min(id) AS id FROM products")
    paths.append(f"products/{id['id']}")
    for path in paths:
        await page.goto(page.url.partition("/t/")[0] + f"/t/acme/{path}")
        assert await violations(page) == [], path
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= device["viewport"]["width"], path
        if PICTURES:
            name = f"{path.replace('/', '-').replace('?', '-')}-{colours}-{device['viewport']['width']}.png"
            await page.screenshot(path=f"{PICTURES}/{name}", full_page=True)


async def test_an_owner_changes_a_price_and_takes_a_list(office: Office) -> None:
    page = await opened(office, "products", **PHONE)
    row = page.get_by_role("row").filter(has=page.locator("input[value^=Brownie]"))
    await row.get_by_role("textbox", name="Precio").fill("6.490")
    await row.get_by_role("button", name="Guardar").click()
    await expect(page.get_by_role("status")).to_contain_text("está guardado")
    await page.get_by_role("link", name="Importar una lista").click()
    content = "nombre;precio\nBrownie de chocolate con nuez;6.990\nPie de limón;9.990\nPan;gratis\n"
    file: Any = {"name": "lista.csv", "mimeType": "text/csv", "buffer": content.encode("cp1252")}
    await page.get_by_label("Un archivo de Excel").set_input_files(file)
    await page.get_by_role("button", name="Ver lo que haría").click()
    await expect(page.get_by_role("main")).to_contain_text("«gratis» no es un precio")
    assert await violations(page) == []
    await page.get_by_role("button", name="Tomar la lista").click()
    await expect(page.get_by_role("heading", name="La lista está tomada")).to_be_visible()
    await page.get_by_role("link", name="A los productos").click()
    await page.get_by_role("searchbox").fill("limon")
    await page.get_by_role("button", name="Buscar").click()
    await expect(page.get_by_role("textbox", name="Precio")).to_have_value("9.990")


SHRUNK = """async field => {
    while (field.files[0].name !== "picture.jpg") await new Promise(requestAnimationFrame);
    return field.files[0].size;
}"""


def _noise(width: int, height: int) -> bytes:
    """A PNG that no packing makes smaller: its pixels are random."""
    lines = b"".join(b"\0" + random.randbytes(3 * width) for _ in range(height))
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(lines, 0)),
        (b"IEND", b""),
    )
    packed = (struct.pack(">I", len(p)) + n + p + struct.pack(">I", zlib.crc32(n + p)) for n, p in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


async def test_a_photo_is_made_smaller_before_it_is_sent(office: Office) -> None:
    photo = _noise(1300, 1000)
    page = await opened(office, "products")
    await page.get_by_role("link", name="Más de Brownie").click()
    file: Any = {"name": "foto.png", "mimeType": "image/png", "buffer": photo}
    field = page.get_by_label("Una foto u otra imagen")
    await field.set_input_files(file)
    assert 0 < await field.evaluate(SHRUNK) < len(photo)


async def test_the_assistant_is_tried_beside_the_form(office: Office) -> None:
    page = await opened(office, "assistant")
    await page.get_by_label("Saludo").fill("¡Buenas, dulces!")
    await page.get_by_label("Lo que escribe un cliente").fill("hola")
    await page.get_by_role("button", name="Preguntar").click()
    await expect(page.get_by_role("log")).to_contain_text("¡Buenas, dulces!")
    await expect(page.get_by_label("Saludo")).to_have_value("¡Buenas, dulces!")
    await page.get_by_label("Lo que escribe un cliente").fill("¿cuánto vale el brownie?")
    await page.get_by_role("button", name="Preguntar").click()
    await expect(page.get_by_role("log")).to_contain_text("5.990")
    assert await violations(page) == []
    await page.get_by_role("button", name="Responder así").click()
    await expect(page.get_by_role("status")).to_contain_text("Así se responde desde ahora.")


async def test_what_people_asked_is_answered_where_it_is_listed(office: Office) -> None:
    page = await opened(office, "knowledge", **PHONE)
    await page.get_by_text("¿Arriendan sillas?").click()
    await page.get_by_label("Respuesta").first.fill("Sí, $2.000 cada una.")
    await page.get_by_role("button", name="Responderla").first.click()
    await expect(page.get_by_role("status")).to_contain_text("Desde ahora esto tiene respuesta.")
    await expect(page.get_by_text("¿Arriendan sillas?")).to_have_count(0)
    await page.get_by_role("button", name="Descartar").click()
    await expect(page.get_by_role("main")).to_contain_text("No hay nada pendiente")
