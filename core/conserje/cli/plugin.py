"""`conserje plugin`: what is installed."""

from __future__ import annotations

import asyncio
import os
from importlib.metadata import entry_points

import click

from conserje.cli.table import json_option, show_rows
from conserje.net import client as http
from conserje.plugins import plugins


@click.group()
def plugin() -> None:
    """Look at the channels and assistants installed."""


@plugin.command("list")
@json_option
def list_plugins(as_json: bool) -> None:
    """List channels and assistants, and why one cannot be used.

    \b
    Example:
      conserje plugin list
    """
    loaded = asyncio.run(_load())
    rows = [
        {
            "name": entry.name,
            "kind": kind,
            "distribution": entry.dist.name if entry.dist else None,
            "version": entry.dist.version if entry.dist else None,
            "state": loaded.broken.get(entry.name, "ready"),
        }
        for kind, group in (("channel", plugins.CHANNELS), ("assistant", plugins.ASSISTANTS))
        for entry in sorted(entry_points(group=group), key=lambda entry: entry.name)
    ]
    show_rows(rows, as_json, "No plugin is installed: `pip install conserje-twilio conserje-catalog`.")


async def _load() -> plugins.Plugins:
    async with http.client() as client:
        return plugins.load(os.environ, client)
