"""`conserje contact export` and `contact forget`: what a person may ask for."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import click

from conserje.cli.conversation import tenant_of
from conserje.cli.table import in_json, json_option, show_json
from conserje.conversations import contacts
from conserje.installation import Installation, with_installation
from conserje.storage.scope import acting_for

contact_id = click.argument("contact", metavar="ID", type=click.IntRange(1, 2**63 - 1))


@click.command()
@click.argument("slug")
@contact_id
@click.option(
    "--to", required=True, metavar="DIR|-", help="A new folder; - prints all but the files themselves."
)
@json_option
@with_installation
async def export(installation: Installation, slug: str, contact: int, to: str, as_json: bool) -> None:
    """Hand out all that is kept of a contact: JSON, and the files.

    Nobody but you can read the folder.

    \b
    Example:
      conserje contact export acme 7 --to ana
    """
    from conserje.operations import contact_export

    tenant = await tenant_of(installation, slug)
    place = (installation.pool, tenant.id, contact)
    if to == "-":
        await contact_export.write(*place, sys.stdout, in_json)
        return
    folder = Path(to)
    missing = await contact_export.write_folder(*place, folder, installation.settings.files, in_json)
    if as_json:
        show_json({"contact": contact, "folder": str(folder), "missing": list(missing)})
        return
    for name in missing:
        click.echo(f"The file {name!r} is not on this machine's disk.", err=True)
    click.echo(f"All that is kept of contact {contact} is in {folder}.")


@click.command()
@click.argument("slug")
@contact_id
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@with_installation
async def forget(installation: Installation, slug: str, contact: int, yes: bool, as_json: bool) -> None:
    """Forget a contact: what was said, names, addresses, files; nobody can bring it back.

    Whoever wanted no more messages gets none afterwards either. Backups made before now still hold it.

    \b
    Example:
      conserje contact forget acme 7
    """
    from conserje.operations import forgetting

    tenant = await tenant_of(installation, slug)
    async with acting_for(installation.pool, tenant.id) as scope:
        found = await contacts.get(scope.connection, tenant.id, contact)
    if not yes:
        known = ", ".join(filter(None, (found.name, *found.identities))) or "already forgotten"
        click.confirm(f"Forget contact {contact} ({known}) and all that was said?", abort=True, err=True)
    async with installation.pool.acquire() as connection:
        done = await forgetting.forget_everywhere(connection, installation.settings, tenant.id, contact)
    backups = forgetting.held_until(installation.settings)
    if as_json:
        show_json({"contact": contact, **dataclasses.asdict(done), "backups": backups})
        return
    click.echo(
        f"Contact {contact} is forgotten: {done.messages} messages, {done.files} files,"
        f" {done.spooled} events that waited in this machine's spool."
    )
    click.echo(backups)
