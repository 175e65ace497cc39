"""Webhooks at a base domain itself, which names no tenant: the address written to does."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

import asyncpg
from starlette.types import Receive, Scope, Send

from conserje import accounts
from conserje.channel import AnyChannel, Forged, Malformed, Webhook
from conserje.database import CANNOT_ASK, describe
from conserje.directory import DirectoryUnavailable, Entry, UnknownTenant
from conserje_edge import channels
from conserje_edge.answers import Messages, Problem, unavailable
from conserje_edge.requests import read_headers
from conserje_edge.webhooks import Webhooks


@dataclass
class SharedWebhooks:
    """The ASGI application for /webhook/<name>, where a channel says that it has that name."""

    edge: Webhooks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["raw_path"].removeprefix(b"/webhook/").decode("latin-1")
        channel = next((each for each in self.edge.plugins.channels.values() if name in each.shared), None)
        counted = channel.name if channel else ""
        await self.edge.respond(scope, send, self._answer(scope, receive, channel), counted)

    async def _answer(self, scope: Scope, receive: Receive, channel: AnyChannel | None) -> Messages:
        headers = read_headers(scope)
        if channel is None or not self.edge.hosts.is_base(headers["host"]):
            raise Problem(HTTPStatus.NOT_FOUND)
        hook = await self.edge.read(scope, headers, receive, channel, "webhook")
        signers = [entry for entry in await self._claimed(channel, hook) if self._signs(channel, hook, entry)]
        if not signers:
            raise Problem(HTTPStatus.FORBIDDEN, f"No active account of {channel.name} signs this webhook")
        if len(signers) > 1:
            slugs = ", ".join(entry.tenant.slug for entry in signers)
            raise Problem(
                HTTPStatus.CONFLICT,
                f"Accounts of several tenants sign a webhook of {channel.name} ({slugs}): use their hosts",
            )
        await self.edge.take(channel, hook, signers[0])
        return channels.acknowledge(channel, hook)

    async def _claimed(self, channel: AnyChannel, hook: Webhook) -> list[Entry]:
        """The active tenants at the addresses that the request names."""
        try:
            addresses = channel.claims(hook)
            found = await accounts.tenants_at(self.edge.pool, channel.name, addresses)
            return [await self.edge.directory.by_id(tenant_id) for tenant_id in found]
        except Malformed:
            raise Problem(HTTPStatus.BAD_REQUEST) from None
        except (Forged, UnknownTenant):
            return []
        except (*CANNOT_ASK, asyncpg.PostgresError, DirectoryUnavailable) as error:
            raise unavailable(f"The directory cannot be asked: {describe(error)}") from None

    def _signs(self, channel: AnyChannel, hook: Webhook, entry: Entry) -> bool:
        try:
            return any(
                account.active for account, _ in channels.verify(channel, hook, entry, self.edge.vault)
            )
        except Problem as problem:
            if problem.status is HTTPStatus.FORBIDDEN:
                return False
            raise
