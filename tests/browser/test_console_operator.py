"""An operator's Monday in a real browser: who has trouble, what is held, a new shop; by roles and names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from browser.office import PHONE, Office, open_office, violations
from people import open_house
from playwright.async_api import Browser, expect
from trouble import TROUBLE

from conserje.storage.database import Pool

pytestmark = pytest.mark.long


@pytest_asyncio.fixture
async def office(pool: Pool, database_url: str, keyring: Path, browser: Browser) -> AsyncIterator[Office]:
    async with open_house(pool, database_url, keyring) as house, open_office(house, browser) as office:
        for slug, name in (("acme", "Acme Grow"), ("bravo", "Bravo Games"), ("calma", "La Calma")):
            await house.tenant(slug, name)
        await pool.execute(TROUBLE, house.tenant_ids["bravo"])
        yield office


async def test_who_has_trouble_what_is_held_and_a_new_shop(office: Office) -> None:
    desk = await office.desk(await office.house.as_operator("operator", language="es"), locale="es-CL")
    page = await desk.page("/")
    await expect(page.get_by_role("heading", name="Negocios")).to_be_visible()
    await page.get_by_role("link", name="Con problemas").click()
    await expect(page.get_by_role("link", name="Bravo Games")).to_be_visible()
    await expect(page.get_by_role("link", name="La Calma")).to_have_count(0)
    await page.get_by_role("link", name="1 retenido").click()
    await page.get_by_role("button", name="Descartar 1 para siempre").click()
    await expect(page.get_by_role("status")).to_contain_text("Se descartó 1.")
    await expect(page.get_by_text("No hay nada retenido")).to_be_visible()
    await page.get_by_role("navigation", name="Páginas").get_by_role("link", name="Negocios").click()
    await page.get_by_role("link", name="Nuevo negocio").click()
    await page.get_by_label("Nombre del negocio").fill("Flores del Sur")
    await page.get_by_label("Dirección").fill("flores")
    await page.get_by_label("Nombre", exact=True).fill("Marta")
    await page.get_by_label("Correo electrónico").fill("marta@example.com")
    await page.get_by_role("button", name="Crear el negocio").click()
    link = await page.get_by_label("Enlace").input_value()
    assert link.startswith("http://console.localhost:9101/invitation/")
    assert await violations(page) == []


async def test_the_lists_fit_a_telephone(office: Office) -> None:
    desk = await office.desk(await office.house.as_operator("owner"), **PHONE)
    page = await desk.page()
    for path in (
        "tenants",
        "held",
        "held?tenant=bravo",
        "nodes",
        "plugins",
        "keys",
        "subscriptions",
        "backups",
    ):
        await page.goto(f"{office.url}/o/{path}")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390, path
