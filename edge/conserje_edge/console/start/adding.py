"""A number is added, or gets other credentials: both are tried at the provider before anything is kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from conserje.contract.assistant import Assistant
from conserje.contract.channel import Channel
from conserje.errors import OperatorError
from conserje.operations import admission, enrolment
from conserje.operations.admission import NotAdmitted
from conserje.operations.checkup import BeingChecked
from conserje.operations.destination import PostsElsewhere
from conserje.operations.enrolment import NotTheTenants
from conserje.plugins.guard import AnyPlugin, PluginFailed
from conserje.storage.database import Connection
from conserje.storage.scope import acting_for_all
from conserje.tenants import accounts
from conserje.tenants.accounts import AccountRow
from conserje.tenants.entry import AccountUnusable
from conserje.tenants.keyring import VaultError
from conserje.tenants.patches import patched
from conserje.tenants.refusals import Taken, TenantError
from conserje_edge.console.asked import Asked
from conserje_edge.console.place import See, Seen, deed, view
from conserje_edge.console.start import inputs
from conserje_edge.console.start.findings import words
from conserje_edge.console.start.guides import guide_of, named
from conserje_edge.console.start.standing import plugin_of, row_of

_WRONG = (TenantError, AccountUnusable, BeingChecked, VaultError)
Keep = Callable[[Connection], Awaitable[None]]


@dataclass(frozen=True)
class Form:
    """What is asked for of an account, and what is wrong with what was typed."""

    plugin: AnyPlugin
    row: AccountRow | None = None  # none: it is a new one
    errors: Mapping[str, str] = field(default_factory=dict)
    refused: NotAdmitted | None = None
    sealed_for: str = ""

    def seen(self, asked: Asked) -> Seen:
        anew, settings = self.row is None, self.row.settings if self.row else {}
        guide, posted = guide_of(self.plugin.name), asked.request.method == "POST"
        values = {
            "form": self,
            "words": partial(words, asked),
            "name": named(self.row.channel, self.row.address) if self.row else "",
            "guide": guide,
            "kind": asked.given("kind") or (guide.kinds[0][0] if guide.kinds and not posted else ""),
            "is_key": not isinstance(self.plugin, Channel),
            "has_address": anew and not isinstance(self.plugin, Assistant),
            "inputs": [
                *inputs.inputs(asked, self.plugin, "credentials", {}, anew=anew),
                *(inputs.inputs(asked, self.plugin, "settings", settings, anew=anew) if anew else ()),
            ],
            "errors": self.errors,
            "refused": self.refused,
        }
        return Seen("start/add.html", values, 422 if posted else 200)


@view("account.change")
async def choose(asked: Asked) -> Seen:
    """By what people shall write."""
    plugins = asked.context.plugins
    offered = [(each, guide_of(each.name)) for each in plugins.channels.values() if not each.per_tenant]
    keys: list[AnyPlugin] = [*plugins.assistants.values(), *plugins.tools.values()]
    return Seen("start/choose.html", {"offered": offered, "keys": [each for each in keys if _has_key(each)]})


def _has_key(plugin: AnyPlugin) -> bool:
    try:
        return bool(inputs.asked_for(plugin, "credentials"))
    except PluginFailed:
        return False


@view("account.change")
async def new(asked: Asked, channel: str) -> Seen:
    """What the channel's account needs, and where that is found."""
    plugin = plugin_of(asked, channel)
    try:
        _refuse_claim(asked, plugin)
    except NotTheTenants:
        return Seen("start/theirs.html", {"guide": guide_of(channel)})
    return Form(plugin).seen(asked)


@deed("account.change")
async def add(asked: Asked, channel: str) -> See | Seen:
    plugin = plugin_of(asked, channel)
    try:
        _refuse_claim(asked, plugin)
        address = inputs.typed_address(asked, plugin)
        _refuse_inside(asked, address)
        await _refuse_taken(asked, plugin, address)
        settings = patched({}, inputs.typed(asked, plugin, "settings"))
        async with asked.context.pool.acquire() as connection, connection.transaction():
            credentials = await inputs.credentials(asked, connection, plugin)

        async def keep(connection: Connection) -> None:
            await enrolment.add(
                asked.context, connection, asked.tenant, plugin, address,
                settings=settings, credentials=credentials,
            )  # fmt: skip

        asked.after = {"channel": channel, "address": address, "settings": settings}
        return await _tried(asked, plugin, address, settings, credentials, keep)
    except NotAdmitted as refused:
        return Form(plugin, refused=refused, sealed_for=address).seen(asked)
    except Taken:
        told = {"address": asked._("This number is there already: open it in the list to change it.")}
        return Form(plugin, errors=told).seen(asked)
    except _WRONG as error:
        return Form(plugin, errors=_said(asked, plugin, error)).seen(asked)


@view("account.change")
async def other_credentials(asked: Asked, account_id: int) -> Seen:
    row = await row_of(asked, account_id)
    return Form(plugin_of(asked, row.channel), row).seen(asked)


@deed("account.change")
async def replace_credentials(asked: Asked, account_id: int) -> See | Seen:
    """What is left empty stays as it is."""
    row = await row_of(asked, account_id)
    plugin = plugin_of(asked, row.channel)
    try:
        async with asked.context.pool.acquire() as connection, connection.transaction():
            there = await _kept(asked, connection, row)
            credentials = await inputs.credentials(asked, connection, plugin, there)

        async def keep(connection: Connection) -> None:
            await enrolment.change(
                asked.context, connection, asked.tenant, plugin, row.address, credentials=credentials
            )

        asked.after = {"credentials": "others"}
        return await _tried(asked, plugin, row.address, row.settings, credentials, keep)
    except NotAdmitted as refused:
        return Form(plugin, row, refused=refused, sealed_for=row.address).seen(asked)
    except _WRONG as error:
        return Form(plugin, row, errors=_said(asked, plugin, error)).seen(asked)


async def _kept(asked: Asked, connection: Connection, row: AccountRow) -> dict[str, Any]:
    """The credentials that the account has, where they open."""
    if row.credentials is None:
        return {}
    place = (asked.tenant, row.channel, row.address, row.credentials)
    try:
        return await enrolment.unsealed(asked.context, connection, *place)
    except VaultError:
        return {}


async def _tried(
    asked: Asked,
    plugin: AnyPlugin,
    address: str,
    settings: Mapping[str, Any],
    credentials: bytes | None,
    keep: Keep,
) -> See:
    """Keep it once its provider takes it, or at the person's word; then look whether messages come."""
    context, tenant = asked.context, asked.tenant
    if not asked.given("anyway"):
        await admission.admit(context, tenant, plugin, address, settings=settings, credentials=credentials)
    asked.of = f"account {plugin.name} {address}"
    async with acting_for_all(context.pool) as scope:
        await keep(scope.connection)
        await asked.audit(scope.connection)
        [id] = [
            each.id
            for each in await accounts.list_all(scope.connection, tenant.id)
            if (each.channel, each.address) == (plugin.name, address)
        ]
    context.directory.changed(tenant.id)
    try:
        unsettled = await admission.settle(context, tenant, plugin, address)
    except BeingChecked:
        unsettled = None  # its page says that nobody has looked at it yet
    _flash(asked, unsettled)
    return See(asked.to("accounts", id))


def _flash(asked: Asked, unsettled: TenantError | None) -> None:
    if unsettled is None:
        asked.flash(asked._("It is kept."))
    elif isinstance(unsettled, PostsElsewhere):
        asked.flash(asked._("It is kept. One question is left: where messages go."), "warn")
    else:
        asked.flash(
            asked._(
                "It is kept, but messages do not come yet: %(why)s", why=words(asked, str(unsettled)).text
            ),
            "warn",
        )


async def _refuse_taken(asked: Asked, plugin: AnyPlugin, address: str) -> None:
    """Raises Taken, before anybody is asked."""
    async with asked.context.pool.acquire() as connection:
        listed = await accounts.list_all(connection, asked.tenant.id)
    if (plugin.name, address) in [(each.channel, each.address) for each in listed]:
        raise Taken("The tenant has this account already: change it.", "address")


def _refuse_claim(asked: Asked, plugin: AnyPlugin) -> None:
    """Raises NotTheTenants."""
    if not asked.person.operator_role and isinstance(plugin, Channel):
        enrolment.refuse_claim(plugin)


def _refuse_inside(asked: Asked, address: str) -> None:
    """Raises NotTheTenants."""
    if not asked.person.operator_role:
        enrolment.refuse_inside(asked.context.settings, address)


def _said(asked: Asked, plugin: AnyPlugin, error: OperatorError) -> dict[str, str]:
    if isinstance(error, BeingChecked):
        return {"": asked._("Another of your numbers is being checked: try again in a moment.")}
    if isinstance(error, NotTheTenants):
        return {"address": asked._("Whoever runs this for you gives this out: ask them.")}
    return inputs.wrong(asked, guide_of(plugin.name), error)
