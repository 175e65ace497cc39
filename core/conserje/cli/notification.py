"""`conserje notification`: what a tenant's own systems were told."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

import click

from conserje.cli.table import json_option, show_json, show_rows
from conserje.cli.times import Moment, zone
from conserje.installation import Installation, with_installation
from conserje.notices import subscriptions, tellings
from conserje.notices.tellings import Filter, Told
from conserje.storage.database import Connection
from conserje.tenants import tenants


@click.group()
def notification() -> None:
    """Look at what a tenant's own systems were told, and tell it again."""


_subscription = click.option(
    "--subscription", type=click.IntRange(1, 2**63 - 1), metavar="ID", help="Only what this one is told."
)
_since = click.option("--since", type=Moment(), help="Only since TIME, like 2h (ago) or 2026-03-01T12:30.")


@notification.command("list")
@click.argument("slug")
@_subscription
@_since
@click.option("--failed", "state", flag_value="failed", help="Only what was given up.")
@click.option("--waiting", "state", flag_value="waiting", help="Only what is still to be told.")
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="The most to show."
)
@json_option
@with_installation
async def list_notifications(
    installation: Installation,
    slug: str,
    subscription: int | None,
    since: datetime | None,
    state: tellings.State | None,
    limit: int,
    as_json: bool,
) -> None:
    """List what subscriptions were told of a tenant, or are to be, the newest first.

    \b
    Example:
      conserje notification list acme --failed --since 2h
    """
    wanted = Filter(subscription, None, since, state)
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
        found = await tellings.list_all(connection, tenant.id, wanted, limit)
    rows = [_fields(each, zone(tenant)) for each in found]
    show_rows(rows, as_json, "Nobody is told anything of that.", lambda row: row["state"] == "failed")


@notification.command()
@click.argument("slug")
@click.argument("name", required=False)
@_subscription
@_since
@click.option("--failed", "which", flag_value="failed", help="All that was given up.")
@click.option("--all", "which", flag_value="all", help="All, also what was taken: give it with --since.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@with_installation
async def replay(
    installation: Installation,
    slug: str,
    name: str | None,
    subscription: int | None,
    since: datetime | None,
    which: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Tell again, under the same names: NAME, all that failed, or all since a time; it asks first.

    \b
    Example:
      conserje notification replay acme message-received-12
      conserje notification replay acme --failed --since 2d
    """
    if bool(name) == bool(which) or (which == "all" and since is None):
        raise click.UsageError("Give a NAME, or --failed, or --all with --since.")
    wanted = Filter(subscription, name, since, "failed" if which == "failed" else None)
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
        counts = await tellings.count(connection, tenant.id, wanted)
        if counts and not yes:
            said = [await _said(connection, id, count) for id, count in counts.items()]
            click.confirm(f"Tell again {', '.join(said)}?", abort=True, err=True)
        done = await tellings.replay(connection, tenant.id, wanted) if counts else 0
    show_json({"told_again": done}) if as_json else click.echo(f"{done} are told again.")


async def _said(connection: Connection, id: int, count: int) -> str:
    """What is about to be done."""
    found = await subscriptions.find(connection, id)
    off = ", which is off" if found.state == "off" else ""
    return f"{count} to subscription {id} ({found.url}{off})"


def _fields(each: Told, clock: tzinfo) -> dict[str, Any]:
    return {
        "name": each.name,
        "subscription": each.subscription_id,
        "conversation": each.conversation_id,
        "happened": f"{each.happened_at.astimezone(clock):%Y-%m-%d %H:%M:%S}",
        "state": each.state,
        "tries": each.tries,
        "status": each.status,
        "cause": each.cause,
    }
