"""What a sentence is about where not all of its words are a product's: "las luces se pueden mojar?"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from conserje import Match, Product, Turn
from conserje_catalog.asked import Asked, naming
from conserje_catalog.vocabulary import PATTERNS, words_of

_WHOLE = 0.77  # all of the words are the product's, and none are its description's alone
_SURE = 0.7
_LONGEST = 3  # words of a name
_NAMED = 3  # things that a clause names
_FOUND = 30
_CATEGORIES = 200
_FEW = 6  # of more, a name says too little

_BEFORE_A_THING = words_of(
    "el la los las ese esa esos esas este esta estos estas del al que cual cuales o a os as the which"
)
_BEFORE_A_SUBJECT = words_of("el la los las ese esa esos esas este esta estos estas o a os as the")
_SAYS = words_of(
    "es son tiene tienen trae traen viene vienen sirve sirven se le les mide pesa dura tem vem is has"
)
_GOES_ON = words_of("de del da do para pa pal sin con talla tipo marca for of")  # "el tubo de 110" is another


async def mentioned(turn: Turn[Any, Any], clauses: Sequence[str]) -> list[Match]:
    """The things that the first clause names in passing which names one: "la monstera le hace mal?"."""
    for clause in clauses:
        for runs in list(_runs(clause.split()))[:_NAMED]:
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


def _runs(words: Sequence[str]) -> Iterator[list[str]]:
    """The words after each article, the longest run first, which nothing goes on to tell from others."""
    for at, word in enumerate(("el", *words)):  # a sentence may begin with the thing
        if word in _BEFORE_A_THING and naming(" ".join(words[at : at + 1])):
            ends = range(min(at + _LONGEST, len(words)), at, -1)
            yield [" ".join(words[at:end]) for end in ends if _ends(words[end : end + 1])]


def _ends(after: Sequence[str]) -> bool:
    return not after or not (set(after) & _GOES_ON or naming(after[0]))


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
