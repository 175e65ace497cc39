"""`conserje person`: the people of tenants."""

from __future__ import annotations

from dataclasses import asdict
from typing import get_args

import click

from conserje.access import invitations, members
from conserje.access.signed import TenantRole
from conserje.cli.table import json_option, show_json, show_rows
from conserje.installation import Installation, with_installation
from conserje.storage.database import Connection
from conserje.tenants import people, phones, tenants

ROLES: tuple[TenantRole, ...] = get_args(TenantRole)


@click.group()
def person() -> None:
    """Add, list and remove a tenant's people: who comes in, or is given leads."""


@person.command()
@click.argument("slug")
@click.argument("name")
@click.argument("email")
@click.option("--phone", help="Like +56912345678.")
@click.option(
    "--role",
    type=click.Choice(ROLES),
    help="Let them come in at the console: owner does everything, agent answers contacts, reader looks.",
)
@json_option
@with_installation
async def add(
    installation: Installation,
    slug: str,
    name: str,
    email: str,
    phone: str | None,
    role: TenantRole | None,
    as_json: bool,
) -> None:
    """Add a person, or change the address of one: leads that are theirs are mailed to EMAIL.

    With --role it prints a link by which they come in once, and choose a password or a passkey.

    \b
    Example:
      conserje person add acme "Ana Soto" ana@acme.example --phone +56912345678 --role owner
    """
    number, link = phones.normalised(phone) if phone else None, None
    async with installation.pool.acquire() as connection, connection.transaction():
        tenant = await tenants.get(connection, slug)
        await people.add(connection, tenant.id, name, email, number)
        if role:
            link = await _invite(installation, connection, tenant.id, name, role)
    if as_json:
        described = {"tenant": slug, "name": name, "email": email, "phone": number, "role": role}
        show_json(described | {"link": link})
        return
    click.echo(f"{name} is of {slug}.")
    if link:
        click.echo(link)


async def _invite(
    installation: Installation, connection: Connection, tenant_id: int, name: str, role: TenantRole
) -> str | None:
    """The link; none for who comes in already, by their login."""
    person_id = await members.find(connection, tenant_id, name)
    await members.change_role(connection, tenant_id, person_id, role, by_operator=True)
    if (await members.get(connection, tenant_id, person_id)).has_login:
        return None
    made = await invitations.invite_person(connection, tenant_id, person_id)
    return f"{installation.settings.console_url}/invitation/{await invitations.make_link(connection, made)}"


@person.command("list")
@click.argument("slug")
@click.option("--all", "gone", is_flag=True, help="Also those who were removed and have leads.")
@json_option
@with_installation
async def list_people(installation: Installation, slug: str, gone: bool, as_json: bool) -> None:
    """List the people of a tenant, and how many leads of each are open.

    \b
    Example:
      conserje person list acme
    """
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
        rows = [asdict(each) for each in await people.list_all(connection, tenant.id, gone=gone)]
    show_rows(rows, as_json, f"{slug} has no people: `conserje person add {slug} NAME EMAIL` adds one.")


@person.command()
@click.argument("slug")
@click.argument("name")
@json_option
@with_installation
async def remove(installation: Installation, slug: str, name: str, as_json: bool) -> None:
    """Remove a person, who is given no more leads; those that are open stay theirs until they are given.

    \b
    Example:
      conserje person remove acme "Ana Soto"
    """
    async with installation.pool.acquire() as connection, connection.transaction():
        tenant = await tenants.get(connection, slug)
        left = await people.remove(connection, tenant.id, name)
    if as_json:
        show_json({"tenant": slug, "name": name, "open_leads": left})
        return
    click.echo(f"{name} is of {slug} no longer.")
    if left:
        click.echo(f"{left} leads are open still: `conserje lead list {slug} --person {name!r}`.", err=True)
