"""The edge in one process: webhooks on a real database, and a channel that does as the test says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
from signed import Signed, sign
from waiting import until_heard

from conserje import Account, Answer, Nothing, Webhook
from conserje.conversations.feed import Feed
from conserje.files.folder import Folder
from conserje.files.quota import Quota
from conserje.intake.intake import Intake
from conserje.net.client import client
from conserje.plugins.plugins import Plugins
from conserje.storage.database import Pool
from conserje.tenants import accounts, tenants
from conserje.tenants.directory import Directory
from conserje.tenants.vault import Vault
from conserje_edge.server.app import tenant_hosts
from conserje_edge.tenant.reception import Reception
from conserje_edge.tenant.webhooks import Webhooks
from conserje_edge.wire.hosts import Hosts
from conserje_edge.wire.rates import Limits
from conserje_edge.wire.requests import Proxies

SECRET = "s3cret-of-acme"
QUOTA = Quota(100 * 2**20, 2**30)
FORM = "application/x-www-form-urlencoded"
FORM_OF_ANA = {"to": "+1", "from": "ana", "id": "1", "text": "hola"}


class Moody(Signed):
    """Signed, until a test gives it a habit: a method's name and what it does instead."""

    body_limit = 2000

    def __init__(self) -> None:
        super().__init__(Nothing(), client())
        self.habits: dict[str, Callable[..., Any]] = {}

    def claims(self, hook: Webhook) -> Sequence[str]:
        return self.habits.get("claims", super().claims)(hook)  # type: ignore[no-any-return]

    def verify(self, hook: Webhook, account: Account[Any, Nothing]) -> str | None:
        return self.habits.get("verify", super().verify)(hook, account)  # type: ignore[no-any-return]

    def parse(self, hook: Webhook) -> Iterable[Any]:
        return self.habits.get("parse", super().parse)(hook)  # type: ignore[no-any-return]

    def acknowledge(self, hook: Webhook) -> Answer:
        return self.habits.get("acknowledge", super().acknowledge)(hook)  # type: ignore[no-any-return]


@dataclass
class Edge:
    """The webhooks on a database of their own, with the tenant acme and its account `+1`."""

    webhooks: Webhooks
    feed: Feed
    channel: Moody
    http: httpx2.AsyncClient
    pool: Pool
    vault: Vault

    async def add(self, slug: str, address: str, secret: str = SECRET, **more: str) -> None:
        async with self.pool.acquire() as connection:
            if not await connection.fetchval("SELECT 1 FROM tenants WHERE slug = $1", slug):
                await tenants.add(connection, slug, slug)
            tenant = await tenants.get(connection, slug)
            plain = json.dumps({"secret": secret, **more}).encode()
            sealed = await accounts.seal_credentials(
                connection, self.vault, tenant.id, "signed", address, plain
            )
            await accounts.add(connection, tenant.id, "signed", address, credentials=sealed)
        await self.heard()

    async def run(self, statement: str) -> None:
        """Change rows, and wait until the directory has heard of it."""
        await self.pool.execute(statement)
        await self.heard()

    async def heard(self) -> None:
        """Wait until the directory has heard of what was changed."""
        await until_heard(self.webhooks.reception.directory, self.pool)

    async def post(
        self,
        form: Mapping[str, str] | bytes = b"to=%2B1&from=ana&id=1&text=hola",
        host: str = "acme.localhost",
        path: str = "/bot/signed/webhook",
        secret: str = SECRET,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        body = form if isinstance(form, bytes) else urlencode(form).encode()
        url = f"http://{host}{path}"
        signed = {"content-type": FORM, "x-signature": sign(secret, url, body), "host": host}
        return await self.http.post("http://edge" + path, content=body, headers={**signed, **(headers or {})})

    async def stored(self) -> list[str]:
        rows = await self.pool.fetch("SELECT content FROM messages ORDER BY id")
        return [json.loads(row["content"])["text"] for row in rows]

    async def rejects(self) -> list[tuple[str, str]]:
        rows = await self.pool.fetch("SELECT raw, cause FROM rejects ORDER BY id")
        return [(row["raw"], row["cause"]) for row in rows]


@asynccontextmanager
async def open_edge(
    pool: Pool, url: str, keyring: Path, peer: tuple[str, int] = ("127.0.0.1", 1)
) -> AsyncIterator[Edge]:
    vault, channel = Vault.read(keyring), Moody()
    directory = Directory(pool, url)
    feed = Feed(pool, directory.changes)
    plugins = Plugins({"signed": channel})
    async with directory, Intake(pool, plugins) as intake:
        reception = Reception(Hosts(["localhost"]), Proxies(["127.0.0.1"]), directory, vault, pool)
        webhooks = Webhooks(reception, plugins, intake, Limits())
        app = tenant_hosts(webhooks, feed, Folder(keyring.parent.parent / "files"), QUOTA)
        transport = httpx2.ASGITransport(app, client=peer)
        async with httpx2.AsyncClient(transport=transport) as http:
            edge = Edge(webhooks, feed, channel, http, pool, vault)
            await edge.add("acme", "+1")
            yield edge
        await webhooks.close()


class Boom(Exception):
    """Its text must never be seen."""


def boom(*given: object) -> Any:
    raise Boom(f"secret-in-text {given}")
