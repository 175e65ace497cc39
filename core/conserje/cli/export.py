"""`conserje message export`: what was said, for a spreadsheet or a program."""

from __future__ import annotations

import csv
import sys
from contextlib import aclosing
from datetime import datetime, tzinfo
from typing import Any

import click

from conserje.cli.table import in_json
from conserje.cli.times import Moment, zone
from conserje.contract.plain import plain
from conserje.conversations import listing
from conserje.conversations.listing import Message
from conserje.installation import Installation, with_installation
from conserje.storage.scope import acting_for
from conserje.tenants import tenants

COLUMNS = ("id", "at", "conversation", "contact", "name", "direction", "state", "text", "cause")
WRITTEN_BY_OTHERS = ("contact", "name", "text", "cause")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # with which a spreadsheet begins to calculate


@click.command()
@click.argument("slug")
@click.option("--since", type=Moment(), help="Only messages since TIME, like 30d (ago) or 2026-03-01.")
@click.option(
    "--csv/--json", "as_csv", default=False, help="Print CSV with a head, or a line of JSON for each message."
)
@with_installation
async def export(installation: Installation, slug: str, since: datetime | None, as_csv: bool) -> None:
    """Print a tenant's messages, oldest first.

    \b
    Example:
      conserje message export acme --since 30d --csv > messages.csv
    """
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
    clock = zone(tenant)
    writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
    if as_csv:
        writer.writeheader()
    async with (
        acting_for(installation.pool, tenant.id) as scope,
        aclosing(listing.since(scope.connection, tenant.id, since)) as said,
    ):
        async for each in said:
            row = _row(each, clock)
            if as_csv:
                writer.writerow(row | {name: _inert(row[name]) for name in WRITTEN_BY_OTHERS})
            else:
                click.echo(in_json(row))


def _row(each: Message, clock: tzinfo) -> dict[str, Any]:
    return {
        "id": each.id,
        "at": each.at.astimezone(clock).isoformat(timespec="seconds"),
        "conversation": each.conversation_id,
        "contact": each.contact,
        "name": each.name,
        "direction": each.direction,
        "state": each.state,
        "text": plain(each.content),
        "cause": each.cause or "",
    }


def _inert(text: str) -> str:
    """The text as a spreadsheet shows it, which would calculate it otherwise."""
    return f"'{text}" if text.startswith(FORMULA) and not text.removeprefix("+").isdigit() else text
