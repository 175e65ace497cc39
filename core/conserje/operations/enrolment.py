"""Enrolment: how a tenant's accounts are added, changed, moved and removed, whoever asks for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal, TypeGuard

from conserje.contract.assistant import Assistant
from conserje.contract.channel import AnyChannel, Channel, Malformed, offers
from conserje.contract.message import Template
from conserje.installation import Opened
from conserje.plugins import given, guard
from conserje.plugins.guard import AnyPlugin, PluginFailed
from conserje.plugins.plugins import Plugins
from conserje.settings import Settings
from conserje.storage.database import Connection
from conserje.tenants import accounts, data_keys, tenants
from conserje.tenants.accounts import AccountRow, WhenUncertain
from conserje.tenants.entry import Entry, validated
from conserje.tenants.refusals import TenantError
from conserje.tenants.tenants import Status, Tenant


class NotTheTenants(TenantError):
    """Only the operator may say this."""


def plugin_of(plugins: Plugins, name: str) -> AnyPlugin:
    """The channel, assistant or tool whose credentials an account has. Raises PluginMissing."""
    return plugins.assistants.get(name) or plugins.tools.get(name) or plugins.channel(name)


def address_of(plugin: AnyPlugin, slug: str, written: str) -> str:
    """The address as the channel has it. Raises TenantError."""
    if not isinstance(plugin, Channel):
        return written
    try:
        return guard.called(plugin, slug, "address", given.text, written)
    except Malformed as error:
        raise TenantError(str(error), "address") from None
    except PluginFailed as error:
        raise TenantError(f"The channel {plugin.name} cannot read the address: {error.place}.") from None


async def stored_address(
    plugins: Plugins, connection: Connection, tenant: Tenant, channel: str, written: str
) -> str:
    """The address of an account that may be there, however it is written. Raises PluginMissing."""
    listed = await accounts.list_all(connection, tenant.id)
    if written in [each.address for each in listed if each.channel == channel]:
        return written
    with suppress(TenantError):
        return address_of(plugin_of(plugins, channel), tenant.slug, written)
    return written


async def add(
    opened: Opened,
    connection: Connection,
    tenant: Tenant,
    plugin: AnyPlugin,
    address: str,
    *,
    settings: Mapping[str, Any],
    credentials: bytes | None,
) -> str | None:
    """Add an account in the caller's transaction; one that core makes may be there already, and is changed.

    The sealed credentials. Raises as `looked_at`.
    """
    sealed = await looked_at(
        opened, connection, tenant, plugin, address, settings=settings, credentials=credentials
    )
    place = (connection, tenant.id, plugin.name, address)
    if is_made_by_core(plugin):
        await accounts.ensure(connection, opened.vault, tenant.id, plugin)
        merged = await _merged(plugin, settings, *place)
        await accounts.change(*place, settings=merged, credentials=sealed)
    else:
        await accounts.add(*place, settings=settings, credentials=sealed)
    return sealed


async def looked_at(
    opened: Opened,
    connection: Connection,
    tenant: Tenant,
    plugin: AnyPlugin,
    address: str,
    *,
    settings: Mapping[str, Any],
    credentials: bytes | None,
) -> str | None:
    """The sealed credentials of an account that can be added.

    Raises TenantError, AccountUnusable or VaultError.
    """
    refuse_place(plugin, address, settings)
    validated(plugin.Settings, json.dumps(settings), "settings")
    if credentials is not None:
        return await seal(opened, connection, tenant, plugin, address, credentials)
    if not is_made_by_core(plugin) and guard.shared_credentials(plugin) is None:
        validated(plugin.Credentials, "{}", "credentials (none are given)")
    return None


async def candidate(
    opened: Opened,
    connection: Connection,
    tenant: Tenant,
    plugin: AnyPlugin,
    address: str,
    *,
    settings: Mapping[str, Any],
    credentials: bytes | None,
) -> Entry:
    """The tenant with this account alone, as it would be if it were kept, for `checkup.tried`.

    Raises as `looked_at`.
    """
    sealed = await looked_at(
        opened, connection, tenant, plugin, address, settings=settings, credentials=credentials
    )
    row = AccountRow(0, plugin.name, address, dict(settings), sealed, "active")
    return Entry(await tenants.get(connection, tenant.slug), (row,))  # with its data key


async def change(
    opened: Opened,
    connection: Connection,
    tenant: Tenant,
    plugin: AnyPlugin,
    address: str,
    *,
    settings: Mapping[str, Any] | None = None,
    credentials: bytes | None = None,
    status: Status | None = None,
    window_template: Template | Literal[""] | None = None,
    uncertain: WhenUncertain | None = None,
) -> None:
    """Change what is given, in the caller's transaction: settings are merged, credentials are replaced.

    Raises TenantError, AccountUnusable or VaultError.
    """
    refuse_place(plugin, address, settings or {})
    if uncertain == "resend" and not may_resend(plugin):
        raise TenantError(
            f"What is uncertain at {plugin.name} is asked for there, and never sent once more: leave it.",
            "uncertain",
        )
    sealed = None
    if credentials is not None:
        sealed = await seal(opened, connection, tenant, plugin, address, credentials)
    if is_made_by_core(plugin):
        await accounts.ensure(connection, opened.vault, tenant.id, plugin)
    place = (connection, tenant.id, plugin.name, address)
    await accounts.change(
        *place,
        settings=None if settings is None else await _merged(plugin, settings, *place),
        credentials=sealed,
        status=status,
        window_template=window_template,
        uncertain=uncertain,
    )


async def seal(
    opened: Opened, connection: Connection, tenant: Tenant, plugin: AnyPlugin, address: str, plain: bytes
) -> str:
    """The credentials (JSON) as the account's row holds them. Raises TenantError, AccountUnusable or
    VaultError."""
    validated(plugin.Credentials, plain, "credentials")
    return await accounts.seal_credentials(connection, opened.vault, tenant.id, plugin.name, address, plain)


async def unsealed(
    opened: Opened, connection: Connection, tenant: Tenant, channel: str, address: str, sealed: str
) -> dict[str, Any]:
    """Credentials as they were given. Raises VaultError for what was not sealed for this place."""
    key = await data_keys.sealing_key(connection, opened.vault, tenant.id)
    plain = opened.vault.unseal(key, accounts.credentials_context(tenant.id, channel, address), sealed)
    found: dict[str, Any] = json.loads(plain)
    return found


def refuse_claim(plugin: AnyPlugin) -> None:
    """Whose an address is, a tenant cannot say where accounts live on what the operator shares: it could
    take another's.

    Raises NotTheTenants.
    """
    if isinstance(plugin, Channel) and guard.shared_credentials(plugin) is not None:
        raise NotTheTenants(
            f"The operator has credentials for all of {plugin.name}, and says whose an address is: ask them.",
            "address",
        )


def may_resend(plugin: AnyPlugin | None) -> bool:
    """Whether nobody can ask the provider what became of a message, so that an account may say `resend`."""
    return isinstance(plugin, Channel) and not offers(plugin, "find")


def is_made_by_core(plugin: AnyPlugin) -> TypeGuard[AnyChannel]:
    """Whether every tenant has an account of it, made at its first use."""
    return isinstance(plugin, Channel) and plugin.per_tenant


def refuse_inside(settings: Settings, address: str) -> None:
    """Where addresses in private networks are asked, a tenant's server may be anywhere, and so none of theirs
    to say: its name could lead inside any time.

    Raises NotTheTenants.
    """
    if settings.fetch_allow and "://" in address:
        raise NotTheTenants(
            "The operator lets private addresses be asked, and says which: ask them.", "address"
        )


def refuse_place(plugin: AnyPlugin, address: str, settings: Mapping[str, Any]) -> None:
    """Raises TenantError for settings that are not the account's, and an address that is core's to say."""
    if not isinstance(plugin, Channel) and settings:
        kind = "assistant" if isinstance(plugin, Assistant) else "tool"
        raise TenantError(f"The settings of {kind}s are the tenant's: set them there.", "settings")
    if is_made_by_core(plugin) and address != plugin.name:
        raise TenantError(f"The address of the account {plugin.name} must be {plugin.name}.", "address")


def webhook_of(opened: Opened, slug: str, plugin: AnyPlugin | None) -> str | None:
    """Where the provider of an account has to post; None where nobody has to."""
    if not isinstance(plugin, Channel) or plugin.per_tenant:
        return None
    return f"{opened.settings.tenant_url(slug)}/bot/{plugin.name}/webhook"


async def _merged(
    plugin: AnyPlugin,
    changes: Mapping[str, Any],
    connection: Connection,
    tenant_id: int,
    channel: str,
    address: str,
) -> dict[str, Any]:
    """The account's settings with those that are given. Raises TenantError or AccountUnusable."""
    merged = await accounts.merged_settings(connection, tenant_id, channel, address, changes)
    validated(plugin.Settings, json.dumps(merged), "settings")
    return merged
