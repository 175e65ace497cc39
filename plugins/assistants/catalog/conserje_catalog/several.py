"""Several things asked for in one message: to be compared, or to be summed up."""

from __future__ import annotations

import re
from collections.abc import Sequence

from conserje import Match, Product
from conserje_catalog import measures, things
from conserje_catalog.amounts import (
    Count,
    amount,
    counted,
    is_its_own,
    is_of_the_same,
    of_the_same,
    sold_by_measure,
)
from conserje_catalog.asked import Asked, naming
from conserje_catalog.names import PACKED, PACKS, AnyTurn, named
from conserje_catalog.vocabulary import PATTERNS
from conserje_catalog.wish import ABOUT, LESS_SURE, Meant, Wish, without

_PARTS = 6  # things asked for at once
_LISTED = 4  # things in a row
_OF_THE_SAME_SIZE = re.compile(r"\bde(?:l| la) mism[oa] (?:porte|tamano|medida|formato|talla|tipo|marca)\b")
_LARGE = re.compile(r"\b(grande|chic[oa]|pequen[oa])s?\b")
_SO_MANY = re.compile(r"(?:somos|seremos|vamos a ser|para|pa) (?:como |unos )?[0-9]+(?: personas)?")
_AND_ANOTHER = re.compile(
    r" [2-9] [a-z]+ (?:y|e|mas|and) (?:un|una|otr[oa]|[0-9]+) "
)  # "2 brownies y un pack"
_CALLED = 0.03  # a keyword says less surely what it is than the name
_HAS_WITH = re.compile(r"\b(vienen?|funcionan?|compatibles?|sirven?|pagan?|cargan?) con ")  # joins nothing


async def several(turn: AnyTurn, wish: Wish, asked: Asked) -> Meant | None:
    """Several things asked for in one message: to be compared, or to be summed up."""
    clauses = [f" {PATTERNS['both'].sub(' ', clause)} " for clause in wish.clauses]
    for way, parts in (
        ("compare", [part for clause in clauses for part in PATTERNS["or"].split(clause)]),
        ("total", [part for clause in clauses for part in await _joined(turn, clause)]),
    ):
        if way == "total":
            parts = [each for part in parts[:_PARTS] for each in await _by_count(turn, part)]
            parts = [each for part in parts[:_PARTS] for each in await _one_by_one(turn, part, parts)]
        found: list[tuple[Count, list[Product]]] = []
        joined = len(parts) > (len(clauses) if way == "compare" else 1)  # a comma alone compares nothing
        before = ""
        for part in [part.strip() for part in parts if part.strip()][:_PARTS] if joined else ():
            if _SO_MANY.fullmatch(part):
                continue
            part = _OF_THE_SAME_SIZE.sub(_format(before), PATTERNS["size"].sub(" ", part)).strip()
            count, thing = amount(part)
            thing = PATTERNS["size"].sub(" ", thing)
            matches = await named(turn, [part]) or await named(turn, [thing])
            if way == "total" and not matches:
                count, thing = amount(of_the_same(part, before))
                matches = await named(turn, [thing]) or await things.wished(turn, part)
            before = part
            if matches := without(wish, matches):
                best = single([match.product for match in by_name(matches)], part, count)
                much = count if count > 1 else sold_by_measure(best[0], [part])
                found.append((1 if is_its_own(count, part, best[0]) else much, best))
        if len({frozenset(product.name for product in products) for _, products in found}) > 1:
            return _together(found, asked, compare=way == "compare")
    return None


async def some(turn: AnyTurn, wish: Wish) -> Meant | None:
    """Of several things those that there are, where others are not: "un labial y una crema de manos"."""
    parts = [part.strip() for clause in wish.clauses for part in await _joined(turn, f" {clause} ")]
    found = [await named(turn, [part]) for part in parts[:_PARTS]] if len(parts) > 1 else []
    products = [
        match.product for matches in found if matches for match in by_name(without(wish, matches) or matches)
    ]
    return Meant(list(dict.fromkeys(products)), "some", sure=ABOUT) if products else None


async def _joined(turn: AnyTurn, clause: str) -> list[str]:
    """The parts that an "and" joins; it joins none in a thing's own name: "audífonos con cable"."""
    parts = PATTERNS["and"].split(_HAS_WITH.sub(r"\1 ", clause))
    if len(parts) == 2 and is_of_the_same(parts[1]):
        return parts
    if _AND_ANOTHER.search(clause):
        return parts
    if len(parts) == 2 and (whole := await turn.products.search(clause, 1)):
        return [clause] if whole[0].score >= LESS_SURE else parts
    return parts


async def _by_count(turn: AnyTurn, part: str) -> list[str]:
    """What each number begins, where all together is no thing's name: "5 lavandas 3 romeros"."""
    each = counted(part)
    return [part] if len(each) < 2 or await named(turn, [amount(part.strip())[1]]) else each


async def _one_by_one(turn: AnyTurn, part: str, parts: Sequence[str]) -> list[str]:
    """The things that a part lists without an "and", where others follow: "arroz fideos y aceite"."""
    words = naming(part)
    if len(parts) < 2 or not 2 <= len(words) <= _LISTED or await named(turn, [part.strip()]):
        return [part]
    found = [await turn.products.search(word, 1) for word in words]
    first = {matches[0].product.name for matches in found if matches and matches[0].score >= LESS_SURE}
    return words if len(first) == len(words) else [part]


def _format(before: str) -> str:
    """Of which size it is: "de 20x30" of "un marco de 20x30"."""
    found = [word for word in before.split() if word[0].isdigit() and not word.isdecimal()]
    return f"de {found[0]}" if found else " "


def by_name(matches: Sequence[Match]) -> Sequence[Match]:
    """Those that are called so, and not only looked for by it: of a "gorro" not the "jockey"."""
    best = max(match.score for match in matches)
    if best == 1.0:  # all of its name, and no more
        return [match for match in matches if match.score == 1.0]
    return [match for match in matches if match.score > best - _CALLED]


def single(products: list[Product], part: str, count: Count) -> list[Product]:
    """Without packs, where so many are asked for and no pack is: "3 brownies"."""
    if (so := _LARGE.search(part)) and (best := measures.most(products, so[1])):
        return best
    if count == 1 or PACKS.search(part):
        return products
    return [each for each in products if not PACKED.search(each.name)] or products


def _together(found: Sequence[tuple[Count, list[Product]]], asked: Asked, *, compare: bool) -> Meant:
    """The one of each that is meant, by what it shares with the others; all where that says nothing."""
    found = _once(found)
    chosen = {products[0].name: products[0] for _, products in found if len(products) == 1}
    clear = True
    items: list[tuple[Count, Product]] = []
    for count, products in found:
        others = [product for product in products if product.name not in chosen] or products
        best = others[:1] if len(others) == 1 else _fitting(others, list(chosen.values()))
        clear = clear and len(best) == 1
        items += [(count, product) for product in best]
    named = dict.fromkeys(product for _, product in items)
    if compare or asked.says("compare"):
        return Meant(list(named), "compare")
    if clear and len(named) == len(items):
        return Meant([product for _, product in items], "total", counts=[count for count, _ in items])
    return Meant(list(named))


def _once(found: Sequence[tuple[Count, list[Product]]]) -> list[tuple[Count, list[Product]]]:
    """Each thing once, as often as it is wanted at most: "cemento y arena, 4 de cemento y 8 de arena"."""
    counts: dict[tuple[str, ...], tuple[Count, list[Product]]] = {}
    for count, products in found:
        names = tuple(product.name for product in products)
        counts[names] = (max(count, counts.get(names, (0, []))[0]), products)
    return list(counts.values())


def _fitting(products: Sequence[Product], others: Sequence[Product]) -> Sequence[Product]:
    """Those that have most keywords in common with the others."""
    words = {word for other in others for word in other.keywords}
    shared = [len(words & set(product.keywords)) for product in products]
    return [product for product, count in zip(products, shared, strict=True) if count == max(shared)]
