"""How an account is, in a word and a sentence for its owner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from conserje.conversations import illness
from conserje.operations import enrolment, first_steps
from conserje.operations.first_steps import Step
from conserje.plugins.guard import AnyPlugin
from conserje.plugins.plugins import PluginMissing
from conserje.storage.database import Connection
from conserje.tenants import accounts, checks
from conserje.tenants.accounts import AccountRow
from conserje.tenants.checks import Check
from conserje.tenants.refusals import Missing
from conserje_edge.console.asked import Asked
from conserje_edge.console.languages import N_
from conserje_edge.console.refusal import Refusal
from conserje_edge.console.start.guides import named


@dataclass(frozen=True, slots=True)
class Said:
    """A badge, and what it means and asks for."""

    kind: str
    word: str
    text: str = ""


SAID: Mapping[str, Said] = {
    "": Said("good", N_("Well")),
    "inactive": Said("calm", N_("Inactive"), N_("It takes and sends nothing until you switch it on again.")),
    "no-channel": Said(
        "bad", N_("Not installed"), N_("What it needs is not installed: ask whoever runs this for you.")
    ),
    "ill": Said(
        "bad",
        N_("Ill"),
        N_("Its provider takes none of your messages until this is mended. They are kept, and leave then."),
    ),
    "unchecked": Said("warn", N_("Not checked"), N_("Nobody has asked its provider yet: check it.")),
    "unasked": Said(
        "warn", N_("No answer"), N_("Its provider could not be asked. Check it again in some minutes.")
    ),
    "elsewhere": Said("bad", N_("No messages come"), N_("Its provider does not bring messages here.")),
    "refused": Said("bad", N_("Refused"), N_("Its provider says that something is wrong with it.")),
    "none": Said("warn", N_("None yet")),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """An account with how it is; `check` is the last one, none since it was changed."""

    row: AccountRow
    step: Step
    check: Check | None
    is_at_provider: bool

    @property
    def name(self) -> str:
        return named(self.row.channel, self.row.address)

    @property
    def said(self) -> Said:
        return SAID[self.step.why]


async def all_of(asked: Asked, connection: Connection) -> list[Standing]:
    """All accounts of the tenant but those that every tenant has."""
    plugins, tenant_id = asked.context.plugins, asked.tenant.id
    ill = await illness.list_all(connection, tenant_id)
    checked = await checks.list_all(connection, tenant_id)
    return [
        Standing(
            row,
            first_steps.of_account(plugins, row, ill.get(row.id), checked.get(row.id)),
            checked.get(row.id),
            first_steps.is_at_provider(plugins, row),
        )
        for row in await accounts.list_all(connection, tenant_id)
        if not (row.channel in plugins.channels and plugins.channels[row.channel].per_tenant)
    ]


async def row_of(asked: Asked, account_id: int) -> AccountRow:
    """Raises Refusal, also for another tenant's."""
    try:
        async with asked.context.pool.acquire() as connection:
            return await accounts.get(connection, asked.tenant.id, account_id)
    except Missing:
        raise Refusal(HTTPStatus.NOT_FOUND) from None


def plugin_of(asked: Asked, name: str) -> AnyPlugin:
    """What an account is of. Raises Refusal, also for what every tenant has."""
    try:
        plugin = enrolment.plugin_of(asked.context.plugins, name)
    except PluginMissing:
        raise Refusal(HTTPStatus.NOT_FOUND) from None
    if enrolment.is_made_by_core(plugin):
        raise Refusal(HTTPStatus.NOT_FOUND)
    return plugin
