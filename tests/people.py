"""People with browsers, at the console of an installation in this process."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any

import httpx2
from jinja2.bccache import Bucket, BytecodeCache
from leaf import Leaf
from other_system import open_installation

from conserje.access import logins, sign_ins
from conserje.access.signed import OperatorRole, TenantRole
from conserje.storage.database import Pool
from conserje.tenants import tenants
from conserje_edge.console.app import Console
from conserje_edge.console.areas import PLACES
from conserje_edge.console.bells import Bells
from conserje_edge.console.place import Place
from conserje_edge.operator.context import Context

URL = "http://console.localhost:9101"
_serial = itertools.count(1)

PERSON = """
INSERT INTO people (tenant_id, name, email, role, login_id) VALUES ($1, $2, $3, $4, $5) RETURNING id
"""


class _Compiled(BytecodeCache):
    """Templates as an earlier console of this process compiled them: most of what a page takes."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._known.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._known[bucket.key, bucket.checksum] = bucket.code


_compiled = _Compiled()


@dataclass
class Browser:
    """One browser; `login_id` is None where nobody is signed in."""

    http: httpx2.AsyncClient
    login_id: int | None = None
    person_id: int | None = None
    email: str = ""

    async def get(self, path: str, code: int | None = 200, **given: Any) -> Leaf:
        """A page; redirects are not followed."""
        return _read(await self.http.get(path, **given), code)

    async def post(self, path: str, code: int | None = 303, **data: Any) -> Leaf:
        """What a form sends; `files` are files."""
        files = data.pop("files", None)
        headers = {"sec-fetch-site": "same-origin", "referer": URL + path}
        return _read(await self.http.post(path, data=data, files=files, headers=headers), code)

    async def made(self, path: str, **data: Any) -> Leaf:
        """The page that shows, once, what a form has made."""
        return await self.follow(await self.post(path, **data))

    async def follow(self, leaf: Leaf) -> Leaf:
        """The page that an answer leads to."""
        return await self.get(leaf.answer.headers["location"])


def _read(answer: httpx2.Response, code: int | None) -> Leaf:
    assert code is None or answer.status_code == code, (answer.status_code, answer.text)
    leaf = Leaf(answer)
    assert not leaf.faults, leaf.faults
    return leaf


@dataclass
class House:
    """The console, and whoever comes to it."""

    context: Context
    bells: Bells
    app: Console
    closing: AsyncExitStack
    pool: Pool
    tenant_ids: dict[str, int] = field(default_factory=dict)

    async def tenant(self, slug: str = "acme", name: str = "", **columns: object) -> int:
        """A tenant that answers by the parrot; its id, also where it is there already."""
        if slug not in self.tenant_ids:
            columns = {"assistant": "parrot", "fallback_assistant": "parrot"} | columns
            async with self.pool.acquire() as connection:
                added = await tenants.add(connection, slug, name or slug.title(), **columns)
            self.tenant_ids[slug] = added.id
        return self.tenant_ids[slug]

    async def as_(self, role: TenantRole, slug: str = "acme", *, language: str = "en") -> Browser:
        """Somebody new of a tenant, who is signed in."""
        tenant_id = await self.tenant(slug)
        browser = await self._signed_in(None, language)
        name = f"{role.title()} {browser.login_id}"
        browser.person_id = await self.pool.fetchval(
            PERSON, tenant_id, name, browser.email, role, browser.login_id
        )
        return browser

    async def as_operator(self, role: OperatorRole, *, language: str = "en") -> Browser:
        """Somebody new of the operator's, who is signed in."""
        return await self._signed_in(role, language)

    async def nobody(self, language: str = "en") -> Browser:
        transport = httpx2.ASGITransport(self.app, client=("127.0.0.1", 1))
        headers = {"accept-language": language, "user-agent": "Firefox"}
        http = httpx2.AsyncClient(transport=transport, base_url=URL, headers=headers)
        return Browser(await self.closing.enter_async_context(http))

    async def _signed_in(self, role: OperatorRole | None, language: str) -> Browser:
        browser = await self.nobody(language)
        browser.email = f"somebody-{next(_serial)}@example.com"
        async with self.pool.acquire() as connection:
            browser.login_id = await logins.add(connection, browser.email, f"Somebody {role or ''}", role)
            token = await sign_ins.begin(connection, browser.login_id, None, "Firefox")
        browser.http.cookies.set("conserje", token, domain="console.localhost")
        return browser

    async def forget_step_up(self, browser: Browser) -> None:
        """As if ten minutes had gone since they showed who they are."""
        await self.pool.execute(
            "UPDATE sign_ins SET stepped_up_at = now() - interval '1 hour' WHERE login_id = $1",
            browser.login_id,
        )


@asynccontextmanager
async def open_house(
    pool: Pool, url: str, keyring: Path, places: Iterable[Place] = PLACES, **settings: Any
) -> AsyncIterator[House]:
    async with AsyncExitStack() as closing:
        opened = open_installation(pool, url, keyring, **settings)
        context, bells = await closing.enter_async_context(opened)
        app = Console(context, bells, places)
        app.templates.environment.bytecode_cache = _compiled
        yield House(context, bells, app, closing, pool)
