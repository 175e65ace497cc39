"""`conserje keys`: the keyring's master keys."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from conserje.cli.failure import Failed
from conserje.cli.table import json_option, show_json, show_rows
from conserje.installation import Installation, read_settings, with_installation
from conserje.notices import push_keys, subscriptions
from conserje.operations import destruction
from conserje.storage.database import Connection
from conserje.tenants import data_keys, tenants
from conserje.tenants.keyring import add_master_key, create_keyring, fingerprint, read_keyring
from conserje.tenants.renewal import NAME, Round, renew
from conserje.tenants.vault import Vault

TOLD_EVERY = 100  # tenants


@click.group()
def keys() -> None:
    """Make, list, check, rotate and destroy the master keys."""


@keys.command()
@json_option
def new(as_json: bool) -> None:
    """Add a master key to the keyring, or make the keyring.

    The newest key seals; the others still open. Data keys move to it by `conserje keys rotate`.

    \b
    Example:
      conserje keys new
    """
    path = read_settings().keyring
    was_there = path.exists()
    key = add_master_key(path) if was_there else create_keyring(path)
    if as_json:
        show_json({"id": key.id, "keyring": str(path)})
    elif was_there:
        click.echo(f"Master key {key.id} added to {path}; it seals from now on.")
    else:
        click.echo(f"Master key {key.id} made in {path}.")
        click.echo("Keep a copy of this file apart from the database: without it no credentials open.")


@keys.command("list")
@json_option
@with_installation
async def list_keys(installation: Installation, as_json: bool) -> None:
    """List the master keys, and how many tenants' data keys each wraps.

    \b
    Example:
      conserje keys list
    """
    vault = installation.vault
    async with installation.pool.acquire() as connection:
        in_use = await data_keys.data_keys(connection)
    created = {key.id: key.created.isoformat() for key in vault.keys.values()}
    states = dict.fromkeys(in_use, "missing") | dict.fromkeys(created, "opens")
    states[vault.sealing_key.id] = "seals"
    rows = [
        {
            "id": key_id,
            "fingerprint": fingerprint(vault.keys[key_id]) if key_id in vault.keys else None,
            "created": created.get(key_id),
            "state": state,
            "tenants": in_use[key_id].tenants if key_id in in_use else 0,
        }
        for key_id, state in states.items()
    ]
    show_rows(rows, as_json, "")


@keys.command()
@click.option("--data-keys", "renewed", is_flag=True, help="Renew the data keys, too.")
@click.option("--signing", is_flag=True, help="With --data-keys: let the new ones sign, too.")
@click.option("--tenant", "slug", metavar="SLUG", help="With --data-keys: this tenant's alone, at once.")
@json_option
@with_installation
async def rotate(
    installation: Installation, renewed: bool, signing: bool, slug: str | None, as_json: bool
) -> None:
    """Wrap every tenant's data key by a new master key.

    The newest key is taken if it does not wrap all of them yet, else one is made; running processes read the
    keyring again by themselves. Of several machines, one runs `conserje keys new`, all get its keyring, and
    one rotates then.

    With --data-keys each tenant gets another data key, and what the old one sealed is sealed anew, while
    everybody works on. What was broken off goes on where it was, given again. Links to files, the secrets of
    notices and the like stay as they are, unless --signing: then links end, and tenants' servers need the new
    secret.

    \b
    Example:
      conserje keys rotate
      conserje keys rotate --data-keys --tenant acme
    """
    if (slug or signing) and not renewed:
        raise click.UsageError("--tenant and --signing are for --data-keys.")
    folder = installation.settings.data_dir
    async with installation.pool.acquire() as connection:
        if slug:
            await _renew_one(connection, installation.vault, slug, signing, as_json)
        elif renewed:
            await _renew(connection, Round(folder / NAME, installation.vault, signing), as_json)
        else:
            await _rewrap(connection, await _newest(connection, installation.vault), as_json)


async def _newest(connection: Connection, vault: Vault) -> Vault:
    """With another master key than that which wraps all."""
    if set(await data_keys.data_keys(connection)) <= {vault.sealing_key.id}:
        add_master_key(vault.path)
        return Vault.read(vault.path)
    return vault


async def _rewrap(connection: Connection, vault: Vault, as_json: bool) -> None:
    done = 0
    while count := await data_keys.rewrap_data_keys(connection, vault):
        done += count
        click.echo(f"{done} data keys wrapped by {vault.sealing_key.id}", err=True)
    await subscriptions.reseal(connection, vault)
    await push_keys.reseal(connection, vault)
    _say_wrapped({"id": vault.sealing_key.id, "wrapped": done}, as_json)


async def _renew_one(connection: Connection, vault: Vault, slug: str, signing: bool, as_json: bool) -> None:
    tenant = await tenants.get(connection, slug)
    done = await renew(connection, vault, tenant.id, signing=signing)
    if as_json:
        show_json({"id": vault.sealing_key.id, "renewed": int(done)})
    else:
        click.echo(f"{slug} has a new data key." if done else f"{slug} has no data key yet, and needs none.")


async def _renew(connection: Connection, round: Round, as_json: bool) -> None:
    """Raises Failed, with the tenants whose data keys are not renewed, once all others' are."""
    if not round.broken_off:
        round = replace(round, vault=await _newest(connection, round.vault))
    key, done, failed = round.vault.sealing_key.id, 0, []
    async for slug, error in round.renew(connection):
        if error:
            failed.append(slug)
            click.echo(f"{slug}: {error}", err=True)
        elif (done := done + 1) % TOLD_EVERY == 0:
            click.echo(f"{done} data keys renewed, wrapped by {key}", err=True)
    if failed:
        raise Failed(
            f"{done} data keys are renewed, and not those of {', '.join(failed)}: mend what is said above,"
            " then `conserje keys rotate --data-keys --tenant SLUG`."
        )
    _say_wrapped({"id": key, "renewed": done}, as_json)


def _say_wrapped(done: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(done)
    else:
        click.echo(f"Master key {done['id']} wraps every tenant's data key.")


@keys.command()
@click.argument("copy", type=click.Path(path_type=Path))
@json_option
def check(copy: Path, as_json: bool) -> None:
    """See whether a copy of the keyring opens whatever the keyring does.

    \b
    Example:
      conserje keys check /media/safe/master.json
    """
    ours, theirs = (
        {key.id: fingerprint(key) for key in read_keyring(path)} for path in (read_settings().keyring, copy)
    )
    if lacking := [key_id for key_id, mark in ours.items() if theirs.get(key_id) != mark]:
        raise Failed(f"{copy} lacks {', '.join(lacking)}: copy the keyring there again.")
    if as_json:
        show_json({"copy": str(copy), "fingerprints": ours})
    else:
        listed = ", ".join(f"{key} {mark}" for key, mark in ours.items())
        click.echo(f"{copy} has every master key: {listed}.")


@keys.command()
@click.argument("id")
@click.option(
    "--backups",
    "folders",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    multiple=True,
    metavar="DIR",
    help="A folder in which backups are kept, beside CONSERJE_BACKUPS.",
)
@click.option("--no-backups", is_flag=True, help="There are no backups anywhere.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_installation
async def destroy(
    installation: Installation, id: str, folders: tuple[Path, ...], no_backups: bool, yes: bool
) -> None:
    """Destroy a master key that neither a tenant nor a kept backup needs.

    Whatever it has sealed never opens again, wherever it lies. Copies of the keyring are yours to replace.

    \b
    Example:
      conserje keys destroy 4f0c9a1b --backups /mnt/older-backups
    """
    kept = [*folders, *([installation.settings.backups] if installation.settings.backups else [])]
    if bool(kept) == no_backups:
        raise click.UsageError("Name each folder of backups by --backups, or say --no-backups.")
    async with installation.pool.acquire() as connection:
        await destruction.require_needless(connection, installation.vault, id, kept)
    if not yes:
        click.confirm(f"Destroy {id}? Backups in other places that it sealed are lost.", abort=True)
    destruction.destroy(installation.vault, id)
    click.echo(f"Master key {id} is destroyed: replace your copies of {installation.settings.keyring}.")
