"""`conserje contact`: who has written to a tenant."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

import click

from conserje.cli.conversation import STATES, clocked, tenant_of
from conserje.cli.rights import export, forget
from conserje.cli.table import json_option, show_fields, show_json, show_rows
from conserje.cli.times import zone
from conserje.conversations import contacts, handling
from conserje.conversations.contacts import ContactSeen
from conserje.installation import Installation, with_installation
from conserje.storage.scope import acting_for


@click.group()
def contact() -> None:
    """Look at who has written to a tenant; hand out all that is kept of one, or forget it."""


contact.add_command(export)
contact.add_command(forget)


@contact.command("list")
@click.argument("slug")
@click.option("--search", default="", metavar="TEXT", help="Only who has TEXT in the name or an address.")
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1, 5000), help="The most to show."
)
@json_option
@with_installation
async def list_contacts(
    installation: Installation, slug: str, search: str, limit: int, as_json: bool
) -> None:
    """List a tenant's contacts, who was heard of last first.

    \b
    Example:
      conserje contact list acme --search ana
    """
    tenant = await tenant_of(installation, slug)
    async with acting_for(installation.pool, tenant.id) as scope:
        found = await contacts.latest(scope.connection, tenant.id, search, limit)
    none = f"{slug} has no such contact." if search else f"Nobody has written to {slug} yet."
    show_rows([_fields(each, zone(tenant)) for each in found], as_json, none)


@contact.command()
@click.argument("slug")
@click.argument("contact", metavar="ID", type=click.IntRange(1, 2**63 - 1))
@json_option
@with_installation
async def show(installation: Installation, slug: str, contact: int, as_json: bool) -> None:
    """Show a contact, with the addresses and the conversations.

    \b
    Example:
      conserje contact show acme 7
    """
    tenant = await tenant_of(installation, slug)
    async with acting_for(installation.pool, tenant.id) as scope:
        found = await contacts.get(scope.connection, tenant.id, contact)
    clock = zone(tenant)
    talks = [
        {
            "id": each.id,
            "channel": each.channel,
            "account": each.account,
            "state": each.state if as_json else STATES[each.state],
            "at": clocked(each.last_at, clock),
        }
        for each in await handling.of_contact(installation.pool, tenant, contact)
    ]
    if as_json:
        show_json(_fields(found, clock) | {"conversations": talks})
    else:
        show_fields(_fields(found, clock))
        click.echo()
        none = "No conversation is left."
        show_rows(talks, False, none, alarming=lambda talk: talk["state"] == STATES["held"])


def _fields(found: ContactSeen, clock: tzinfo) -> dict[str, Any]:
    return {
        "id": found.id,
        "name": found.name,
        "phone": found.phone,
        "vouched": clocked(found.vouched_at, clock),
        "identities": found.identities,
        "since": clocked(found.since, clock),
        "last": clocked(found.last_at, clock),
    }
