"""`conserje tenant set --tool`: what a tenant's assistants may do."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from conserje.installation import Installation
from conserje.storage.database import Connection
from conserje.tenants import accounts, tenants

R = TypeVar("R")


def tool_options(command: Callable[..., R]) -> Callable[..., R]:
    """Options whose `tools` are changes by tool: its settings, or false, which switches it off."""

    @click.option(
        "--tool", "tools_on", multiple=True, metavar="TOOL", help="A tool to switch on; repeatable."
    )
    @click.option(
        "--no-tool", "tools_off", multiple=True, metavar="TOOL", help="One to switch off; repeatable."
    )
    @click.option(
        "--tool-setting",
        "tool_pairs",
        multiple=True,
        metavar="TOOL.KEY=VALUE",
        help="A setting of a tool, which it switches on; VALUE is JSON, or else text; repeatable.",
    )
    @functools.wraps(command)
    def run(
        *args: Any,
        tools_on: Sequence[str],
        tools_off: Sequence[str],
        tool_pairs: Sequence[str],
        **kwargs: Any,
    ) -> R:
        return command(*args, tools=_changes(tools_on, tools_off, tool_pairs), **kwargs)

    return run


def _changes(on: Sequence[str], off: Sequence[str], pairs: Sequence[str]) -> dict[str, Any]:
    """Raises UsageError."""
    changes: dict[str, Any] = {name: {} for name in on}
    for pair in pairs:
        place, sign, value = pair.partition("=")
        name, dot, key = place.partition(".")
        if not (sign and dot and name and key):
            raise click.UsageError(f"--tool-setting {pair}: write TOOL.KEY=VALUE.")
        changes.setdefault(name, {})[key] = _value(value)
    if both := [name for name in off if name in changes]:
        raise click.UsageError(f"{both[0]} is switched on and off: say one of them.")
    return changes | dict.fromkeys(off, False)


def _value(written: str) -> Any:
    try:
        return json.loads(written)
    except ValueError:
        return written


async def set_tools(
    installation: Installation, connection: Connection, slug: str, changes: Mapping[str, Any]
) -> None:
    """Merge them into what the tools have; one that cannot be called yet is said.

    Raises PluginMissing, TenantError or AccountUnusable.
    """
    from conserje.tenants.entry import validated  # with cryptography, which `tenant list` does not need

    there = (await tenants.get(connection, slug)).tool_settings
    merged = await tenants.merged_settings(connection, slug, changes, "tool_settings")
    for name in changes.keys() - there.keys():  # one that is gone can be switched off
        installation.plugins.tool(name)
    on = [name for name in changes if merged[name] is not False]
    for name in on:
        plugin, settings = installation.plugins.tool(name), json.dumps(merged[name])
        validated(plugin.Settings, settings, f"settings of {name} of {slug}")
    await tenants.change(connection, slug, tool_settings=json.dumps(merged))
    await _warn(installation, connection, slug, on)


async def _warn(installation: Installation, connection: Connection, slug: str, names: Sequence[str]) -> None:
    """Say which of these tools cannot be called for the tenant as it stands, and why."""
    from conserje.tenants.entry import AccountUnusable, Entry
    from conserje.tenants.vault import Vault

    tenant = await tenants.get(connection, slug)
    entry = Entry(tenant, tuple(await accounts.list_all(connection, tenant.id)))
    sealed = any(account.credentials for account in entry.accounts)
    vault = installation.vault if sealed else Vault(installation.settings.keyring, {})
    for name in names:
        try:
            entry.tool(installation.plugins.tool(name), vault)
        except AccountUnusable as error:
            click.echo(f"{name} cannot be called for {slug} yet. {error}", err=True)
