"""`conserje plugin`: what is installed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

import click

from conserje.cli.failure import Failed
from conserje.cli.table import json_option, show_rows
from conserje.installation import read_settings
from conserje.net import client as http
from conserje.plugins import fences, plugins
from conserje.plugins.fences import Fence


@click.group()
def plugin() -> None:
    """Look at the channels, assistants and tools installed."""


@plugin.command("list")
@json_option
def list_plugins(as_json: bool) -> None:
    """List channels, assistants and tools, and why one cannot be used.

    \b
    Example:
      conserje plugin list
    """
    loaded = asyncio.run(_load())
    standing = fences.of_node(read_settings().data_dir).standing()
    rows = [
        {
            "name": each.entry.name,
            "kind": plugins.KINDS[each.entry.group],
            "distribution": each.distribution,
            "version": each.entry.dist.version if each.entry.dist else None,
            "state": each.left_out
            or loaded.broken.get(each.entry.name)
            or _fenced(each.entry.name, standing),
        }
        for each in sorted(plugins.installed(os.environ), key=_place)
    ]
    show_rows(rows, as_json, "No plugin is installed: `pip install conserje-twilio conserje-catalog`.")


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


def _fenced(name: str, standing: Sequence[Fence]) -> str:
    return "; ".join(str(fence) for fence in standing if fence.plugin == name) or "ready"


def _place(each: plugins.Installed) -> tuple[int, str, str]:
    return list(plugins.KINDS).index(each.entry.group), each.entry.name, each.distribution


async def _load() -> plugins.Plugins:
    async with http.client() as client:
        return plugins.load(os.environ, client)
