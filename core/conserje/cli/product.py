"""`conserje product`: what tenants sell, from lists and into lists."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from conserje.cli.table import json_option, show_json, show_rows
from conserje.contract.assistant import Product
from conserje.installation import Installation, with_installation
from conserje.shop import products, sheet
from conserje.shop.columns import COLUMNS, ON_SALE, column_of, unknown, with_columns
from conserje.shop.products import ProductError
from conserje.storage.scope import acting_for
from conserje.tenants import tenants

_SALE = {"active": "yes", "inactive": "no"}
_WRONG = {"cells": "it has more cells than the first line", "twice": "the name is there twice: keep one"}


@click.group()
def product() -> None:
    """List, change, remove, import and export what tenants sell."""


@product.command("import")
@click.argument("slug")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Remove the products that are not listed.")
@json_option
@with_installation
async def import_products(
    installation: Installation, slug: str, file: Path, replace: bool, as_json: bool
) -> None:
    """Take a tenant's products from FILE.json, FILE.csv or FILE.xlsx: all, or none if one is wrong.

    A product of the same name is replaced; those not listed stay. Columns: name, price ($12.990 or 12990),
    stock (empty: not counted), category, description, keywords (with commas or semicolons between them),
    picture and link (https://), on_sale (yes or no); their heads may be Spanish: nombre, precio, existencias.

    \b
    Example:
      conserje product import acme products.csv --replace
    """
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
    rows = await read_rows(file, tenant.currency)
    listed = [products.from_row(_without(row), tenant.currency) for row in rows]
    off_sale = {str(row["name"]).strip() for row in rows if not products.is_on_sale(row.get(ON_SALE, ""))}
    async with acting_for(installation.pool, tenant.id) as scope:
        await products.upsert_many(scope.connection, tenant.id, listed, off_sale)
        gone = await products.remove_others(scope.connection, tenant.id, listed) if replace else 0
        on_sale = await products.list_all(scope.connection, tenant.id)
    if as_json:
        show_json({"taken": len(listed), "removed": gone, "on_sale": len(on_sale)})
        return
    removed = f", removed {gone}" if replace else ""
    click.echo(f"Took {len(listed)} products{removed}; {slug} has {len(on_sale)} on sale now.")


@product.command("export")
@click.argument("slug")
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "csv"]),
    default="json",
    show_default=True,
    help="The format of the list.",
)
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
@with_installation
async def export_products(installation: Installation, slug: str, form: str) -> None:
    """Print a tenant's products on sale, as `conserje product import` takes them.

    \b
    Example:
      conserje product export acme --format csv > products.csv
    """
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
    async with acting_for(installation.pool, tenant.id) as scope:
        rows = [_row(each) for each in await products.list_all(scope.connection, tenant.id)]
    if form == "json":
        show_json(rows)
    else:
        writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | {"keywords": ", ".join(row["keywords"])} for row in rows)


def _without(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row of what is a product's own."""
    return {column: value for column, value in row.items() if column != ON_SALE}


def _row(each: Product) -> dict[str, Any]:
    return products.as_row(each) | {"price": f"{each.price:f}".removesuffix(".00")}


@product.command("list")
@click.argument("slug")
@json_option
@with_installation
async def list_products(installation: Installation, slug: str, as_json: bool) -> None:
    """List a tenant's products, also those that are not on sale.

    \b
    Example:
      conserje product list acme
    """
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
    async with acting_for(installation.pool, tenant.id) as scope:
        found = await products.list_everything(scope.connection, tenant.id)
    rows = [
        _row(each) | {"on_sale": status == "active" if as_json else _SALE[status]} for each, status in found
    ]
    show_rows(rows, as_json, f"{slug} has no products: `conserje product import {slug} FILE` takes some.")


@product.command("set")
@click.argument("slug")
@click.argument("name")
@click.option("--name", "renamed", metavar="NAME", help="Another name.")
@click.option("--price", help="The price, like $12.990 or 12990.")
@click.option("--stock", help="How many there are; not counted, if empty.")
@click.option("--category", help="The category.")
@click.option("--description", help="The description.")
@click.option("--keywords", help="The words people ask for it with, commas between them.")
@click.option("--picture", help="The https:// address of a picture; none, if empty.")
@click.option("--link", help="The https:// address of its page; none, if empty.")
@click.option("--on-sale/--off-sale", "on_sale", default=None, help="Whether contacts are told of it.")
@with_installation
async def set_product(
    installation: Installation,
    /,
    slug: str,
    name: str,
    renamed: str | None,
    on_sale: bool | None,
    **options: str | None,
) -> None:
    """Change a product; what is not given stays.

    \b
    Example:
      conserje product set acme Brownie --price 5990 --stock 12
    """
    changes: dict[str, Any] = {column: value for column, value in options.items() if value is not None}
    changes |= {} if renamed is None else {"name": renamed}
    changes |= {} if on_sale is None else {"status": "active" if on_sale else "inactive"}
    if not changes:
        raise click.UsageError("Give an option with what changes: see --help.")
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
    async with acting_for(installation.pool, tenant.id) as scope:
        await products.change(scope.connection, tenant.id, name, tenant.currency, changes)
    click.echo(f"{changes.get('name', name)} of {slug} is changed.")


@product.command()
@click.argument("slug")
@click.argument("name")
@with_installation
async def remove(installation: Installation, slug: str, name: str) -> None:
    """Remove a product.

    \b
    Example:
      conserje product remove acme Brownie
    """
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
    async with acting_for(installation.pool, tenant.id) as scope:
        await products.remove(scope.connection, tenant.id, name)
    click.echo(f"{name} of {slug} is removed.")


async def read_rows(file: Path, currency: str) -> list[Mapping[str, Any]]:
    """The rows of a list in JSON, CSV or Excel. Raises ProductError."""
    if file.suffix.lower() == ".xlsx":
        return _from_excel(json.loads(await sheet.read(file.read_bytes(), currency)), file)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ProductError(f"{file} is not UTF-8: save it as UTF-8, in Excel as `CSV UTF-8`.") from None
    match file.suffix.lower():
        case ".json":
            return _from_json(text, file)
        case ".csv":
            return _from_csv(text, file)
        case _:
            raise ProductError(f"{file} is none of .json, .csv and .xlsx: save it as one of them.")


def _from_excel(found: Mapping[str, Any], file: Path) -> list[Mapping[str, Any]]:
    _refuse_heads(found["unused"], file)
    for line in found["wrong"]:
        what = _WRONG.get(line["why"]) or f"{line['value']!r} is no {line['why']}: write another"
        raise ProductError(f"{file}, line {line['line']} ({line['name']}): {what}.")
    return [_of_excel(row) for row in found["rows"]]


def _of_excel(row: Mapping[str, Any]) -> dict[str, Any]:
    said = {column: value for column, value in row.items() if column in COLUMNS}
    if "price" in said:
        said["price"] = Decimal(said["price"])  # its point is one
    return said | {ON_SALE: _SALE[row.get("status", "active")]}


def _from_json(text: str, file: Path) -> list[Mapping[str, Any]]:
    try:
        listed = json.loads(text)
    except ValueError as error:
        raise ProductError(f"{file} is not JSON: {error}.") from None
    if isinstance(listed, dict):
        listed = listed.get("products")
    if not isinstance(listed, list) or not all(isinstance(row, dict) for row in listed):
        raise ProductError(f"{file} has no list of products: put it at the top, or under `products`.")
    return [with_columns(row) for row in listed]


def _from_csv(text: str, file: Path) -> list[Mapping[str, Any]]:
    head = text.partition("\n")[0]
    delimiter = ";" if ";" in head and "," not in head else ","  # as Excel writes it where , is decimal
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter, restkey="", restval="", strict=True)
    try:
        rows: list[Mapping[str, Any]] = list(reader)
    except csv.Error as error:
        raise ProductError(f"{file}, line {reader.line_num}: {error}.") from None
    _refuse_heads(reader.fieldnames or (), file)
    for number, row in enumerate(rows, 1):
        if "" in row:
            raise ProductError(
                f"{file}, product {number} has more fields than the first line: quote its commas."
            )
    return [with_columns(row) for row in rows]


def _refuse_heads(heads: Sequence[str], file: Path) -> None:
    """Raises ProductError for a column that is none, or comes twice."""
    if strange := unknown(heads):
        raise ProductError(f"{file}: the column {strange[0]!r} is none of {', '.join(COLUMNS)}.")
    columns = [column_of(head) for head in heads]
    if twice := [column for column in columns if columns.count(column) > 1]:
        raise ProductError(f"{file}: the column {twice[0]} is there twice: keep one.")
