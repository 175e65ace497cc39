"""A shop's products as a CSV that Excel opens, and that says the same when it is taken again."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from decimal import Decimal

from conserje.contract.assistant import Product
from conserje.contract.prices import WHOLE_CURRENCIES
from conserje.shop.columns import COLUMNS, ON_SALE

BOM = "\ufeff"  # without it Excel takes UTF-8 for something else

# What Excel would reckon with: somebody else may have written it. A number or a phone is harmless, and stays.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?[0-9][0-9 .,()-]{0,40}")
_ESCAPED = re.compile(r"'+[=+\-@\t\r]")


def safe(text: str) -> str:
    """The text as a spreadsheet shows it, and never reckons with."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def plain(text: str) -> str:
    """The text that `safe` was given."""
    return text[1:] if _ESCAPED.match(text) else text


def head(language: str) -> str:
    """The first line."""
    return BOM + _line((*COLUMNS, ON_SALE), language)


def body(products: Iterable[tuple[Product, str]], currency: str, language: str) -> str:
    """A line for each product with its status."""
    return "".join(_line(_cells(*each, currency, language), language) for each in products)


def _cells(product: Product, status: str, currency: str, language: str) -> list[str]:
    given = {name: getattr(product, name) for name in COLUMNS}
    given["price"] = _amount(product.price, currency, language)
    given["stock"] = "" if product.stock is None else str(product.stock)
    given["keywords"] = safe(", ".join(product.keywords))
    for name in ("name", "category", "description", "picture", "link"):
        given[name] = safe(given[name])
    return [*given.values(), "yes" if status == "active" else "no"]


def _amount(price: Decimal, currency: str, language: str) -> str:
    written = f"{price:.{0 if currency in WHOLE_CURRENCIES else 2}f}"
    return written if language == "en" else written.replace(".", ",")


def _line(cells: Iterable[str], language: str) -> str:
    line = io.StringIO()
    # Excel takes what stands between the cells of a list from the country, too.
    csv.writer(line, delimiter="," if language == "en" else ";", lineterminator="\r\n").writerow(cells)
    return line.getvalue()
