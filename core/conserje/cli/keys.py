"""`conserje keys`: the keyring's master keys."""

from __future__ import annotations

import click

from conserje.cli.table import json_option, show_json, show_rows
from conserje.installation import Installation, read_settings, with_installation
from conserje.tenants import data_keys
from conserje.tenants.keyring import add_master_key, create_keyring
from conserje.tenants.vault import Vault


@click.group()
def keys() -> None:
    """Make, list and rotate the master keys."""


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
            "created": created.get(key_id),
            "state": state,
            "tenants": in_use[key_id].tenants if key_id in in_use else 0,
        }
        for key_id, state in states.items()
    ]
    show_rows(rows, as_json, "")


@keys.command()
@json_option
@with_installation
async def rotate(installation: Installation, as_json: bool) -> None:
    """Wrap every tenant's data key by a new master key.

    The newest key is taken if it does not wrap all of them yet, else one is made; running processes read the
    keyring again by themselves. Of several machines, one runs `conserje keys new`, all get its keyring, and
    one rotates then.

    \b
    Example:
      conserje keys rotate
    """
    async with installation.pool.acquire() as connection:
        vault = installation.vault
        if set(await data_keys.data_keys(connection)) <= {vault.sealing_key.id}:
            add_master_key(vault.path)
            vault = Vault.read(vault.path)
        done = 0
        while count := await data_keys.rewrap_data_keys(connection, vault):
            done += count
            click.echo(f"{done} data keys wrapped by {vault.sealing_key.id}", err=True)
    if as_json:
        show_json({"id": vault.sealing_key.id, "wrapped": done})
    else:
        click.echo(f"Master key {vault.sealing_key.id} wraps every tenant's data key.")
