"""What strangers write costs time in proportion to its length, whatever it is.

Each expression is fed with its own words; pydantic's engine is another, which knows no other way. What folds,
splits, chooses, searches and listens for wishes is fed as a whole.
"""

from __future__ import annotations

import ast
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from heapq import nlargest
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from cpu import at_most
from vocabulary import Hard, hard, words

from conserje.cli.message import shorten
from conserje.contract.assistant import Product
from conserje.contract.choices import chosen
from conserje.contract.fit import fit
from conserje.contract.limits import Limits
from conserje.contract.markup import marked
from conserje.contract.message import List, Row, Text
from conserje.contract.opt_out import OPT_OUT_WORDS, folded, wish
from conserje.shop.search import STOP_WORDS, Catalogue
from conserje.storage.database import describe
from conserje.turns import wish as handover
from conserje.turns.wish import READ, asks_for_person
from conserje_catalog.asked import Asked

ROOT = Path(__file__).parents[1]
# Not nginx's and certbot's, which read the operator's words alone.
FOLDERS = [ROOT / "core", ROOT / "edge", *ROOT.glob("plugins/*/*/")]
SOURCES = {
    ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__"): path.read_text()
    for folder in FOLDERS
    for path in [*sorted(folder.glob("conserje*/**/*.py")), *sorted(folder.glob("conserje*.py"))]
}

# Seconds of CPU, each more than five times what it takes.
SHORT_LIMIT = 0.25  # for a word 200 times
LONG, LONG_LIMIT = 65_536, 1.0  # for so many characters
READ_LIMIT = 0.025  # for as much as is read of a message
OPERATORS = {"conserje.turns.phrases"}  # compiles what is in an operator's own file, for their own command


def test_every_expression_is_compiled_where_the_next_test_finds_it() -> None:
    sources = {module: source for module, source in SOURCES.items() if module not in OPERATORS}
    assert not [f"{module}:{line}" for module, source in sources.items() for line in _hidden(source)]


def _hidden(source: str) -> Iterator[int]:
    """The lines that call `re` for anything but a name of the module; what is escaped means itself."""
    tree = ast.parse(source)
    inner = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    within = {id(node) for part in ast.walk(tree) if isinstance(part, inner) for node in ast.walk(part)}
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module="re"):
                yield node.lineno
            case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=called)):
                if called != "escape" and (called != "compile" or id(node) in within):
                    yield node.lineno


@pytest.mark.parametrize("module", [name for name, source in SOURCES.items() if "re.compile(" in source])
def test_an_expression_reads_its_own_words_over_and_over(module: str) -> None:
    for name, pattern in _patterns(module, vars(import_module(module))):
        _read(name, pattern, anywhere=_is_looked_for(name.rpartition(".")[2]))


@pytest.mark.parametrize(
    "expression",
    [
        "^(?:por ?favor|porfa(?:vor)?| )*$",
        r"no(?: \w+| [a-z]+)*!",
        "x(?:a?b?)+c",
        r"[.!]+\"*(?=\s)",
        r"\s+(?=x)",
    ],
)
def test_an_expression_that_costs_more_is_found(expression: str) -> None:
    with pytest.raises(AssertionError, match="takes more than"):
        _read("This", re.compile(expression), anywhere=True)


def _read(name: str, pattern: re.Pattern[Any], *, anywhere: bool) -> None:
    """Feed it all that is hard for it, and more of what was dearest."""
    texts = hard(pattern)
    costs = {each: _cost(name, pattern, anywhere, each, 200, SHORT_LIMIT) for each in texts}
    for each in nlargest(3, texts, key=lambda each: costs[each] / len(each.times(200))):
        _cost(name, pattern, anywhere, each, LONG // len(each.word), LONG_LIMIT)


def _patterns(name: str, found: object) -> Iterator[tuple[str, re.Pattern[Any]]]:
    """The expressions in a module's namespace, and in what is listed there."""
    match found:
        case re.Pattern():
            yield name, found
        case dict():
            for key, value in found.items():
                if key != "__builtins__":
                    yield from _patterns(f"{name}.{key}", value)
        case list() | tuple():
            for n, value in enumerate(found):
                yield from _patterns(f"{name}[{n}]", value)


def _is_looked_for(name: str) -> bool:
    """Whether expressions of this name are matched anywhere but at the beginning of a text."""
    ways = _ways().get(name)
    return not ways or not ways <= {"match", "fullmatch"}


@cache
def _ways() -> Mapping[str, set[str]]:
    """What is called of each name, in all sources."""
    ways: dict[str, set[str]] = {}
    for source in SOURCES.values():
        for name, way in re.findall(r"\b(\w+)\.(\w+)\(", source):
            ways.setdefault(name, set()).add(way)
    return ways


def _cost(name: str, pattern: re.Pattern[Any], anywhere: bool, text: Hard, times: int, limit: float) -> float:
    """Seconds of CPU for the ways in which it may be matched."""
    written: Any = text.times(times)
    if isinstance(pattern.pattern, bytes):
        written = written.encode("latin-1")
    with at_most(limit, f"{name} on {text.beginning!r} and {times} times {text.word!r}"):
        before = time.thread_time()  # the process's own clock is coarse while a limit is set
        pattern.match(written)
        pattern.fullmatch(written)
        for _ in pattern.finditer(written) if anywhere else ():
            pass
        return time.thread_time() - before


def _over_and_over(said: Sequence[str], length: int) -> Iterator[str]:
    """Each of these alone, and a hundred mixtures, as texts of that length."""
    chance = random.Random(1)
    mixtures = [" ".join(chance.choices(said, k=chance.randint(2, 6))) for _ in range(100)]
    for each in [*said, *mixtures]:
        for word in (each, each + " "):
            yield (word * (length // len(word) + 1))[:length]


def _accents(count: int) -> str:
    """As far from the order in which Unicode wants them as can be."""
    return "\u0315" * (count // 2) + "\u0334" * (count // 2)


MARKS = [
    "**a ",
    "a** ",
    "_a ",
    "a* _a ",
    "*",
    "_",
    "~~a ",
    "`",
    "` `` ",
    "[",
    "[a](",
    "[a](b",
    '[a](b "',
    "![",
    "<https://",
]
MARKS += ["http://_", "# ", "|", "\\", "*a_b**c__", "- ", "> ", "**", "***a***", "a(", "](", "```\n"]
SIGNS = [".", "!", "…", '."', '"', ".»", ". ", ".\n", "\n", " ", "\t \n", "a", "a. ", "¿", "1.", "//", "://@"]
GREETINGS = "hola buenas tardes si no quiero can i really just please me ya porfa human real would you want"


def test_the_wish_for_a_person_is_heard_in_a_few_milliseconds() -> None:
    wishes = [*words(handover._WISH)[::3], *words(handover._SHORT_WISH)[::3], *words(handover._NO)]
    for text in _over_and_over([*wishes, *GREETINGS.split(), *SIGNS, _accents(READ)], READ):
        with at_most(READ_LIMIT, f"asks_for_person on {text[:100]!r}"):
            asks_for_person(text)


PRODUCTS = [
    Product(n, f"Vaporizador {word} {n}", Decimal(1), None, "aceites", "", (word, "hierba"))
    for n, word in enumerate(sorted(set(STOP_WORDS.split()))[:50])
]
SHOP = Catalogue(PRODUCTS)
OFFERED = List("¿Cuál?", tuple(Row(str(n), f"Vaporizador número {n}") for n in range(1000)))

WHOLES: Mapping[str, tuple[Callable[[str], object], Sequence[str]]] = {
    "folded": (folded, ["ÁÉ", "\u0f73", _accents(LONG)]),
    "wish": (lambda text: wish(Text(text), OPT_OUT_WORDS, frozenset()), [*OPT_OUT_WORDS, _accents(LONG)]),
    "chosen": (lambda text: chosen(text, OFFERED), ["la opcion 1", "Vaporizador ", _accents(LONG)]),
    "fit": (lambda text: fit(Text(text), Limits(text=1600)), SIGNS),
    "fit, one large piece": (lambda text: fit(Text(text), Limits(text=LONG - 1)), SIGNS),
    "marked": (lambda text: marked(text, "whatsapp"), [*SIGNS, *MARKS]),
    "marked, none": (lambda text: marked(text, "plain"), MARKS),
    "wishes that are none": (handover._asks, ["no live agent ", "no quiero una persona "]),
    "search": (lambda text: SHOP.search(text, 6), ["vaporisadro,", "hierba ", _accents(READ), *SIGNS]),
    "catalog": (Asked, ["Ándale ", _accents(LONG)]),
    "describe": (lambda text: describe(ValueError(text)), SIGNS),
    "shorten": (lambda text: shorten(text, 80), SIGNS),
}


@pytest.mark.parametrize("name", WHOLES)
def test_a_whole_function_reads_words_over_and_over(name: str) -> None:
    function, said = WHOLES[name]
    for word in said:
        with at_most(LONG_LIMIT, f"{name} on {word[:40]!r} over and over"):
            function((word * (LONG // len(word) + 1))[:LONG])
