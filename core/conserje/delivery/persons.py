"""What a person of the tenant says in a conversation: whether it may leave, made to fit, with its file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from conserje.contract.fit import fit
from conserje.contract.limits import Limits
from conserje.contract.message import Content, Media, Template, Text
from conserje.conversations import handling
from conserje.conversations.handling import Conversation, PersonError
from conserje.files.outbound import Attachment
from conserje.files.quota import Quota
from conserje.plugins import given, guard
from conserje.plugins.guard import PluginFailed
from conserje.plugins.plugins import Plugins
from conserje.rules import window
from conserje.storage.database import Connection
from conserje.storage.scope import Scope
from conserje.tenants.accounts import AccountRow
from conserje.tenants.entry import Entry
from conserje.tenants.tenants import Tenant

Obstacle = Literal["suspended", "forgotten", "opted-out", "no-account", "window-closed"]


@dataclass(frozen=True, slots=True)
class Way:
    """How what a person says now would leave: not at all, for the `obstacle`; in the `template`; as it is."""

    limits: Limits
    obstacle: Obstacle | None = None
    template: Template | None = None


async def way(connection: Connection, entry: Entry, plugins: Plugins, found: Conversation) -> Way:
    """To be asked before somebody writes; delivery judges again."""
    account, channel = _account(entry, found), plugins.channels.get(found.channel)
    if account is None or channel is None:
        return Way(Limits(), "no-account")
    limits = guard.limits_of(channel, entry.tenant.slug, account.address)
    if obstacle := _obstacle(entry.tenant, found):
        return Way(limits, obstacle)
    try:
        lasts = guard.called(channel, entry.tenant.slug, "window", given.window, account.address)
    except PluginFailed:  # as delivery holds it
        return Way(limits, "no-account")
    since = datetime.now(UTC) - lasts if lasts else None
    if since is None or await window.heard_since(connection, entry.tenant.id, found.id, since):
        return Way(limits)
    if account.window_template is None:
        return Way(limits, "window-closed")
    return Way(limits, template=account.window_template)


def _account(entry: Entry, found: Conversation) -> AccountRow | None:
    named = (each for each in entry.accounts_of(found.channel) if each.address == found.account)
    return next(named, None)


def _obstacle(tenant: Tenant, found: Conversation) -> Obstacle | None:
    if not tenant.active:
        return "suspended"
    if not found.contact:
        return "forgotten"
    return "opted-out" if found.opted_out == "all" else None


async def say(
    scope: Scope,
    tenant: Tenant,
    conversation_id: int,
    words: str,
    limits: Limits,
    attached: Attachment | None = None,
    quota: Quota | None = None,
) -> list[int]:
    """Queue it behind all that waits, in the caller's transaction; the ids of its parts.

    Raises PersonError, and FileRefused where the tenant's files would be too many for its `quota`.
    """
    if not tenant.active:
        raise PersonError(
            f"{tenant.slug} is suspended: `conserje tenant resume {tenant.slug}` lets it send again."
        )
    content: Content = Media((attached.file,), words) if attached else Text(words)
    said = fit(content, limits, tenant.locale)
    if not said:
        raise PersonError("The message says nothing: give it words, or a file.", "text")

    async def keep(connection: Connection, ids: Sequence[int]) -> None:
        if attached and quota:
            await attached.keep(connection, said, ids, quota)

    return await handling.say(scope, tenant, conversation_id, said, keep)
