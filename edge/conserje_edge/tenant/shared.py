"""Webhooks at a base domain itself, which names no tenant: the addresses written to do."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import NamedTuple

from starlette.types import Receive, Scope, Send

from conserje.contract.account import Account
from conserje.contract.channel import AnyChannel, Forged, Malformed, Webhook
from conserje.errors import DirectoryUnavailable
from conserje.plugins import given, guard
from conserje.plugins.guard import PluginFailed
from conserje.tenants.entry import Entry
from conserje.tenants.tenants import Tenant
from conserje_edge.tenant import calls
from conserje_edge.tenant.webhooks import Webhooks
from conserje_edge.wire.answers import Messages, Problem, unavailable
from conserje_edge.wire.requests import read_headers

MOST_UNSIGNED = 16  # addresses that are looked up before anybody signs


class Owner(NamedTuple):
    """Whose account signs a request."""

    tenant: Tenant
    signer: calls.Signer


@dataclass
class _Judged:
    """What the tenants say of a request who were asked until now."""

    owners: dict[str, list[Owner]] = field(default_factory=lambda: defaultdict(list))
    troubles: list[Problem] = field(default_factory=list)
    tried: set[int] = field(default_factory=set)
    signed: bool = False


@dataclass
class SharedWebhooks:
    """The ASGI application for /webhook/<name>, where a channel says that it has that name."""

    webhooks: Webhooks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["raw_path"].removeprefix(b"/webhook/").decode("latin-1")
        channel = next(
            (each for each in self.webhooks.plugins.channels.values() if name in each.shared), None
        )
        counted = channel.name if channel else ""
        answer = self._answer(scope, receive, name, channel)
        await self.webhooks.reception.respond(scope, send, answer, counted)

    async def _answer(
        self, scope: Scope, receive: Receive, name: str, channel: AnyChannel | None
    ) -> Messages:
        headers = read_headers(scope)
        if not self.webhooks.reception.hosts.is_base(headers["host"]):
            raise Problem(HTTPStatus.NOT_FOUND)
        if channel is None:
            if why := self.webhooks.plugins.broken.get(name):
                raise unavailable(f"The channel {name} {why}")
            raise Problem(HTTPStatus.NOT_FOUND)
        hook = await self.webhooks.read(scope, headers, receive, channel, "webhook")
        try:
            addresses = guard.called(channel, "", "claims", given.names, hook)
            if addresses:
                await self._take(channel, hook, addresses)
            else:
                _greet(channel, hook)
        except Malformed:
            raise Problem(HTTPStatus.BAD_REQUEST) from None
        except Forged:
            raise Problem(HTTPStatus.FORBIDDEN, f"Nobody of {channel.name} signs this webhook") from None
        except PluginFailed as error:
            raise unavailable(f"Channel {channel.name} failed to verify: {error.place}") from None
        return calls.acknowledge(channel, hook)

    async def _take(self, channel: AnyChannel, hook: Webhook, addresses: Sequence[str]) -> None:
        """Have what each tenant signs on disk; what belongs to nobody who signs is dropped.

        Raises Forged where nobody signs, or Problem; 409 once the rest is on disk, so that the provider
        posts again what several tenants claim, until an operator has settled whose it is.
        """
        owners, troubles = await self._owners(channel, hook, addresses)
        sole = {address: found[0] for address, found in owners.items() if len(found) == 1}
        if sole:
            signers = {address: owner.signer for address, owner in sole.items()}
            taken = await calls.parse(channel, hook, signers)
            await self._store(channel, sole, taken)
            for address, owner in sole.items():
                self.webhooks.record(channel, hook, owner.tenant.slug, {address: owner.signer}, taken)
        for address, found in owners.items():
            if len(found) > 1:
                slugs = ", ".join(owner.tenant.slug for owner in found)
                cause = f"Several tenants ({slugs}) sign for {channel.name} {address}: use their hosts"
                troubles.append(Problem(HTTPStatus.CONFLICT, cause))
        if troubles:
            raise troubles[0]

    async def _store(self, channel: AnyChannel, owners: dict[str, Owner], events: calls.Taken) -> None:
        """Raises Problem unless the events of all are on disk."""
        of_tenant: dict[int, calls.Taken] = defaultdict(list)
        tenants = {owner.tenant.id: owner.tenant for owner in owners.values()}
        for account, event in events:
            of_tenant[owners[account.address].tenant.id].append((account, event))
        await asyncio.gather(
            *(
                self.webhooks.store(channel, tenants[tenant_id], taken)
                for tenant_id, taken in of_tenant.items()
            )
        )

    async def _owners(
        self, channel: AnyChannel, hook: Webhook, addresses: Sequence[str]
    ) -> tuple[dict[str, list[Owner]], list[Problem]]:
        """Whose active accounts sign the request, by address, nobody's where only suspended ones do; and
        what kept others from being judged.

        Raises Forged where no account signs, or Problem. What is for addresses that nobody has, and is signed
        by somebody, is nobody's.
        """
        judged, named = _Judged(), list(dict.fromkeys(addresses))
        await self._judge(channel, hook, named[:MOST_UNSIGNED], judged)
        rest = named[MOST_UNSIGNED:]
        by_operator = not judged.signed and bool(rest or not judged.tried) and _is_operator_s(channel, hook)
        if rest and (judged.signed or by_operator):
            await self._judge(channel, hook, rest, judged)
        if not judged.signed and not judged.troubles:
            if judged.tried or not (by_operator or (not rest and await self._is_a_tenant_s(channel, hook))):
                raise Forged
            self.webhooks.tell_of_strangers(channel, hook)
        return judged.owners, judged.troubles

    async def _is_a_tenant_s(self, channel: AnyChannel, hook: Webhook) -> bool:
        """Whether one of the tenants signs that have secrets of their own; of many, some are asked."""
        reception = self.webhooks.reception
        try:
            entries = await reception.directory.with_secrets(channel.name, MOST_UNSIGNED)
        except DirectoryUnavailable as error:
            raise unavailable(str(error)) from None
        return any(calls.signs(channel, hook, entry, reception.vault) for entry in entries)

    async def _judge(self, channel: AnyChannel, hook: Webhook, addresses: list[str], judged: _Judged) -> None:
        """Have the tenants at these addresses verify the request with all their accounts. Raises Problem."""
        for entry in await self._claimed(channel, addresses):
            if entry.tenant.id in judged.tried:
                continue
            judged.tried.add(entry.tenant.id)
            try:
                active = self.webhooks.verify(channel, hook, entry)
            except Problem as problem:
                if problem.status is not HTTPStatus.FORBIDDEN:
                    judged.troubles.append(problem)  # one tenant's, which keeps no other's message
                continue
            judged.signed = True
            for address, signer in active.items():
                judged.owners[address].append(Owner(entry.tenant, signer))

    async def _claimed(self, channel: AnyChannel, addresses: list[str]) -> list[Entry]:
        """The tenants at the addresses that the request names. Raises Problem."""
        try:
            return await self.webhooks.reception.directory.at(channel.name, addresses)
        except DirectoryUnavailable as error:
            raise unavailable(str(error)) from None


def _is_operator_s(channel: AnyChannel, hook: Webhook) -> bool:
    """Whether the shared credentials sign the request. Raises Malformed."""
    try:
        _greet(channel, hook)
    except Forged:
        return False
    return True


def _greet(channel: AnyChannel, hook: Webhook) -> None:
    """A request that names no address is the operator's own: a handshake. Raises Forged or Malformed."""
    credentials = guard.shared_credentials(channel)
    if credentials is None:
        raise Forged
    settings = guard.called(channel, "", "Settings", given.sound(channel.Settings))
    account = Account("", "", credentials, settings)
    guard.called(channel, "", "verify", given.name, hook, account)
