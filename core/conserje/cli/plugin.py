"""`conserje plugin`: what is installed."""

from __future__ import annotations

import asyncio
import os

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
            "name": each.entry.name,
            "kind": "channel" if each.entry.group == plugins.CHANNELS else "assistant",
            "distribution": each.distribution,
            "version": each.entry.dist.version if each.entry.dist else None,
            "state": each.left_out or loaded.broken.get(each.entry.name, "ready"),
        }
        for each in sorted(plugins.installed(os.environ), key=_place)
    ]
    show_rows(rows, as_json, "No plugin is installed: `pip install conserje-twilio conserje-catalog`.")


def _place(each: plugins.Installed) -> tuple[bool, str, str]:
    return each.entry.group == plugins.ASSISTANTS, each.entry.name, each.distribution


async def _load() -> plugins.Plugins:
    async with http.client() as client:
        return plugins.load(os.environ, client)
