"""What a test of the chat page has at hand: the tenants' hosts, and somebody who visits them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from axe_playwright_python.async_playwright import Axe
from installation import Installation
from playwright.async_api import BrowserContext, ConsoleMessage, FrameLocator, Page, expect

from conserje.tenants import accounts, tenants

SHOP = {
    "colour": "#ffc400",
    "greeting": "¡Wena! ¿Qué buscas?",
    "quick_answers": ["¿Qué tienen?", "Pelotas"],
    "hours": {"monday": []},
    "privacy_url": "https://example.com/privacidad",
}
BALLS = [("Pelota chica", 1990, 3), ("Pelota grande", 4990, 0)]
ADD_PRODUCT = "INSERT INTO products (tenant_id, name, price, stock) VALUES ($1, $2, $3, $4)"


@dataclass
class Site:
    """The tenants' hosts, as a browser reaches them."""

    installation: Installation

    def url(self, slug: str) -> str:
        """Chromium resolves *.localhost by itself, and trusts it as it trusts https."""
        port = self.installation.environment["CONSERJE_LISTEN"].rpartition(":")[2]
        return f"http://{slug}.localhost:{port}"

    async def add(
        self,
        slug: str,
        assistant: str = "echo",
        products: Sequence[tuple[str, int, int]] = (),
        **settings: Any,
    ) -> str:
        """The address of a new tenant's page."""
        async with self.installation.pool.acquire() as connection, connection.transaction():
            tenant = await tenants.add(connection, slug, slug.title(), assistant=assistant)
            await connection.execute("UPDATE tenants SET quiet_period = '0' WHERE id = $1", tenant.id)
            for name, price, stock in products:
                await connection.execute(ADD_PRODUCT, tenant.id, name, Decimal(price), stock)
            if settings:
                await accounts.add(connection, tenant.id, "web", "web", settings=settings)
        return self.url(slug)


@dataclass
class Visitor:
    """One person's browser; whatever its pages complain of fails the test, but for what `expected` fits."""

    context: BrowserContext
    expected: str = r"(?!)"
    heard: list[str] = field(default_factory=list)

    async def page(self, url: str | None = None) -> Page:
        page = await self.context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.heard.append(str(error)))
        if url:
            await page.goto(url)
        return page

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.heard.append(f"{message.type}: {message.text} ({message.location['url']})")

    @property
    def complaints(self) -> list[str]:
        return [each for each in self.heard if not re.search(self.expected, each)]


async def write(page: Page | FrameLocator, text: str) -> None:
    field = page.get_by_label("Escribe un mensaje")
    await field.fill(text)
    await field.press("Enter")


async def until_said(page: Page | FrameLocator, *texts: str) -> None:
    """Until the feed's messages are exactly these, in this order."""
    await expect(page.locator(".said[data-id] .text")).to_have_text(list(texts))


async def violations(page: Page) -> list[str]:
    found = await Axe().run(page)
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found.response["violations"]]
