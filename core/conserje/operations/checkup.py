"""The checkup: what an account's provider says of it, kept or not, and what its model can do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import NamedTuple

from conserje.contract.account import Abilities, AnyAccount, Finding, NotOffered
from conserje.contract.assistant import AnyAssistant, Assistant
from conserje.contract.channel import AnyChannel, CannotTell, Channel, Urls
from conserje.contract.tool import Tool, is_several
from conserje.conversations import illness
from conserje.errors import OperatorError
from conserje.installation import Opened
from conserje.plugins import given, guard
from conserje.plugins.guard import AnyPlugin, PluginFailed
from conserje.plugins.redaction import redacted
from conserje.tenants import accounts, checks
from conserje.tenants.accounts import AccountRow, no_account
from conserje.tenants.entry import AccountUnusable, Entry
from conserje.tenants.refusals import TenantError
from conserje.tenants.tenants import Tenant
from conserje.turns import offered

LIMIT = 20.0  # seconds for the provider's answers
PROBING = 90.0  # seconds for a model's: it may have to be loaded first

_AGAIN = "Try again later, by `conserje account check`."

_checked: set[int] = set()  # tenants of which an account is being checked by this process


class BeingChecked(OperatorError):
    """Of a tenant's accounts one is looked at, at a time."""


class Checked(NamedTuple):
    """What is found, and whether the account is ill: then the oldest of what is held for it is tried soon."""

    findings: Sequence[Finding]
    is_ill: bool


@contextmanager
def alone(tenant_id: int) -> Iterator[None]:
    """Nobody else has an account of the tenant checked by this process meanwhile. Raises BeingChecked."""
    if tenant_id in _checked:
        raise BeingChecked("An account of the tenant is being checked: ask again in a moment.")
    _checked.add(tenant_id)
    try:
        yield
    finally:
        _checked.discard(tenant_id)


async def check(opened: Opened, tenant: Tenant, plugin: AnyPlugin, address: str) -> Checked:
    """Ask the provider whether an account is well, and let what is held for one that was ill be tried again.

    Raises TenantError where there is no account.
    """
    async with opened.pool.acquire() as connection:
        is_ill = await illness.try_now(connection, tenant.id, plugin.name, address)
    return Checked(await examine(opened, tenant.slug, plugin, address), is_ill)


async def examine(opened: Opened, slug: str, plugin: AnyPlugin, address: str) -> Sequence[Finding]:
    """What is found, a warning where nobody could be asked; it is kept, and what a model can do.

    Raises TenantError where there is no account.
    """
    entry, account = await found(opened, slug, plugin.name, address)
    findings = await _examined(opened, entry, account, plugin)
    async with opened.pool.acquire() as connection:
        await checks.note(connection, entry.tenant.id, account.id, findings)
    return findings


async def tried(opened: Opened, candidate: Entry, plugin: AnyPlugin) -> Sequence[Finding]:
    """What is found of the only account of this entry, which nobody keeps yet.

    Raises AccountUnusable, or CannotTell where nobody could be asked.
    """
    [account] = candidate.accounts
    return await _asked(
        opened, candidate.tenant.slug, plugin, candidate.opened(account, plugin, opened.vault)
    )


async def _examined(
    opened: Opened, entry: Entry, account: AccountRow, plugin: AnyPlugin
) -> Sequence[Finding]:
    slug = entry.tenant.slug
    try:
        at_provider = entry.opened(account, plugin, opened.vault)
        findings = await _asked(opened, slug, plugin, at_provider)
    except AccountUnusable as error:
        return [Finding("error", str(error))]
    except CannotTell as error:
        return [Finding("warning", str(error), _AGAIN)]
    if isinstance(plugin, Tool) and is_several(plugin) and entry.tenant.has_tool(plugin.name):
        with suppress(CannotTell, PluginFailed):  # what is found says so
            await offered.ask(opened.pool, entry.tenant, plugin, at_provider)
    if isinstance(plugin, Assistant) and all(each.level != "error" for each in findings):
        return [*findings, *await _probe(opened, entry, account, plugin, at_provider)]
    return findings


async def _asked(opened: Opened, slug: str, plugin: AnyPlugin, at_provider: AnyAccount) -> Sequence[Finding]:
    """What the provider says; nothing where the plugin asks none. Raises CannotTell."""
    where = [urls(opened, slug, plugin)] if isinstance(plugin, Channel) else []
    try:
        async with asyncio.timeout(LIMIT):
            told = await guard.awaited(plugin, slug, "examine", given.findings, at_provider, *where)
    except TimeoutError:
        raise CannotTell(f"The provider gave no answer within {LIMIT:g} s.") from None
    except NotOffered:
        return []
    except PluginFailed as error:
        raise CannotTell(f"It could not be examined: {plugin.name} {error.told}.") from None
    return [_without_secrets(each, plugin, at_provider) for each in told]


def _without_secrets(told: Finding, plugin: AnyPlugin, at_provider: AnyAccount) -> Finding:
    """What is told is kept and shown, and an address at the provider may have a password in it."""
    held = (plugin.operator, [at_provider.credentials])
    posts_to = told.posts_to and redacted(told.posts_to, *held)
    return replace(told, text=redacted(told.text, *held), posts_to=posts_to)


async def _probe(
    opened: Opened, entry: Entry, account: AccountRow, plugin: AnyAssistant, at_provider: AnyAccount
) -> list[Finding]:
    try:
        async with asyncio.timeout(PROBING):
            able = await guard.awaited(plugin, entry.tenant.slug, "probe", given.abilities, at_provider)
    except NotOffered:
        return []
    except CannotTell as error:
        return [Finding("warning", str(error), _AGAIN)]
    except TimeoutError:
        return [Finding("warning", f"The model could not be tried within {PROBING:g} s.", _AGAIN)]
    except PluginFailed as error:
        return [Finding("warning", f"What its model can do could not be tried: {plugin.name} {error.told}.")]
    async with opened.pool.acquire() as connection:
        await accounts.note_abilities(connection, entry.tenant.id, account.id, able)
    return _told(able)


def _told(able: Abilities) -> list[Finding]:
    tools = (
        Finding("ok", "The model can call tools.")
        if able.tools
        else Finding(
            "warning",
            "The model cannot call tools: it is asked without them, and answers from what it is told.",
            "Another model, or another setting of its server, can; then `conserje account check`.",
        )
    )
    form = "can" if able.schema else "cannot"
    return [tools, Finding("ok", f"The model {form} answer in the form of a JSON Schema.")]


async def found(opened: Opened, slug: str, name: str, address: str) -> tuple[Entry, AccountRow]:
    """The tenant, and its account. Raises TenantError."""
    if (known := await accounts.find(opened.pool, "slug", slug)) is None:
        raise TenantError(f"There is no tenant {slug}: see `conserje tenant list`.", "slug")
    entry = Entry(*known)
    account = next((each for each in entry.accounts_of(name) if each.address == address), None)
    if account is None:
        raise no_account(name, address)
    return entry, account


def urls(opened: Opened, slug: str, plugin: AnyChannel) -> Urls:
    """Where the provider has to post."""
    place = f"{opened.settings.tenant_url(slug)}/bot/{plugin.name}"
    return Urls(f"{place}/webhook", f"{place}/status")
