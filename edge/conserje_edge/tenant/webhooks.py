"""The way of a webhook: host, channel, account, method, size, signature, disk; then it is acknowledged."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Coroutine, Mapping
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
from conserje.intake.intake import Intake, NotDurable
from conserje.plugins import given, guard, recording
from conserje.plugins.plugins import PluginMissing, Plugins
from conserje.storage.database import CANNOT_ASK, describe
from conserje.tenants import accounts
from conserje.tenants.accounts import AccountRow
from conserje.tenants.entry import Entry
from conserje.tenants.tenants import Tenant
from conserje_edge.tenant import calls
from conserje_edge.tenant.reception import Reception
from conserje_edge.wire.answers import Messages, Problem, unavailable
from conserje_edge.wire.rates import Limits, client_network
from conserje_edge.wire.requests import drain_body, public_url, read_body, read_headers

log = logging.getLogger(__name__)

SAY_AGAIN = 24 * 3600  # seconds after which it is said again for whom there is no account
NOTE_AGAIN = 3600  # seconds after which a secret that was seen is noted again
PATHS = {b"webhook": "webhook", b"status": "status"}


@dataclass
class Webhooks:
    """The ASGI application for everything that providers post."""

    reception: Reception
    plugins: Plugins
    intake: Intake
    limits: Limits
    _noted: TTLCache[tuple[int, str], None] = field(
        default_factory=lambda: TTLCache(100_000, NOTE_AGAIN, monotonic)
    )
    _strangers: TTLCache[str, None] = field(default_factory=lambda: TTLCache(1000, SAY_AGAIN, monotonic))
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    suspended: Counter[str] = field(default_factory=Counter)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["raw_path"].split(b"/", 3)[2].decode("latin-1")
        counted = name if name in self.plugins.channels else ""  # never a stranger's own word
        await self.reception.respond(scope, send, self._answer(scope, receive), counted)

    async def close(self) -> None:
        """Wait for what is still being noted."""
        await asyncio.gather(*self._tasks)

    async def _answer(self, scope: Scope, receive: Receive) -> Messages:
        headers = read_headers(scope)
        entry, channel, path = await self._find(headers["host"], scope["raw_path"])
        if channel.by_strangers:
            self.limits.posts_of_address.admit(client_network(scope, self.reception.proxies.trusts(scope)))
        if channel.per_tenant:
            entry = await self.reception.with_account(entry, channel)
        if not entry.accounts_of(channel.name):  # nobody can have signed it
            await drain_body(headers, receive, channel.body_limit)
            cause = f"{entry.tenant.slug}: a webhook of channel {channel.name}, of which it has no account"
            raise Problem(HTTPStatus.FORBIDDEN, cause)
        hook = await self.read(scope, headers, receive, channel, path)
        await self.take(channel, hook, entry, by_stranger=channel.by_strangers)
        return calls.acknowledge(channel, hook, entry.tenant.slug)

    async def read(
        self, scope: Scope, headers: dict[str, str], receive: Receive, channel: AnyChannel, path: str
    ) -> Webhook:
        """The request as a channel gets it. Raises Problem."""
        if scope["method"] not in channel.methods:
            allowed = ", ".join(sorted(channel.methods)).encode()
            raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, "", (b"allow", allowed))
        body = await read_body(headers, receive, channel.body_limit)
        url = public_url(scope, headers, self.reception.proxies.trusts(scope))
        return Webhook(scope["method"], path, url, headers, body)

    async def take(
        self, channel: AnyChannel, hook: Webhook, entry: Entry, *, by_stranger: bool = False
    ) -> None:
        """Verify, and return when the events are on disk. Raises Problem."""
        active = self.verify(channel, hook, entry)
        events = await calls.parse(channel, hook, active, entry.tenant.slug) if active else []
        if by_stranger:
            self._admit(entry.tenant, events)
        if events:
            await self.store(channel, entry.tenant, events)
        self.record(channel, hook, entry.tenant.slug, active, events)

    def record(
        self,
        channel: AnyChannel,
        hook: Webhook,
        slug: str,
        signers: Mapping[str, calls.Signer],
        taken: calls.Taken,
    ) -> None:
        """Keep the request as a case where an operator has asked for that."""
        if recorder := recording.of(slug, channel.name):
            for signer in signers.values():
                own = [event for account, event in taken if account is signer.account]
                self._in_background(recorder.receive(channel, hook, signer.opened, own))

    def verify(self, channel: AnyChannel, hook: Webhook, entry: Entry) -> dict[str, calls.Signer]:
        """The active accounts that sign the request, by address; none of a suspended tenant's, and none
        where it is signed for addresses that the tenant has no account of.

        Raises Problem.
        """
        verified = calls.verify(channel, hook, entry, self.reception.vault)
        if not verified:
            self.tell_of_strangers(channel, hook, entry.tenant.slug)
            return {}
        active = {}
        for signer, secret in verified:
            if secret is not None:
                self._note_secret(entry.tenant, signer.account, secret)
            if signer.account.active and entry.tenant.active:
                active[signer.account.address] = signer
        if not active:
            self._count_suspended(entry.tenant.slug)
        return active

    async def _find(self, host: str, raw_path: bytes) -> tuple[Entry, AnyChannel, str]:
        """The tenant, the channel and what is below it. Raises Problem."""
        parts = raw_path.split(b"/")
        if len(parts) != 4 or parts[1] != b"bot" or parts[0] or parts[3] not in PATHS:
            raise Problem(HTTPStatus.NOT_FOUND)
        entry = await self.reception.entry(host)
        channel = parts[2].decode("latin-1")
        try:
            return entry, self.plugins.channel(channel), PATHS[parts[3]]
        except PluginMissing as error:
            others = self.plugins.assistants.keys() | self.plugins.tools.keys()
            if channel not in others and entry.accounts_of(channel):
                raise unavailable(f"{entry.tenant.slug}: {error}") from None
            raise Problem(HTTPStatus.NOT_FOUND) from None

    async def store(self, channel: AnyChannel, tenant: Tenant, events: calls.Taken) -> None:
        try:
            await self.intake.take(tenant, events)
        except NotDurable as error:
            raise unavailable(f"Events could not be stored: {describe(error)}") from None
        if channel.has_feed:
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
                    await feed.wake_contact(
                        self.reception.pool, tenant.id, account.id, account.channel, event.sender
                    )
                except (*CANNOT_ASK, asyncpg.PostgresError) as error:
                    log.warning("%s: a page was not told of a message: %s", tenant.slug, describe(error))

    def tell_of_strangers(self, channel: AnyChannel, hook: Webhook, slug: str = "") -> None:
        """Say once a day that a request is signed, and for whom: the provider must not post it for days."""
        addresses = guard.called(channel, slug, "claims", given.names, hook)
        named = f"{slug or 'no tenant'} has no account {channel.name} {', '.join(addresses[:5])}"
        if named not in self._strangers:
            self._strangers[named] = None
            log.warning("Webhooks are signed, and dropped: %s; see `conserje account add`", named)

    def _count_suspended(self, slug: str) -> None:
        self.suspended[slug] += 1
        if self.reception.is_news(f"suspended {slug}"):
            log.info("%s is suspended: %d webhooks acknowledged, not stored", slug, self.suspended[slug])

    def _note_secret(self, tenant: Tenant, account: AccountRow, secret: str) -> None:
        if (key := (account.id, secret)) not in self._noted:
            self._noted[key] = None
            self._in_background(self._write_note(tenant, account, secret))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write_note(self, tenant: Tenant, account: AccountRow, secret: str) -> None:
        try:
            async with self.reception.pool.acquire(timeout=5) as connection:
                await accounts.note_secret_seen(connection, tenant.id, account.id, secret)
        except (*CANNOT_ASK, asyncpg.PostgresError) as error:
            log.warning("%s: a secret seen was not noted: %s", tenant.slug, describe(error))
