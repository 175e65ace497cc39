"""Grading: what is wrong with an answer to a phrase."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from conserje.contract.assistant import Reply
from conserje.contract.plain import plain
from conserje.turns.phrases import Phrase, Sought, bare_lower

_AMOUNT = re.compile(r"[0-9]+(?:[.,][0-9]+)*")
_GROUPING = re.compile(r"[.,]")


def words(reply: Reply) -> str:
    """What a channel without lists or buttons says."""
    return "\n".join(map(plain, reply.messages))


def fault(phrase: Phrase, reply: Reply) -> str:
    """What is wrong with the answer; empty: it is right."""
    if phrase.hand_over == "or" and reply.hand_over:
        return ""
    if phrase.hand_over is True and not reply.hand_over:
        return "no person is told"
    if phrase.hand_over is False and reply.hand_over:
        return "a person is told"
    told = bare_lower(words(reply))
    return next(chain(_lacks(phrase, told), _says(phrase, told)), "")


def _lacks(phrase: Phrase, told: str) -> Iterator[str]:
    if phrase.any and not any(_holds(told, each) for each in phrase.any):
        yield f"says none of {', '.join(each.written for each in phrase.any)}"
    yield from (f"does not say {each.written}" for each in phrase.all if not _holds(told, each))
    yield from (f"does not name {each}" for each in phrase.products if bare_lower(each) not in told)
    amounts = _amounts(told)
    yield from (f"does not say {each}" for each in phrase.amounts if not _amounts(each) <= amounts)


def _says(phrase: Phrase, told: str) -> Iterator[str]:
    yield from (f"says {each.written}" for each in phrase.none if _holds(told, each))


def _holds(told: str, sought: Sought) -> bool:
    return bool(sought.expression.search(told))


def _amounts(text: str) -> set[str]:
    """Their digits alone."""
    return {_GROUPING.sub("", each) for each in _AMOUNT.findall(text)}
