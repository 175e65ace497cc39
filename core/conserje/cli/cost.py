"""`conserje cost`: what a month has cost."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import click

from conserje.cli.table import json_option, show_json, show_rows
from conserje.cli.times import zone
from conserje.costs import ledger
from conserje.costs.ledger import Sum
from conserje.installation import Installation, with_installation
from conserje.tenants import tenants

_UNKNOWN = "price unknown"


class Month(click.ParamType[date]):
    """A month."""

    name = "month"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return datetime.strptime(str(value), "%Y-%m").replace(tzinfo=UTC).date()
        except ValueError:
            self.fail(f"{value!r} is no month like 2026-11.", param, ctx)


@click.command()
@click.argument("slug", required=False)
@click.option(
    "--month", type=Month(), metavar="YYYY-MM", help="The month, like 2026-11; this one, if not given."
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@json_option
@with_installation
async def cost(
    installation: Installation, slug: str | None, month: date | None, as_csv: bool, as_json: bool
) -> None:
    """Show what models and messages have cost in a month, in USD: of a tenant, or of all.

    A month begins and ends by each tenant's own clock. Of what has no price it is shown how often it was
    used, and that is in no total: `conserje price set` gives it one.

    \b
    Example:
      conserje cost acme --month 2026-11
      conserje cost --csv > november.csv
    """
    if as_csv and as_json:
        raise click.UsageError("Give --csv or --json.")
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug) if slug else None
        clock = zone(tenant) if tenant else UTC
        first = month or datetime.now(clock).date().replace(day=1)
        sums = await ledger.sums(connection, first, tenant.id if tenant else None)
    rows = [_row(each) for each in sums]
    if as_csv:
        writer = csv.DictWriter(sys.stdout, list(rows[0]) if rows else ["tenant"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    elif as_json:
        zones = tenant.time_zone if tenant else "each tenant's"
        show_json(
            {"month": f"{first:%Y-%m}", "time_zone": zones, "currency": "USD", "costs": rows} | _total(sums)
        )
    else:
        shown = [row | {"usd": row["usd"] or _UNKNOWN} for row in rows]
        show_rows(shown, False, f"Nothing was spent in {first:%Y-%m}.", alarming=lambda row: row["unknown"])
        if rows:
            click.echo(_summary(sums, first, tenant.time_zone if tenant else "each tenant's own clock"))


def _row(each: Sum) -> dict[str, object]:
    return {
        "tenant": each.slug,
        "kind": each.kind,
        "name": each.name,
        "category": each.category,
        "country": each.country,
        "times": each.lines,
        "units": each.units,
        "input": each.input,
        "cached": each.cached,
        "output": each.output,
        "seconds": each.seconds,
        "usd": None if each.usd is None else _usd(each.usd),
        "unknown": each.unknown,
    }


def _usd(amount: Decimal) -> str:
    return f"{amount:.6f}"


def _total(sums: Sequence[Sum]) -> dict[str, object]:
    by_kind = {
        kind: _usd(ledger.total(each for each in sums if each.kind == kind)) for kind in ("message", "model")
    }
    return {
        "messages": by_kind["message"],
        "models": by_kind["model"],
        "total": _usd(ledger.total(sums)),
        "unknown": sum(each.unknown for each in sums),
    }


def _summary(sums: Sequence[Sum], first: date, clock: str) -> str:
    total = _total(sums)
    said = (
        f"\nUSD {total['total']} in {first:%Y-%m} by {clock}: messages {total['messages']},"
        f" models {total['models']}."
    )
    unknown = total["unknown"]
    return said + (f" {unknown} without a price, in no total." if unknown else "")
