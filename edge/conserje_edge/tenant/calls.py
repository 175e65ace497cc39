"""Calls to channel plugins: whatever one raises becomes an answer, and is logged without the request."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from time import perf_counter

from conserje.contract.channel import UNSIGNED_LIMIT, Answer, AnyChannel, Forged, Malformed, Webhook
from conserje.contract.message import Event, InboundMessage, StatusUpdate, Unreadable
from conserje.telemetry.log import place
from conserje.tenants.accounts import AccountRow
from conserje.tenants.entry import AccountUnusable, Entry
from conserje.tenants.vault import Vault
from conserje_edge.wire.answers import Messages, Problem, acknowledgement, unavailable

log = logging.getLogger(__name__)

SLOW = 0.05  # seconds for verifying or parsing

Verified = list[tuple[AccountRow, str | None]]
Taken = list[tuple[AccountRow, Event]]


def verify(channel: AnyChannel, hook: Webhook, entry: Entry, vault: Vault) -> Verified:
    """The accounts whose secret signs the request, each with the secret's name where it has several.

    Raises Problem: 400 malformed, 403 forged, 503 where it could not be judged.
    """
    with _measured(channel, "verifying"):
        try:
            accounts = _claimed(channel, hook, entry)
            verified, unjudged = _try_each(channel, hook, entry, accounts, vault)
        except Malformed:
            raise Problem(HTTPStatus.BAD_REQUEST) from None
        except Exception as error:
            raise unavailable(f"Channel {channel.name} failed to verify: {place(error)}") from None
    if verified:
        return verified
    if unjudged:
        raise unavailable(unjudged)
    raise Problem(
        HTTPStatus.FORBIDDEN, f"{entry.tenant.slug}: no account of channel {channel.name} signs this webhook"
    )


def _claimed(channel: AnyChannel, hook: Webhook, entry: Entry) -> Sequence[AccountRow]:
    accounts = entry.accounts_of(channel.name)
    try:
        claims = channel.claims(hook) if len(hook.body) <= UNSIGNED_LIMIT else ()
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
    unjudged = ""
    for account in accounts:
        try:
            verified.append((account, channel.verify(hook, entry.opened(account, channel, vault))))
        except Forged:
            continue
        except AccountUnusable as error:
            unjudged = f"{entry.tenant.slug}: {error}"
    return verified, unjudged


def parse(channel: AnyChannel, hook: Webhook, accounts: dict[str, AccountRow]) -> Taken:
    """The events of verified accounts; what cannot be read is an event too, with the body as it came."""
    taken: Taken = []
    with _measured(channel, "parsing"):
        try:
            for event in channel.parse(hook):
                if not isinstance(event, (InboundMessage, StatusUpdate, Unreadable)):
                    raise TypeError(f"{type(event).__name__} is no event")
                if account := accounts.get(event.address):
                    taken.append((account, event))
                else:
                    log.warning(
                        "Channel %s: an event of an account that did not sign is dropped", channel.name
                    )
        except Exception as error:
            log.error("Channel %s failed to parse; the body is kept: %s", channel.name, place(error))
            account = next(iter(accounts.values()))
            taken.append((account, _unreadable(account.address, hook.body, error)))
    return taken


def _unreadable(address: str, body: bytes, error: Exception) -> Unreadable:
    return Unreadable(
        address=address,
        key=hashlib.sha256(body).hexdigest(),
        raw=body.decode("utf-8", "backslashreplace"),
        cause=f"The channel failed to parse: {type(error).__name__}",
    )


def acknowledge(channel: AnyChannel, hook: Webhook) -> Messages:
    """The channel's answer; an empty 200 where it has none, since the events are on disk."""
    try:
        return acknowledgement(channel.acknowledge(hook))
    except Exception as error:
        log.error("Channel %s failed to acknowledge: %s", channel.name, place(error))
        return acknowledgement(Answer())


@contextmanager
def _measured(channel: AnyChannel, what: str) -> Iterator[None]:
    started = perf_counter()
    try:
        yield
    finally:
        if (took := perf_counter() - started) > SLOW:
            log.warning("Channel %s: %s took %.0f ms", channel.name, what, took * 1000)
