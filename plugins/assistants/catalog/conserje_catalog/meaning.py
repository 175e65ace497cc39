"""Which products a contact means, how many of them, and for how much."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from conserje import Match, Product, Turn
from conserje_catalog import choices, sizes, things
from conserje_catalog.amounts import (
    amount,
    counted,
    counted_after,
    is_of_the_same,
    of_the_same,
    sold_by_measure,
)
from conserje_catalog.asked import Asked, naming
from conserje_catalog.money import Budget, budget
from conserje_catalog.offers import SHOWN, has
from conserje_catalog.vocabulary import PATTERNS

_SURE = 0.7  # below this a product shares a word with what was asked, no more
_NEAR = 0.51  # all of the words are in its description, or most are the product's
_HARDLY = 0.1  # less sure than the surest: what only is of its category is less so
_FOUND = 30  # products that are looked at
_CALLED = 0.03  # a keyword says less surely what it is than the name
_ABOUT = 0.6
_ALL = 200  # products that are as they should not be
_WORDS = 3  # of whom something is for
_PARTS = 6  # things asked for at once
_LISTED = 4  # things in a row
_ASKED_ABOUT = 8  # words that may name what a question is about
_MADE_FOR = 0.45  # the verb is told of it: "limpiar" of what cleans
_LESS_SURE = 0.9  # a word was not the product's: its description may say more

_HAS_WITH = re.compile(r"\b(vienen?|funcionan?|compatibles?|sirven?|pagan?|cargan?) con ")  # joins nothing
_CHOICE = re.compile(r"\w,? (?:o|ou|or|u) \w")  # it is to be had otherwise, too: "roja o negra"
_INFINITIVE = re.compile(r"[a-z]{2,20}[aei]r(?:me|l[aeo]s?)?")  # what it is for: "zapatilla para enchufar"

AnyTurn = Turn[Any, Any]
Way = Literal["offer", "compare", "total", "cheapest", "dearest", "budget", "too_dear", "shelf"]


@dataclass(frozen=True, slots=True)
class Meant:
    """Products in the order in which they are offered."""

    products: Sequence[Product]
    way: Way = "offer"
    count: int = 1
    counts: Sequence[int] = ()  # of each, where a total is wanted
    sure: float = 1.0
    described: bool = False
    budget: Budget | None = None
    unwanted: frozenset[str] = frozenset()  # names

    @property
    def is_about(self) -> bool:
        """Whether something is asked or told of it, and it is not asked for."""
        return self.sure == _ABOUT


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is wanted, without money and without what is not wanted."""

    clauses: Sequence[str]
    budget: Budget | None
    unwanted: frozenset[str]  # names
    size: str = ""


def sure(matches: Sequence[Match]) -> list[Match]:
    """The matches that are surely meant, and those that are hardly less so."""
    return [match for match in matches if match.score >= max(_SURE, matches[0].score - _HARDLY)]


async def find(turn: AnyTurn, asked: Asked) -> Meant | None:
    """What the contact means, by its name, by pointing at what was shown, or by its price."""
    wish = await _wish(turn, asked)
    if several := await _several(turn, wish, asked):
        return several
    offered = choices.shown(turn.history, await turn.products.all()) if turn.history else []
    matches = await _of_the_subject(turn, wish, _without(wish, await named(turn, wish.clauses)))
    count = _count(wish, matches)
    if of_offered := await _of_offered(turn, wish, asked, offered):
        meant = of_offered
    elif matches:
        products, surety = [match.product for match in matches], matches[0].score
        for_whom = len(products) == 1 and any(PATTERNS["for"].search(clause) for clause in wish.clauses)
        meant = Meant(products, count=count, sure=surety, described=for_whom or surety < _LESS_SURE)
    elif pointed := choices.pointed(asked, offered):
        meant = Meant(pointed, "compare" if len(pointed) > 1 else "offer", count)
    elif about := await _about(turn, wish, asked):
        meant = Meant(about, sure=_ABOUT, described=True)
    elif before := await _before(turn, asked, offered, count):
        meant = Meant(before, count=count)
    elif others := await _unnamed(turn, wish, asked):
        meant = others
    else:
        return None
    if asked.says("cheaper"):
        return await _cheaper(turn, meant)
    described = meant.described or asked.says("attribute") or asked.says("size")
    described = described or (asked.is_question and not asked.asks)
    return _narrowed(replace(meant, described=described, unwanted=wish.unwanted), wish, asked)


async def _of_offered(turn: AnyTurn, wish: _Wish, asked: Asked, offered: Sequence[Product]) -> Meant | None:
    """Of which of the offered ones something is asked: "cuántas horas mantiene el agua caliente"."""
    if offered and asked.says("its"):
        return Meant(offered[:SHOWN], "compare" if len(offered) > 1 else "offer", described=True)
    if offered and asked.says("attribute"):
        found = await turn.products.search("\n".join(wish.clauses), _FOUND)
        best = [match.product for match in found if match.score > found[0].score - _HARDLY]
        return Meant(best, described=True) if len(best) == 1 and best[0] in offered else None
    return None


async def _unnamed(turn: AnyTurn, wish: _Wish, asked: Asked) -> Meant | None:
    """What there is for the money, or of a category, where no thing is named that there is."""
    if shelved := await _shelved(turn, wish, asked):
        return Meant(shelved, "shelf", sure=0.6)
    if wish.budget or _extreme(asked):
        will_do = await _anything_will_do(turn, wish)
        fitting = await turn.products.all() if will_do else await _given_to(turn, wish)
        there = [product for product in fitting if has(product)]
        return Meant(there, sure=0.8) if there else None
    return None


async def _given_to(turn: AnyTurn, wish: _Wish) -> list[Product]:
    """What is made for whom a present is: "un regalo para un perro regalón", "pa alguien que corre"."""
    for clause in wish.clauses:
        whom = PATTERNS["for"].split(f" {clause} ", 1)[1:]
        if whom and PATTERNS["anything"].search(clause):
            found = [
                match
                for word in whom[0].split()[:_WORDS]
                for match in await turn.products.search(word, _FOUND)
            ]
            return list(dict.fromkeys(match.product for match in found))
    return []


async def _anything_will_do(turn: AnyTurn, wish: _Wish) -> bool:
    """Whether no thing is named: "algo por 20 lucas", "un regalo entretenido"."""
    for clause in wish.clauses:
        named = [word for word in naming(clause) if word not in Asked(turn.tenant.name).clauses[0].split()]
        if named and not (PATTERNS["anything"].search(clause) and not await turn.products.search(clause, 1)):
            return False
    return True


async def _of_the_subject(turn: AnyTurn, wish: _Wish, matches: Sequence[Match]) -> Sequence[Match]:
    """Those of which something is asked, where the matches only are like what is asked of them."""
    subjects = [match for clause in wish.clauses[:1] for match in await things.subject(turn, clause)]
    names = {match.product.name for match in subjects}
    return [match for match in matches if match.product.name in names] or subjects or matches


def _count(wish: _Wish, matches: Sequence[Match]) -> int:
    """How many are asked for, also by the measure that the thing is sold by."""
    count = max((amount(clause)[0] for clause in wish.clauses), default=1)
    if count > 1 or not matches:
        return count
    after = max((counted_after(clause) for clause in wish.clauses), default=0)
    if after and str(after) not in matches[0].product.name.split():
        return after
    return sold_by_measure(matches[0].product, wish.clauses)


async def _cheaper(turn: AnyTurn, meant: Meant) -> Meant:
    """What there is of the same kind for less; the thing itself where nothing is."""
    [thing, *_] = sorted(meant.products, key=lambda product: product.price)
    less = [
        product
        for product in await turn.products.all()
        if product.category == thing.category and product.price < thing.price and has(product)
    ]
    less.sort(key=lambda product: -product.price)
    return Meant(less, sure=0.8) if less else Meant([thing], "cheapest", sure=0.8)


async def _wish(turn: AnyTurn, asked: Asked) -> _Wish:
    clauses, money, size = [], None, ""
    for clause in asked.wanted():
        size = size or sizes.asked(clause)
        found, rest = budget(clause)
        money = money or found
        clauses.append(PATTERNS["size"].sub(" ", rest))
    return _Wish(clauses, money, frozenset(await _unwanted(turn, asked)), size)


async def _unwanted(turn: AnyTurn, asked: Asked) -> set[str]:
    """The names of what is not wanted, and of what is as it should not be: "que no sean rojas"."""
    names = set[str]()
    for part in asked.unwanted():
        names.update(match.product.name for match in await named(turn, [part]))
    for part in asked.unlike() if not names else ():
        so = [match.product for match in await turn.products.search(part, _ALL)]
        names.update(product.name for product in so if not _CHOICE.search(product.description))
    return names


async def named(turn: AnyTurn, clauses: Iterable[str]) -> list[Match]:
    """What is surely meant by all of the words, else by those that may name something."""
    written = [clause for clause in clauses if clause]
    if not written:
        return []
    if found := sure(await turn.products.search("\n".join(written), _FOUND)):
        return found
    said = "\n".join(amount(each)[1] for each in written)
    if found := sure(await turn.products.search(said, _FOUND)):
        return await _closest(turn, written, found)
    return await _for_somebody(turn, written)


async def _closest(turn: AnyTurn, written: Sequence[str], found: Sequence[Match]) -> list[Match]:
    """Those of them of which most of what is written is told: "el marco de niño"."""
    told = {each.product.name: each.score for each in await turn.products.search("\n".join(written), _FOUND)}
    best = max((told.get(match.product.name, 0.0) for match in found), default=0.0)
    return [match for match in found if told.get(match.product.name, 0.0) >= best - 0.1]


async def _for_somebody(turn: AnyTurn, clauses: Iterable[str]) -> list[Match]:
    """Of "camita para mi perro viejito" the bed; none for whom the shop has nothing: "para gatos"."""
    for clause in clauses:
        thing, _, whom = PATTERNS["for"].sub("\n", f" {clause} ", 1).partition("\n")
        if whom and (named := naming(thing)):
            matches = sure(await turn.products.search(" ".join(named), _FOUND))
            said = [word for word in naming(whom)[:_WORDS] if word.isalpha()]
            whole = [word for word in said if not _INFINITIVE.fullmatch(word)]
            if matches and all([await turn.products.search(word, 1) for word in whole]):
                return await _closest(turn, [clause], matches)
    return []


async def _about(turn: AnyTurn, wish: _Wish, asked: Asked) -> list[Product]:
    """What a question about a thing, or a budget for one, is about: the thing that is named first.

    So is a thing of which most is known: "saco de pro plan". Its description is said, so that nothing is
    passed off.
    """
    for clause in wish.clauses:
        if about := await _about_clause(turn, wish, clause, asked):
            return about
    if mentioned := _without(wish, await things.mentioned(turn, wish.clauses)):
        return [match.product for match in mentioned]
    return []


async def _shelved(turn: AnyTurn, wish: _Wish, asked: Asked) -> list[Product]:
    """What there is of the category that is named beside something unheard of."""
    for clause in wish.clauses if asked.asks or not asked.is_question else ():
        if shelved := await things.shelved(turn, naming(clause)):
            return shelved
    return []


async def _about_clause(turn: AnyTurn, wish: _Wish, clause: str, asked: Asked) -> list[Product]:
    """The same of one clause."""
    if asked_for := _without(wish, await things.asked_for(turn, clause)):
        return [match.product for match in asked_for]
    words = naming(clause)
    nearly = await turn.products.search(" ".join(words), 3)
    if nearly and nearly[0].score >= (_SURE if _asks_for_a_thing(words, clause) else _NEAR):
        return [match.product for match in _without(wish, nearly) if match.score > nearly[0].score - 0.1]
    if purposed := await _for_a_purpose(turn, wish, clause):
        return purposed
    if headed := _without(wish, await things.headed(turn, clause)):
        return [match.product for match in headed]
    attribute = asked.says("attribute")
    if not (attribute or wish.budget or _extreme(asked) or (asked.is_question and not asked.asks)):
        return []
    for word in dict.fromkeys(words[:_ASKED_ABOUT]) if attribute else words[:1]:
        if matches := sure(await turn.products.search(word, _FOUND)):
            return [match.product for match in _without(wish, matches)]
    return []


async def _for_a_purpose(turn: AnyTurn, wish: _Wish, clause: str) -> list[Product]:
    """Of "algo para pintar un muro" what is for walls: all words but what is done are known."""
    if PATTERNS["anything"].search(clause) and (whom := PATTERNS["for"].split(f" {clause} ", 1)[1:]):
        told = [match for word in naming(whom[0])[:1] for match in await turn.products.search(word, 6)]
        if made := [match.product for match in _without(wish, told) if match.score >= _MADE_FOR]:
            return made
    if not PATTERNS["purpose"].search(clause):
        return []
    done = [word for word in naming(clause) if _INFINITIVE.fullmatch(word)]
    words = [word for word in naming(clause) if word not in done]
    told = [match for word in done[:_WORDS] for match in await turn.products.search(word, 6)]
    if made := [match.product for match in _without(wish, told) if match.score >= _MADE_FOR]:
        return made
    found = await turn.products.search(" ".join(words), 3) if words else []
    if not found or found[0].score < _NEAR:
        return []
    return [match.product for match in _without(wish, found) if match.score > found[0].score - 0.1]


def _asks_for_a_thing(words: Sequence[str], clause: str) -> bool:
    """Whether one thing is asked for by its name: who wants wood is not told of a brush's handle."""
    return len(words) == 1 and bool(PATTERNS["sells"].search(clause)) and not PATTERNS["some"].search(clause)


def _without(wish: _Wish, matches: Sequence[Match]) -> list[Match]:
    return [match for match in matches if match.product.name not in wish.unwanted]


async def _several(turn: AnyTurn, wish: _Wish, asked: Asked) -> Meant | None:
    """Several things asked for in one message: to be compared, or to be summed up."""
    clauses = [f" {PATTERNS['both'].sub(' ', clause)} " for clause in wish.clauses]
    for way, parts in (
        ("compare", [part for clause in clauses for part in PATTERNS["or"].split(clause)]),
        ("total", [part for clause in clauses for part in await _joined(turn, clause)]),
    ):
        if way == "total":
            parts = [each for part in parts[:_PARTS] for each in await _by_count(turn, part)]
            parts = [each for part in parts[:_PARTS] for each in await _one_by_one(turn, part, parts)]
        found = []
        joined = len(parts) > (len(clauses) if way == "compare" else 1)  # a comma alone compares nothing
        before = ""
        for part in [part.strip() for part in parts if part.strip()][:_PARTS] if joined else ():
            count, thing = amount(part)
            matches = await named(turn, [part]) or await named(turn, [thing])
            if way == "total" and not matches:
                count, thing = amount(of_the_same(part, before))
                matches = await named(turn, [thing]) or await things.wished(turn, part)
            before = part
            if matches := _without(wish, matches):
                found.append((count, [match.product for match in _by_name(matches)]))
        if len({frozenset(product.name for product in products) for _, products in found}) > 1:
            return _together(found, asked, compare=way == "compare")
    return None


async def _joined(turn: AnyTurn, clause: str) -> list[str]:
    """The parts that an "and" joins; it joins none in a thing's own name: "audífonos con cable"."""
    parts = PATTERNS["and"].split(_HAS_WITH.sub(r"\1 ", clause))
    if len(parts) == 2 and is_of_the_same(parts[1]):
        return parts
    if len(parts) == 2 and (whole := await turn.products.search(clause, 1)):
        return [clause] if whole[0].score >= _LESS_SURE else parts
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
    first = {matches[0].product.name for matches in found if matches and matches[0].score >= _LESS_SURE}
    return words if len(first) == len(words) else [part]


def _by_name(matches: Sequence[Match]) -> Sequence[Match]:
    """Those that are called so, and not only looked for by it: of a "gorro" not the "jockey"."""
    best = max(match.score for match in matches)
    if best == 1.0:  # all of its name, and no more
        return [match for match in matches if match.score == 1.0]
    return [match for match in matches if match.score > best - _CALLED]


def _together(found: Sequence[tuple[int, list[Product]]], asked: Asked, *, compare: bool) -> Meant:
    """The one of each that is meant, by what it shares with the others; all where that says nothing."""
    chosen = {products[0].name: products[0] for _, products in found if len(products) == 1}
    clear = True
    items: list[tuple[int, Product]] = []
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


def _fitting(products: Sequence[Product], others: Sequence[Product]) -> Sequence[Product]:
    """Those that have most keywords in common with the others."""
    words = {word for other in others for word in other.keywords}
    shared = [len(words & set(product.keywords)) for product in products]
    return [product for product, count in zip(products, shared, strict=True) if count == max(shared)]


async def _before(turn: AnyTurn, asked: Asked, offered: Sequence[Product], count: int) -> Sequence[Product]:
    """The products that were spoken of, where this asks for more of them: "¿y cuánto cuesta?"."""
    more = asked.follows_up or asked.says("attribute") or asked.says("compare")
    more = more or (bool(offered) and asked.asks and asked.says_little)
    counted = count > 1 and bool(offered)
    if not (more or counted or (_extreme(asked) and asked.says_little)):
        return []
    if offered:
        return offered
    for said in reversed([said for said in turn.history if said.author == "contact"][-5:]):
        if matches := sure(await turn.products.search(getattr(said.content, "text", ""), _FOUND)):
            return [match.product for match in matches]
    return []


def _narrowed(meant: Meant, wish: _Wish, asked: Asked) -> Meant | None:
    """Those of the right price."""
    meant = _of_size(meant, wish)
    to_be_had = [product for product in meant.products if has(product)] or list(meant.products)
    if wish.budget:
        fitting = [product for product in to_be_had if wish.budget.allows(product)]
        by_price = sorted(fitting, key=lambda product: -product.price)
        if by_price:
            return replace(meant, products=by_price, way="budget", budget=wish.budget)
        nearest = sorted(to_be_had, key=lambda product: product.price)[:1]
        return replace(meant, products=nearest, way="too_dear") if nearest else None
    if way := _extreme(asked):
        products = sorted(to_be_had, key=lambda product: product.price, reverse=way == "dearest")
        return replace(meant, products=products[:1], way=way)
    if asked.says("compare") and 1 < len(meant.products) <= SHOWN:
        return replace(meant, way="compare")
    return meant


def _of_size(meant: Meant, wish: _Wish) -> Meant:
    """Without those that do not come in the size that is asked for; all of them where none does."""
    if not wish.size or meant.way == "total":
        return meant
    fitting = [product for product in meant.products if sizes.comes_in(product, wish.size) is not False]
    return replace(meant, products=fitting, described=True) if fitting else replace(meant, described=True)


def _extreme(asked: Asked) -> Literal["cheapest", "dearest"] | None:
    return "dearest" if asked.says("dearest") else "cheapest" if asked.says("cheapest") else None
