"""The chat page of a tenant at the edge, in one process: who visits it, and what lies behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from doorway import QUOTA, Edge
from visitor import Visitor

from conserje import Media, Nothing
from conserje.contract.message import from_json
from conserje.files.folder import Folder
from conserje.files.quota import Quota
from conserje.net.client import client
from conserje.plugins.plugins import Plugins
from conserje_edge.server.app import tenant_hosts
from conserje_web import Web


@dataclass
class Host:
    """acme's host with its chat page, and what lies behind it."""

    edge: Edge
    folder: Path
    http: httpx2.AsyncClient

    def visitor(self, slug: str = "acme", address: str = "203.0.113.7") -> Visitor:
        return Visitor(self.http, f"{slug}.localhost", address)

    async def known(self, slug: str = "acme", address: str = "203.0.113.7") -> Visitor:
        """Somebody who has written."""
        visitor = self.visitor(slug, address)
        assert (await visitor.open()).status_code == 204
        await self.edge.heard()
        assert (await visitor.write("hola")).status_code == 200
        return visitor

    async def said(self) -> list[Media]:
        rows = await self.edge.pool.fetch("SELECT content FROM messages WHERE kind = 'media' ORDER BY id")
        found = [from_json(row["content"]) for row in rows]
        return [each for each in found if isinstance(each, Media)]

    def on_disk(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())


@asynccontextmanager
async def serving(edge: Edge, folder: Path, of: Quota = QUOTA) -> AsyncIterator[Host]:
    """A process that serves the page."""
    app = tenant_hosts(edge.webhooks, edge.feed, Folder(folder), of)
    transport = httpx2.ASGITransport(app, client=("127.0.0.1", 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://edge") as http:
        yield Host(edge, folder, http)


@asynccontextmanager
async def chatting(edge: Edge, folder: Path) -> AsyncIterator[Host]:
    """The edge, with the page."""
    async with client() as own:
        plugins = Plugins({**edge.webhooks.plugins.channels, "web": Web(Nothing(), own)})
        edge.webhooks.plugins = edge.webhooks.intake.plugins = plugins
        async with serving(edge, folder) as host:
            yield host
