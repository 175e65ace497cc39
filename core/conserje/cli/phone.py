"""`conserje tenant phone`: whose messages are a tenant's where the request names none."""

from __future__ import annotations

import click

from conserje.installation import Installation, with_installation
from conserje.tenants import phones, tenants


@click.group()
def phone() -> None:
    """Let a phone's messages to `POST /webhook` be a tenant's."""


@phone.command()
@click.argument("slug")
@click.argument("phone")
@with_installation
async def add(installation: Installation, slug: str, phone: str) -> None:
    """Add a phone to a tenant.

    \b
    Example:
      conserje tenant phone add acme +56912345678
    """
    phone = phones.normalised(phone)
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
        await phones.add(connection, tenant.id, phone)
    click.echo(f"{phone} writes to {slug}.")


@phone.command()
@click.argument("slug")
@click.argument("phone")
@with_installation
async def remove(installation: Installation, slug: str, phone: str) -> None:
    """Remove a phone from a tenant.

    \b
    Example:
      conserje tenant phone remove acme +56912345678
    """
    phone = phones.normalised(phone)
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
        await phones.remove(connection, tenant.id, phone)
    click.echo(f"{phone} no longer writes to {slug}.")
