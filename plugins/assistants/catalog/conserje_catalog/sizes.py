"""Sizes: which is asked for, and whether a product comes in it: "talla XXL" of "Tallas S a XL"."""

from __future__ import annotations

import re

from conserje import Product

_LETTERS = ("xxs", "xs", "s", "m", "l", "xl", "xxl", "xxxl")
_ONE = r"x{1,3}[sl]|[sml]|[1-5][0-9]|[2-9]"
_ASKED = re.compile(
    rf"\b(?:tallas?|numero|nro|size|tamanho|calzo|en|en la|una|soy|es) ({_ONE})\b"
    r"|\b(x{1,3}[sl]|[34][0-9])(?=$| (?:hay|tienen?|tendran|quedan?|porfa)\b)"
)
_SAID = re.compile(r"\b(?:tallas?|n[uú]meros?|sizes?|tamanhos?) ([^.;]{1,60})", re.IGNORECASE)
_RANGE = re.compile(rf"\b({_ONE})(?: (?:a|al|hasta|to|-) ({_ONE}))?\b", re.IGNORECASE)


def asked(clause: str) -> str:
    """The size that a clause asks for; empty: none."""
    found = _ASKED.search(clause)
    return (found[1] or found[2]) if found else ""


def comes_in(product: Product, size: str) -> bool | None:
    """Whether there is one of that size; None: of sizes nothing is said, or of others, such as ages."""
    told = [each for said in _SAID.findall(product.description) for each in _RANGE.findall(said)]
    ranges = [(_place(low), _place(high or low)) for low, high in told]
    wanted = _place(size)
    alike = [(low, high) for low, high in ranges if low[0] == high[0] == wanted[0]]
    return any(low <= wanted <= high for low, high in alike) if alike else None


def _place(size: str) -> tuple[bool, int]:
    """Numbers and letters apart, each in their order."""
    size = size.lower()
    return (True, int(size)) if size.isdecimal() else (False, _LETTERS.index(size))
