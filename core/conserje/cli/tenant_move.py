"""`conserje tenant export` and `tenant import`: a tenant moves to another installation."""

from __future__ import annotations

import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from conserje.cli.table import json_option, show_json
from conserje.errors import OperatorError
from conserje.installation import Installation, with_installation

C = TypeVar("C", bound=Callable[..., Any])

NAMED = 5  # files that are not there
FOLDER = "exports"  # of the data directory: where a tenant is exported to that is removed

passphrase_option: Callable[[C], C] = click.option(
    "--passphrase-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file whose first line is the passphrase; without it you are asked.",
)


def read_passphrase(file: Path | None, *, new: bool) -> str:
    """Raises OperatorError for a file that others can read."""
    if file is None:
        return str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=new, err=True))
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise OperatorError(f"The passphrase's file {file} can be read by others: `chmod 600 {file}`.")
    return (file.read_text(encoding="utf-8").splitlines() or [""])[0]


@click.command("export")
@click.argument("slug")
@click.option("--to", required=True, metavar="FILE", type=click.Path(path_type=Path), help="A new file.")
@passphrase_option
@json_option
@with_installation
async def export_tenant(
    installation: Installation, slug: str, to: Path, passphrase_file: Path | None, as_json: bool
) -> None:
    """Write a tenant with all that is its into a file, for another installation.

    Its accounts' secrets are in it, sealed by the passphrase alone. It stays here as it is.

    \b
    Example:
      conserje tenant export acme --to acme.tenant
    """
    from conserje.operations import tenant_export

    passphrase = read_passphrase(passphrase_file, new=True)
    place = (installation.pool, installation.vault, installation.settings)
    rows, missing = await tenant_export.export(*place, slug, to, passphrase)
    if as_json:
        show_json({"file": str(to), "rows": rows, "missing": missing})
        return
    if missing:
        named = ", ".join([*map(str, missing[:NAMED]), *(["and more"] if len(missing) > NAMED else [])])
        click.echo(
            f"Not on this machine's disk, and to arrive as gone: {len(missing)} files ({named})", err=True
        )
    click.echo(f"{slug} is in {to}: {rows['contacts']} contacts, {rows['messages']} messages.")
    click.echo(f"Next, once nobody writes to it here: conserje tenant suspend {slug}")


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@passphrase_option
@json_option
@with_installation
async def import_tenant(
    installation: Installation, file: Path, passphrase_file: Path | None, as_json: bool
) -> None:
    """Make the tenant of a file that `tenant export` wrote.

    What was unsent or unanswered there is held here, and waits for you.

    \b
    Example:
      conserje tenant import acme.tenant
    """
    from conserje.operations import tenant_import

    passphrase = read_passphrase(passphrase_file, new=False)
    place = (installation.pool, installation.vault, installation.settings)
    arrived = await tenant_import.import_tenant(*place, file, passphrase)
    if as_json:
        show_json(arrived._asdict())
        return
    rows = arrived.rows
    address = installation.settings.tenant_url(arrived.slug)
    click.echo(
        f"{arrived.slug} is here, at {address}: {rows['contacts']} contacts, {rows['messages']} messages."
    )
    if arrived.turns or arrived.messages:
        click.echo(
            f"Held: {arrived.turns} turns, {arrived.messages} messages:"
            f" conserje held list --tenant {arrived.slug}"
        )
    click.echo(f"Next, let its providers post here: conserje account check {arrived.slug} CHANNEL ADDRESS")


async def export_before_removal(installation: Installation, slug: str, passphrase_file: Path | None) -> Path:
    """Where the tenant is that is about to be removed."""
    from conserje.operations import tenant_export

    passphrase = read_passphrase(passphrase_file, new=True)
    folder = installation.settings.data_dir / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{slug}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tenant"
    place = (installation.pool, installation.vault, installation.settings)
    await tenant_export.export(*place, slug, path, passphrase)
    return path
