"""What a tenant is changed to, whoever asks for it: what the database cannot judge is looked at here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conserje.contract.assistant import Assistant
from conserje.files import showcase
from conserje.installation import Opened
from conserje.net.mail import MailServer
from conserje.notices import notifier
from conserje.plugins.plugins import Plugins
from conserje.settings import Settings
from conserje.storage.database import Connection
from conserje.tenants import accounts, people, tenants
from conserje.tenants.entry import AccountUnusable, Entry, validated
from conserje.tenants.refusals import TenantError
from conserje.tenants.tenants import Tenant
from conserje.tenants.vault import Vault

# Nobody of a tenant can change these, whatever they may do else.
_OPERATORS = frozenset({
    "slug", "aliases", "tokens_of_contact", "usd_of_contact", "tokens_of_day", "usd_of_day",
    "tokens_of_month", "usd_of_month", "hold_over_month",
})  # fmt: skip


@dataclass(frozen=True)
class Changes:
    """What is to be another way; what is not named stays."""

    columns: Mapping[str, object] = field(default_factory=dict)
    assistant_settings: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)  # merged
    tools: Mapping[str, Any] = field(default_factory=dict)  # merged: settings, or false
    hours: Mapping[str, Any] = field(default_factory=dict)  # merged
    aliases: Sequence[str] = ()
    dropped: Sequence[str] = ()  # of the aliases


def operators_only(settings: Settings, given: Mapping[str, object]) -> list[str]:
    """What of this only the operator may change: its name, what it may spend, and an address without TLS, or
    any where addresses in private networks are asked."""
    names = [name for name in given if name in _OPERATORS]
    url = given.get("notice_url")
    if url and (settings.fetch_allow or not str(url).startswith("https://")):
        names.append("notice_url")
    return names


async def change(opened: Opened, connection: Connection, slug: str, changes: Changes) -> Tenant:
    """Change a tenant in the caller's transaction; it as it is then.

    Raises TenantError, AccountUnusable, PluginMissing, NotTold or SettingsError.
    """
    await _refuse(opened, changes.columns)
    if rule := changes.columns.get("lead_rule"):
        await _refuse_rule(connection, slug, str(rule))
    if changes.columns:
        changed = await tenants.change(connection, slug, **changes.columns)
        if changed.slug != slug:
            await showcase.rebase(connection, changed.id, opened.settings.tenant_url(changed.slug))
        slug = changed.slug
    if changes.aliases or changes.dropped:
        await tenants.change_aliases(connection, slug, changes.aliases, changes.dropped)
    if changes.assistant_settings:
        await _set_settings(opened.plugins, connection, slug, changes.assistant_settings)
    if changes.hours:
        await tenants.change_hours(connection, slug, changes.hours)
    if changes.tools:
        await _set_tools(opened.plugins, connection, slug, changes.tools)
    return await tenants.get(connection, slug)


async def _refuse(opened: Opened, columns: Mapping[str, object]) -> None:
    if base := tenants.reserving_base(str(columns.get("slug")), opened.settings.domains):
        raise TenantError(
            f"The slug belongs to the base domain {base} (CONSERJE_DOMAINS): choose another.", "slug"
        )
    for option in ("assistant", "fallback_assistant"):
        if option in columns:
            opened.plugins.assistant(str(columns[option]))  # raises where there is none
    if name := columns.get("voice_notes"):
        _refuse_deaf(opened.plugins, str(name))
    if url := columns.get("notice_url"):
        await notifier.refuse_open_http(str(url), opened.settings.fetch_allow)
    if columns.get("notice_email"):
        MailServer.of(opened.settings)  # raises where there is none


def listeners(plugins: Plugins) -> list[str]:
    """The assistants that can write down voice notes."""
    hearing = Assistant.transcribe
    return sorted(name for name, each in plugins.assistants.items() if type(each).transcribe is not hearing)


def _refuse_deaf(plugins: Plugins, name: str) -> None:
    """Raises TenantError for an assistant that cannot write down voice notes, or PluginMissing."""
    plugins.assistant(name)
    if name not in (able := listeners(plugins)):
        told = f"The assistant {name} cannot write down voice notes: choose one of {', '.join(able)}."
        raise TenantError(told, "voice_notes")


async def _refuse_rule(connection: Connection, slug: str, rule: str) -> None:
    """Raises TenantError for the name of nobody."""
    tenant = await tenants.get(connection, slug)
    named = [each.name for each in await people.list_all(connection, tenant.id)]
    if rule not in ("turns", "least_open", *named):
        raise TenantError(f"{slug} has no person {rule}: `conserje person add {slug}` adds one.", "lead_rule")


async def _set_settings(
    plugins: Plugins, connection: Connection, slug: str, changes: Mapping[str, Mapping[str, Any] | None]
) -> None:
    """Merge them into what the assistants have. Raises PluginMissing or AccountUnusable."""
    merged = await tenants.merged_settings(connection, slug, changes)
    for name in changes.keys() & merged.keys():  # one that is gone can be taken away
        plugin, settings = plugins.assistant(name), json.dumps(merged[name])
        validated(plugin.Settings, settings, f"settings of {name} of {slug}")
    await tenants.change(connection, slug, assistant_settings=json.dumps(merged))


async def _set_tools(plugins: Plugins, connection: Connection, slug: str, changes: Mapping[str, Any]) -> None:
    """Merge them into what the tools have. Raises PluginMissing, TenantError or AccountUnusable."""
    there = (await tenants.get(connection, slug)).tool_settings
    merged = await tenants.merged_settings(connection, slug, changes, "tool_settings")
    for name in changes.keys() - there.keys():  # one that is gone can be switched off
        plugins.tool(name)
    for name in _switched_on(changes, merged):
        plugin, settings = plugins.tool(name), json.dumps(merged[name])
        validated(plugin.Settings, settings, f"settings of {name} of {slug}")
    await tenants.change(connection, slug, tool_settings=json.dumps(merged))


def _switched_on(changes: Iterable[str], settings: Mapping[str, Any]) -> Iterator[str]:
    return (name for name in changes if settings.get(name, False) is not False)


async def unready(
    opened: Opened, connection: Connection, slug: str, *, assistants: bool = True, tools: Iterable[str] = ()
) -> dict[str, str]:
    """Which of the tenant's assistants, and of these tools, cannot be asked as it stands, and why.

    Raises TenantError or PluginMissing.
    """
    tenant = await tenants.get(connection, slug)
    entry = Entry(tenant, tuple(await accounts.list_all(connection, tenant.id)))
    sealed = any(account.credentials for account in entry.accounts)
    vault = opened.vault if sealed else Vault(opened.settings.keyring, {})
    found = {}
    hearing = (tenant.voice_notes,) if tenant.voice_notes else ()
    asked = (tenant.assistant, tenant.fallback_assistant, *hearing) if assistants else ()
    for name in dict.fromkeys(asked):
        try:
            entry.assistant(opened.plugins.assistant(name), vault)
        except AccountUnusable as error:
            found[name] = str(error)
    for name in _switched_on(tools, tenant.tool_settings):
        try:
            entry.tool(opened.plugins.tool(name), vault)
        except AccountUnusable as error:
            found[name] = str(error)
    return found
