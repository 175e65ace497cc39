"""`conserje person`: the people of tenants."""

from __future__ import annotations

from dataclasses import asdict

import click

from conserje.cli.table import json_option, show_json, show_rows
from conserje.installation import Installation, with_installation
from conserje.tenants import people, phones, tenants


@click.group()
def person() -> None:
    """Add, list and remove the people of a tenant, who are given leads."""


@person.command()
@click.argument("slug")
@click.argument("name")
@click.argument("email")
@click.option("--phone", help="Like +56912345678.")
@json_option
@with_installation
async def add(
    installation: Installation, slug: str, name: str, email: str, phone: str | None, as_json: bool
) -> None:
    """Add a person, or change the address of one: leads that are theirs are mailed to EMAIL.

    \b
    Example:
      conserje person add acme "Ana Soto" ana@acme.example --phone +56912345678
    """
    number = phones.normalised(phone) if phone else None
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
        await people.add(connection, tenant.id, name, email, number)
    if as_json:
        show_json({"tenant": slug, "name": name, "email": email, "phone": number})
        return
    click.echo(f"{name} is of {slug}.")


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
