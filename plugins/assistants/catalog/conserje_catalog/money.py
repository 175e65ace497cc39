"""Money, as people say how much they have: "20 lucas", "menos de 10 mil", "entre 5 y 10 mil"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from conserje import Product
from conserje_catalog.vocabulary import NUMBERS, words_of

_NUMBER = re.compile(r"([0-9]{1,12}(?:[.,][0-9]{1,3}){0,4})(k|lu[ck]as?|mil)?")
_THOUSANDS = words_of("k mil luca lucas luka lukas lukitas luquita luquitas luks thousand grand")
_ONE_THOUSAND = words_of("mil luca luquita")
_UNITS = words_of("pesos clp peso reais real dolares dollars usd euros soles")
_AT_MOST = words_of("hasta maximo menos bajo under ate tope less presupuesto budget")
_AT_LEAST = words_of("sobre desde over above")
_BOUNDS = _AT_MOST | _AT_LEAST | {"por", "for", "de", "tengo"}
_SHARP = words_of("en video pantalla tele tv televisor monitor resolucion camara")  # "en 4k" is no price
_BEFORE_MONEY = _AT_MOST | _AT_LEAST | {"de", "a", "por", "que", "mas", "the", "than", "of"}
_DIGITS = 4  # after "de" a shorter number is no price
_LEAST_MONEY = 500  # a smaller number without a unit is how many, or how large


@dataclass(frozen=True, slots=True)
class Budget:
    """What something may cost, in the tenant's currency."""

    low: Decimal | None
    high: Decimal | None

    def allows(self, product: Product) -> bool:
        return (self.low is None or product.price >= self.low) and (
            self.high is None or product.price <= self.high
        )


def budget(clause: str) -> tuple[Budget | None, str]:
    """How much the clause says that something may cost, and the clause without it."""
    words = clause.split()
    found = _amounts(words)
    if not found:
        return None, clause
    (first, _, low), (_, end, high) = found[0], found[-1]
    bound = first
    while bound and words[bound - 1] in _BEFORE_MONEY:
        bound -= 1
    rest = " ".join(word for n, word in enumerate(words) if not bound <= n < end)
    if len(found) > 1:
        return Budget(min(low, high), max(low, high)), rest
    before = words[max(first - 3, 0) : first]
    if set(before[-1:]) & _AT_LEAST or (before[-2:] == ["mas", "de"] and "no" not in before):
        return Budget(low, None), rest
    return Budget(None, high), rest


def _amounts(words: Sequence[str]) -> list[tuple[int, int, Decimal]]:
    """Where amounts of money begin and end; a number takes the unit of the one right after it."""
    found: list[tuple[int, int, Decimal]] = []
    for n, word in enumerate(words):
        if (number := _number(word) or _thousand(words, n)) is None or _is_sharp(words, n):
            continue
        value, thousands = number
        unit = words[n + 1] if n + 1 < len(words) else ""
        if not thousands and unit in ("y", "a", "e", "and", "o") and n + 3 < len(words):
            unit = words[n + 3] if _number(words[n + 2]) else ""
            if unit not in _THOUSANDS | _UNITS:
                continue
            found.append((n, n + 1, value * 1000 if unit in _THOUSANDS else value))
        elif thousands:
            found.append((n, n + 1, value * 1000))
        elif unit in _THOUSANDS:
            found.append((n, n + 2, value * 1000))
        elif unit in _UNITS:
            found.append((n, n + 2, value))
        elif value >= _LEAST_MONEY and _BOUNDS & set(words[max(n - 3, 0) : n]) and not _is_a_name(words, n):
            found.append((n, n + 1, value))
    return found[:2]


def _is_sharp(words: Sequence[str], at: int) -> bool:
    """Whether it is how sharp a picture is: "en 4k"."""
    return words[at].endswith("k") and bool(set(words[max(at - 1, 0) : at]) & _SHARP)


def _is_a_name(words: Sequence[str], at: int) -> bool:
    """Whether a number tells which is meant: "la luz de 800"."""
    return words[at - 1] == "de" and len(words[at]) < _DIGITS


def _thousand(words: Sequence[str], at: int) -> tuple[Decimal, bool] | None:
    """One, of which "mil" says that it means thousands: "menos de mil"."""
    is_one = words[at] in _ONE_THOUSAND and at > 0 and bool(_BOUNDS & set(words[max(at - 2, 0) : at]))
    return (Decimal(1), True) if is_one and _number(words[at - 1]) is None else None


def _number(word: str) -> tuple[Decimal, bool] | None:
    """The number that a word is, and whether it says that it means thousands."""
    if word in NUMBERS:
        return Decimal(NUMBERS[word]), False
    if not (found := _NUMBER.fullmatch(word)):
        return None
    digits = found[1]
    grouped = len(digits) > 4 and digits[-4] in ".,"
    plain = digits.replace(".", "").replace(",", "") if grouped else digits.replace(",", ".")
    if plain.count(".") > 1:
        return None
    return Decimal(plain), bool(found[2])
