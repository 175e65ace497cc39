"""An office: people with real browsers, at a console in this process."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import people
from axe_playwright_python.base import AXE_SCRIPT
from listening import free_port, listening
from people import House
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
ENGLISH = {"locale": "en-US"}  # whatever the machine's browser asks for by itself


@dataclass
class Desk:
    """One person's browser; whatever its pages complain of fails the test, but for what `expected` fits."""

    context: BrowserContext
    url: str
    token: str
    person: people.Browser
    expected: str = r"(?!)"
    heard: list[str] = field(default_factory=list)

    async def page(self, path: str | None = None) -> Page:
        page = await self.context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.heard.append(str(error)))
        if path:
            await page.goto(self.url + path)
        return page

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.heard.append(f"{message.type}: {message.text} ({message.location['url']})")

    @property
    def complaints(self) -> list[str]:
        return [each for each in self.heard if not re.search(self.expected, each)]


@dataclass
class Office:
    """The console as browsers reach it."""

    house: House
    browser: Browser
    url: str
    desks: list[Desk] = field(default_factory=list)

    async def desk(self, person: people.Browser, **device: Any) -> Desk:
        """A real browser in which this person is signed in."""
        context = await self.browser.new_context(**(ENGLISH | DESK | device))
        token = person.http.cookies.get("conserje") or ""
        if token:
            cookie = {
                "name": "conserje",
                "value": token,
                "url": self.url,
                "httpOnly": True,
                "sameSite": "Lax",
            }
            await context.add_cookies([cookie])  # type: ignore[list-item]
        desk = Desk(context, self.url, token, person)
        self.desks.append(desk)
        return desk


@asynccontextmanager
async def open_office(house: House, browser: Browser) -> AsyncIterator[Office]:
    port = free_port()
    async with listening(house.app, port):
        office = Office(house, browser, f"http://console.localhost:{port}")
        yield office
        for desk in office.desks:
            await desk.context.close()
        house.bells.stop()  # as the server does: it waits for its streams
    complaints = [each for desk in office.desks for each in desk.complaints]
    assert not complaints, "\n".join(complaints)


async def violations(page: Page, *rules: str) -> list[str]:
    """What axe finds by these rules, or by all."""
    if not await page.evaluate("typeof axe === 'object'"):
        await page.evaluate(AXE_SCRIPT)
    # What is well is of no use, and many times as long.
    options = {"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {})
    found = await page.evaluate("async options => (await axe.run(options)).violations", options)
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found]
