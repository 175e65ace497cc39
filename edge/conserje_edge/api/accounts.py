"""Accounts: a tenant's identities at its providers. Their credentials are written, and never read."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from conserje.contract.message import Template
from conserje.conversations import illness
from conserje.conversations.illness import Illness
from conserje.intake import reconcile
from conserje.intake.reconcile import Fetch
from conserje.operations import checkup, enrolment
from conserje.plugins.guard import AnyPlugin
from conserje.storage.database import Connection
from conserje.tenants import accounts
from conserje.tenants.accounts import AccountRow, WhenUncertain
from conserje.tenants.tenants import Status
from conserje_edge.api.asked import Asked
from conserje_edge.api.models import Given, Id, Shown, Time
from conserje_edge.api.operation import Place, operation
from conserje_edge.api.page import Number, Page, Paged, after, page
from conserje_edge.api.problem import problem

Address = Annotated[
    str, Field(min_length=1, max_length=200, description="The provider's name for the tenant.")
]
Settings = Annotated[dict[str, JsonValue], Field(description="As the channel has them.")]
Credentials = Annotated[
    dict[str, JsonValue], Field(description="As the channel, assistant or tool has them; all of them.")
]


class TemplateShown(Shown):
    """A template as which a reply leaves that is too late to leave as it is."""

    name: str
    language: str
    values: list[str]
    names: list[str]


class AccountShown(Shown):
    """An account, without its credentials."""

    id: Id
    channel: Annotated[
        str, Field(description="A channel, or an assistant or tool whose credentials these are.")
    ]
    address: str
    status: Status
    credentials: Literal["own", "operator"] = Field(description="Whose they are.")
    settings: dict[str, Any]
    window_template: TemplateShown | None
    uncertain: WhenUncertain = Field(
        description="What becomes of a message of which nobody knows whether it was sent."
    )
    webhook: str | None = Field(description="Where its provider has to post.")
    ill_since: Time | None
    ill_of: str | None
    fetched_at: Time | None = Field(description="When the provider was asked for what was missed.")
    fetch_failed: str | None


class NewAccount(Given):
    """An account that is to be added."""

    channel: Annotated[str, Field(min_length=1, max_length=40)]
    address: Address
    credentials: Credentials | None = None
    settings: Settings = Field(default_factory=dict)


class NewTemplate(Given):
    """A template for replies that are too late to leave as they are; `{text}` stands for the reply."""

    name: Annotated[str, Field(min_length=1, max_length=512)]
    language: Annotated[str, Field(max_length=20)] = ""
    values: Annotated[list[Annotated[str, Field(max_length=1000)]], Field(max_length=20)] = Field(
        default_factory=lambda: ["{text}"]
    )
    names: Annotated[
        list[Annotated[str, Field(pattern="^[A-Za-z0-9_]{1,64}$")]],
        Field(max_length=20, description="Of the values' places, where the provider names them."),
    ] = Field(default_factory=list)


class ChangedAccount(Given):
    """What changes of an account: what is not named stays."""

    address: Address = Field(default_factory=lambda: "", description="Its conversations stay.")
    settings: Settings = Field(default_factory=dict, description="Merged: null takes one away.")
    credentials: Credentials = Field(default_factory=dict, description="Instead of those that it has.")
    status: Status = Field(default_factory=lambda: "active")
    window_template: NewTemplate | None = None
    uncertain: WhenUncertain = Field(
        default_factory=lambda: "hold",
        description="`resend`: sent once more, where the channel cannot ask its provider.",
    )


class FindingShown(Shown):
    """What was found out about an account at its provider."""

    level: Literal["ok", "warning", "error"]
    text: str
    remedy: str


class Checked(Shown):
    """What a check found."""

    is_well: bool
    is_ill: bool = Field(description="Then the oldest of what is held for it is tried in some seconds.")
    findings: list[FindingShown]


@operation(scope="read")
async def list_accounts(asked: Asked, query: Paged) -> Page[AccountShown]:
    """List a tenant's accounts."""
    [place] = after(query, tuple[Number], (0,))
    async with asked.context.pool.acquire() as connection:
        found = await accounts.list_all(connection, asked.tenant.id)
        shown = await _showing(asked, connection)
    found = sorted((each for each in found if each.id > place), key=lambda each: each.id)
    return page(query, found[: query.limit + 1], shown, lambda each: (each.id,))


@operation(
    scope="admin",
    status=HTTPStatus.CREATED,
    transaction="core",
    errors=("taken", "refused", "operator-only"),
    tagged=True,
)
async def add_account(asked: Asked, body: NewAccount) -> AccountShown:
    """Add an account to a tenant.

    Its credentials are not tried: `check` does. A tenant's key adds none to a channel of which the operator
    has credentials for all, nor a server's address where the operator lets addresses in private networks be
    asked.
    """
    plugin = enrolment.plugin_of(asked.context.plugins, body.channel)
    address = enrolment.address_of(plugin, asked.tenant.slug, body.address)
    _refuse_operators(asked, plugin, address)
    credentials = None if body.credentials is None else json.dumps(body.credentials).encode()
    await enrolment.add(
        asked.context, asked.connection, asked.tenant, plugin, address,
        settings=body.settings, credentials=credentials,
    )  # fmt: skip
    added = await _at(asked, body.channel, address)
    asked.headers["location"] = f"/api/v1/tenants/{asked.tenant.slug}/accounts/{added.id}"
    return added


@operation(scope="read", tagged=True)
async def show_account(asked: Asked, id: Id) -> AccountShown:
    """Show an account."""
    async with asked.context.pool.acquire() as connection:
        shown = await _showing(asked, connection)
        return shown(await accounts.get(connection, asked.tenant.id, id))


@operation(
    scope="admin",
    transaction="core",
    errors=("taken", "refused", "operator-only", "changed-meanwhile"),
    tagged=True,
)
async def change_account(asked: Asked, id: Id, body: ChangedAccount) -> AccountShown:
    """Change an account: settings are merged, credentials are replaced, conversations stay."""
    connection, tenant = asked.connection, asked.tenant
    row = await accounts.get(connection, tenant.id, id, lock=True)
    asked.match((await _showing(asked, connection))(row))
    plugin = enrolment.plugin_of(asked.context.plugins, row.channel)
    given = body.model_fields_set
    await enrolment.change(
        asked.context, connection, tenant, plugin, row.address,
        settings=body.settings if "settings" in given else None,
        credentials=json.dumps(body.credentials).encode() if "credentials" in given else None,
        status=body.status if "status" in given else None,
        window_template=_template(body.window_template) if "window_template" in given else None,
        uncertain=body.uncertain if "uncertain" in given else None,
    )  # fmt: skip
    if "address" in given:
        await _move(asked, plugin, row, body.address)
    return (await _showing(asked, connection))(await accounts.get(connection, tenant.id, id))


def _refuse_operators(asked: Asked, plugin: AnyPlugin, address: str) -> None:
    """Raises NotTheTenants for what a tenant cannot say."""
    if asked.caller.tenant_id is not None:
        enrolment.refuse_claim(plugin)
        enrolment.refuse_inside(asked.context.settings, address)


async def _move(asked: Asked, plugin: AnyPlugin, row: AccountRow, written: str) -> None:
    address = enrolment.address_of(plugin, asked.tenant.slug, written)
    if address == row.address:
        return
    _refuse_operators(asked, plugin, address)
    enrolment.refuse_place(plugin, address, {})
    place = (asked.connection, asked.context.vault, asked.tenant.id, row.channel, row.address)
    await accounts.move(*place, address)


@operation(scope="admin", status=HTTPStatus.NO_CONTENT, transaction="core", errors=("changed-meanwhile",))
async def remove_account(asked: Asked, id: Id) -> None:
    """Remove an account with all its conversations."""
    row = await accounts.get(asked.connection, asked.tenant.id, id, lock=True)
    asked.match((await _showing(asked, asked.connection))(row))
    await accounts.remove(asked.connection, asked.tenant.id, row.channel, row.address)


@operation(scope="admin", errors=("being-checked", "refused"))
async def check_account(asked: Asked, id: Id) -> Checked:
    """Ask the provider whether an account is well; what is held for one that was ill is tried again.

    A provider has 20 s to answer, a model 90 s more. A tenant's accounts are checked one by one.
    """
    async with asked.context.pool.acquire() as connection:
        row = await accounts.get(connection, asked.tenant.id, id)
    plugin = enrolment.plugin_of(asked.context.plugins, row.channel)
    with checkup.alone(asked.tenant.id):
        found, is_ill = await checkup.check(asked.context, asked.tenant, plugin, row.address)
    findings = [FindingShown(level=each.level, text=each.text, remedy=each.remedy) for each in found]
    return Checked(is_well=all(each.level != "error" for each in found), is_ill=is_ill, findings=findings)


def _template(given: NewTemplate | None) -> Template | Literal[""]:
    if given is None:
        return ""
    if given.names and len(given.names) != len(given.values):
        raise problem("refused", "Some places of the template have names: give each of its values one.")
    return Template(given.name, given.language, tuple(given.values), names=tuple(given.names))


async def _at(asked: Asked, channel: str, address: str) -> AccountShown:
    listed = await accounts.list_all(asked.connection, asked.tenant.id)
    [row] = [each for each in listed if (each.channel, each.address) == (channel, address)]
    return (await _showing(asked, asked.connection))(row)


class _Showing:
    """Shows accounts of a tenant, with how they are."""

    def __init__(self, asked: Asked, fetches: dict[int, Fetch], ill: dict[int, Illness]) -> None:
        self._asked = asked
        self._fetches = fetches
        self._ill = ill

    def __call__(self, row: AccountRow) -> AccountShown:
        context, fetch, ill = self._asked.context, self._fetches.get(row.id), self._ill.get(row.id)
        template = row.window_template
        return AccountShown(
            id=row.id,
            channel=row.channel,
            address=row.address,
            status=row.status,
            credentials="own" if row.credentials else "operator",
            settings=row.settings,
            window_template=TemplateShown(
                name=template.name,
                language=template.language,
                values=list(template.values),
                names=list(template.names),
            )
            if template
            else None,
            uncertain=row.uncertain,
            webhook=enrolment.webhook_of(
                context, self._asked.tenant.slug, context.plugins.channels.get(row.channel)
            ),
            ill_since=ill.since if ill else None,
            ill_of=ill.cause if ill else None,
            fetched_at=fetch.fetched_at if fetch else None,
            fetch_failed=fetch.cause if fetch else None,
        )


async def _showing(asked: Asked, connection: Connection) -> _Showing:
    fetches = await reconcile.list_all(connection, asked.tenant.id)
    return _Showing(asked, fetches, await illness.list_all(connection, asked.tenant.id))


PLACES = (
    Place("/tenants/{slug}/accounts", {"GET": list_accounts, "POST": add_account}),
    Place(
        "/tenants/{slug}/accounts/{id}",
        {"GET": show_account, "PATCH": change_account, "DELETE": remove_account},
    ),
    Place("/tenants/{slug}/accounts/{id}/check", {"POST": check_account}),
)
