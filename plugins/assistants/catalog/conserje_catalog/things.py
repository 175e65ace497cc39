"""What a sentence is about where not all of its words are a product's: "las luces se pueden mojar?"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from conserje import Match, Product, Turn
from conserje_catalog.asked import Asked, naming
from conserje_catalog.vocabulary import PATTERNS, words_of

_WHOLE = 0.77  # all of the words are the product's, and none are its description's alone
_SURE = 0.7
_ALIKE = 0.4  # of two words one is its name's or a keyword's
_LONGEST = 3  # words of a name
_NAMED = 3  # things that a clause names
_FOUND = 30
_CATEGORIES = 200
_FEW = 6  # of more, a name says too little

_BEFORE_A_THING = words_of(
    "el la los las ese esa esos esas este esta estos estas del al que cual cuales o a os as the which"
)
_BEFORE_ONE = words_of(
    "un una unos unas algun alguna necesito quiero busco dame um uma quero preciso some need want"
)
_BEFORE_A_SUBJECT = words_of("el la los las ese esa esos esas este esta estos estas o a os as the")
_SAYS = words_of(
    "es son lleva llevan contiene contienen tiene tienen trae traen viene vienen sirve sirven se le les"
    " mide pesa dura tem vem is has"
)
_DOING = re.compile(r"[a-z]{1,20}[aei]r(?:me|nos|l[aeo]s?)")  # to do with it
_COMES_OUT = re.compile(r"\b(?:sale|salen|sacan|esta listo|estan listas)\b")
_TIME = re.compile(r"\b[0-9]{1,2}:[0-9]{2}\b")
_OF = words_of("de del do da para pa pal of for")
_GOES_ON = words_of("de del da do para pa pal sin con talla tipo marca for of")  # "el tubo de 110" is another


async def mentioned(
    turn: Turn[Any, Any], clauses: Sequence[str], before: frozenset[str] = _BEFORE_A_THING
) -> list[Match]:
    """The things that the first clause names in passing which names one: "la monstera le hace mal?"."""
    for clause in clauses:
        for runs in list(_runs(clause.split(), before))[:_NAMED]:
            for run in runs:
                matches = await turn.products.search(run, _FOUND)
                whole = [match for match in matches if match.score >= _WHOLE]
                if 0 < len(whole) <= _FEW:
                    return whole
    return []


async def subject(turn: Turn[Any, Any], clause: str) -> list[Match]:
    """What the clause says something of, or asks it: "el sofá cama es de 2 plazas?"."""
    words = clause.split()
    if words[:1] and words[0] in _BEFORE_A_SUBJECT:
        for end in range(min(_LONGEST + 1, len(words) - 1), 1, -1):
            if words[end] in _SAYS:
                matches = await turn.products.search(" ".join(words[1:end]), _FOUND)
                return [match for match in matches if match.score >= max(_SURE, matches[0].score - 0.1)]
    return []


async def alike(turn: Turn[Any, Any], clauses: Sequence[str]) -> list[Product]:
    """What is the same thing where only how it should be is unheard of: "un reloj inteligente".

    None where it is told what it is of or for, or which: "comida para gatos", "xbox 360".
    """
    for clause in clauses:
        words = naming(clause)
        first = naming(PATTERNS["for"].split(f" {clause} ", 1)[0]) or words
        kind = first[-1 if turn.tenant.locale.startswith("en") else 0] if len(words) > 1 else ""
        found = await turn.products.search(" ".join(words), _FOUND) if kind else []
        kinds = await _called(turn, kind) if found and found[0].score >= _ALIKE else set()
        alike = [match for match in found if match.product.name in kinds and match.score >= _ALIKE]
        if alike and await _knows_all_it_is_for(turn, clause):
            best = [match.product for match in alike if match.score > alike[0].score - 0.1]
            return best if len(best) <= _FEW else []
    return []


async def _called(turn: Turn[Any, Any], kind: str) -> set[str]:
    return {each.product.name for each in await turn.products.search(kind, _FOUND) if each.score >= _SURE}


async def _knows_all_it_is_for(turn: Turn[Any, Any], clause: str) -> bool:
    """Whether nothing is unknown of what it is of or for, or which."""
    words = pairwise(clause.split())
    told = [word for before, word in words if word.isdecimal() or (before in _OF and naming(word))]
    return all([await turn.products.search(word, 1) for word in told])


async def timed(turn: Turn[Any, Any], asked: Asked) -> list[Product]:
    """What is told to be ready at times of the day, where the next of it is asked for: "tienen pan? a qué
    hora sale?"."""
    if not any(_COMES_OUT.search(clause) for clause in asked.clauses):
        return []
    found = [match for clause in asked.wanted() for match in await turn.products.search(clause, _FOUND)]
    return [m.product for m in found if m.score >= _ALIKE and _TIME.search(m.product.description)][:_FEW]


async def wished(turn: Turn[Any, Any], part: str) -> list[Match]:
    """What a part of a story wishes for: "no sé qué comida darle", "un platito pa que coma"."""
    return await mentioned(turn, [part], _BEFORE_A_THING | _BEFORE_ONE)


async def asked_for(turn: Turn[Any, Any], clause: str) -> list[Match]:
    """What is asked for after a story without a stop: "mi perra pesa 12 kilos qué correa le sirve"."""
    if not (found := PATTERNS["asked_thing"].search(clause)):
        return []
    thing = next(filter(None, found.groups()))
    return [match for match in await turn.products.search(thing, _FOUND) if match.score >= _WHOLE]


def _runs(words: Sequence[str], before: frozenset[str]) -> Iterator[list[str]]:
    """The words after each article, the longest run first, which nothing goes on to tell from others."""
    for at, word in enumerate(("el", *words)):  # a sentence may begin with the thing
        if word in before and naming(" ".join(words[at : at + 1])):
            ends = range(min(at + _LONGEST, len(words)), at, -1)
            yield [" ".join(words[at:end]) for end in ends if _ends(words[end : end + 1])]


def _ends(after: Sequence[str]) -> bool:
    if not after or _DOING.fullmatch(after[0]):  # "qué comida darle"
        return True
    return not (set(after) & _GOES_ON or naming(after[0]))


async def headed(turn: Turn[Any, Any], clause: str) -> list[Match]:
    """What is said first, and then how it should be: "un asiento que no duela", "tierra pa plantar".

    Those of which more of the rest is told come first; none where it is for somebody else.
    """
    thing, _, rest = PATTERNS["wish"].sub("\n", f" {clause} ", 1).partition("\n")
    named = naming(thing)
    if not rest or not named or PATTERNS["for"].search(f" {rest} "):
        return []
    found = await turn.products.search(" ".join(named), _FOUND)
    told = {match.product.name: match.score for match in await turn.products.search(clause, _FOUND)}
    best = [match for match in found if match.score >= max(_SURE, found[0].score - 0.15)]
    return sorted(best, key=lambda match: -told.get(match.product.name, 0.0))


async def of_category(turn: Turn[Any, Any], clauses: Sequence[str]) -> list[Product]:
    """All of the category whose things are to be listed: "qué snacks hay"."""
    listed = [found for clause in clauses if (found := PATTERNS["lists"].search(clause))]
    words = {_stem(word) for found in listed for word in found.groups() if word}
    products = await turn.products.all() if len(words) == 1 else []
    categories = dict.fromkeys(product.category for product in products)
    called = {each for each in categories if {_stem(word) for word in Asked(each).clauses} == words}
    return [product for product in products if product.category in called]


async def shelved(turn: Turn[Any, Any], words: Sequence[str]) -> list[Product]:
    """The products of the category by which something unheard of is told: "plantas de interior"."""
    if not words or await turn.products.search(words[0], 1):
        return []  # "semillas de tomate" are not the seeds that there are
    wanted = {_stem(word) for word in words}
    products = await turn.products.all()
    categories = list(dict.fromkeys(product.category for product in products))[:_CATEGORIES]
    named = {each for each in categories if {_stem(word) for word in Asked(each).clauses} & wanted}
    return [product for product in products if product.category in named]


def _stem(word: str) -> str:
    """In the singular."""
    return word.removesuffix("s").removesuffix("e")
