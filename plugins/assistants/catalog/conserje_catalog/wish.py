"""What a contact wishes for, and what is meant by it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from conserje import Match, Product
from conserje_catalog import sizes
from conserje_catalog.amounts import Count
from conserje_catalog.asked import ASKING, Asked, naming
from conserje_catalog.money import Budget, budget
from conserje_catalog.names import AnyTurn, named, without_stories
from conserje_catalog.vocabulary import PATTERNS, words_of

LESS_SURE = 0.9  # a word was not the product's: its description may say more
ABOUT = 0.6  # something is asked or told of it
_ALL = 200  # products that are as they should not be
_LACKING = words_of("sin ni sem without no")
_OR_ELSE = re.compile(r"\w,? (?:o|ou|or|u) \w")  # it is to be had otherwise, too: "roja o negra"

Way = Literal["offer", "compare", "total", "cheapest", "dearest", "budget", "too_dear", "shelf", "some"]


@dataclass(frozen=True, slots=True)
class Meant:
    """Products in the order in which they are offered."""

    products: Sequence[Product]
    way: Way = "offer"
    count: Count = 1
    counts: Sequence[Count] = ()  # of each, where a total is wanted
    sure: float = 1.0
    described: bool = False
    budget: Budget | None = None
    unwanted: frozenset[str] = frozenset()  # names

    @property
    def is_about(self) -> bool:
        """Whether something is asked or told of it, and it is not asked for."""
        return self.sure == ABOUT


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted, without money and without what is not wanted."""

    clauses: Sequence[str]
    budget: Budget | None
    unwanted: frozenset[str]  # names
    size: str = ""
    stories: Sequence[str] = ()  # what is told beside
    free: frozenset[str] = frozenset()  # names of what is told to be without what is not wanted


async def wished_for(turn: AnyTurn, asked: Asked) -> Wish:
    clauses, money, size = [], None, ""
    for clause in asked.wanted():
        size = size or sizes.asked(clause)
        found, rest = budget(clause)
        money = money or found
        clauses.append(await _without_what_all_lack(turn, PATTERNS["size"].sub(" ", rest)))
    free = [product.name for clause in asked.clauses for product in (await _told_of(turn, clause))[1]]
    if len(clauses) > 1:
        clauses = [clause for clause in clauses if not _asks_alone(clause)] or clauses
    wanted, stories = await without_stories(turn, clauses)
    return Wish(wanted, money, frozenset(await _unwanted(turn, asked)), size, stories, frozenset(free))


def _asks_alone(clause: str) -> bool:
    """Whether it asks, and names nothing that there may be: "precio y talla porfa"."""
    return not ASKING.isdisjoint(clause.split()) and not naming(clause)


async def _told_of(turn: AnyTurn, clause: str) -> tuple[list[Product], list[Product]]:
    """What is told to have, and what to be free of, what a clause wants it without: "torta sin nueces"."""
    if not (found := PATTERNS["free"].search(clause)):
        return [], []
    without = next(filter(None, found.groups()))
    told = [match.product for match in await turn.products.search(without, _ALL)]
    free = [product for product in told if _is_free(product, without)]
    return [product for product in told if product not in free], free


def _is_free(product: Product, without: str) -> bool:
    words = " ".join(Asked(f"{product.name} {product.description}").clauses).split()
    stem = without.rstrip("aeos")
    return any(before in _LACKING and word.startswith(stem) for before, word in pairwise(words))


async def _without_what_all_lack(turn: AnyTurn, clause: str) -> str:
    """The clause without what nothing is told to be free of: it would be looked for as a good thing."""
    has, free = await _told_of(turn, clause)
    return PATTERNS["free"].sub(" ", clause) if has and not free else clause


async def _unwanted(turn: AnyTurn, asked: Asked) -> set[str]:
    """The names of what is not wanted, and of what is as it should not be: "que no sean rojas"."""
    names = set[str]()
    for part in asked.unwanted():
        names.update(match.product.name for match in await named(turn, [part]))
    for clause in asked.clauses:
        names.update(product.name for product in (await _told_of(turn, clause))[0])
    for part in asked.unlike() if not names else ():
        so = [match.product for match in await turn.products.search(part, _ALL)]
        names.update(product.name for product in so if not _OR_ELSE.search(product.description))
    return names


def without(wish: Wish, matches: Sequence[Match]) -> list[Match]:
    return [match for match in matches if match.product.name not in wish.unwanted]
