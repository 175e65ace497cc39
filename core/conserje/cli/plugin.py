"""`conserje plugin`: what is installed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click
import uvloop

from conserje.cli.failure import Failed
from conserje.cli.plugin_check import check_plugin
from conserje.cli.plugin_new import new_plugin
from conserje.cli.plugin_record import record
from conserje.cli.table import json_option, show_rows
from conserje.installation import Installation, open_installation, read_settings
from conserje.net import client as http
from conserje.plugins import fences, plugins, running
from conserje.plugins.fences import Fence
from conserje.storage import embedded
from conserje.storage.database import DatabaseError
from conserje.tenants import uses

MOST_NAMED = 3  # tenants of a plugin in the table


@click.group()
def plugin() -> None:
    """Look at the channels, assistants and tools installed; make, check and record one."""


plugin.add_command(new_plugin)
plugin.add_command(check_plugin)
plugin.add_command(record)


@plugin.command("list")
@json_option
def list_plugins(as_json: bool) -> None:
    """List channels, assistants and tools, why one cannot be used, who has it loaded, and whose it is.

    A process that has another version than this machine, or none, has to be started anew.

    \b
    Example:
      conserje plugin list
    """
    rows = uvloop.run(_rows())
    shown = rows if as_json else [_in_short(row) for row in rows]
    show_rows(shown, as_json, "No plugin is installed: `pip install conserje-twilio conserje-catalog`.")


async def _rows() -> list[dict[str, Any]]:
    """What is installed here; its processes and tenants are None where there is no database to be asked."""
    settings = read_settings()
    if settings.database_url or embedded.is_made(settings.data_dir):
        try:
            async with open_installation(connections=1) as installation:
                return await _rows_with_uses(installation)
        except DatabaseError as error:
            click.echo(f"Which processes and tenants have them cannot be said. {error}", err=True)
    async with http.client() as client:
        found = plugins.load(os.environ, client)
    standing = fences.of_node(settings.data_dir).standing()
    unknown = {"running": None, "tenants": None, "some_tenants": None}
    return [asdict(each) | unknown for each in running.described(os.environ, found, standing, [])]


async def _rows_with_uses(installation: Installation) -> list[dict[str, Any]]:
    found, pool = installation.plugins, installation.pool
    standing = fences.of_node(installation.settings.data_dir).standing()
    described = running.described(os.environ, found, standing, await running.processes(pool))
    used = await uses.of_plugins(pool, found)
    return [asdict(each) | _used(used.get((each.kind, each.name), uses.Use())) for each in described]


def _used(use: uses.Use) -> dict[str, Any]:
    return {"tenants": use.tenants, "some_tenants": use.slugs}


def _in_short(row: dict[str, Any]) -> dict[str, Any]:
    """What a table has room for: how many processes have which version, and the first tenants by name."""
    versions = Counter(run["version"] for run in row["running"] or ())
    named = ", ".join((row["some_tenants"] or ())[:MOST_NAMED])
    more = (row["tenants"] or 0) - MOST_NAMED
    row = row | {
        "running": ", ".join(f"{count} with {version}" for version, count in sorted(versions.items())),
        "tenants": named + (f" and {more} more" if more > 0 else ""),
    }
    del row["some_tenants"]
    return row


@plugin.command()
@click.argument("name")
@click.argument("slug", required=False)
def resume(name: str, slug: str | None) -> None:
    """Let a plugin that stood still be called again on this machine, for one tenant or for all.

    \b
    Example:
      conserje plugin resume catalog acme
    """
    of_node = fences.of_node(read_settings().data_dir)
    standing = [fence for fence in of_node.standing() if fence.plugin == name]
    if not any(slug in (None, fence.slug) for fence in standing):
        raise Failed(_not_resumed(name, slug, standing))
    of_node.strikes.resume(name, slug)
    click.echo(f"{name} is called again{f' for {slug}' if slug else ''}.")


def _not_resumed(name: str, slug: str | None, standing: Sequence[Fence]) -> str:
    if standing:
        return f"{name} is {standing[0]}: `conserje plugin resume {name}` is for all."
    whom = f" for {slug}" if slug else ""
    return f"{name} is not fenced off{whom} on this machine: see `conserje plugin list`."
