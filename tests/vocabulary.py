"""The words that an expression knows, read out of its own parse tree, to write hard texts with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any, NamedTuple

from re import _compiler, _parser  # type: ignore[attr-defined]  # isort: skip

REPEATED = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
NAMING = ("LITERAL", "RANGE")
TRIED = "a0 .-!\n"  # for a set of characters, besides those that it names
MOST = 64  # combinations of the parts of a sequence; of more, each part is in one


class Hard(NamedTuple):
    """A text for an expression: a beginning that it takes, a word over and over, and what fits nothing."""

    beginning: str
    word: str

    def times(self, count: int) -> str:
        return self.beginning + self.word * count + "~"


def words(pattern: re.Pattern[Any]) -> list[str]:
    """What the expression takes: each of its words is in one of these."""
    return _words(_parser.parse(pattern.pattern, pattern.flags))


def hard(pattern: re.Pattern[Any]) -> list[Hard]:
    """Each word of each repetition, behind what leads there; all that the expression takes; both mixed."""
    found: dict[Hard, None] = {}
    for beginning, repeated in _repetitions(_parser.parse(pattern.pattern, pattern.flags), ""):
        found.update((Hard(beginning, word), None) for word in repeated)
        found[Hard(beginning, "".join(repeated))] = None
        found.update((Hard("", beginning + repeated[0] + end), None) for end in ("", " "))
    found.update((Hard("", word + " "), None) for word in words(pattern))
    return [each for each in found if each.word]


def _repetitions(tree: Any, beginning: str) -> Iterator[tuple[str, list[str]]]:
    """The words of each repetition, behind one beginning that leads to it."""
    for operation, argument in tree:
        name = str(operation)
        for inner in _inner(name, argument):
            yield from _repetitions(inner, beginning)
        if name in REPEATED and argument[1] > 1:
            yield beginning, list(dict.fromkeys(filter(None, _words(argument[2]))))
        beginning += _choices(tree.state, operation, argument)[0]


def _inner(name: str, argument: Any) -> list[Any]:
    match name:
        case "BRANCH":
            return list(argument[1])
        case "ATOMIC_GROUP":
            return [argument]
        case "SUBPATTERN" | "ASSERT" | "ASSERT_NOT":
            return [argument[-1]]
        case _:
            return [argument[2]] if name in REPEATED else []


def _words(tree: Any) -> list[str]:
    parts = [_choices(tree.state, *each) for each in tree]
    if prod(map(len, parts)) <= MOST:
        return ["".join(each) for each in product(*parts)]
    return ["".join(part[n % len(part)] for part in parts) for n in range(max(map(len, parts)))]


def _choices(state: Any, operation: Any, argument: Any) -> list[str]:
    name = str(operation)
    match name:
        case "LITERAL":
            return [chr(argument)]
        case "IN" | "NOT_LITERAL" | "ANY":
            return _members(state, operation, argument)
        case "ASSERT_NOT" | "AT" | "GROUPREF":
            return [""]
        case _ if name in REPEATED:
            least, _, body = argument
            once = [word * max(least, 1) for word in _words(body)]
            return once if least else ["", *once]
        case _:
            return [word for inner in _inner(name, argument) for word in _words(inner)]


def _members(state: Any, operation: Any, argument: Any) -> list[str]:
    """Some characters of a set, among them all that it names one by one."""
    one = _compiler.compile(_parser.SubPattern(state, [(operation, argument)]))
    named = argument if str(operation) == "IN" else []
    firsts = [chr(code if str(kind) == "LITERAL" else code[0]) for kind, code in named if str(kind) in NAMING]
    tried = dict.fromkeys([*TRIED, *firsts])
    if isinstance(state.str, bytes):
        return [each for each in tried if one.fullmatch(each.encode("latin-1"))]
    return [each for each in tried if one.fullmatch(each)]
