"""`conserje product`: what tenants sell, from lists and into lists."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from conserje.cli.table import show_json
from conserje.contract.assistant import Product
from conserje.installation import Installation, with_installation
from conserje.shop import products
from conserje.shop.products import ProductError
from conserje.storage.scope import acting_for
from conserje.tenants import tenants

COLUMNS = ("name", "price", "stock", "category", "description", "keywords")


@click.group()
def product() -> None:
    """Import and export what tenants sell."""


@product.command("import")
@click.argument("slug")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_installation
async def import_products(installation: Installation, slug: str, file: Path) -> None:
    """Take a tenant's products from FILE.json or FILE.csv: all of them, or none if one is wrong.

    A product of the same name is replaced; those not listed stay. Columns: name, price ($12.990 or 12990),
    stock (empty: not counted), category, description, keywords (with commas or semicolons between them).

    \b
    Example:
      conserje product import acme products.csv
    """
    rows = read_rows(file)
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
    listed = [products.from_row(row, tenant.currency) for row in rows]
    async with acting_for(installation.pool, tenant.id) as scope:
        await products.upsert_many(scope.connection, tenant.id, listed)
        on_sale = await products.list_all(scope.connection, tenant.id)
    click.echo(f"Took {len(listed)} products; {slug} has {len(on_sale)} on sale now.")


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


def _row(each: Product) -> dict[str, Any]:
    row = {column: getattr(each, column) for column in COLUMNS}
    return row | {"price": f"{each.price:f}".removesuffix(".00")}


def read_rows(file: Path) -> list[Mapping[str, Any]]:
    """The rows of a list in JSON or CSV. Raises ProductError."""
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
            raise ProductError(f"{file} is neither .json nor .csv: save it as one of them.")


def _from_json(text: str, file: Path) -> list[Mapping[str, Any]]:
    try:
        listed = json.loads(text)
    except ValueError as error:
        raise ProductError(f"{file} is not JSON: {error}.") from None
    if isinstance(listed, dict):
        listed = listed.get("products")
    if not isinstance(listed, list) or not all(isinstance(row, dict) for row in listed):
        raise ProductError(f"{file} has no list of products: put it at the top, or under `products`.")
    return listed


def _from_csv(text: str, file: Path) -> list[Mapping[str, Any]]:
    head = text.partition("\n")[0]
    delimiter = ";" if ";" in head and "," not in head else ","  # as Excel writes it where , is decimal
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter, restkey="", restval="", strict=True)
    try:
        rows: list[Mapping[str, Any]] = list(reader)
    except csv.Error as error:
        raise ProductError(f"{file}, line {reader.line_num}: {error}.") from None
    for number, row in enumerate(rows, 1):
        if "" in row:
            raise ProductError(
                f"{file}, product {number} has more fields than the first line: quote its commas."
            )
    return rows
