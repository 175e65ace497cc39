"""`conserje login`: who comes in at the console to run the installation."""

from __future__ import annotations

from dataclasses import asdict
from typing import get_args

import click

from conserje.access import invitations, logins
from conserje.access.signed import OperatorRole
from conserje.cli.table import json_option, show_json, show_rows
from conserje.installation import Installation, with_installation

ROLES: tuple[OperatorRole, ...] = get_args(OperatorRole)


@click.group()
def login() -> None:
    """Invite, list and remove who runs the installation; make links that sign in."""


@login.command()
@click.argument("email")
@click.option("--name", help="What they are called. [default: EMAIL]")
@click.option(
    "--role",
    type=click.Choice(ROLES),
    default="operator",
    help="What they may do: an owner everything, a reader looks. [default: operator]",
)
@json_option
@with_installation
async def add(
    installation: Installation, email: str, name: str | None, role: OperatorRole, as_json: bool
) -> None:
    """Invite somebody: print a link by which they come in once, and choose a password or a passkey.

    \b
    Example:
      conserje login add olga@agency.example --name "Olga Vera" --role owner
    """
    async with installation.pool.acquire() as connection, connection.transaction():
        made = await invitations.invite_operator(connection, email, name or email, role)
        token = await invitations.make_link(connection, made)
    _show(installation, "invitation", email, token, as_json)


@login.command("list")
@json_option
@with_installation
async def list_logins(installation: Installation, as_json: bool) -> None:
    """List those who run the installation; of tenants' people, `conserje person list` does.

    \b
    Example:
      conserje login list
    """
    async with installation.pool.acquire() as connection:
        found = await logins.operators(connection)
    hidden = ("id", "language")
    rows = [{name: value for name, value in asdict(each).items() if name not in hidden} for each in found]
    show_rows(
        rows, as_json, "Nobody runs it at the console: `conserje login add EMAIL --role owner` invites."
    )


@login.command()
@click.argument("email")
@json_option
@with_installation
async def remove(installation: Installation, email: str, as_json: bool) -> None:
    """Remove a login, an operator's or of tenants' people: nobody comes in by it any more, at once.

    \b
    Example:
      conserje login remove olga@agency.example
    """
    async with installation.pool.acquire() as connection, connection.transaction():
        found = await logins.called(connection, email)
        await logins.remove(connection, found.id)
    if as_json:
        show_json({"email": found.email})
        return
    click.echo(f"{found.email} comes in no more.")


@login.command()
@click.argument("email")
@json_option
@with_installation
async def link(installation: Installation, email: str, as_json: bool) -> None:
    """Print a link that signs a login in, once, within an hour: for who has lost password and passkeys.

    \b
    Example:
      conserje login link olga@agency.example
    """
    async with installation.pool.acquire() as connection, connection.transaction():
        token = await invitations.offer_link(connection, email)
    _show(installation, "link", email, token, as_json)


def _show(installation: Installation, kind: invitations.Kind, email: str, token: str, as_json: bool) -> None:
    url = f"{installation.settings.console_url}/{kind}/{token}"
    if as_json:
        show_json({"email": email, "link": url})
        return
    hours = int(invitations.LASTS[kind].total_seconds() // 3600)
    click.echo(url)
    click.echo(f"For {email} alone, once, within {hours} h: whoever has the link comes in.", err=True)
