"""The predecessors' routes in one process, behind their authentication, with a worker beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from scene import Parrot
from starlette.routing import Router
from waiting import LIMIT

from conserje import Nothing
from conserje.conversations.feed import Feed
from conserje.installation import tasks
from conserje.intake.intake import Intake
from conserje.net.client import client
from conserje.plugins.plugins import Plugins
from conserje.settings import Settings
from conserje.storage.database import Pool
from conserje.tenants import api_keys, tenants
from conserje.tenants.directory import Directory
from conserje.tenants.vault import Vault
from conserje.work.worker import Worker
from conserje_catalog import Catalog
from conserje_edge.operator.auth import AuthMiddleware, Listener
from conserje_edge.operator.context import OperatorContext
from conserje_edge.predecessors.routes import routes
from conserje_edge.tenant.reception import Reception
from conserje_edge.tenant.webhooks import Webhooks
from conserje_edge.wire.hosts import Hosts
from conserje_edge.wire.rates import Limits
from conserje_edge.wire.requests import Proxies
from conserje_json import Json
from conserje_openai import OpenAI
from conserje_twilio import Twilio


@dataclass
class Office:
    """What callers on this machine reach, and what stands behind it."""

    context: OperatorContext
    url: str
    http: httpx2.AsyncClient
    parrot: Parrot

    async def add(self, slug: str, **columns: object) -> int:
        """A tenant that answers by the parrot; its id."""
        async with self.context.pool.acquire() as connection:
            added = await tenants.add(
                connection,
                slug,
                slug.title(),
                **{"assistant": "parrot", "fallback_assistant": "parrot"} | columns,
            )
        return added.id

    async def key(self, tenant_id: int | None, *scopes: str) -> dict[str, str]:
        """The headers of a caller with a key."""
        async with self.context.pool.acquire() as connection:
            _, key = await api_keys.add(
                connection, "x", tenant_id=tenant_id, scopes=scopes or ("read", "write")
            )
        return {"authorization": f"Bearer {key}"}

    async def get(self, path: str, headers: dict[str, str] | None = None, code: int = 200) -> Any:
        return self._read(await self.http.get(path, headers=headers), code)

    async def post(
        self, path: str, body: object, headers: dict[str, str] | None = None, code: int = 200
    ) -> Any:
        return self._read(await self.http.post(path, json=body, headers=headers), code)

    def _read(self, answer: httpx2.Response, code: int) -> Any:
        assert answer.status_code == code, answer.text
        return answer.json()

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """A worker at work."""
        context = self.context
        all_tasks = tasks(context.pool, context.directory, context.plugins, context.vault, context.settings)
        worker = Worker(context.pool, self.url, all_tasks, context.settings.slots)
        running = asyncio.create_task(worker.run())
        try:
            yield
        finally:
            worker.stop()
            await asyncio.wait_for(running, LIMIT)


@asynccontextmanager
async def open_office(pool: Pool, url: str, keyring: Path) -> AsyncIterator[Office]:
    parrot, http, vault = Parrot(), client(), Vault.read(keyring)
    plugins = Plugins(
        {"json": Json(Nothing(), http), "twilio": Twilio(Twilio.Operator(), http)},
        {
            "parrot": parrot,
            "catalog": Catalog(Catalog.Operator(), http),
            "openai": OpenAI(OpenAI.Operator(), http),
        },
    )
    hosts, proxies = Hosts(["localhost"]), Proxies(["127.0.0.1"])
    settings = Settings(data_dir=keyring.parent.parent)
    directory = Directory(pool, url)
    feed = Feed(pool, directory.changes)
    async with directory, Intake(pool, plugins) as intake:
        reception = Reception(hosts, proxies, directory, vault, pool)
        webhooks = Webhooks(reception, plugins, intake, Limits())
        context = OperatorContext(
            settings, pool, directory, vault, plugins, intake, feed, reception, webhooks
        )
        router = Router(routes(context), redirect_slashes=False)
        app = AuthMiddleware(router, hosts, proxies, pool, Listener("The operator's listener"))
        transport = httpx2.ASGITransport(app, client=("127.0.0.1", 1))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:9001") as client_:
            yield Office(context, url, client_, parrot)
        await webhooks.close()
