"""`conserje price`: what models and messages cost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from conserje.cli.table import json_option, show_rows
from conserje.costs import prices
from conserje.costs.prices import AMOUNTS, Key, Kind, Price
from conserje.installation import Installation, with_installation


class Usd(click.ParamType[Decimal]):
    """An amount in USD, exact."""

    name = "usd"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            amount = Decimal(-1)
        if amount.is_finite() and 0 <= amount <= 1_000_000:
            return amount
        self.fail(f"{value!r} is no amount in USD like 0.02.", param, ctx)


_kind = click.argument("kind", type=click.Choice(["model", "message"]))
_category = click.option(
    "--category", default="", help="Of messages: as what they are charged, like service, marketing or sms."
)
_country = click.option(
    "--country", default="", metavar="XX", help="Of messages: the contact's country; any other, if not given."
)
_day = click.DateTime(["%Y-%m-%d"])


@click.group()
def price() -> None:
    """List, set and remove what models and messages cost."""


@price.command("list")
@json_option
@with_installation
async def list_prices(installation: Installation, as_json: bool) -> None:
    """List all prices in USD: yours, and those that are shipped.

    Models cost so much for a million tokens, messages each, or each segment of an SMS. In effect is the last
    one whose day has come, and yours before a shipped one.

    \b
    Example:
      conserje price list
    """
    async with installation.pool.acquire() as connection:
        known = [*await prices.own(connection), *prices.shipped()]
    known.sort(key=lambda each: (each.key, each.since, each.above))
    show_rows([_row(each) for each in known], as_json, "There are no prices.")


def _row(each: Price) -> dict[str, object]:
    amounts = {name: _written(getattr(each, name)) for name in AMOUNTS}
    return {
        "kind": each.key.kind,
        "name": each.key.name,
        "category": each.key.category,
        "country": each.key.country,
        "since": each.since.isoformat(),
        "above": each.above or None,
        **amounts,
        "source": each.source,
    }


def _written(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"


@price.command("set")
@_kind
@click.argument("name")
@_category
@_country
@click.option(
    "--since", type=_day, metavar="DATE", help="The day from which on it counts, like 2027-01-01; today's."
)
@click.option(
    "--above",
    type=click.IntRange(0),
    default=0,
    help="Of models: for calls that read more tokens than that.",
)
@click.option("--input", type=Usd(), help="Of models: for a million tokens that are read.")
@click.option("--cached", type=Usd(), help="Of models: for a million tokens that were cached.")
@click.option("--output", type=Usd(), help="Of models: for a million tokens that are written.")
@click.option("--minute", type=Usd(), help="Of models: for a minute of sound.")
@click.option("--each", type=Usd(), help="Of messages: for each, or each segment of an SMS.")
@with_installation
async def set_price(
    installation: Installation,
    /,
    kind: Kind,
    name: str,
    category: str,
    country: str,
    since: datetime | None,
    above: int,
    **amounts: Decimal | None,
) -> None:
    """Set what a model, or a channel's messages, cost in USD from a day on. It counts within half a minute.

    \b
    Example:
      conserje price set model gemini-3.8-flash --input 1.50 --cached 0.15 --output 7.50 --since 2027-01-01
      conserje price set message twilio --category sms --country CL --each 0.0525
      conserje price set message telegram --each 0
    """
    key = _key(kind, name, category, country)
    _refuse(kind, amounts)
    day = since.date() if since else datetime.now(UTC).date()
    priced = replace(Price(key, day, above), **amounts)  # type: ignore[arg-type]
    async with installation.pool.acquire() as connection:
        await prices.put(connection, priced)
    click.echo(f"{name} costs so from {day} on.")


def _key(kind: Kind, name: str, category: str, country: str) -> Key:
    """Raises UsageError."""
    if kind == "model" and (category or country):
        raise click.UsageError("A model has neither --category nor --country.")
    if country and not (len(country) == 2 and country.isascii() and country.isalpha()):
        raise click.UsageError("--country is two letters, like CL.")
    if kind == "message" and not category and name in {"meta", "twilio"}:
        raise click.UsageError(f"Messages of {name} are charged by category: give --category.")
    return Key(kind, name, category, country.upper())


def _refuse(kind: Kind, amounts: dict[str, Decimal | None]) -> None:
    """Raises UsageError for amounts that the kind does not have."""
    given = {name for name, amount in amounts.items() if amount is not None}
    mine = {"each"} if kind == "message" else set(AMOUNTS) - {"each"}
    if not given or given - mine:
        raise click.UsageError(f"Of a {kind} give {', '.join(f'--{n}' for n in AMOUNTS if n in mine)}.")


@price.command()
@_kind
@click.argument("name")
@_category
@_country
@click.option("--since", type=_day, metavar="DATE", help="Only that of this day; all, if not given.")
@click.option(
    "--above", type=click.IntRange(0), help="Only that for calls that read more than so many tokens."
)
@with_installation
async def remove(
    installation: Installation,
    kind: Kind,
    name: str,
    category: str,
    country: str,
    since: datetime | None,
    above: int | None,
) -> None:
    """Remove prices that you have set; the shipped ones count again.

    \b
    Example:
      conserje price remove model gemini-3.8-flash --since 2027-01-01
    """
    key = Key(kind, name, category, country.upper())
    async with installation.pool.acquire() as connection:
        count = await prices.remove(connection, key, since.date() if since else None, above)
    click.echo(f"{count} {'price' if count == 1 else 'prices'} of {name} removed.")
