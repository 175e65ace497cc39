"""Whom a product is told to be for: ages, weights, heights, and kinds that shut each other out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial

from conserje import Product
from conserje_catalog.asked import Asked
from conserje_catalog.vocabulary import ANY_CONTRARY, CONTRARIES

_DIGIT = re.compile("[0-9]")
_MONTHS = {"a": 12, "m": 1, "d": 0, "s": 0}  # by the first letter
# As contacts say it, in an Asked's clauses.
_AGE = re.compile(
    r"\b(?:de|tiene|tienen|cumple|cumplio|para|pa|con|tem|is) "
    r"([0-9]{1,2}) (anos?|anitos?|mes(?:es)?|dias|semanas?)\b"
)
_WEIGHT = re.compile(r"\b(?:pes(?:a|o|an|amos)|weighs?) (?:como |unos |casi )?([0-9]{2,3})\b")
_HEIGHT = re.compile(
    r"\b(?:mid(?:o|e)|estatura(?: de)?) (?:como )?(?:1[., ]?([0-9]{2})|1 metro ([0-9]{2}))\b"
)
_PEOPLE = re.compile(
    r"\b(?:para|pa|somos|seremos|for|caben|cabemos|entran|alcanza para) "
    r"([0-9]{1,3})(?: personas| jugadores| people)?\b(?! (?:anos|meses))"
)
_LENGTH = re.compile(r"\b([0-9]{2,3}) (?:cm|cms|centimetros)\b")
# As descriptions do.
_GROUPS = re.compile(r"\b([0-9]{1,2}) (?:a|y|hasta) ([0-9]{1,3}) (jugadores|personas|porciones|comensales)\b")
_GROUP = re.compile(r"\b([0-9]{1,3}) (personas|porciones|comensales|jugadores|puestos)\b")
_LENGTHS = re.compile(r"\b([0-9]{2,3}) (?:a|y|hasta) ([0-9]{2,3}) cm\b")
_AGES = re.compile(r"\b([0-9]{1,2}) (?:(?:anos|meses) )?(?:a|y|hasta) ([0-9]{1,3}) (anos|meses)\b")
_BOUND = re.compile(r"\b(desde|mayores|hasta|menores|sobre)(?: los| de| de los)? ([0-9]{1,2}) (anos|meses)\b")
_LOAD = re.compile(r"\b(?:hasta|soporta|aguanta|resiste|maximo)(?: de| hasta)? ([0-9]{2,3}) (?:kilos|kg)\b")
_HEIGHTS = re.compile(r"\b1[.,]?([0-9]{2})(?: m)? (?:a|y|hasta) 1[.,]?([0-9]{2})\b")

_Judge = Callable[[str], bool | None]  # of what is told of a product; None: it says nothing of that


def fitting(
    products: Sequence[Product], clauses: Sequence[str], *, anything: bool = False
) -> Sequence[Product]:
    """Those that are told to be so, where not anything will do, else those that are not told to be otherwise;
    else all of them."""
    for judge in _judges(" ".join(clauses)) if len(products) > 1 else ():
        judged = [(product, judge(told(product))) for product in products]
        best = [product for product, fits in judged if fits and not anything]
        products = best or [product for product, fits in judged if fits is not False] or products
    return products


def told_for(products: Sequence[Product], clauses: Sequence[str]) -> list[Product]:
    """Those that are told to be for just these, and for nobody else."""
    judges = list(_judges(" ".join(clauses)))
    judged = [(each, [judge(told(each)) for judge in judges]) for each in products]
    return [each for each, said in judged if True in said and False not in said]


def shut_out(products: Sequence[Product], clauses: Sequence[str]) -> set[str]:
    """The names of those that are told to be for others, or of another kind."""
    judges = list(_judges(" ".join(clauses)))
    return {each.name for each in products if any(judge(told(each)) is False for judge in judges)}


def judges(products: Sequence[Product], text: str) -> bool:
    """Whether of any it is told whether it is so: "con cable" says that it is not "inalámbrico"."""
    return any(judge(told(each)) is not None for judge in _judges(text) for each in products)


def is_of_a_kind(text: str) -> bool:
    """Whether something is asked for that another kind shuts out: "un cachorro"."""
    return bool(ANY_CONTRARY.search(text))


@lru_cache(maxsize=256)
def _judges(text: str) -> Sequence[_Judge]:
    numbers = list(_by_number(text)) if _DIGIT.search(text) else []
    return [*numbers, *_by_kind(text)]


def _by_number(text: str) -> Iterator[_Judge]:
    if found := _AGE.search(text):
        yield partial(_of_age, int(found[1]) * _MONTHS[found[2][0]])
    if found := _WEIGHT.search(text):
        yield partial(_carries, int(found[1]))
    if found := _HEIGHT.search(text):
        yield partial(_of_height, int(found[1] or found[2]))
    if found := _PEOPLE.search(text):
        yield partial(_for_so_many, int(found[1]))
    if found := _LENGTH.search(text):
        yield partial(_within, int(found[1]))


def _by_kind(text: str) -> Iterator[_Judge]:
    for kinds in CONTRARIES if ANY_CONTRARY.search(text) else ():
        if said := {number for number, kind in enumerate(kinds) if kind.search(text)}:
            yield partial(_of_kind, kinds, said)


def _of_age(months: int, about: str) -> bool | None:
    """Whether somebody so old is meant."""
    fits = [
        int(low) * _MONTHS[unit[0]] <= months <= int(high) * _MONTHS[unit[0]]
        for low, high, unit in _AGES.findall(about)
    ]
    for which, age, unit in _BOUND.findall(about) if not fits else ():
        bound = int(age) * _MONTHS[unit[0]]
        fits.append(months <= bound if which in ("hasta", "menores") else months >= bound)
    return any(fits) if fits else None


def _carries(weight: int, about: str) -> bool | None:
    loads = [int(load) for load in _LOAD.findall(about)]
    return weight <= max(loads) if loads else None


def _of_height(height: int, about: str) -> bool | None:
    ranges = [(int(low), int(high)) for low, high in _HEIGHTS.findall(about)]
    return any(low <= height <= high for low, high in ranges) if ranges else None


def _for_so_many(people: int, about: str) -> bool | None:
    """Whether it is for so many, or not for fewer."""
    if ranges := [(int(low), int(high)) for low, high, _ in _GROUPS.findall(about)]:
        return any(low <= people <= high for low, high in ranges)
    exactly = [int(number) for number, _ in _GROUP.findall(about)]
    return None if not exactly or min(exactly) > people else people in exactly


def _within(length: int, about: str) -> bool | None:
    ranges = [(int(low), int(high)) for low, high in _LENGTHS.findall(about)]
    return any(low <= length <= high for low, high in ranges) if ranges else None


def _of_kind(kinds: Sequence[re.Pattern[str]], said: set[int], about: str) -> bool | None:
    are = {number for number, kind in enumerate(kinds) if kind.search(about)}
    return bool(are & said) if are else None


@lru_cache(maxsize=4096)
def told(product: Product) -> str:
    """All that is told of it, as contacts' words are read."""
    words = (product.name, product.description, product.category, *product.keywords)
    return " ".join(Asked(". ".join(words)).clauses)
