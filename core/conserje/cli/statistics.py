"""`conserje statistics`: what a tenant's conversations come to."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import click

from conserje.cli.table import json_option, show_fields, show_json, show_rows
from conserje.cli.times import zone
from conserje.conversations import statistics as counted
from conserje.conversations.statistics import Answers, Statistics
from conserje.installation import Installation, with_installation
from conserje.storage.scope import acting_for
from conserje.tenants import tenants

WEEK = timedelta(days=7)


class Day(click.ParamType[date]):
    """A day."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return datetime.strptime(str(value), "%Y-%m-%d").replace(tzinfo=UTC).date()
        except ValueError:
            self.fail(f"{value!r} is no day like 2026-11-30.", param, ctx)


@click.command()
@click.argument("slug")
@click.option("--since", type=Day(), metavar="DAY", help="The first day; else 6 days before the last.")
@click.option("--until", type=Day(), metavar="DAY", help="The last day; else today.")
@json_option
@with_installation
async def statistics(
    installation: Installation, slug: str, since: date | None, until: date | None, as_json: bool
) -> None:
    """Count conversations by day and by intent, and how soon they were answered.

    Days are those of the tenant's own clock.

    \b
    Example:
      conserje statistics acme --since 2026-11-01
    """
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
    last = until or datetime.now(zone(tenant)).date()
    first = since or last - WEEK + timedelta(days=1)
    async with acting_for(installation.pool, tenant.id) as scope:
        found = await counted.of_period(scope.connection, tenant.id, tenant.time_zone, first, last)
    if as_json:
        show_json(_data(found))
    else:
        _show(found)


def _data(found: Statistics) -> dict[str, object]:
    return {
        "time_zone": found.time_zone,
        "since": found.first.isoformat(),
        "until": found.last.isoformat(),
        "total": asdict(found.total),
        "days": [{"day": day.isoformat(), **asdict(count)} for day, count in found.days.items()],
        "intents": [asdict(each) for each in found.intents],
        "answers": [asdict(each) for each in found.answers],
    }


def _show(found: Statistics) -> None:
    show_fields({"from": f"{found.first} to {found.last}, {found.time_zone}", **asdict(found.total)})
    days = [{"day": day.isoformat(), **asdict(count)} for day, count in found.days.items()]
    for rows in (days, [asdict(each) for each in found.intents], [_seconds(each) for each in found.answers]):
        if rows:
            click.echo()
            show_rows(rows, False, "")


def _seconds(each: Answers) -> dict[str, object]:
    said = {name: f"{getattr(each, name):.1f} s" for name in ("median", "slow", "mean")}
    return asdict(each) | said
