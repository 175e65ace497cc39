"""Prices, as people write and read them."""

from __future__ import annotations

import re
from decimal import Decimal

WHOLE_CURRENCIES = frozenset({"CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF"})
DEAREST = Decimal("999999999999.99")  # what numeric(14, 2) holds


class PriceError(ValueError):
    """The text is no price."""


_PRICE = re.compile(
    r"(?P<whole>[0-9]+|[1-9][0-9]{0,2}(?P<group>[.,])[0-9]{3}(?:(?P=group)[0-9]{3})*)"
    r"(?:(?!(?P=group))[.,](?P<cents>[0-9]{1,2}))?"
)
_NO_CENTS = re.compile(r"[.,]-$")  # "$12.990.-"
_GROUPING = re.compile(r"[.,]")


def parse_price(text: str, currency: str) -> Decimal:
    """The price that people write as "$12.990", "12990", "CLP 12.990" or "1.290.000".

    A point or comma before three digits groups thousands. Raises PriceError.
    """
    bare = text.strip().upper().removeprefix(currency).removesuffix(currency).strip()
    bare = bare.removeprefix("US$" if currency == "USD" else "$").removeprefix("$").strip()
    found = _PRICE.fullmatch(_NO_CENTS.sub("", bare))
    if not found:
        raise PriceError(f"{text!r} is no price in {currency}: write it like 12990, $12.990 or 1290,50.")
    whole = _GROUPING.sub("", found["whole"])
    return _possible(Decimal(f"{whole}.{found['cents']}" if found["cents"] else whole), currency)


def _possible(price: Decimal, currency: str) -> Decimal:
    """Raises PriceError for an amount that nobody can pay."""
    smallest = Decimal(1) if currency in WHOLE_CURRENCIES else Decimal("0.01")
    if not price.is_finite() or not 0 <= price <= DEAREST:
        raise PriceError(f"{price} is not between 0 and {DEAREST}.")
    if price % smallest:
        raise PriceError(f"{price} has more decimals than {currency}, whose smallest amount is {smallest}.")
    return price


def price_of(value: object, currency: str) -> Decimal:
    """The price that a list gives, as a number or as people write it. Raises PriceError."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _possible(Decimal(str(value)), currency)
    return parse_price(str(value), currency)


def format_price(price: Decimal, currency: str) -> str:
    """The price as a contact reads it: "$12.990" for CLP, "USD 1.290,50" for others."""
    amount = f"{price:,.{0 if currency in WHOLE_CURRENCIES else 2}f}"
    amount = amount.translate(str.maketrans(",.", ".,"))
    return f"${amount}" if currency == "CLP" else f"{currency} {amount}"
