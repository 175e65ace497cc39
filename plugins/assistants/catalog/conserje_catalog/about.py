"""What a question, or a wish without a thing's name, is about."""

from __future__ import annotations

from collections.abc import Sequence

from conserje import Product
from conserje_catalog import shown, things
from conserje_catalog.asked import Asked, naming
from conserje_catalog.names import FOUND, INFINITIVE, SAID, SURE, AnyTurn, sure
from conserje_catalog.vocabulary import PATTERNS
from conserje_catalog.wish import Wish, without

_NEAR = 0.51  # all of the words are in its description, or most are the product's
_ASKED_ABOUT = 8  # words that may name what a question is about
_MADE_FOR = 0.45  # the verb is told of it: "limpiar" of what cleans


async def about(turn: AnyTurn, wish: Wish, asked: Asked) -> list[Product]:
    """What a question about a thing, or a budget for one, is about: the thing that is named first.

    So is a thing of which most is known: "saco de pro plan". Its description is said, so that nothing is
    passed off.
    """
    for clause in wish.clauses:
        if about := await _about_clause(turn, wish, clause, asked):
            return about
    if mentioned := without(wish, await things.mentioned(turn, wish.clauses)):
        return [match.product for match in mentioned]
    return []


async def _about_clause(turn: AnyTurn, wish: Wish, clause: str, asked: Asked) -> list[Product]:
    """The same of one clause."""
    if asked_for := without(wish, await things.asked_for(turn, clause)):
        return [match.product for match in asked_for]
    words = naming(clause)
    nearly = await turn.products.search(" ".join(words), 3)
    if nearly and nearly[0].score >= (SURE if _asks_for_a_thing(words, clause) else _NEAR):
        return [match.product for match in without(wish, nearly) if match.score > nearly[0].score - 0.1]
    if purposed := await _for_a_purpose(turn, wish, clause):
        return purposed
    if headed := without(wish, await things.headed(turn, clause)):
        return [match.product for match in headed]
    if described := await _told_so(turn, wish, clause):
        return described
    attribute = asked.says("attribute")
    if not (attribute or wish.budget or shown.extreme(asked) or (asked.is_question and not asked.asks)):
        return []
    for word in dict.fromkeys(words[:_ASKED_ABOUT]) if attribute else words[:1]:
        if matches := sure(await turn.products.search(word, FOUND)):
            return [match.product for match in without(wish, matches)]
    return []


async def _told_so(turn: AnyTurn, wish: Wish, clause: str) -> list[Product]:
    """What is told to be as it should be, where the thing is unheard of: "plantas que aguanten poca luz"."""
    thing, _, so = PATTERNS["wish"].sub("\n", f" {clause} ", 1).partition("\n")
    words = naming(so)
    if len(words) < 2 or not naming(thing) or await turn.products.search(" ".join(naming(thing)), 1):
        return []
    found = await turn.products.search(" ".join(words), 6)
    return [match.product for match in without(wish, found) if match.score >= _NEAR]


async def _for_a_purpose(turn: AnyTurn, wish: Wish, clause: str) -> list[Product]:
    """Of "algo para pintar un muro" what is for walls: all words but what is done are known."""
    if PATTERNS["anything"].search(clause) and (whom := PATTERNS["for"].split(f" {clause} ", 1)[1:]):
        told = [match for word in naming(whom[0])[:1] for match in await turn.products.search(word, 6)]
        if made := [match.product for match in without(wish, told) if match.score >= _MADE_FOR]:
            return made
    if not PATTERNS["purpose"].search(clause):
        return []
    done = [word for word in naming(clause) if INFINITIVE.fullmatch(word)]
    words = [word for word in naming(clause) if word not in done]
    told = [match for word in done[:SAID] for match in await turn.products.search(word, 6)]
    if made := [match.product for match in without(wish, told) if match.score >= _MADE_FOR]:
        return made
    found = await turn.products.search(" ".join(words), 3) if words else []
    if not found or found[0].score < _NEAR:
        return []
    return [match.product for match in without(wish, found) if match.score > found[0].score - 0.1]


def _asks_for_a_thing(words: Sequence[str], clause: str) -> bool:
    """Whether one thing is asked for by its name: who wants wood is not told of a brush's handle."""
    return len(words) == 1 and bool(PATTERNS["sells"].search(clause)) and not PATTERNS["some"].search(clause)


async def shelved(turn: AnyTurn, wish: Wish, asked: Asked) -> list[Product]:
    """What there is of the category that is named beside something unheard of."""
    for clause in wish.clauses if asked.asks or not asked.is_question else ():
        if shelved := await things.shelved(turn, naming(clause)):
            return shelved
    return []
