"""How much products are told to have of something: which is the largest, or stronger than that one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from conserje import Product
from conserje_catalog.asked import Asked
from conserje_catalog.vocabulary import PATTERNS

_TOLD = re.compile(
    r"(?:\b([0-9]{1,4}(?:[.,][0-9])?) ?x ?)?(?<![0-9a-z.,])([0-9]{1,6}(?:[.,][0-9]{1,3})*) ?(%|[a-z]{1,12}\b)"
)
_FORMAT = re.compile(r"\b([0-9]{1,3})x([0-9]{1,3})\b(?! ?[a-z]?m)")  # "20x30", in centimetres
_GROUPING = re.compile(r"[.,](?=[0-9]{3}\b)")
_TIMES = re.compile(r"\bx ?([0-9]{1,4})\b")
_UNITS = {  # the kind, and how much of it one is
    "kg": ("weight", 1000.0), "kilo": ("weight", 1000.0), "g": ("weight", 1.0), "gr": ("weight", 1.0),
    "gramo": ("weight", 1.0), "l": ("volume", 1000.0), "lt": ("volume", 1000.0), "litro": ("volume", 1000.0),
    "ml": ("volume", 1.0), "cc": ("volume", 1.0), "m": ("length", 100.0), "metro": ("length", 100.0),
    "mt": ("length", 100.0), "cm": ("length", 1.0), "mm": ("length", 0.1), "pulgada": ("inches", 1.0),
    "persona": ("people", 1.0), "porcion": ("people", 1.0), "porcione": ("people", 1.0),
    "puesto": ("people", 1.0), "plaza": ("people", 1.0), "comensale": ("people", 1.0),
    "gb": ("memory", 1.0),
    "giga": ("memory", 1.0), "tera": ("memory", 1000.0), "tb": ("memory", 1000.0), "pieza": ("pieces", 1.0),
    "unidade": ("pieces", 1.0), "pagina": ("pieces", 1.0),
    "%": ("share", 1.0), "w": ("power", 1.0), "watt": ("power", 1.0), "hp": ("power", 746.0),
    "lumene": ("light", 1.0), "lm": ("light", 1.0), "mah": ("charge", 1.0), "hora": ("time", 60.0),
    "minuto": ("time", 1.0), "dpi": ("points", 1.0), "grado": ("degrees", 1.0),
}  # fmt: skip
_LARGE = ("people", "area", "volume", "weight", "length", "inches", "memory", "pieces")
_KINDS = {  # by the first letters of how it should be
    "larg": ("length",), "cort": ("length",), "long": ("length",), "short": ("length",),
    "alt": ("length",), "anch": ("length",),
    "livian": ("weight",), "pesad": ("weight",), "lev": ("weight",), "light": ("weight",), "pes": ("weight",),
    "strong": ("share", "power", "weight"), "fort": ("share", "power", "weight"),
    "fuert": ("share", "power", "weight"),
    "poten": ("power", "share", "light"), "suav": ("share",), "lumin": ("light", "power"),
    "memori": ("memory",), "gig": ("memory",), "dur": ("time", "charge"), "bateri": ("charge", "time"),
}  # fmt: skip
_LESS = ("chic", "peque", "cort", "curt", "livian", "suav", "lev", "light", "small", "short")


@lru_cache(maxsize=4096)
def told(product: Product) -> Mapping[str, float]:
    """How much there is of each kind; the name says it before the description does."""
    found: dict[str, float] = {}
    for text in (product.name, product.description):
        text = text.lower().replace("ó", "o")
        for beside, number, unit in _TOLD.findall(text):
            kind, much = _UNITS.get(unit.removesuffix("s"), ("", 0.0))
            amount = _number(number) * much
            if beside and kind == "length":
                kind, amount = "area", amount * _number(beside) * much
            if kind:
                found.setdefault(kind, amount)
        for wide, high in _FORMAT.findall(text):
            found.setdefault("area", float(wide) * float(high))
        for number in _TIMES.findall(text):
            found.setdefault("pieces", float(number))
    return found


def has(product: Product, unit: str) -> bool:
    """Whether it is told how many of these it has: "cuántos gigas trae" of 512 GB."""
    kind, _ = _UNITS.get(unit.removesuffix("s"), ("", 0.0))
    return kind in told(product)


def _number(digits: str) -> float:
    """With a dot before three digits, and a comma before others."""
    whole = _GROUPING.sub("", digits)
    return float(whole.replace(",", ".")) if whole.count(".") + whole.count(",") < 2 else 0.0


def wanted(asked: Asked, kind: str) -> str:
    """How it should be most, or more than another: "grande" of "la más grande"; empty: nothing is said."""
    found = (PATTERNS[kind].search(clause) for clause in asked.clauses)
    return next((next(filter(None, each.groups()), "") for each in found if each), "")


def most(products: Sequence[Product], so: str) -> list[Product]:
    """The one that is so most; none where that is not told of all of them."""
    kinds = next((kinds for begun, kinds in _KINDS.items() if so.startswith(begun)), _LARGE)
    sign = -1 if so.startswith(_LESS) else 1
    for kind in kinds:
        amounts = [told(each).get(kind) for each in products]
        if None not in amounts and len(set(amounts)) > 1:
            best = max(sign * (each or 0.0) for each in amounts)
            return [p for p, each in zip(products, amounts, strict=True) if sign * (each or 0.0) == best]
    return []


def more(product: Product, others: Sequence[Product], so: str) -> list[Product]:
    """Those of the others that are so more than it is, the nearest first."""
    beyond = [each for each in others if most([product, each], so) == [each]]
    return sorted(beyond, key=lambda each: abs(each.price - product.price))
