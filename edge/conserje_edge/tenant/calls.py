"""Calls to channel plugins: whatever one raises becomes an answer, and is logged without the request."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from time import perf_counter
from typing import NamedTuple

from conserje.contract import signatures
from conserje.contract.account import AnyAccount
from conserje.contract.channel import UNSIGNED_LIMIT, Answer, AnyChannel, Forged, Malformed, Webhook
from conserje.contract.message import Event, Unreadable
from conserje.plugins import given, guard
from conserje.plugins.guard import PluginFailed, PluginFenced
from conserje.tenants.accounts import AccountRow
from conserje.tenants.entry import AccountUnusable, Entry
from conserje.tenants.vault import Vault
from conserje_edge.wire.answers import Messages, Problem, acknowledgement, unavailable

log = logging.getLogger(__name__)

SLOW = 0.05  # seconds for verifying or parsing
_ENDED = object()


class Signer(NamedTuple):
    """An account that verifies, stored and opened; `read` is what `verify` left for `parse`."""

    account: AccountRow
    opened: AnyAccount
    read: object


Verified = list[tuple[Signer, str | None]]
Taken = list[tuple[AccountRow, Event]]


def verify(channel: AnyChannel, hook: Webhook, entry: Entry, vault: Vault) -> Verified:
    """The accounts whose secret signs the request, each with the secret's name where it has several.

    None: a secret of the tenant's signs, for addresses that it has no account of. Raises Problem: 400
    malformed, 403 forged, 503 where it could not be judged.
    """
    is_strange = False
    hook.read = None  # by another tenant's accounts
    with _measured(channel, "verifying"):
        try:
            accounts = _claimed(channel, hook, entry)
            verified, unjudged = _try_each(channel, hook, entry, accounts, vault)
            if not verified and not unjudged and (not accounts or len(hook.body) > UNSIGNED_LIMIT):
                is_strange = signs(channel, hook, entry, vault)
        except Malformed:
            raise Problem(HTTPStatus.BAD_REQUEST) from None
        except PluginFailed as error:
            raise unavailable(f"Channel {channel.name} failed to verify: {error.place}") from None
    if verified or is_strange:
        return verified
    if unjudged:
        raise unavailable(unjudged)
    raise Problem(
        HTTPStatus.FORBIDDEN, f"{entry.tenant.slug}: no account of channel {channel.name} signs this webhook"
    )


def _claimed(channel: AnyChannel, hook: Webhook, entry: Entry) -> Sequence[AccountRow]:
    accounts = entry.accounts_of(channel.name)
    try:
        small = len(hook.body) <= UNSIGNED_LIMIT
        claims = guard.called(channel, entry.tenant.slug, "claims", given.names, hook) if small else ()
    except Forged:
        return ()
    if not claims:
        return accounts
    addresses = set(claims)
    return [account for account in accounts if account.address in addresses]


def _try_each(
    channel: AnyChannel, hook: Webhook, entry: Entry, accounts: Sequence[AccountRow], vault: Vault
) -> tuple[Verified, str]:
    """The accounts that verify, and why another could not be tried."""
    verified: Verified = []
    unjudged, read = "", hook.read
    for account in accounts:
        try:
            opened = entry.opened(account, channel, vault)
            hook.read = read
            secret = guard.called(channel, entry.tenant.slug, "verify", given.name, hook, opened)
            verified.append((Signer(account, opened, hook.read), secret))
        except Forged:
            continue
        except AccountUnusable as error:
            unjudged = f"{entry.tenant.slug}: {error}"
    return verified, unjudged


def signs(channel: AnyChannel, hook: Webhook, entry: Entry, vault: Vault) -> bool:
    """Whether a secret of the tenant's signs the request, whomever it is for. Raises what verifying does."""
    for account in entry.accounts_of(channel.name):
        try:
            opened = replace(entry.opened(account, channel, vault), address="")
            guard.called(channel, entry.tenant.slug, "verify", given.name, hook, opened)
        except (Forged, AccountUnusable):
            continue
        return True
    return False


async def parse(channel: AnyChannel, hook: Webhook, signers: Mapping[str, Signer], slug: str = "") -> Taken:
    """The events of accounts that verified, by address; what cannot be read is an event too, with the body as
    it came."""
    readings: list[tuple[Mapping[str, Signer], AnyAccount | None]] = [(signers, None)]
    if signatures.of_class(type(channel), "parse", "account"):
        readings = [({address: signer}, signer.opened) for address, signer in signers.items()]
    taken: Taken = []
    for own, account in readings:
        events: list[Event] = []
        address, signer = next(iter(own.items()))
        hook.read = signer.read
        try:
            for _ in _measured_each(channel, guard.parsing(channel, slug, events, hook, account)):
                await asyncio.sleep(0)  # others' posts come in between
        except PluginFenced as error:  # since it verified
            raise unavailable(f"Channel {channel.name} failed to parse: {error}") from None
        except (Malformed, PluginFailed) as error:
            where = error.place if isinstance(error, PluginFailed) else "Malformed"
            log.error("Channel %s failed to parse; the body is kept: %s", channel.name, where)
            events.append(_unreadable(address, hook.body, error))
        known = [(own[event.address].account, event) for event in events if event.address in own]
        if strange := len(events) - len(known):
            log.warning("Channel %s: %d events of others' accounts are dropped", channel.name, strange)
        taken += known
    return taken


def _measured_each(channel: AnyChannel, steps: Iterator[None]) -> Iterator[None]:
    while True:
        with _measured(channel, "parsing"):
            if next(steps, _ENDED) is _ENDED:
                return
        yield


def _unreadable(address: str, body: bytes, error: Exception) -> Unreadable:
    return Unreadable(
        address=address,
        key=hashlib.sha256(body).hexdigest(),
        raw=body.decode("utf-8", "backslashreplace"),
        cause=f"The channel failed to parse: {error if isinstance(error, PluginFailed) else 'Malformed'}",
    )


def acknowledge(channel: AnyChannel, hook: Webhook, slug: str = "") -> Messages:
    """The channel's answer; an empty 200 where it has none, since the events are on disk."""
    try:
        return guard.called(channel, slug, "acknowledge", _answered, hook)
    except PluginFailed as error:
        log.error("Channel %s failed to acknowledge: %s", channel.name, error.place)
        return acknowledgement(Answer())


def _answered(given_: object) -> Messages:
    return acknowledgement(given.answer(given_))


class _measured:
    """Says where verifying or parsing takes long; as a generator it would cost each webhook more."""

    __slots__ = ("_channel", "_started", "_what")

    def __init__(self, channel: AnyChannel, what: str) -> None:
        self._channel, self._what = channel, what

    def __enter__(self) -> None:
        self._started = perf_counter()

    def __exit__(self, *_: object) -> None:
        if (took := perf_counter() - self._started) > SLOW:
            log.warning("Channel %s: %s took %.0f ms", self._channel.name, self._what, took * 1000)
