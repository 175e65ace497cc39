"""`conserje lead`: what contacts want of tenants' people."""

from __future__ import annotations

from dataclasses import asdict
from datetime import tzinfo
from typing import Any, cast

import click

from conserje.cli.table import json_option, show_fields, show_json, show_rows
from conserje.cli.times import zone
from conserje.installation import Installation, with_installation
from conserje.leads import table as leads
from conserje.leads.table import Listed, State
from conserje.notices import giving
from conserje.storage.scope import acting_for
from conserje.tenants import tenants
from conserje.tenants.tenants import Tenant

lead_id = click.argument("lead_id", metavar="ID", type=click.IntRange(1, 2**63 - 1))


@click.group()
def lead() -> None:
    """List and show what contacts want of a tenant's people; give it to another, or close it."""


async def _tenant(installation: Installation, slug: str) -> Tenant:
    async with installation.pool.acquire() as connection:
        return await tenants.get(connection, slug)


@lead.command("list")
@click.argument("slug")
@click.option("--open", "state", flag_value="open", help="Only those that are open.")
@click.option("--closed", "state", flag_value="closed", help="Only those that are closed.")
@click.option("--person", metavar="NAME", help="Only those of this person.")
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="The most to show."
)
@json_option
@with_installation
async def list_leads(
    installation: Installation, slug: str, state: str | None, person: str | None, limit: int, as_json: bool
) -> None:
    """List the leads of a tenant, the newest first.

    \b
    Example:
      conserje lead list acme --open --person "Ana Soto"
    """
    tenant = await _tenant(installation, slug)
    async with acting_for(installation.pool, tenant.id) as scope:
        found = await leads.list_all(scope.connection, tenant.id, cast(State | None, state), person, limit)
    rows = [_fields(each, zone(tenant)) for each in found]
    shown = ("id", "state", "wanted", "name", "contact", "phone", "call_at", "person", "at")
    if not as_json:
        rows = [{name: row[name] for name in shown} for row in rows]
    show_rows(rows, as_json, f"{slug} has no such leads.")


@lead.command()
@click.argument("slug")
@lead_id
@json_option
@with_installation
async def show(installation: Installation, slug: str, lead_id: int, as_json: bool) -> None:
    """Show one lead.

    \b
    Example:
      conserje lead show acme 12
    """
    tenant = await _tenant(installation, slug)
    async with acting_for(installation.pool, tenant.id) as scope:
        fields = _fields(await leads.get(scope.connection, tenant.id, lead_id), zone(tenant))
    show_json(fields) if as_json else show_fields(fields)


@lead.command()
@click.argument("slug")
@lead_id
@click.argument("person")
@json_option
@with_installation
async def give(installation: Installation, slug: str, lead_id: int, person: str, as_json: bool) -> None:
    """Give an open lead to a person of the tenant, who is told.

    \b
    Example:
      conserje lead give acme 12 "Ana Soto"
    """
    tenant = await _tenant(installation, slug)
    async with acting_for(installation.pool, tenant.id) as scope:
        given = await giving.give(scope, tenant, lead_id, person)
    if as_json:
        show_json(_fields(given, zone(tenant)))
        return
    click.echo(f"Lead {lead_id} of {slug} is {person}'s.")


@lead.command()
@click.argument("slug")
@lead_id
@json_option
@with_installation
async def close(installation: Installation, slug: str, lead_id: int, as_json: bool) -> None:
    """Close a lead: what was wanted is done, or wanted no longer.

    \b
    Example:
      conserje lead close acme 12
    """
    tenant = await _tenant(installation, slug)
    async with acting_for(installation.pool, tenant.id) as scope:
        await leads.close(scope.connection, tenant.id, lead_id)
        closed = await leads.get(scope.connection, tenant.id, lead_id)
    if as_json:
        show_json(_fields(closed, zone(tenant)))
        return
    click.echo(f"Lead {lead_id} of {slug} is closed.")


def _fields(found: Listed, clock: tzinfo) -> dict[str, Any]:
    fields = asdict(found)
    times = {"at": "created_at", "given": "given_at", "closed": "closed_at"}
    said = {
        name: at and f"{at.astimezone(clock):%Y-%m-%d %H:%M:%S}"
        for name, at in ((name, fields.pop(column)) for name, column in times.items())
    }
    return fields | said
