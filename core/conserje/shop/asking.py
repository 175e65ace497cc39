"""How a thing is asked for: cues, and the words of a text that follow one."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from conserje.shop.cues import ASKING, STOP_WORDS
from conserje.shop.search import STOP_WORDS as OF_PRODUCTS
from conserje.shop.words import WORD, meanings

_BETWEEN = 3  # other words between two of a cue
_STOPS = frozenset((ASKING + STOP_WORDS + OF_PRODUCTS).split())

_ASKED_FOR = {"consulta", "consultas", "pregunta"}
_PRICED = {"cuesta", "vale", "sale", "valor", "precio", "cobran", "cuestan", "valen"}

_Cue = tuple[frozenset[str], ...]


def _read(lines: str) -> list[_Cue]:
    """Cues as `cues` writes them."""
    return [
        tuple(
            frozenset(key for each in step.split("|") for key in meanings(each.replace("_", " ")))
            for step in line.split()
        )
        for line in lines.strip().splitlines()
    ]


class Cues:
    """Ways of asking for one thing, by the meanings of their first word."""

    def __init__(self, lines: str) -> None:
        self.first = defaultdict[str, list[_Cue]](list)
        self.known = set[str]()
        for cue in _read(lines):
            self.known.update(*cue)
            for key in cue[0]:
                self.first[key].append(cue)

    def found(self, words: Sequence[Word]) -> set[int]:
        """The places of the words by which it is asked for; none: it is not."""
        places: set[int] = set()
        for at, word in enumerate(words):
            for cue in (cue for key in word.keys for cue in self.first.get(key, ())):
                places.update(_followed(cue, words, at))
        return places


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text, and what it may mean."""

    place: int  # in the text
    written: str
    keys: frozenset[str]
    is_named: bool = False

    @property
    def is_content(self) -> bool:
        return self.written not in _STOPS or self.is_named


def _followed(cue: _Cue, words: Sequence[Word], at: int) -> Iterator[int]:
    """The places of a cue's words where it begins at that one; nothing where it does not go on."""
    places = [words[at].place]
    for step in cue[1:]:
        for next_at in range(at + 1, min(at + 2 + _BETWEEN, len(words))):
            if words[next_at].keys & step:
                at = next_at
                places.append(words[at].place)
                break
        else:
            return
    yield from places


def composed(text: str) -> str:
    """In lower case, each accent in its letter: some keyboards send them one after the other."""
    return unicodedata.normalize("NFC", text.lower())


def words_of(text: str) -> list[Word]:
    words = WORD.findall(composed(text))
    return [Word(n, each, meanings(each), is_named(words, n)) for n, each in enumerate(words)]


def is_named(words: Sequence[str], at: int) -> bool:
    """Whether a word that mostly is small talk is what is asked for: "la consulta", no "una consulta"."""
    before = words[max(at - 2, 0) : at]
    return words[at] in _ASKED_FOR and (before[-1:] == ["la"] or bool(_PRICED & set(before[:1])))
