"""First steps: what a new tenant has to do until it answers, as its rows have it; nobody ticks anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from conserje.contract.channel import AnyChannel, offers
from conserje.conversations import contacts, illness
from conserje.conversations.illness import Illness
from conserje.installation import Opened
from conserje.net.mail import MailFailed, MailServer
from conserje.operations import destination, enrolment
from conserje.plugins.plugins import Plugins
from conserje.settings import Settings
from conserje.shop import knowledge, products
from conserje.storage.database import Connection
from conserje.tenants import accounts, checks, people
from conserje.tenants.accounts import AccountRow
from conserje.tenants.checks import Check
from conserje.tenants.tenants import Tenant

Name = Literal["look", "hours", "products", "knowledge", "account", "page", "people"]
State = Literal["ok", "todo", "failed"]


@dataclass(frozen=True, slots=True)
class Step:
    """A step; `why` is a word for what is to do, or was found, `said` the provider's own sentence of it."""

    name: Name
    state: State
    why: str = ""
    said: str = ""
    at: datetime | None = None  # when it was looked at, where that was not now
    account_id: int | None = None


async def read(opened: Opened, connection: Connection, tenant: Tenant) -> list[Step]:
    """All of them, in the order in which they are best done."""
    listed = await accounts.list_all(connection, tenant.id)
    page = _page(opened.plugins)
    own = next((each for each in listed if page and each.channel == page.name), None)
    steps = [
        _step("hours", tenant.hours is not None),
        _step("products", await products.has_any(connection, tenant.id)),
        _step("knowledge", await knowledge.has_any(connection, tenant.id)),
        await _account(opened, connection, tenant, listed),
    ]
    if page:
        steps.insert(0, _step("look", own is not None and bool(own.settings.get("logo"))))
        written = own is not None and await contacts.have_written(connection, tenant.id, own.id)
        steps.append(_step("page", written))
    return [*steps, await _people(opened.settings, connection, tenant)]


def _step(name: Name, is_done: bool) -> Step:
    return Step(name, "ok" if is_done else "todo")


def _page(plugins: Plugins) -> AnyChannel | None:
    """The channel that is every tenant's page."""
    pages = (each for each in plugins.channels.values() if each.per_tenant and offers(each, "pages"))
    return next(pages, None)


async def _account(
    opened: Opened, connection: Connection, tenant: Tenant, listed: Iterable[AccountRow]
) -> Step:
    """The best that can be said of one of its accounts at a provider."""
    ill = await illness.list_all(connection, tenant.id)
    checked = await checks.list_all(connection, tenant.id)
    found = [
        of_account(opened.plugins, each, ill.get(each.id), checked.get(each.id))
        for each in listed
        if is_at_provider(opened.plugins, each)
    ]
    worth: Sequence[State] = ("ok", "failed", "todo")
    return min(found, key=lambda each: worth.index(each.state), default=Step("account", "todo", "none"))


def is_at_provider(plugins: Plugins, row: AccountRow) -> bool:
    """Whether contacts write to it: it is no key of an assistant's or a tool's, nor what every tenant has."""
    if row.channel in plugins.assistants or row.channel in plugins.tools:
        return False
    plugin = plugins.channels.get(row.channel)
    return plugin is None or not enrolment.is_made_by_core(plugin)


def of_account(plugins: Plugins, row: AccountRow, ill: Illness | None, check: Check | None) -> Step:
    """How an account is, as far as that is known."""
    at, id = check.at if check else None, row.id
    if not row.active:
        return Step("account", "todo", "inactive", account_id=id)
    if not any(row.channel in each for each in (plugins.channels, plugins.assistants, plugins.tools)):
        return Step("account", "failed", "no-channel", row.channel, account_id=id)
    if ill:
        return Step("account", "failed", "ill", ill.cause, ill.since, id)
    if check is None:
        return Step("account", "todo", "unchecked", account_id=id)
    if (place := destination.elsewhere(check.errors)) is not None and check.is_mendable:
        return Step("account", "failed", "elsewhere", place, at, id)
    if check.errors:
        return Step("account", "failed", "refused", check.errors[0].text, at, id)
    if not check.is_told:
        return Step("account", "todo", "unasked", check.findings[0].text, at, id)
    return Step("account", "ok", at=at, account_id=id)


async def _people(settings: Settings, connection: Connection, tenant: Tenant) -> Step:
    """Whether somebody is told that a contact waits."""
    if tenant.notice_url:
        return Step("people", "ok")
    if not tenant.notice_email and not await people.list_all(connection, tenant.id):
        return Step("people", "todo", "nobody")
    try:
        MailServer.of(settings)
    except MailFailed:
        return Step("people", "failed", "no-mail")
    return Step("people", "ok")
