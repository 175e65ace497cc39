"""Where the pictures of a tenant's page may come from, and that no page waits for the word on it."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from unittest.mock import AsyncMock

import httpx2
import pytest
from chatting import Host, serving
from visitor import Visitor

from conserje.shop import origins
from conserje.storage.database import Pool
from conserje_edge.tenant import page_host

PRODUCTS = """
INSERT INTO products (tenant_id, name, price, picture)
SELECT id, slug, 1, 'https://cdn.' || slug || '.cl/pan.jpg' FROM tenants
"""


def pictures(page: httpx2.Response) -> list[str]:
    assert page.status_code == 200
    found = re.search("img-src ([^;]*)", page.headers["content-security-policy"])
    assert found
    return found[1].split()


async def test_the_pictures_of_its_own_products_and_no_others(host: Host) -> None:
    await host.edge.add("bravo", "+2")
    await host.edge.run(PRODUCTS)
    for slug in ("acme", "bravo"):
        page = await host.visitor(slug).ask("GET", "/")
        assert pictures(page) == ["'self'", "blob:", f"https://cdn.{slug}.cl"]


async def test_a_page_is_shown_while_postgres_is_away(host: Host) -> None:
    await host.visitor().ask("GET", "/theme.css")  # the directory knows the tenant
    host.edge.pool.terminate()
    assert pictures(await host.visitor().ask("GET", "/")) == ["'self'", "blob:"]


async def test_a_page_waits_for_no_silent_postgres(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answered = 0, asyncio.Event()

    async def silent(pool: Pool, tenant_id: int) -> tuple[str, ...]:
        nonlocal asked
        asked += 1
        with suppress(asyncio.CancelledError):
            await answered.wait()
        await answered.wait()  # as a cancelled query does
        return ()

    monkeypatch.setattr(origins, "of", silent)
    monkeypatch.setattr(page_host, "PICTURE_SECONDS", 0.01)
    for _ in range(2):
        assert pictures(await host.visitor().ask("GET", "/")) == ["'self'", "blob:"]
    assert asked == 1  # and is not asked at each page
    answered.set()


async def test_what_could_not_be_asked_for_is_asked_for_again_soon(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_host, "UNKNOWN_KEPT", 0)
    async with serving(host.edge, host.folder) as site:
        visitor = Visitor(site.http, host.visitor().host)
        await host.edge.run(PRODUCTS)
        with monkeypatch.context() as silence:
            silence.setattr(origins, "of", AsyncMock(side_effect=TimeoutError))
            assert pictures(await visitor.ask("GET", "/")) == ["'self'", "blob:"]
        assert pictures(await visitor.ask("GET", "/")) == ["'self'", "blob:", "https://cdn.acme.cl"]
