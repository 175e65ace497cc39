"""What the pages of the shop say of products: amounts as the country writes them, and what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from babel import numbers

from conserje.contract.prices import WHOLE_CURRENCIES
from conserje.shop.products import NameTaken, ProductError
from conserje_edge.console.asked import Asked
from conserje_edge.console.languages import Speech

SHOWN = 40  # characters of what was typed


def price(speech: Speech, amount: Decimal, currency: str) -> str:
    """A price in a field: as the country writes it, without its sign."""
    form = "#,##0" if currency in WHOLE_CURRENCIES else "#,##0.00"
    return numbers.format_decimal(amount, form, locale=speech.country)


def refused(asked: Asked, error: ProductError, typed: Mapping[str, object]) -> str:
    """Why a product is not taken as it was typed."""
    column = "taken" if isinstance(error, NameTaken) else error.of
    return wrong(asked, column, typed.get(column, ""))


def wrong(asked: Asked, column: str, typed: object = "") -> str:
    """What is wrong with a column of a product, and what to write."""
    value = str(typed)[:SHOWN]
    match column:
        case "name":
            return asked._("Write a name of at most 200 characters.")
        case "price":
            example = price(asked.speech, Decimal(12990), asked.tenant.currency)
            told = {"value": value, "example": example}
            return asked._("“%(value)s” is no price: write it like %(example)s.", **told)
        case "stock":
            return asked._(
                "“%(value)s” is no stock: write a whole number, or nothing if you do not count.", value=value
            )
        case "on_sale":
            return asked._("“%(value)s” does not say whether it is on sale: write yes or no.", value=value)
        case "picture" | "link":
            return asked._("“%(value)s” is no address: it begins with https://", value=value)
        case "twice":
            return asked._("The name is in the list twice: the first line counts.")
        case "cells":
            return asked._("The line has more cells than the first line: put what has commas in quotes.")
        case "taken":
            return asked._("There is a product of this name already: choose another name.")
        case _:
            return asked._("This is too long: it may have 2,000 characters.")
