"""What is surely meant by its name: by all of the words, by those that may name it, or by what it is for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from conserje import Match, Turn
from conserje_catalog import fits
from conserje_catalog.amounts import amount, before_count, counted_after
from conserje_catalog.asked import ASKING, Asked, naming
from conserje_catalog.vocabulary import PATTERNS, WORDS

SURE = 0.7  # below this a product shares a word with what was asked, no more
FOUND = 30  # products that are looked at
SAID = 3  # words of whom something is for
HARDLY = 0.1  # less sure than the surest: what only is of its category is less so
INFINITIVE = re.compile(r"[a-z]{2,20}[aei]r(?:me|l[aeo]s?)?")  # what it is for: "zapatilla para enchufar"
_OWN = 0.9  # its name or a keyword
PACKED = re.compile(r"\b(?:pack|caja|bandeja|docena|set|kit)\b|\bx ?[0-9]+\b", re.IGNORECASE)
PACKS = re.compile(r"\b(?:packs?|cajas?|bandejas?|docenas?|sets?|kits?)\b")
_BARE_NUMBER = re.compile(r"(?<=[a-z] )([0-9]{1,4})$")  # no unit behind it
_NUMBER = re.compile(r"\b[0-9]{1,4}\b")
_OF_WHICH = re.compile(r" (?:de|del|para|pa|pal|for|pra) ")

AnyTurn = Turn[Any, Any]


def sure(matches: Sequence[Match]) -> list[Match]:
    """The matches that are surely meant, and those that are hardly less so; of what is sold out the next."""
    if not matches or matches[0].score < SURE:
        return []
    least = SURE - HARDLY * (matches[0].product.stock == 0)
    return [match for match in matches if match.score >= max(least, matches[0].score - HARDLY)]


async def named(turn: AnyTurn, clauses: Iterable[str]) -> Sequence[Match]:
    """What is surely meant: of "controles de play" those that are for it, of "2 sueltos" no pack."""
    written = [clause for clause in clauses if clause]
    found = await _found(turn, written)
    for clause in written:
        found = await _of_which(turn, clause, found) or found
    if any(PATTERNS["loose"].search(clause) for clause in written):
        found = [match for match in found if not PACKED.search(match.product.name)] or found
    return _numbered(written, found)


def itself(written: Sequence[str], found: Sequence[Match]) -> Sequence[Match]:
    """Without what is told to be for another of them: of "la ps5" no game "para PlayStation 5"."""
    if len(found) < 2 or any([_OF_WHICH.search(f" {each} ") for each in written]):
        return found
    heads = [f" para {_head(each.product.name)}" for each in found]
    told = [fits.told(match.product) for match in found]
    kept = [
        match for match, said in zip(found, told, strict=True) if not any([head in said for head in heads])
    ]
    return kept or found


@lru_cache(maxsize=4096)
def _head(name: str) -> str:
    """The first two words of a name."""
    return " ".join(" ".join(Asked(name).clauses).split()[:2])


def _numbered(written: Sequence[str], found: Sequence[Match]) -> Sequence[Match]:
    """Those whose first number is the one that is named: "CBD 10" of "CBD 10 % 10 ml", "CBD 20 % 10 ml"."""
    last = [_BARE_NUMBER.findall(each) for each in written if len(_NUMBER.findall(each)) == 1]
    numbers = {word for words in last for word in words} if len(found) > 1 and len(last) == 1 else ()
    firsts = [_NUMBER.search(match.product.name) for match in found] if numbers else []
    return [
        match for match, first in zip(found, firsts, strict=False) if first and first[0] in numbers
    ] or found


async def without_stories(turn: AnyTurn, clauses: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """The clauses that ask, and what is told beside: "mi perro pesa 30 kilos, le sirve la correa?"."""
    stories = [clause for clause in clauses if _is_a_story(clause)]
    asking = [clause for clause in clauses if clause not in stories]
    return (asking, stories) if stories and asking and await named(turn, asking) else (clauses, ())


async def for_what_they_have(
    turn: AnyTurn, stories: Sequence[str], found: Sequence[Match]
) -> Sequence[Match]:
    """Those that are told to be for what somebody has: "tengo una play 5, qué juegos hay"."""
    for told in await named(turn, stories) if stories and len(found) > 1 else ():
        name = Asked(told.product.name).clauses[0].split()
        if own := [match for match in found if name[0] in _said_of(match)]:
            return own
    return found


def _is_a_story(clause: str) -> bool:
    return bool(PATTERNS["story"].search(clause)) and not set(clause.split()) & ASKING


async def _of_which(turn: AnyTurn, clause: str, found: Sequence[Match]) -> list[Match]:
    """Those of a kind that are told to be for a product which is called otherwise; none: there are not."""
    *heads, which = _OF_WHICH.split(f" {clause} ")
    kind, called = naming(" ".join(heads)), naming(which)
    others = await turn.products.search(" ".join(called), 1) if kind and called else []
    if not others or others[0].score < _OWN:
        return []
    name = Asked(others[0].product.name).clauses[0].split()
    if {word for word in called if word.isalpha()} & set(name):
        return []  # it is called so, and found by it
    kinds = await turn.products.search(amount(" ".join(heads))[1], FOUND)
    of_kind = [match for match in kinds if match.score >= _OWN]
    told = [match for match in of_kind if name[0] in _said_of(match)]
    return [] if others[0].product in [match.product for match in of_kind] else told


def _said_of(match: Match) -> set[str]:
    product = match.product
    said = Asked(f"{product.name} {product.description} {' '.join(product.keywords)}").clauses
    return {word for clause in said for word in clause.split()}


async def _found(turn: AnyTurn, written: Sequence[str]) -> list[Match]:
    """By all of the words, else by those that may name something."""
    if not written:
        return []
    if found := sure(await turn.products.search("\n".join(written), FOUND)):
        return found
    said = "\n".join(amount(each)[1] for each in written)
    if found := sure(await turn.products.search(said, FOUND)):
        return await _closest(turn, written, found)
    for each in [each for each in written if counted_after(each)]:
        if found := sure(await turn.products.search(before_count(each), FOUND)):
            return found
    return await _for_somebody(turn, written) or await _called_as_filler(turn, written)


async def _called_as_filler(turn: AnyTurn, clauses: Iterable[str]) -> list[Match]:
    """A thing whose name is how others may be: "café negro chico"."""
    for clause in clauses:
        words = [word for word in clause.split() if word not in WORDS["asking"]]
        if len(words) > 1 and WORDS["filler"].issuperset(words):
            for end in range(min(len(words), SAID) - 1, 0, -1):
                if found := sure(await turn.products.search(" ".join(words[:end]), FOUND)):
                    return found
    return []


async def _closest(turn: AnyTurn, written: Sequence[str], found: Sequence[Match]) -> list[Match]:
    """Those of them of which most of what is written is told: "el marco de niño"."""
    told = {each.product.name: each.score for each in await turn.products.search("\n".join(written), FOUND)}
    best = max((told.get(match.product.name, 0.0) for match in found), default=0.0)
    return [match for match in found if told.get(match.product.name, 0.0) >= best - 0.1]


async def _for_somebody(turn: AnyTurn, clauses: Iterable[str]) -> list[Match]:
    """Of "camita para mi perro viejito" the bed; none for whom the shop has nothing: "para gatos"."""
    for clause in clauses:
        thing, _, whom = PATTERNS["for"].sub("\n", f" {clause} ", 1).partition("\n")
        if whom and (named := naming(thing)):
            matches = sure(await turn.products.search(" ".join(named), FOUND))
            said = [word for word in naming(whom)[:SAID] if word.isalpha()]
            whole = [word for word in said if not INFINITIVE.fullmatch(word)]
            told = fits.judges([match.product for match in matches], clause)
            if matches and (told or all([await turn.products.search(word, 1) for word in whole])):
                return await _closest(turn, [clause], matches)
    return []
