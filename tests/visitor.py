"""A visitor's browser as far as the edge sees it: requests with an Origin, a cookie, and a stream."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from installation import Installation
from waiting import LIMIT

from conserje import Account, Nothing, SessionKey, signed
from conserje.contract.sessions import cookie_name
from conserje.tenants import accounts

PLACES = """
SELECT conversation_for(tenant_id, accounts.id, 'web', 'visitor' || n, '{}', '')
FROM accounts JOIN tenants ON tenants.id = tenant_id, generate_series(1, $2) AS n
WHERE slug = $1 AND channel = 'web'
"""


@dataclass
class Visitor:
    """Somebody at a tenant's page."""

    http: httpx2.AsyncClient
    host: str  # with its port
    address: str = "203.0.113.7"
    cookie: str = ""

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str] = {}, content: bytes | None = None
    ) -> httpx2.Response:
        """A request as a page of this host makes it; a header that is empty is left out."""
        given = {name: value for name, value in (self._headers() | dict(headers)).items() if value}
        return await self.http.request(method, path, content=content, headers=given)

    async def open(self, headers: Mapping[str, str] = {}) -> httpx2.Response:
        answer = await self.ask("POST", "/session", headers)
        if given := answer.headers.get("set-cookie"):
            self.cookie = given.partition(";")[0]
        return answer

    async def write(self, text: str, key: str = "", headers: Mapping[str, str] = {}) -> httpx2.Response:
        body = json.dumps({"id": key or uuid.uuid4().hex, "text": text}).encode()
        typed = {"content-type": "application/json", **headers}
        return await self.ask("POST", "/bot/web/webhook", typed, body)

    async def said(self) -> list[str]:
        """The texts of the history, each after who said it."""
        answer = await self.ask("GET", "/history")
        assert answer.status_code in (200, 204), answer.text
        return texts(answer.json()) if answer.status_code == 200 else []

    @asynccontextmanager
    async def stream(self, after: int = 0) -> AsyncIterator[Stream]:
        path = f"/stream?after={after}"
        async with self.http.stream("GET", path, headers=self._headers(), timeout=LIMIT) as answer:
            assert answer.status_code == 200, answer.status_code
            yield Stream(answer)

    def _headers(self) -> dict[str, str]:
        return {
            "host": self.host,
            "origin": f"http://{self.host}",
            "sec-fetch-site": "same-origin",
            "x-forwarded-for": self.address,
            "cookie": self.cookie,
        }


class Stream:
    """What a stream of server-sent events brings."""

    def __init__(self, answer: httpx2.Response) -> None:
        self._lines = answer.aiter_lines()

    async def look(self) -> dict[str, Any]:
        """The next event that is no comment."""
        async with asyncio.timeout(LIMIT):
            async for line in self._lines:
                if line.startswith("data: "):
                    found: dict[str, Any] = json.loads(line.removeprefix("data: "))
                    return found
        raise EOFError

    async def said(self, count: int) -> list[str]:
        """The next texts, until there are `count`."""
        found: list[str] = []
        while len(found) < count:
            found += texts(await self.look())
        return found


def texts(look: Mapping[str, Any]) -> list[str]:
    return [f"{said['author']}: {said['text']}" for said in look["said"]]


async def known_visitors(installation: Installation, slug: str, count: int) -> list[str]:
    """Cookies of visitor1, visitor2 and so on, who wrote before; the page has had its first visitor."""
    await installation.pool.execute(PLACES, slug, count)
    found = await accounts.find(installation.pool, "slug", slug)
    assert found
    tenant, owned = found
    [sealed] = [account.credentials for account in owned if account.channel == "web"]
    assert tenant.data_key and sealed
    context = accounts.credentials_context(tenant.id, "web", "web")
    key = SessionKey.model_validate_json(installation.vault.unseal(tenant.data_key, context, sealed))
    account = Account(slug, "web", key, Nothing())
    return [f"{cookie_name(account)}={signed(f'visitor{n}', account)}" for n in range(1, count + 1)]
