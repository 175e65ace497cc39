"""What is said of products that were shown, or that are chosen by how they should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from conserje import Match, Product
from conserje_catalog import fits, measures, qualities
from conserje_catalog.amounts import is_much_alone, sold_by_measure
from conserje_catalog.asked import Asked, naming
from conserje_catalog.choices import stem
from conserje_catalog.offers import SHOWN, has
from conserje_catalog.vocabulary import PATTERNS
from conserje_catalog.wish import Meant, Wish


def best_of(meant: Meant, asked: Asked) -> Meant:
    """The one of two that is asked for by its price: "cuál es más barato, el kong o la pelota"."""
    way = extreme(asked) if meant.way == "compare" else None
    there = [product for product in meant.products if has(product)]
    if way is None or not there:
        return meant
    best = (max if way == "dearest" else min)(there, key=lambda product: product.price)
    return Meant([best], way)


def most_of_offered(asked: Asked, offered: Sequence[Product], matches: Sequence[Match]) -> Meant | None:
    """Of what was shown the largest, or the strongest; all of it where that is not told."""
    so = measures.wanted(asked, "most") if len(offered) > 1 else ""
    if not so or not (_begins_so(asked) or all(match.product in offered for match in matches)):
        return None
    best = measures.most(offered, so)
    return Meant(best) if best else Meant(offered[:SHOWN], "compare", described=True)


def _begins_so(asked: Asked) -> bool:
    """Whether it is said first which one it is: "el chico cuántos kilos trae"."""
    found = (PATTERNS["most"].search(clause.removeprefix("y ")) for clause in asked.clauses)
    return any(each.start() == 0 for each in found if each)


def so_much(wish: Wish, offered: Sequence[Product]) -> Meant | None:
    """So much of what was shown: "ya, quiero 3 kg"."""
    clauses = [clause for clause in wish.clauses if offered and is_much_alone(clause)]
    if not clauses or any(naming(clause) for clause in wish.clauses if clause not in clauses):
        return None
    return Meant(offered, count=sold_by_measure(offered[0], clauses))


def of_the_shown(asked: Asked, offered: Sequence[Product], matches: Sequence[Match]) -> Meant | None:
    """The one that was shown, where something is asked that is told of it: "caben 8 personas?"."""
    if len(offered) != 1 or matches or not asked.is_question or asked.says("another"):
        return None
    clauses = " ".join(asked.clauses)
    is_told = fits.judges(offered, clauses) or qualities.is_told(offered[0], asked)
    return Meant(offered, described=True) if is_told else None


def another_so(asked: Asked, offered: Sequence[Product], products: Sequence[Product]) -> Meant | None:
    """Of the same kind the one that is so, and not the one that was shown: "no ese no, el negro"."""
    clauses = [PATTERNS["not_this"].sub(" ", clause) for clause in asked.clauses]
    if not offered or not asked.says("not_this"):
        return None
    so = {stem(word) for clause in clauses for word in clause.split() if len(word) > 3}
    alike = [each for each in products if each.category == offered[0].category and each not in offered]
    named = [(len(so & {stem(word) for word in _name(each)}), each) for each in alike if has(each)]
    best = max((count for count, _ in named), default=0)
    found = [each for count, each in named if count == best] if best else [each for _, each in named]
    return Meant(found, sure=0.7) if found else None


def most(meant: Meant, asked: Asked) -> Meant:
    """The largest of those that are meant; all of them with what is told of them where that is not told."""
    so = measures.wanted(asked, "most") if len(meant.products) > 1 and meant.way == "offer" else ""
    if not so:
        return meant
    best = measures.most(meant.products, so)
    return replace(meant, products=best or meant.products, described=True)


def _name(product: Product) -> list[str]:
    return " ".join(Asked(product.name).clauses).split()


def affordable(wish: Wish, asked: Asked, offered: Sequence[Product]) -> Sequence[Product]:
    """What was shown, where one of it is wanted for the money: "uno de menos de 100 lucas"."""
    names = any(naming(clause) or PATTERNS["anything"].search(clause) for clause in wish.clauses)
    allowed = wish.budget and any(wish.budget.allows(product) for product in offered)
    return offered if allowed and not names and len(offered) > 1 else ()


def extreme(asked: Asked) -> Literal["cheapest", "dearest"] | None:
    return "dearest" if asked.says("dearest") else "cheapest" if asked.says("cheapest") else None


def tells_for_whom(asked: Asked, offered: Sequence[Product]) -> bool:
    """Whether no more is said than for whom one of them is to be: "la de adulto", "tiene 7 meses"."""
    return asked.says_for_whom and fits.judges(offered, " ".join(asked.clauses))
