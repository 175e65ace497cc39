"""A tenant's accounts: how each is, what to do about it, and where its provider brings messages."""

from __future__ import annotations

import asyncio
from functools import partial
from http import HTTPStatus
from typing import Literal

from conserje.contract.channel import Channel, offers
from conserje.conversations import contacts
from conserje.operations import checkup, destination, enrolment
from conserje.operations.checkup import BeingChecked
from conserje.operations.destination import NotConfigured, PostsElsewhere
from conserje.plugins.guard import AnyPlugin
from conserje.storage.scope import acting_for_all
from conserje.tenants import accounts
from conserje.tenants.accounts import AccountRow, WhenUncertain
from conserje.tenants.entry import AccountUnusable
from conserje.tenants.keyring import VaultError
from conserje_edge.console.asked import Asked
from conserje_edge.console.place import See, Seen, deed, view
from conserje_edge.console.refusal import Refusal
from conserje_edge.console.start import inputs, standing
from conserje_edge.console.start.findings import words
from conserje_edge.console.start.guides import guide_of, named
from conserje_edge.console.start.standing import Standing, plugin_of, row_of

Posting = Literal["", "nowhere", "elsewhere", "weakly"]
LONGEST_LOOK = 50.0  # seconds: a model may have to be loaded first, and nginx waits for 60
VERIFY_TOKEN = "verify_token"  # noqa: S105 - the name of what a provider has to be told of ours


@view("account.read")
async def listed(asked: Asked) -> Seen:
    """All of them, the ones that people write to first."""
    async with asked.context.pool.acquire() as connection:
        found = await standing.all_of(asked, connection)
    return Seen("start/accounts.html", {"found": found, "guide_of": guide_of, "words": partial(words, asked)})


@view("account.read")
async def show(asked: Asked, account_id: int) -> Seen:
    return await _shown(asked, account_id)


async def _shown(
    asked: Asked, account_id: int, *, error: dict[str, str] | None = None, verify_token: str = ""
) -> Seen:
    async with asked.context.pool.acquire() as connection:
        found = await standing.all_of(asked, connection)
        used = await contacts.have_written(connection, asked.tenant.id, account_id)
    one = next((each for each in found if each.row.id == account_id), None)
    if one is None:
        raise Refusal(HTTPStatus.NOT_FOUND)
    plugin = _installed(asked, one.row)
    channel = plugin if isinstance(plugin, Channel) else None
    webhook = enrolment.webhook_of(asked.context, asked.tenant.slug, channel)
    values = {
        "one": one,
        "words": partial(words, asked),
        "used": used,
        "guide": guide_of(one.row.channel),
        "plugin": plugin,
        "webhook": webhook,
        "configures": isinstance(plugin, Channel) and offers(plugin, "configure"),
        "may_resend": enrolment.may_resend(plugin),
        "asks_token": plugin is not None and VERIFY_TOKEN in plugin.Credentials.model_fields,
        "verify_token": verify_token,
        "posting": _posting(one, webhook),
        "elsewhere": destination.elsewhere(one.check.findings) if one.check else None,
        "inputs": inputs.inputs(asked, plugin, "settings", one.row.settings, anew=False) if plugin else [],
        "errors": error or {},
    }
    return Seen("start/account.html", values, 422 if error else 200)


def _posting(one: Standing, webhook: str | None) -> Posting:
    """What is to be asked of where messages go; nothing where they come by another way."""
    findings = one.check.findings if one.check else ()
    if (place := destination.elsewhere(each for each in findings if each.level == "error")) is None:
        return "weakly" if destination.elsewhere(findings) == webhook else ""
    return "elsewhere" if place not in ("", webhook) else "nowhere"


def _installed(asked: Asked, row: AccountRow) -> AnyPlugin | None:
    try:
        return plugin_of(asked, row.channel)
    except Refusal:
        return None


@deed("account.change")
async def change(asked: Asked, account_id: int) -> See | Seen:
    """Its settings, which are looked at, and then its account."""
    row = await row_of(asked, account_id)
    plugin = plugin_of(asked, row.channel)
    settings = inputs.typed(asked, plugin, "settings")
    try:
        async with acting_for_all(asked.context.pool) as scope:
            await enrolment.change(
                asked.context, scope.connection, asked.tenant, plugin, row.address, settings=settings
            )
            asked.of = _name(row)
            asked.before, asked.after = {"settings": row.settings}, {"settings": settings}
            await asked.audit(scope.connection)
    except AccountUnusable as error:
        return await _shown(asked, account_id, error=inputs.wrong(asked, guide_of(row.channel), error))
    asked.context.directory.changed(asked.tenant.id)
    await _look(asked, row, plugin)
    return See(asked.to("accounts", account_id))


@deed("account.check")
async def check(asked: Asked, account_id: int) -> See:
    """Ask the provider; what is held for one that was ill is tried again."""
    row = await row_of(asked, account_id)
    await _look(asked, row, plugin_of(asked, row.channel))
    asked.of = _name(row)
    async with asked.context.pool.acquire() as connection, connection.transaction():
        await asked.audit(connection)
    return See(asked.to("start") if asked.given("back") == "start" else asked.to("accounts", account_id))


async def _look(asked: Asked, row: AccountRow, plugin: AnyPlugin) -> None:
    try:
        with checkup.alone(asked.tenant.id):
            async with asyncio.timeout(LONGEST_LOOK):
                await checkup.check(asked.context, asked.tenant, plugin, row.address)
    except TimeoutError:
        asked.flash(asked._("Its provider takes too long to answer: check it again later."), "warn")
    except BeingChecked:
        asked.flash(asked._("Another of your numbers is being checked: try again in a moment."), "warn")


@deed("account.change")
async def post_here(asked: Asked, account_id: int) -> See:
    """Have the provider bring messages here, instead of where the person was shown that it does."""
    row, before = await row_of(asked, account_id), asked.given("instead_of")
    plugin = plugin_of(asked, row.channel)
    if not isinstance(plugin, Channel):
        raise Refusal(HTTPStatus.NOT_FOUND)
    asked.of, asked.before = _name(row), {"posts_to": before}
    asked.after = {"posts_to": enrolment.webhook_of(asked.context, asked.tenant.slug, plugin)}
    async with asked.context.pool.acquire() as connection, connection.transaction():
        await asked.audit(connection)  # before it is done: what another machine does cannot be undone
    try:
        with checkup.alone(asked.tenant.id):
            await destination.take(asked.context, asked.tenant.slug, plugin, row.address, before)
        asked.flash(asked._("Messages come here from now on."))
    except PostsElsewhere:
        asked.flash(
            asked._("It brings messages somewhere else by now: look at where, and decide anew."), "warn"
        )
    except BeingChecked:
        asked.flash(asked._("Another of your numbers is being checked: try again in a moment."), "warn")
    except (NotConfigured, AccountUnusable) as error:
        asked.flash(asked._("Its provider could not be told: %(why)s", why=str(error)), "bad")
    return See(asked.to("accounts", account_id))


@deed("account.change", transaction="core")
async def set_status(asked: Asked, account_id: int) -> See:
    """On or off; what contacts write to one that is off is not kept."""
    row = await row_of(asked, account_id)
    status: Literal["active", "suspended"] = "suspended" if asked.given("off") else "active"
    place = (asked.connection, asked.tenant.id, row.channel, row.address)
    await accounts.change(*place, status=status)
    asked.of, asked.before, asked.after = _name(row), {"status": row.status}, {"status": status}
    return See(asked.to("accounts", account_id))


@deed("account.change", transaction="core")
async def set_uncertain(asked: Asked, account_id: int) -> See:
    """What becomes of a message of which nobody knows whether it was sent, where nobody can be asked."""
    row = await row_of(asked, account_id)
    if not enrolment.may_resend(plugin_of(asked, row.channel)):
        raise Refusal(HTTPStatus.NOT_FOUND)
    uncertain: WhenUncertain = "resend" if asked.given("uncertain") == "resend" else "hold"
    place = (asked.connection, asked.tenant.id, row.channel, row.address)
    await accounts.change(*place, uncertain=uncertain)
    asked.of = _name(row)
    asked.before, asked.after = {"uncertain": row.uncertain}, {"uncertain": uncertain}
    return See(asked.to("accounts", account_id))


@deed("account.change")
async def show_token(asked: Asked, account_id: int) -> Seen:
    """The word by which the provider's greeting is known, which its page has to be told."""
    row = await row_of(asked, account_id)
    if row.credentials is None:
        raise Refusal(HTTPStatus.NOT_FOUND)
    async with asked.context.pool.acquire() as connection, connection.transaction():
        place = (asked.tenant, row.channel, row.address, row.credentials)
        try:
            given = await enrolment.unsealed(asked.context, connection, *place)
        except VaultError:
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE) from None
        asked.of = _name(row)
        await asked.audit(connection)
    return await _shown(asked, account_id, verify_token=str(given.get(VERIFY_TOKEN) or ""))


@view("account.change")
async def ask_to_remove(asked: Asked, account_id: int) -> Seen:
    row = await row_of(asked, account_id)
    values = {"row": row, "name": named(row.channel, row.address), "guide": guide_of(row.channel)}
    return Seen("start/remove.html", values)


@deed("account.change", transaction="core")
async def remove(asked: Asked, account_id: int) -> See:
    """With all its conversations."""
    row = await row_of(asked, account_id)
    await accounts.remove(asked.connection, asked.tenant.id, row.channel, row.address)
    asked.of, asked.before = _name(row), {"settings": row.settings, "status": row.status}
    asked.flash(
        asked._("%(address)s is removed, with its conversations.", address=named(row.channel, row.address))
    )
    return See(asked.to("accounts"))


def _name(row: AccountRow) -> str:
    return f"account {row.channel} {row.address}"
