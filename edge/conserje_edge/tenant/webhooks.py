"""The way of a webhook: host, channel, method, size, signature, disk, acknowledgement; in this order."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass, field
from http import HTTPStatus
from time import monotonic
from typing import Any

import asyncpg
from cachetools import TTLCache
from starlette.types import Receive, Scope, Send

from conserje.contract.channel import AnyChannel, Webhook
from conserje.contract.message import InboundMessage
from conserje.conversations import feed
from conserje.conversations.feed import Feed
from conserje.errors import DirectoryUnavailable, UnknownTenant
from conserje.intake.intake import Intake, NotDurable
from conserje.plugins import PluginMissing, Plugins
from conserje.storage.database import CANNOT_ASK, Pool, describe
from conserje.telemetry import metrics
from conserje.telemetry.log import place
from conserje.tenants import accounts
from conserje.tenants.accounts import Account
from conserje.tenants.directory import Directory
from conserje.tenants.entry import Entry
from conserje.tenants.keyring import VaultError
from conserje.tenants.refusals import TenantError
from conserje.tenants.tenants import Tenant
from conserje.tenants.vault import Vault
from conserje_edge.tenant import calls
from conserje_edge.wire.answers import Messages, Problem, unavailable
from conserje_edge.wire.hosts import Hosts, Name
from conserje_edge.wire.rates import Limits, client_network
from conserje_edge.wire.requests import Proxies, public_url, read_body, read_headers, request_id

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
    feed: Feed
    limits: Limits
    body_limit: int  # bytes
    _said: TTLCache[str, None] = field(default_factory=lambda: TTLCache(10_000, MINUTE, monotonic))
    _noted: TTLCache[tuple[int, str], None] = field(
        default_factory=lambda: TTLCache(100_000, HOUR, monotonic)
    )
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _renewed_lately: TTLCache[int, None] = field(default_factory=lambda: TTLCache(10_000, 1, monotonic))
    suspended: Counter[str] = field(default_factory=Counter)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["raw_path"].split(b"/", 3)[2].decode("latin-1")
        counted = name if name in self.plugins.channels else ""  # never a stranger's own word
        await self.respond(scope, send, self._answer(scope, receive), counted)

    async def respond(self, scope: Scope, send: Send, answering: Awaitable[Messages], counted: str) -> None:
        """Send what `answering` comes to; whatever it raises is an answer too, counted for a channel."""
        try:
            start, body = await answering
        except Problem as problem:
            start, body = self.explain(problem, scope)
        except Exception as error:
            start, body = self.explain(unavailable(f"The edge failed: {place(error)}"), scope)
        metrics.webhook(counted, start["status"])
        await send(start)
        await send(body)

    async def close(self) -> None:
        """Wait for what is still being noted."""
        await asyncio.gather(*self._tasks)

    async def _answer(self, scope: Scope, receive: Receive) -> Messages:
        headers = read_headers(scope)
        entry, channel, path = await self._find(headers["host"], scope["raw_path"])
        if channel.per_tenant:
            self.limits.posts_of_address.admit(client_network(scope, self.proxies.trusts(scope)))
            entry = await self._with_account(entry, channel)
        hook = await self.read(scope, headers, receive, channel, path)
        await self.take(channel, hook, entry, by_stranger=channel.per_tenant)
        return calls.acknowledge(channel, hook)

    async def read(
        self, scope: Scope, headers: dict[str, str], receive: Receive, channel: AnyChannel, path: str
    ) -> Webhook:
        """The request as a channel gets it. Raises Problem."""
        if scope["method"] not in channel.methods:
            allowed = ", ".join(sorted(channel.methods)).encode()
            raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, "", (b"allow", allowed))
        body = await read_body(headers, receive, self.body_limit)
        url = public_url(scope, headers, self.proxies.trusts(scope))
        return Webhook(scope["method"], path, url, headers, body)

    async def take(
        self, channel: AnyChannel, hook: Webhook, entry: Entry, *, by_stranger: bool = False
    ) -> None:
        """Verify, and return when the events are on disk. Raises Problem."""
        active = self.verify(channel, hook, entry)
        events = calls.parse(channel, hook, active) if active else []
        if by_stranger:
            self._admit(entry.tenant, events)
        if events:
            await self.store(channel, entry.tenant, events)

    def verify(self, channel: AnyChannel, hook: Webhook, entry: Entry) -> dict[str, Account]:
        """The active accounts that sign the request, by address; none of a suspended tenant's.

        Raises Problem.
        """
        verified = calls.verify(channel, hook, entry, self.vault)
        for account, secret in verified:
            if secret is not None:
                self._note_secret(entry.tenant, account, secret)
        active = {each.address: each for each, _ in verified if each.active and entry.tenant.active}
        if not active:
            self._count_suspended(entry.tenant.slug)
        return active

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

    async def entry(self, host: str) -> Entry:
        """The tenant that a Host header names. Raises Problem."""
        if (name := self.hosts.name(host)) is None:
            raise Problem(HTTPStatus.NOT_FOUND)
        return self.directory.cached(name) or await self._look_up(name)

    async def _look_up(self, name: Name) -> Entry:
        ask = self.directory.by_slug if name.kind == "slug" else self.directory.by_domain
        try:
            async with asyncio.timeout(DIRECTORY_SECONDS):
                return await ask(name.value)
        except UnknownTenant:
            raise Problem(HTTPStatus.NOT_FOUND) from None
        except (DirectoryUnavailable, TimeoutError):
            raise unavailable("The directory cannot be asked: Postgres does not answer") from None

    async def ensure_account(self, entry: Entry, channel: AnyChannel) -> Entry:
        """The tenant with its account of a channel that every tenant has. Raises Problem."""
        try:
            async with self.pool.acquire(timeout=5) as connection, connection.transaction():
                await accounts.ensure(connection, self.vault, entry.tenant.id, channel)
        except (*CANNOT_ASK, asyncpg.PostgresError, VaultError, TenantError) as error:
            raise unavailable(f"{entry.tenant.slug}: no account could be made: {describe(error)}") from None
        return await self._renewed(entry)

    async def _with_account(self, entry: Entry, channel: AnyChannel) -> Entry:
        """`entry`, looked up again where another process may just have made the account."""
        if entry.accounts_of(channel.name) or entry.tenant.id in self._renewed_lately:
            return entry
        self._renewed_lately[entry.tenant.id] = None  # strangers may post here, and each look costs a query
        return await self._renewed(entry)

    async def _renewed(self, entry: Entry) -> Entry:
        self.directory.changed(entry.tenant.id)
        return await self._look_up(Name("slug", entry.tenant.slug))

    async def store(self, channel: AnyChannel, tenant: Tenant, events: calls.Taken) -> None:
        try:
            await self.intake.take(tenant, events)
        except NotDurable as error:
            raise unavailable(f"Events could not be stored: {describe(error)}") from None
        if channel.per_tenant:
            self._in_background(self._wake(tenant, events))

    def _admit(self, tenant: Tenant, events: calls.Taken) -> None:
        for _, event in events:
            if isinstance(event, InboundMessage):
                self.limits.messages_of_visitor.admit((tenant.id, event.sender))

    async def _wake(self, tenant: Tenant, events: calls.Taken) -> None:
        """Let the visitor's other tabs see what was written; should that fail, they see it with the reply."""
        for account, event in events:
            if isinstance(event, InboundMessage):
                try:
                    await feed.wake_contact(self.pool, tenant.id, account.id, account.channel, event.sender)
                except (*CANNOT_ASK, asyncpg.PostgresError) as error:
                    log.warning("%s: a page was not told of a message: %s", tenant.slug, describe(error))

    def _count_suspended(self, slug: str) -> None:
        self.suspended[slug] += 1
        if self._is_news(f"suspended {slug}"):
            log.info("%s is suspended: %d webhooks acknowledged, not stored", slug, self.suspended[slug])

    def _note_secret(self, tenant: Tenant, account: Account, secret: str) -> None:
        if (key := (account.id, secret)) not in self._noted:
            self._noted[key] = None
            self._in_background(self._write_note(tenant, account, secret))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write_note(self, tenant: Tenant, account: Account, secret: str) -> None:
        try:
            async with self.pool.acquire(timeout=5) as connection:
                await accounts.note_secret_seen(connection, tenant.id, account.id, secret)
        except (*CANNOT_ASK, asyncpg.PostgresError) as error:
            log.warning("%s: a secret seen was not noted: %s", tenant.slug, describe(error))

    def explain(self, problem: Problem, scope: Scope) -> Messages:
        """The answer that a problem is; its cause is logged, once a minute."""
        request = request_id(scope, self.proxies.trusts(scope))
        if problem.cause and self._is_news(problem.cause):
            log.warning("%s (%s, request %s)", problem.cause, problem.status, request)
        return problem.answer(request)

    def _is_news(self, what: str) -> bool:
        if what in self._said:
            return False
        self._said[what] = None
        return True
