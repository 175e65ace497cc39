"""What the shop has said of itself, also of a product by its kind: "reciben mi xbox vieja" of consoles."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from conserje import Known, Turn
from conserje_catalog.asked import Asked, naming
from conserje_catalog.names import INFINITIVE
from conserje_catalog.vocabulary import ANY_CALLED, PATTERNS, in_spanish

_FOUND = 10
_NAMED = 4  # words that may be a product's
_JOINED = re.compile(r"\b(?:si|pero|entonces|porque|que|como|y|o) ")
_LONG = 12  # words of a sentence in which more is told than asked
_STEM = 5  # letters by which a word is held to be the same
_WELL = 0.75  # a question of the shop's own, nearly as it is worded
_SURE = 0.85  # a product's own word


async def known(turn: Turn[Any, Any], text: str, asked: Asked) -> Sequence[Known]:
    """What is said of it, of what the shop is asked to do, or of the kind of product that is named."""
    found = await turn.knowledge.search(text)
    if found and found[0].kind == "question" and found[0].score >= _WELL:
        return found
    if called := await _by_its_name(turn, asked):
        beside = "\n".join(clause for clause in asked.clauses if not ANY_CALLED.search(clause))
        facts = [
            each for each in (await turn.knowledge.search(beside) if beside else ()) if each.kind == "fact"
        ]
        return [*facts, *called]
    if found:
        return found
    if (verb := asked.service) and (found := await turn.knowledge.search(verb)):
        return found
    spelt = "\n".join(asked.clauses)
    spanish = in_spanish(spelt, turn.tenant.locale)
    if (asked.was_hasty or spanish != spelt) and (found := await turn.knowledge.search(spanish)):
        return found
    is_done = asked.service or asked.called or asked.says("process") or asked.says("service")
    kind = await _by_kind(turn, asked) if is_done else ""
    if kind and (found := await turn.knowledge.search(kind)):
        return found
    return await _in_a_story(turn, asked) if is_done else ()


async def _in_a_story(turn: Turn[Any, Any], asked: Asked) -> Sequence[Known]:
    """What is asked in the middle of a long sentence: "... quería saber si hacen alguna asesoría o ..."."""
    for clause in asked.clauses:
        service = PATTERNS["service"].search(clause)
        if service and naming(service[0]) and (found := await turn.knowledge.search(service[0])):
            return found[:1]
        parts = _JOINED.split(clause) if clause.count(" ") > _LONG else ()
        for part in [part for part in parts if PATTERNS["service"].match(part) or Asked(part).service]:
            if found := await turn.knowledge.search(part):
                return found[:1]
    return ()


async def by_a_word(turn: Turn[Any, Any], asked: Asked) -> Sequence[Known]:
    """The one question of a word that no product has: "el happy qué trae y qué días"."""
    words = [word for clause in asked.clauses for word in naming(clause)]
    if asked.asks or not 0 < len(words) <= _NAMED:
        return ()
    for word in [word for word in words if len(word) >= _STEM and word.isalpha()]:
        if not await turn.products.search(word, 1):
            found = [known for known in await turn.knowledge.search(word) if known.kind == "question"]
            if len(found) == 1 and not INFINITIVE.fullmatch(word):
                return found
    return ()


async def coming(turn: Turn[Any, Any], asked: Asked) -> Sequence[Known]:
    """What is said of when something comes again: "y los locos pa cuándo"."""
    named = [word for clause in asked.clauses for word in naming(clause)]
    found = await turn.knowledge.search(f"cuando llegan {' '.join(named[:_NAMED])}") if named else ()
    return [known for known in found if known.kind == "question"]


async def gone_on(turn: Turn[Any, Any], asked: Asked) -> Sequence[Known]:
    """What the contact was told last of what the shop does, where this asks more of it: "la completa".

    It does where a word that says something is in that answer.
    """
    written = [getattr(said.content, "text", "") for said in turn.history if said.author == "contact"]
    for text in written[-1:]:
        for known in [known for known in await turn.knowledge.search(text) if known.kind == "question"][:1]:
            told = {word[:_STEM] for clause in Asked(known.answer).clauses for word in clause.split()}
            words = [word for clause in asked.clauses for word in naming(clause)]
            if any(len(word) > 3 and word[:_STEM] in told for word in words):
                return [known]
    return ()


async def _by_its_name(turn: Turn[Any, Any], asked: Asked) -> Sequence[Known]:
    """The shop's own question about what is asked in other words: "hay donde dejar el auto" of parking."""
    for name in asked.called:
        found = await turn.knowledge.search(name)
        if found and found[0].kind == "question":
            return found[:1]
    return ()


async def _by_kind(turn: Turn[Any, Any], asked: Asked) -> str:
    """What was asked, the product in it called by its category; empty: none is named."""
    text = "\n".join(asked.clauses)
    for word in [word for clause in asked.clauses for word in naming(clause)][:_NAMED]:
        matches = await turn.products.search(word, _FOUND) if word.isalpha() else []
        categories = Counter(match.product.category for match in matches if match.score >= _SURE)
        for category, _ in categories.most_common(1):
            return text.replace(word, category.lower())
    return ""
