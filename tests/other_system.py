"""Another system, which asks the API of an installation in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from scene import Parrot

from conserje import Nothing
from conserje.net.client import client
from conserje.plugins.plugins import Plugins
from conserje.settings import Settings
from conserje.shop.tools import SearchProducts
from conserje.storage.database import Pool
from conserje.tenants import api_keys, tenants
from conserje.tenants.api_keys import SCOPES
from conserje.tenants.directory import Directory
from conserje.tenants.vault import Vault
from conserje_catalog import Catalog
from conserje_edge.console.bells import Bells
from conserje_edge.operator.context import Context
from conserje_edge.server.console import application
from conserje_json import Json
from conserje_openai import OpenAI
from conserje_twilio import Twilio
from conserje_web import Web

BASE = "/api/v1"


@dataclass
class System:
    """Asks as the operator on this machine, or by a key; paths are below `/api/v1`."""

    context: Context
    bells: Bells
    http: httpx2.AsyncClient

    async def add(self, slug: str, **columns: object) -> int:
        """A tenant that answers by the parrot; its id."""
        columns = {"assistant": "parrot", "fallback_assistant": "parrot"} | columns
        async with self.context.pool.acquire() as connection:
            return (await tenants.add(connection, slug, slug.title(), **columns)).id

    async def key(self, tenant_id: int | None, *scopes: str) -> dict[str, str]:
        """The headers of who has a key; of all scopes, if none are named."""
        async with self.context.pool.acquire() as connection:
            _, key = await api_keys.add(connection, "x", tenant_id=tenant_id, scopes=scopes or SCOPES)
        return {"authorization": f"Bearer {key}"}

    async def old_key(self, tenant_id: int | None) -> dict[str, str]:
        """Of one that was made before there was an API."""
        headers = await self.key(tenant_id, "read", "write")
        await self.context.pool.execute(
            "UPDATE api_keys SET uses = 'predecessors' WHERE id = $1", _id(headers)
        )
        return headers

    async def ask(self, method: str, path: str, **given: Any) -> httpx2.Response:
        return await self.http.request(method, BASE + path, **given)

    async def get(self, path: str, headers: dict[str, str] | None = None, code: int = 200) -> Any:
        return read(await self.ask("GET", path, headers=headers), code)

    async def post(
        self, path: str, body: object = None, headers: dict[str, str] | None = None, code: int = 200
    ) -> Any:
        return read(await self.ask("POST", path, json=body, headers=headers), code)

    async def patch(
        self, path: str, body: object, headers: dict[str, str] | None = None, code: int = 200
    ) -> Any:
        return read(await self.ask("PATCH", path, json=body, headers=headers), code)

    async def delete(self, path: str, headers: dict[str, str] | None = None, code: int = 204) -> Any:
        return read(await self.ask("DELETE", path, headers=headers), code)


def read(answer: httpx2.Response, code: int) -> Any:
    """What was answered; of a problem its code."""
    assert answer.status_code == code, answer.text
    if code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        return answer.json()["code"]
    return answer.json() if answer.content else None


def _id(headers: dict[str, str]) -> str:
    return headers["authorization"].split("_")[1]


@asynccontextmanager
async def open_installation(
    pool: Pool, url: str, keyring: Path, **settings: Any
) -> AsyncIterator[tuple[Context, Bells]]:
    """With the channels json, twilio and web."""
    http, vault = client(), Vault.read(keyring)
    plugins = Plugins(
        {
            "json": Json(Nothing(), http),
            "twilio": Twilio(Twilio.Operator(), http),
            "web": Web(Web.Operator(), http),
        },
        {
            "parrot": Parrot(),
            "catalog": Catalog(Catalog.Operator(), http),
            "openai": OpenAI(OpenAI.Operator(), http),
        },
        {"search_products": SearchProducts(Nothing(), http)},
    )
    given = Settings(data_dir=keyring.parent.parent, **settings)
    directory = Directory(pool, url)
    async with Bells(pool, directory.changes) as bells, directory:
        yield Context(given, pool, directory, vault, plugins), bells


@asynccontextmanager
async def open_system(
    pool: Pool, url: str, keyring: Path, *, peer: str = "127.0.0.1", **settings: Any
) -> AsyncIterator[System]:
    async with open_installation(pool, url, keyring, **settings) as (context, bells):
        transport = httpx2.ASGITransport(application(context, bells), client=(peer, 1))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:9101") as asking:
            yield System(context, bells, asking)
