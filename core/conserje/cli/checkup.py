"""The checkup: what an account's provider says of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from conserje.contract.account import Finding, NotOffered
from conserje.contract.assistant import AnyAssistant
from conserje.contract.channel import AnyChannel, CannotTell, Channel, Urls
from conserje.installation import Installation
from conserje.plugins import given, guard
from conserje.plugins.guard import PluginFailed
from conserje.tenants import accounts
from conserje.tenants.accounts import AccountRow, no_account
from conserje.tenants.entry import AccountUnusable, Entry
from conserje.tenants.refusals import TenantError

LIMIT = 20.0  # seconds for the provider's answers


async def examine(
    installation: Installation, slug: str, plugin: AnyChannel | AnyAssistant, address: str
) -> Sequence[Finding]:
    """What is found, a warning where nobody could be asked. Raises TenantError where there is no account."""
    entry, account = await _found(installation, slug, plugin.name, address)
    asked = [_urls(installation, slug, plugin)] if isinstance(plugin, Channel) else []
    try:
        opened = entry.opened(account, plugin, installation.vault)
        async with asyncio.timeout(LIMIT):
            return await guard.awaited(plugin, slug, "examine", given.findings, opened, *asked)
    except AccountUnusable as error:
        return [Finding("error", str(error))]
    except TimeoutError:
        return [Finding("warning", f"The provider gave no answer within {LIMIT:g} s.")]
    except CannotTell as error:
        return [Finding("warning", str(error), "Try again later, by `conserje account check`.")]
    except NotOffered:
        return []
    except PluginFailed as error:
        return [Finding("warning", f"It could not be examined: {plugin.name} {error.told}.")]


async def _found(installation: Installation, slug: str, name: str, address: str) -> tuple[Entry, AccountRow]:
    if (found := await accounts.find(installation.pool, "slug", slug)) is None:
        raise TenantError(f"There is no tenant {slug}: see `conserje tenant list`.", "slug")
    entry = Entry(*found)
    account = next((each for each in entry.accounts_of(name) if each.address == address), None)
    if account is None:
        raise no_account(name, address)
    return entry, account


def _urls(installation: Installation, slug: str, plugin: AnyChannel) -> Urls:
    place = f"{installation.settings.tenant_url(slug)}/bot/{plugin.name}"
    return Urls(f"{place}/webhook", f"{place}/status")
