"""Which products a contact means, how many of them, and for how much."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from conserje import Match, Product
from conserje_catalog import about, choices, fits, measures, shown, sizes, things
from conserje_catalog.amounts import (
    Count,
    amount,
    counted_after,
    is_its_own,
    sold_by_measure,
)
from conserje_catalog.asked import Asked, is_known, naming
from conserje_catalog.choices import stem
from conserje_catalog.names import (
    FOUND,
    HARDLY,
    SAID,
    SURE,
    AnyTurn,
    for_what_they_have,
    itself,
    named,
    sure,
)
from conserje_catalog.offers import SHOWN, has
from conserje_catalog.several import by_name, several, some
from conserje_catalog.vocabulary import PATTERNS
from conserje_catalog.wish import ABOUT, LESS_SURE, Meant, Wish, wished_for, without

_OF = re.compile(r" (?:de|del|para|pa|pal|do|da|for|of) ")  # "el de xbox" is no xbox
_NEAR = 0.51  # all of the words are in its description, or most are the product's
_ASKED_ABOUT = 8  # words that may name what a question is about
_MESSAGES = 6  # of the contact, of which a total is asked
_MADE_FOR = 0.45  # the verb is told of it: "limpiar" of what cleans


async def find(turn: AnyTurn, asked: Asked) -> Meant | None:
    """What the contact means, by its name, by pointing at what was shown, or by its price."""
    wish = await wished_for(turn, asked)
    if together := await several(turn, wish, asked) or await _basket(turn, asked):
        return shown.best_of(together, asked)
    offered = choices.shown(turn.history, await turn.products.all()) if turn.history else []
    matches = await _of_the_subject(turn, wish, without(wish, await named(turn, wish.clauses)))
    matches = itself(wish.clauses, await for_what_they_have(turn, wish.stories, matches))
    count = _count(wish, matches)
    if count > 1 and (of_them := [match for match in matches if match.product in offered]):
        matches = of_them  # "12 sacos" of what was shown
    if added := _added(asked, offered, matches, count):
        return added
    meant = (
        shown.most_of_offered(asked, offered, matches)
        or shown.so_much(wish, offered)
        or shown.of_the_shown(asked, offered, matches)
        or shown.another_so(asked, offered, await turn.products.all())
        or await _of_offered(turn, wish, asked, offered)
        or await _by_name(turn, wish, matches, count)
        or await _pointed(turn, wish, asked, offered, count)
        or await _before(turn, wish, asked, offered, count)
        or await _unnamed(turn, wish, asked, offered)
        or await some(turn, wish)
    )
    if meant is None:
        return None
    if meant.way == "offer" and not offered:
        meant = replace(meant, products=_without_what_is_of_it(meant.products, wish.clauses))
    meant = await _for_the_money(turn, wish, await _that_fits(turn, wish, meant))
    meant = shown.most(meant, asked)
    if asked.says("cheaper"):
        return await _cheaper(turn, meant)
    if so := measures.wanted(asked, "more"):
        return await _more(turn, meant, so)
    described = meant.described or asked.says("attribute") or asked.says("size")
    described = described or (asked.is_question and not asked.asks)
    return _narrowed(replace(meant, described=described, unwanted=wish.unwanted), wish, asked)


async def is_of_the_shown(turn: AnyTurn, asked: Asked) -> bool:
    """Whether something is asked that is told of the one thing that was shown."""
    offered = choices.shown(turn.history, await turn.products.all()) if turn.history else []
    matches = await named(turn, asked.wanted()) if len(offered) == 1 else ()
    return shown.of_the_shown(asked, offered, matches) is not None


def _added(asked: Asked, offered: Sequence[Product], matches: Sequence[Match], count: Count) -> Meant | None:
    """The one that was shown with what is asked for beside: "y cuánto con el mario kart?"."""
    if len(offered) != 1 or len(matches) != 1 or not asked.says("added"):
        return None
    return Meant([offered[0], matches[0].product], "total", counts=[1, count])


async def _that_fits(turn: AnyTurn, wish: Wish, meant: Meant) -> Meant:
    """What is told to fit, of the same name, where all that is meant does not: "casco, cabeza de 50 cm"."""
    told = (*wish.clauses, *wish.stories)
    if len(fits.shut_out(meant.products, told)) < len(meant.products):
        return meant
    heads = [word for clause in wish.clauses for word in naming(clause)][:1]
    found = [
        match.product
        for word in heads
        for match in await turn.products.search(word, FOUND)
        if match.score >= SURE
    ]
    others = fits.told_for(found, told)
    return replace(meant, products=others, described=True) if others else meant


async def _for_the_money(turn: AnyTurn, wish: Wish, meant: Meant) -> Meant:
    """What else is not made for others, where what is made for them costs more: "algo por 20 lucas pa un
    cachorro"."""
    money = wish.budget if any(PATTERNS["anything"].search(clause) for clause in wish.clauses) else None
    whom = [clause for clause in wish.clauses if money and fits.is_of_a_kind(clause)]
    if not money or not whom or any(money.allows(product) for product in meant.products):
        return meant
    products = await turn.products.all()
    others = fits.shut_out(products, whom)
    there = [product for product in products if product.name not in others and money.allows(product)]
    return replace(meant, products=there) if there else meant


async def _by_name(turn: AnyTurn, wish: Wish, matches: Sequence[Match], count: Count) -> Meant | None:
    """What is surely named, and all of its category where that is to be listed."""
    if not matches:
        return None
    products = [match.product for match in matches]
    products = list(dict.fromkeys([*products, *await things.of_category(turn, wish.clauses)]))
    for_whom = len(products) == 1 and any(PATTERNS["for"].search(clause) for clause in wish.clauses)
    surety = matches[0].score
    return Meant(products, count=count, sure=surety, described=for_whom or surety < LESS_SURE)


async def _pointed(
    turn: AnyTurn, wish: Wish, asked: Asked, offered: Sequence[Product], count: Count
) -> Meant | None:
    """What is pointed at, or what else there is; or what something is asked or told about."""
    if others := await _others(turn, wish, asked, offered):
        return Meant(others)
    if offered and asked.says("free"):
        return _free(wish, offered)
    if pointed := choices.pointed(asked, offered):
        return Meant(pointed, "compare" if len(pointed) > 1 else "offer", count)
    if not offered and (numbered := choices.numbered(wish.clauses, await turn.products.all())):
        return Meant(numbered)
    if told := await about.about(turn, wish, asked):
        return Meant(told, sure=ABOUT, described=True)
    return None


def _free(wish: Wish, offered: Sequence[Product]) -> Meant | None:
    """Those of the offered ones that are without it, which is told: "sin colorantes tiene que ser"."""
    free = [product for product in offered if product.name in wish.free]
    left = free or [product for product in offered if product.name not in wish.unwanted]
    return Meant(left, described=True) if left else None


async def _of_offered(turn: AnyTurn, wish: Wish, asked: Asked, offered: Sequence[Product]) -> Meant | None:
    """Of which of the offered ones something is asked: "cuántas horas mantiene el agua caliente"."""
    if offered and asked.says("its"):
        return Meant(offered[:SHOWN], "compare" if len(offered) > 1 else "offer", described=True)
    if offered and asked.says("attribute"):
        found = await turn.products.search("\n".join(wish.clauses), FOUND)
        best = [match.product for match in found if match.score > found[0].score - HARDLY]
        return Meant(best, described=True) if len(best) == 1 and best[0] in offered else None
    return None


async def _unnamed(turn: AnyTurn, wish: Wish, asked: Asked, offered: Sequence[Product]) -> Meant | None:
    """What there is for the money, or of a category, where no thing is named that there is."""
    if shelved := await about.shelved(turn, wish, asked):
        return Meant(shelved, "shelf", sure=0.6)
    if not wish.budget and any(PATTERNS["anything"].search(clause) for clause in wish.clauses):
        made = fits.told_for(await turn.products.all(), wish.clauses)
        if there := [product for product in made if has(product)]:
            return Meant(there, sure=0.6, described=True)
    if wish.budget and offered and (some := shown.affordable(wish, asked, offered)):
        return Meant(some, sure=0.8)
    if wish.budget or shown.extreme(asked):
        will_do = await _anything_will_do(turn, wish)
        fitting = await turn.products.all() if will_do else await _given_to(turn, wish)
        there = [product for product in fitting if has(product)]
        return Meant(there, sure=0.8) if there else None
    return None


async def _given_to(turn: AnyTurn, wish: Wish) -> list[Product]:
    """What is made for whom a present is: "un regalo para un perro regalón", "pa alguien que corre"."""
    for clause in wish.clauses:
        whom = PATTERNS["for"].split(f" {clause} ", 1)[1:]
        if whom and PATTERNS["anything"].search(clause):
            if is_known(whom[0]):
                return await turn.products.all()
            if fits.is_of_a_kind(whom[0]):
                products = await turn.products.all()
                others = fits.shut_out(products, whom[:1])
                return [product for product in products if product.name not in others]
            found = [
                match for word in whom[0].split()[:SAID] for match in await turn.products.search(word, FOUND)
            ]
            return list(dict.fromkeys(match.product for match in found))
    return []


async def _anything_will_do(turn: AnyTurn, wish: Wish) -> bool:
    """Whether no thing is named: "algo por 20 lucas", "un regalo entretenido"."""
    for clause in wish.clauses:
        named = [word for word in naming(clause) if word not in Asked(turn.tenant.name).clauses[0].split()]
        if named and not (PATTERNS["anything"].search(clause) and not await turn.products.search(clause, 1)):
            return False
    return True


async def _of_the_subject(turn: AnyTurn, wish: Wish, matches: Sequence[Match]) -> Sequence[Match]:
    """Those of which something is asked, where the matches only are like what is asked of them."""
    subjects = [match for clause in wish.clauses[:1] for match in await things.subject(turn, clause)]
    names = {match.product.name for match in subjects}
    return [match for match in matches if match.product.name in names] or subjects or matches


def _count(wish: Wish, matches: Sequence[Match]) -> Count:
    """How many are asked for, also by the measure that the thing is sold by."""
    count = max((amount(clause)[0] for clause in wish.clauses), default=1)
    if count > 1 and matches and any(is_its_own(count, each, matches[0].product) for each in wish.clauses):
        return 1
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
    if not less and len(meant.products) == 1:
        less = [each for each in await turn.products.all() if each.price < thing.price and has(each)]
    less.sort(key=lambda product: -product.price)
    return Meant(less, sure=0.8) if less else Meant([thing], "cheapest", sure=0.8)


async def _more(turn: AnyTurn, meant: Meant, so: str) -> Meant:
    """What there is of its kind that is larger, or stronger; all of its kind where that is not told."""
    thing, *_ = meant.products
    alike = [p for p in await turn.products.all() if p.category == thing.category and p != thing and has(p)]
    named = [product for product in alike if _first(product.name) == _first(thing.name)]
    found = measures.more(thing, named or alike, so)
    return Meant(found or [thing], sure=0.8, described=True)


async def _instead(turn: AnyTurn, wish: Wish) -> list[Product]:
    """What else there is of the kind that is not wanted: "no quiero torta de chocolate, alguna otra"."""
    products = await turn.products.all() if wish.unwanted else []
    categories = {product.category for product in products if product.name in wish.unwanted}
    left = [product for product in products if product.name not in wish.unwanted and has(product)]
    return [product for product in left if product.category in categories] if len(categories) == 1 else []


async def _others(turn: AnyTurn, wish: Wish, asked: Asked, offered: Sequence[Product]) -> list[Product]:
    """What else there is like the first of what was offered: "¿y qué otra hay para 15?"."""
    if not (offered or wish.unwanted) or not asked.says("another"):
        return []
    if not offered:
        return await _instead(turn, wish)
    shown = offered if has(offered[0]) else offered[:1]
    numbers = {word for clause in asked.clauses for word in clause.split() if word.isdecimal()}
    alike = [
        product
        for product in await turn.products.all()
        if product.category == offered[0].category and product not in shown and has(product)
    ]
    return [product for product in alike if numbers <= set(product.name.split())] or alike


async def _basket(turn: AnyTurn, asked: Asked) -> Meant | None:
    """All that was asked for one after the other: "quiero un kong", "y 2 pelotas", "cuánto es todo"."""
    if not (asked.wants_total and asked.says_little):
        return None
    counts: dict[Product, Count] = {}
    for said in [said for said in turn.history if said.author == "contact"][-_MESSAGES:]:
        clause = " ".join(Asked(getattr(said.content, "text", "")).clauses)
        matches = by_name(found) if (found := await named(turn, [clause])) else []
        if len(matches) == 1:
            product = matches[0].product
            counts[product] = counts.get(product, 0) + amount(clause)[0]
    return Meant(list(counts), "total", counts=list(counts.values())) if len(counts) > 1 else None


async def _before(
    turn: AnyTurn, wish: Wish, asked: Asked, offered: Sequence[Product], count: Count
) -> Meant | None:
    """The products that were spoken of, where this asks for more of them: "¿y cuánto cuesta?"."""
    more = asked.follows_up or asked.says("attribute") or asked.says("compare") or asked.says("more")
    more = more or (bool(offered) and asked.asks and asked.says_little)
    more = more or (bool(offered) and shown.tells_for_whom(asked, offered))
    counted = count > 1 and bool(offered)
    if not (more or counted or (shown.extreme(asked) and asked.says_little)):
        return None
    if len(offered) == 1 and asked.says("compare") and (both := await _compared(turn)):
        return both
    if offered:
        is_sold_out = not has(offered[0]) and all(map(has, offered[1:]))  # what is near was shown with it
        if is_sold_out and len(offered) > 1:
            return Meant(offered[:1], count=count)
        told = await turn.products.search("\n".join(wish.clauses), FOUND) if counted and not more else []
        best = [match.product for match in told if match.score > told[0].score - HARDLY]
        is_one = len(best) == 1 and best[0] in offered  # "4 kunsman torobayo"
        return Meant(best if is_one else offered, count=count)
    for said in reversed([said for said in turn.history if said.author == "contact"][-5:]):
        if matches := sure(await turn.products.search(getattr(said.content, "text", ""), FOUND)):
            return Meant([match.product for match in matches], count=count)
    return None


async def _compared(turn: AnyTurn) -> Meant | None:
    """Those of which the contact asked last which is better: "y cuánto es la diferencia"."""
    [*_, text] = [
        "",
        *(getattr(said.content, "text", "") for said in turn.history if said.author == "contact"),
    ]
    before = Asked(text)
    both = await several(turn, await wished_for(turn, before), before)
    return replace(both, way="compare") if both else None


def _narrowed(meant: Meant, wish: Wish, asked: Asked) -> Meant | None:
    """Those of the right price, for whom they are wanted."""
    meant = _of_size(meant, wish)
    if meant.way == "offer" and not (asked.says("attribute") and shown.extreme(asked)):
        told = (*wish.clauses, *wish.stories)
        meant = replace(meant, products=fits.fitting(meant.products, told, anything=bool(wish.budget)))
    to_be_had = [product for product in meant.products if has(product)] or list(meant.products)
    if wish.budget:
        fitting = [product for product in to_be_had if wish.budget.allows(product)]
        by_price = sorted(fitting, key=lambda product: -product.price)
        if by_price:
            return replace(meant, products=by_price, way="budget", budget=wish.budget)
        nearest = sorted(to_be_had, key=lambda product: product.price)[:1]
        return replace(meant, products=nearest, way="too_dear") if nearest else None
    if (way := shown.extreme(asked)) and not (len(meant.products) == 1 and _names_others(wish)):
        called_so = _called_so(to_be_had, wish.clauses)
        products = sorted(called_so, key=lambda product: product.price, reverse=way == "dearest")
        return replace(meant, products=products[:1], way=way)
    if asked.says("compare") and 1 < len(meant.products) <= SHOWN:
        return replace(meant, way="compare")
    return meant


def _without_what_is_of_it(products: Sequence[Product], clauses: Sequence[str]) -> Sequence[Product]:
    """Those that are the thing, where others of another category only have it: of "cuerdas" no bass."""
    for clause in clauses if len(products) > 1 else ():
        named = naming(_OF.split(f" {clause} ", 1)[0])[:1]
        called = [each for each in products if named and _begins_with(each, named[0])]
        categories = {each.category for each in called}
        if called:
            return [each for each in products if each.category in categories]
    return products


def _begins_with(product: Product, word: str) -> bool:
    return _first(product.name) == stem(word)


@lru_cache(maxsize=4096)
def _first(name: str) -> str:
    """The first word of a product's name, in the singular."""
    return stem(" ".join([*Asked(name).clauses, name]).split()[0])


def _called_so(products: Sequence[Product], clauses: Sequence[str]) -> Sequence[Product]:
    """Those whose name begins with the thing: the cheapest "xbox" is no control for one."""
    for word in [word for clause in clauses for word in naming(clause)]:
        called = [each for each in products if _begins_with(each, word)]
        if called:
            return called
    return products


def _of_size(meant: Meant, wish: Wish) -> Meant:
    """Without those that do not come in the size that is asked for; all of them where none does."""
    if not wish.size or meant.way == "total":
        return meant
    fitting = [product for product in meant.products if sizes.comes_in(product, wish.size) is not False]
    return replace(meant, products=fitting, described=True) if fitting else replace(meant, described=True)


def _names_others(wish: Wish) -> bool:
    """Whether one of two is asked for, of which one is unheard of: of one nothing is compared."""
    return any(PATTERNS["or"].search(f" {clause} ") for clause in wish.clauses)
