"""Lets strangers post: none of them is accepted, none of them breaks anything, nothing of theirs is kept."""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from urllib.parse import unquote_to_bytes

from doorway import QUOTA, Edge, open_edge
from starlette.types import Message

from conserje import Nothing
from conserje.contract.channel import AnyChannel
from conserje.files.folder import Folder
from conserje.net.client import client
from conserje.plugins.plugins import Plugins
from conserje.storage.database import Pool
from conserje.tenants import accounts, tenants
from conserje_edge.server.app import TenantHosts, tenant_hosts
from conserje_json import Json as JsonChannel
from conserje_meta import Meta as MetaChannel
from conserje_meta import MetaOperator
from conserje_twilio import Twilio as TwilioChannel
from conserje_twilio import TwilioOperator
from conserje_web import Web as WebChannel
from fuzz.mutations import MUTATIONS
from fuzz.posts import NUMBER, NUMBER_ID, SID, TOKEN, Json, Meta, Post, Signed, Signers, Twilio, Web

BATCH = 500  # forged posts between two looks at what is stored
REFUSALS = frozenset({400, 403, 404, 405, 408, 413, 429})
ROUTES = (b"/bot/", b"/webhook/")

STORED = """
SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM statuses) + (SELECT count(*) FROM rejects)
"""


class Broken(AssertionError):
    """The edge did what it must not; the text names the post."""


@dataclass
class Fuzz:
    """One run against an edge in this process."""

    edge: Edge
    tenant_hosts: TenantHosts
    signers: Signers
    random: Random
    answers: Counter[int] = field(default_factory=Counter)
    accepted: int = 0

    async def batch(self) -> None:
        """Strangers come, then the genuine posts that theirs were made of. Raises Broken."""
        genuine = self.signers.make()
        sent = 0
        while sent < BATCH:
            forged = self.random.choice(MUTATIONS)(self.random.choice(genuine), self.random, genuine)
            if self.signers.sign(forged):  # it came out as somebody's own after all
                continue
            sent += 1
            self._judge(forged, await self.send(forged))
        await self._look("forged posts")
        for post in genuine:
            if (status := await self.send(post)) // 100 != 2:
                raise Broken(f"A genuine post was answered {status}: {post}")
        self.accepted += len(genuine)
        await self._look("genuine posts")

    def _judge(self, forged: Post, status: int) -> None:
        self.answers[status] += 1
        if status >= 500:
            raise Broken(f"It was answered {status}: {forged}")
        if forged.path.startswith(ROUTES) and status not in REFUSALS:
            raise Broken(f"It was accepted with {status}: {forged}")

    async def _look(self, whose: str) -> None:
        stored = await self.edge.pool.fetchval(STORED)
        if stored != self.accepted:
            raise Broken(f"After {whose} {stored} rows are stored, of {self.accepted} accepted")

    async def send(self, post: Post) -> int:
        """The status of the answer."""
        parts: list[Message] = [
            {
                "type": "http.request",
                "body": post.body[:700],
                "more_body": post.breaks_off or len(post.body) > 700,
            }
        ]
        if post.breaks_off:
            parts.append({"type": "http.disconnect"})
        elif len(post.body) > 700:
            parts.append({"type": "http.request", "body": post.body[700:]})
        coming, said = iter(parts), []

        async def receive() -> Message:
            return next(coming, {"type": "http.disconnect"})

        async def send(message: Message) -> None:
            said.append(message)

        await self.tenant_hosts(_scope(post), receive, send)
        status: int = said[0]["status"]
        return status


def _scope(post: Post) -> dict[str, object]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": post.method,
        "scheme": "http",
        "path": unquote_to_bytes(post.path).decode("utf-8", "replace"),
        "raw_path": post.path,
        "query_string": post.query,
        "root_path": "",
        "headers": list(post.headers),
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8080),
    }


@asynccontextmanager
async def opened(pool: Pool, url: str, keyring: Path, seed: int) -> AsyncIterator[Fuzz]:
    """An edge with the channels that come with Conserje and the tests' own, all of them the tenant acme's."""
    async with open_edge(pool, url, keyring) as edge:
        webhooks = edge.webhooks
        own = client()
        channels: dict[str, AnyChannel] = {
            "json": JsonChannel(Nothing(), own),
            "meta": MetaChannel(MetaOperator(), own),
            "twilio": TwilioChannel(TwilioOperator(), own),
            "web": WebChannel(Nothing(), own),
        }
        webhooks.plugins = Plugins({**webhooks.plugins.channels, **channels})
        async with pool.acquire() as connection, connection.transaction():
            acme = await tenants.get(connection, "acme")
            plain = f'{{"account_sid": "{SID}", "auth_token": "{TOKEN}"}}'.encode()
            sealed = await accounts.seal_credentials(connection, edge.vault, acme.id, "twilio", NUMBER, plain)
            await accounts.add(connection, acme.id, "twilio", NUMBER, credentials=sealed)
            plain = f'{{"app_secret": "{TOKEN}", "verify_token": "{TOKEN}"}}'.encode()
            sealed = await accounts.seal_credentials(
                connection, edge.vault, acme.id, "meta", NUMBER_ID, plain
            )
            await accounts.add(connection, acme.id, "meta", NUMBER_ID, credentials=sealed)
            for name in ("json", "web"):
                await accounts.ensure(connection, edge.vault, acme.id, channels[name])
        await edge.heard()
        entry = await webhooks.reception.directory.by_slug("acme")
        json, web = (
            entry.opened(entry.accounts_of(name)[0], channels[name], edge.vault) for name in ("json", "web")
        )
        app = tenant_hosts(webhooks, edge.feed, Folder(keyring.parent.parent / "files"), QUOTA)
        signers = Signers(Json(json), Web(web), Twilio(), Meta(), Signed())
        yield Fuzz(edge, app, signers, Random(seed))
        await own.aclose()


def memory() -> int:
    """Bytes that this process has in memory, after what is garbage is gone."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
