"""The way of a webhook: host, channel, method, size, signature, disk, acknowledgement; in this order."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from time import monotonic

import asyncpg
from cachetools import TTLCache
from starlette.types import Receive, Scope, Send

from conserje import tenants
from conserje.channel import AnyChannel, Webhook
from conserje.database import CANNOT_ASK, Pool, describe
from conserje.directory import Directory, DirectoryUnavailable, Entry, UnknownTenant
from conserje.intake import Intake, NotDurable
from conserje.plugins import PluginMissing, Plugins
from conserje.vault import Vault
from conserje_edge import channels
from conserje_edge.answers import Messages, Problem, unavailable
from conserje_edge.hosts import Hosts, Name
from conserje_edge.requests import Proxies, public_url, read_body, read_headers, request_id

log = logging.getLogger(__name__)

DIRECTORY_SECONDS = 3
MINUTE, HOUR = 60, 3600  # the same line is logged, and the same secret noted, once in each
PATHS = {b"webhook": "webhook", b"status": "status"}


@dataclass
class Webhooks:
    """The ASGI application for everything that providers post."""

    hosts: Hosts
    proxies: Proxies
    directory: Directory
    vault: Vault
    plugins: Plugins
    intake: Intake
    pool: Pool
    body_limit: int  # bytes
    _said: TTLCache[str, None] = field(default_factory=lambda: TTLCache(10_000, MINUTE, monotonic))
    _noted: TTLCache[tuple[int, str], None] = field(
        default_factory=lambda: TTLCache(100_000, HOUR, monotonic)
    )
    _notes: set[asyncio.Task[None]] = field(default_factory=set)
    suspended: Counter[str] = field(default_factory=Counter)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        trusted = self.proxies.trusts(scope)
        try:
            start, body = await self._answer(scope, receive, trusted)
        except Problem as problem:
            start, body = self._explain(problem, request_id(scope, trusted))
        except Exception as error:
            failure = unavailable(f"The edge failed: {channels.place(error)}")
            start, body = self._explain(failure, request_id(scope, trusted))
        await send(start)
        await send(body)

    async def close(self) -> None:
        """Wait for what is still being noted."""
        await asyncio.gather(*self._notes)

    async def _answer(self, scope: Scope, receive: Receive, trusted: bool) -> Messages:
        headers = read_headers(scope)
        entry, channel, path = await self._find(headers["host"], scope["raw_path"])
        if scope["method"] not in channel.methods:
            allowed = ", ".join(sorted(channel.methods)).encode()
            raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, "", (b"allow", allowed))
        body = await read_body(headers, receive, self.body_limit)
        hook = Webhook(scope["method"], path, public_url(scope, headers, trusted), headers, body)
        verified = channels.verify(channel, hook, entry, self.vault)
        for account, secret in verified:
            if secret is not None:
                self._note_secret(entry.tenant, account, secret)
        await self._store(channel, hook, entry, [account for account, _ in verified])
        return channels.acknowledge(channel, hook)

    async def _find(self, host: str, raw_path: bytes) -> tuple[Entry, AnyChannel, str]:
        """The tenant, the channel and what is below it. Raises Problem."""
        name, parts = self.hosts.name(host), raw_path.split(b"/")
        if name is None or len(parts) != 4 or parts[1] != b"bot" or parts[0] or parts[3] not in PATHS:
            raise Problem(HTTPStatus.NOT_FOUND)
        entry = self.directory.cached(name) or await self._look_up(name)
        channel = parts[2].decode("latin-1")
        try:
            return entry, self.plugins.channel(channel), PATHS[parts[3]]
        except PluginMissing as error:
            if channel not in self.plugins.assistants and entry.accounts_of(channel):
                raise unavailable(f"{entry.tenant.slug}: {error}") from None
            raise Problem(HTTPStatus.NOT_FOUND) from None

    async def _look_up(self, name: Name) -> Entry:
        ask = self.directory.by_slug if name.kind == "slug" else self.directory.by_domain
        try:
            async with asyncio.timeout(DIRECTORY_SECONDS):
                return await ask(name.value)
        except UnknownTenant:
            raise Problem(HTTPStatus.NOT_FOUND) from None
        except (DirectoryUnavailable, TimeoutError):
            raise unavailable("The directory cannot be asked: Postgres does not answer") from None

    async def _store(
        self, channel: AnyChannel, hook: Webhook, entry: Entry, verified: list[tenants.Account]
    ) -> None:
        active = {account.address: account for account in verified if account.active and entry.tenant.active}
        if not active:
            self._count_suspended(entry.tenant.slug)
            return
        if events := channels.parse(channel, hook, active):
            try:
                await self.intake.take(entry.tenant, events)
            except NotDurable as error:
                raise unavailable(f"Events could not be stored: {describe(error)}") from None

    def _count_suspended(self, slug: str) -> None:
        self.suspended[slug] += 1
        if self._is_news(f"suspended {slug}"):
            log.info("%s is suspended: %d webhooks acknowledged, not stored", slug, self.suspended[slug])

    def _note_secret(self, tenant: tenants.Tenant, account: tenants.Account, secret: str) -> None:
        if (key := (account.id, secret)) not in self._noted:
            self._noted[key] = None
            note = asyncio.create_task(self._write_note(tenant, account, secret))
            self._notes.add(note)
            note.add_done_callback(self._notes.discard)

    async def _write_note(self, tenant: tenants.Tenant, account: tenants.Account, secret: str) -> None:
        try:
            async with self.pool.acquire(timeout=5) as connection:
                await tenants.note_secret_seen(connection, tenant.id, account.id, secret)
        except (*CANNOT_ASK, asyncpg.PostgresError) as error:
            log.warning("%s: a secret seen was not noted: %s", tenant.slug, describe(error))

    def _explain(self, problem: Problem, request: str) -> Messages:
        if problem.cause and self._is_news(problem.cause):
            log.warning("%s (%s, request %s)", problem.cause, problem.status, request)
        return problem.answer(request)

    def _is_news(self, what: str) -> bool:
        if what in self._said:
            return False
        self._said[what] = None
        return True
