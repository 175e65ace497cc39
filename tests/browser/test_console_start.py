"""A shop owner's first day in a real browser, by a script that sees only roles and names."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from browser.office import PHONE, Office, open_office, violations
from doorway import QUOTA
from listening import free_port, listening
from people import open_house
from playwright.async_api import Browser, FilePayload, Page, expect
from samples import png
from waiting import LIMIT

from conserje.access import invitations
from conserje.conversations.feed import Feed
from conserje.files.folder import Folder
from conserje.installation import tasks
from conserje.intake.intake import Intake
from conserje.net.client import client
from conserje.plugins.plugins import Plugins
from conserje.storage.database import Pool
from conserje.tenants.directory import Directory
from conserje.work.worker import Worker
from conserje_edge.server.app import tenant_hosts
from conserje_edge.tenant.reception import Reception
from conserje_edge.tenant.webhooks import Webhooks
from conserje_edge.wire.hosts import Hosts
from conserje_edge.wire.rates import Limits
from conserje_edge.wire.requests import Proxies
from conserje_fakes.server import serving
from conserje_fakes.twilio import TwilioAccount, create
from conserje_twilio import Twilio, TwilioOperator

pytestmark = pytest.mark.long

SID, SECRET, NUMBER = "AC" + "1" * 32, "5ecret5ecret5ecret5ecret5ecret55", "whatsapp:+56911111111"
ELSEWHERE = "https://otro.example/hook"
MOST_CLICKS = 40


@dataclass
class Town:
    """A console, a tenant's host with a worker behind it, and Twilio's stand-in."""

    office: Office
    twilio: Any
    clicks: int = 0

    async def click(self, page: Page, role: Any, name: str) -> None:
        self.clicks += 1
        await page.get_by_role(role, name=name, exact=True).first.click()

    async def open(self, page: Page, name: str) -> None:
        """A page by the way around, some of which is one tap further away."""
        if not await page.get_by_role("link", name=name, exact=True).count():
            self.clicks += 1
            await page.get_by_role("navigation").get_by_text("Más", exact=True).click()
        await self.click(page, "link", name)


@pytest_asyncio.fixture
async def town(pool: Pool, database_url: str, keyring: Path, browser: Browser) -> AsyncIterator[Town]:
    app, port = create([TwilioAccount(SID, SECRET, (NUMBER,))]), free_port()
    async with (
        serving(app) as twilio_url,
        client() as http,
        open_house(pool, database_url, keyring, public_url=f"http://{{slug}}.localhost:{port}") as house,
    ):
        context = house.context
        channels = {**context.plugins.channels, "twilio": Twilio(TwilioOperator(base_url=twilio_url), http)}
        context.plugins = Plugins(channels, context.plugins.assistants, context.plugins.tools)
        directory = Directory(pool, database_url)
        feed = Feed(pool, directory.changes)  # before it listens
        async with (
            open_office(house, browser) as office,
            directory,
            Intake(pool, context.plugins) as intake,
        ):
            reception = Reception(Hosts(["localhost"]), Proxies([]), directory, context.vault, pool)
            webhooks = Webhooks(reception, context.plugins, intake, Limits())
            folder = Folder(keyring.parent.parent / "files")
            hosts = tenant_hosts(webhooks, feed, folder, QUOTA, office.url)
            work = tasks(pool, directory, context.plugins, context.vault, context.settings)
            worker = Worker(pool, database_url, work, context.settings.slots)
            running = asyncio.create_task(worker.run())
            async with listening(hosts, port):
                yield Town(office, app.state.stand_in)
                for desk in office.desks:
                    await desk.context.close()  # its streams end
            worker.stop()
            await asyncio.wait_for(running, LIMIT)
            await webhooks.close()


async def invited(town: Town) -> str:
    """The path of a link by which Ana comes in as the owner of acme."""
    house = town.office.house
    tenant_id = await house.tenant("acme", "Acme", quiet_period=timedelta(0), assistant="catalog")
    async with house.pool.acquire() as connection, connection.transaction():
        person = await connection.fetchval(
            "INSERT INTO people (tenant_id, name, email, role)"
            " VALUES ($1, 'Ana', 'ana@acme.example', 'owner') RETURNING id",
            tenant_id,
        )
        invitation = await invitations.invite_person(connection, tenant_id, person)
        return f"/invitation/{await invitations.make_link(connection, invitation)}"


async def test_from_the_invitation_to_the_first_answer(town: Town) -> None:
    """On a telephone, in Spanish; the number was another system's before."""
    town.twilio.setup.sender(NUMBER)["webhook"] = {"callback_url": ELSEWHERE, "callback_method": "POST"}
    link = await invited(town)
    desk = await town.office.desk(await town.office.house.nobody("es"), locale="es-CL", **PHONE)
    desk.expected = r"status of 422"  # the browser's word for a form that comes back
    page = await desk.page(link)
    await page.get_by_label("Una contraseña nueva").fill("cuatro palabras bien largas")
    await town.click(page, "button", "Aceptar y entrar")
    await town.open(page, "Primeros pasos")
    await expect(page.get_by_text("0 de 7 están listos")).to_be_visible()

    await town.click(page, "link", "Escribir tu horario (Horario de atención)")
    await page.get_by_label("Lunes, abre").first.fill("09:00")
    await page.get_by_label("Lunes, cierra").first.fill("18:00")
    await town.click(page, "button", "Guardar, y de martes a viernes como el lunes")
    await expect(page.get_by_text("Tu horario se guardó.")).to_be_visible()

    await town.open(page, "Primeros pasos")
    await town.click(page, "link", "Agregar productos (Productos)")
    await town.click(page, "link", "Agregar un producto")
    await page.get_by_label("Nombre").fill("Ficus")
    await page.get_by_label("Precio").fill("9990")
    await town.click(page, "button", "Agregar el producto")

    await town.open(page, "Primeros pasos")
    await town.click(page, "link", "Escribirlo (Lo que dices a los clientes)")
    await page.get_by_label("Pago").fill("Efectivo y transferencia.")
    await town.click(page, "button", "Guardar")

    await town.open(page, "Primeros pasos")
    await town.click(page, "link", "Conectar un número (Un número que funciona)")
    await town.click(page, "link", "Twilio WhatsApp o SMS, con una cuenta de Twilio.")
    await page.get_by_label("Número").fill("+56 9 1111 1111")
    await page.get_by_label("Account SID").fill(SID)
    await page.get_by_label("Auth Token").fill("otro")
    await town.click(page, "button", "Probarlo y guardarlo")
    await expect(page.get_by_role("alert")).to_contain_text("no lo acepta, así que no se guardó nada")
    await page.get_by_label("Auth Token").fill(SECRET)
    await town.click(page, "button", "Probarlo y guardarlo")
    await expect(page.get_by_text(ELSEWHERE, exact=True)).to_be_visible()
    await town.click(page, "button", "Entregarlos aquí")
    await expect(page.get_by_text("Desde ahora los mensajes llegan aquí.")).to_be_visible()

    await town.open(page, "Primeros pasos")
    await town.click(page, "link", "Elegir una imagen (Una imagen de tu negocio)")
    picture = FilePayload(name="logo.png", mimeType="image/png", buffer=png())
    await page.get_by_label("Tu imagen").set_input_files(picture)
    await page.get_by_label("Saludo").fill("¡Bienvenida!")
    await town.click(page, "button", "Guardar")
    preview = page.frame_locator("iframe")
    await expect(preview.get_by_text("¡Bienvenida!")).to_be_visible()
    await preview.get_by_label("Escribe un mensaje").fill("¿Cuánto cuesta el ficus?")
    await preview.get_by_label("Escribe un mensaje").press("Enter")
    await expect(preview.get_by_text(re.compile(r"\$9\.990")).first).to_be_visible()

    await town.open(page, "Primeros pasos")
    await expect(page.get_by_text("6 de 7 están listos")).to_be_visible()
    assert not await violations(page)
    assert town.clicks <= MOST_CLICKS, town.clicks
