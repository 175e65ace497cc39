"""`conserje backup`: saves the whole installation, and proves that what was saved comes back."""

from __future__ import annotations

from datetime import UTC
from operator import itemgetter
from pathlib import Path
from typing import Any

import click

from conserje.cli.progress import shown
from conserje.cli.table import json_option, show_fields, show_json, show_rows
from conserje.installation import Installation, read_settings, with_installation
from conserje.operations import backup as making
from conserje.operations import proof, shelf
from conserje.operations.archive import BackupError
from conserje.operations.backup import Order
from conserje.operations.shelf import Backup, Keep
from conserje.settings import Settings


class Kept(click.ParamType[Keep]):
    """Of how many days, weeks and months backups are kept."""

    name = "keep"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Keep:
        try:
            return value if isinstance(value, Keep) else Keep.of(str(value))
        except ValueError as error:
            self.fail(f"{value!r} says nothing: {error}.", param, ctx)


folder_option = click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The folder, if not CONSERJE_BACKUPS.",
)


@click.group(invoke_without_command=True)
@folder_option
@click.option("--unproven", is_flag=True, help="Do not restore it to see whether it comes back.")
@click.option(
    "--keep", type=Kept(), help="How many days, weeks and months are kept, if not CONSERJE_BACKUPS_KEEP."
)
@json_option
@click.pass_context
def backup(
    context: click.Context, folder: Path | None, unproven: bool, keep: Keep | None, as_json: bool
) -> None:
    """Save the database and contacts' files, sealed, and prove that they come back.

    The keyring is not in it: keep a copy of that apart.

    \b
    Example:
      conserje backup --to /mnt/backups --keep 7d4w6m
      conserje backup list
    """
    if context.invoked_subcommand is None:
        _make(folder, unproven, keep, as_json)


@with_installation
async def _make(
    installation: Installation, folder: Path | None, unproven: bool, keep: Keep | None, as_json: bool
) -> None:
    settings = installation.settings
    with shown() as progress:
        made = await making.make(
            Order(
                url=installation.url,
                settings=settings,
                vault=installation.vault,
                folder=_folder(settings, folder),
                keep=keep or Keep.of(settings.backups_keep),
                prove=not unproven,
                progress=progress,
            )
        )
    fields = {
        "backup": str(made.path),
        "node": made.head.node,
        "made_at": made.head.made_at.isoformat(timespec="seconds"),
        "bytes": made.path.stat().st_size,
        "messages": made.listed.rows["messages"],
        "files": made.listed.files,
        "vanished": list(made.listed.vanished),
        "proven": made.head.unproven is None,
        "why_not": made.head.unproven,
        "master_key": f"{made.head.master_key} {made.head.fingerprint}",
        "removed": [path.name for path in made.gone],
    }
    if as_json:
        show_json(fields)
    else:
        show_fields({name: value for name, value in fields.items() if value not in (None, [])})
        click.echo(
            "It opens by this master key only, which is not in it: `conserje keys check COPY` says whether"
            " your copy of the keyring has it.",
            err=True,
        )


@backup.command("list")
@folder_option
@json_option
def list_backups(folder: Path | None, as_json: bool) -> None:
    """List the backups, the newest first.

    \b
    Example:
      conserje backup list --to /mnt/backups
    """
    found = shelf.list_all(_folder(read_settings(), folder))
    show_rows([_fields(each) for each in found], as_json, "There are no backups.", itemgetter("note"))


@backup.command()
@click.argument("file", type=click.Path(path_type=Path))
@json_option
@with_installation
async def check(installation: Installation, file: Path, as_json: bool) -> None:
    """Restore a backup into a server of its own, which is thrown away, and compare.

    \b
    Example:
      conserje backup check /mnt/backups/conserje-20260301T120000Z.backup
    """
    data_dir = installation.settings.data_dir
    with proof.alone(data_dir), shown() as progress:
        listed = await proof.prove(file, installation.vault, data_dir, progress)
    if as_json:
        show_json(listed.model_dump())
    else:
        went = f" {len(listed.vanished)} more were removed while it was made." if listed.vanished else ""
        click.echo(f"It comes back: {listed.rows['messages']} messages, {listed.files} files.{went}")


def _fields(each: Backup) -> dict[str, Any]:
    head = each.head
    return {
        "backup": each.path.name,
        "node": each.node,
        "made_at": head.made_at.astimezone(UTC).isoformat(timespec="seconds") if head else None,
        "bytes": each.bytes,
        "schema": head.schema_version if head else None,
        "master_key": f"{head.master_key} {head.fingerprint}" if head else None,
        "note": f"unproven: {head.unproven}" if head and head.unproven else each.fault or each.oddity,
    }


def _folder(settings: Settings, given: Path | None) -> Path:
    """Raises BackupError."""
    if folder := given or settings.backups:
        return folder
    raise BackupError(
        "No folder is named: give --to DIR, best on another machine's disk, or set CONSERJE_BACKUPS."
    )
