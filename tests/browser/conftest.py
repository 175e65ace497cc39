"""A real browser, and an installation at work whose chat pages it opens."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from browser.visitors import Site, Visitor
from debian import require
from installation import install
from packages import install as install_package
from playwright.async_api import Browser, async_playwright, expect
from waiting import LIMIT

from conserje.storage.pool import connect_pool
from conserje.tenants.keyring import create_keyring

SHELL = "chromium-headless-shell"  # of the same source, at half the work of one that could also show itself
NO_SANDBOX = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's own does not work as root

# An assistant that offers buttons, and thinks where it is asked to, until it may stop.
COLOURS = """
import asyncio
import os
from conserje import Assistant, Button, Buttons, Nothing, Pressed, Reply, Text

class Colours(Assistant[Nothing, Nothing, Nothing]):
    name = "colours"
    Credentials = Settings = Operator = Nothing

    async def reply(self, turn):
        match turn.messages[-1].content:
            case Pressed(id=chosen, title=title):
                return Reply((Text(f"Elegiste {title} ({chosen})"),))
            case Text(text="piensa"):
                while not os.path.exists(os.environ["MAY_STOP"]):
                    await asyncio.sleep(0.01)
                return Reply((Text("ya"),))
            case _:
                return Reply((Buttons("¿De qué color?", (Button("r", "Rojo"), Button("a", "Azul"))),))
"""


@pytest_asyncio.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    chromium = require(SHELL, SHELL)
    expect.set_options(timeout=LIMIT * 1000)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=NO_SANDBOX, timeout=LIMIT * 1000
        )
        yield browser
        await browser.close()


def _packages(parent: Path) -> Path:
    """A folder with the tests' own assistant."""
    folder = parent / "packages"
    folder.mkdir()
    install_package(folder, "conserje_colours", COLOURS, {"colours": "conserje.assistants"})
    return folder


@asynccontextmanager
async def _installed(
    new_database: Callable[[], AbstractAsyncContextManager[str]], folder: Path
) -> AsyncIterator[Site]:
    """An installation with nothing running yet."""
    keyring = folder / "keys" / "master.json"
    create_keyring(keyring)
    async with (
        new_database() as url,
        await connect_pool(url) as pool,
        install(pool, url, keyring) as installation,
    ):
        installation.environment |= {
            "PYTHONPATH": str(_packages(folder)),
            "MAY_STOP": str(folder / "may_stop"),
        }
        yield Site(installation)


@pytest_asyncio.fixture(scope="module")
async def site(
    new_database: Callable[[], AbstractAsyncContextManager[str]], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """An installation at work, for tests that harm nobody: each has a tenant of its own."""
    async with (
        _installed(new_database, tmp_path_factory.mktemp("site")) as site,
        site.installation.serving(),
        site.installation.working(),
    ):
        yield site


@pytest_asyncio.fixture
async def alone(
    new_database: Callable[[], AbstractAsyncContextManager[str]], tmp_path: Path
) -> AsyncIterator[Site]:
    """An installation of the test's own, with nothing running yet."""
    async with _installed(new_database, tmp_path) as site:
        yield site


@pytest_asyncio.fixture
async def visitor(browser: Browser) -> AsyncIterator[Visitor]:
    context = await browser.new_context(viewport={"width": 1000, "height": 720}, locale="es-CL")
    context.set_default_timeout(LIMIT * 1000)
    visitor = Visitor(context)
    yield visitor
    await context.close()
    assert not visitor.complaints
