"""Long words are cut into as few messages as they fit, between list items and sentences where that goes."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, zip_longest
from typing import NamedTuple

from conserje.contract.limits import Unit, length

_WORD = re.compile(r"\S+")
_LIST_MARK = re.compile(r"[0-9]{1,3}[.)]|[-*+•·>]")  # "66." belongs to what follows
_ABBREVIATION = re.compile(
    r"[(¿¡]?(?:[a-z]|sra?|srta|dra?|avda?|uds?|nro|núm|tel|pág|etc|aprox|ej|mrs?|ms|st|vs)\.", re.IGNORECASE
)
_CLOSERS = "\"»”’')]*_~`"  # may stand behind the sign that ends a sentence

_IN_WORD, _BETWEEN_WORDS, _SENTENCE, _LINE, _PARAGRAPH = range(5)


class Cut(NamedTuple):
    """A place where a text may be cut: one piece ends at `end`, the next begins at `start`."""

    end: int
    start: int
    rank: int  # the higher the better


def split(text: str, limit: int, unit: Unit = "characters") -> list[str]:
    """`text` in as few pieces of at most `limit` units as it fits, none of them empty.

    No character may be longer than that: in UTF-8 four bytes are the most.
    """
    if length(text, unit) <= limit:
        return [text] if text.strip() else []
    text = text.strip()
    at = _places(text, unit)
    cuts = [*_cuts(text, at, limit)]
    pieces, begin = [], 0
    for earliest in _earliest(at, cuts, limit):
        fitting = cuts[earliest : bisect_right(cuts, at[begin] + limit, key=lambda cut: at[cut.end])]
        best = _best(fitting, at, begin, limit // 8)
        pieces.append(text[begin : best.end])
        begin = best.start
    return [*pieces, text[begin:]]


def _places(text: str, unit: Unit) -> Sequence[int]:
    """How much of the text is before each character, and all of it at the end."""
    if unit == "characters" or text.isascii():
        return range(len(text) + 1)
    return [*accumulate((length(letter, unit) for letter in text), initial=0)]


def _cuts(text: str, at: Sequence[int], limit: int) -> Iterator[Cut]:
    """Every place where `text` may be cut, in their order."""
    words, follows_mark = [*_WORD.finditer(text)], False
    for word, following in zip_longest(words, words[1:]):
        if at[word.end()] - at[word.start()] > limit:
            yield from (Cut(place, place, _IN_WORD) for place in range(word.start() + 1, word.end()))
        if following is None:
            return
        fits = at[following.end()] - at[word.start()] <= limit
        is_mark = bool(_LIST_MARK.fullmatch(word[0])) and fits and not follows_mark
        if not is_mark:
            gap = text[word.end() : following.start()]
            yield Cut(word.end(), following.start(), _rank(word[0], gap))
        follows_mark = is_mark


def _rank(word: str, gap: str) -> int:
    if word.endswith(":"):
        return _BETWEEN_WORDS  # what is announced comes with its announcement
    if lines := gap.count("\n"):
        return _PARAGRAPH if lines > 1 else _LINE
    ends = word.rstrip(_CLOSERS).endswith((".", "!", "?", "…")) and not _ABBREVIATION.fullmatch(word)
    return _SENTENCE if ends else _BETWEEN_WORDS


def _earliest(at: Sequence[int], cuts: Sequence[Cut], limit: int) -> list[int]:
    """Of each cut that must be, the first one after which the rest still fits into what is left to it."""
    found: list[int] = []
    end = at[-1]
    while end > limit:
        found.append(bisect_left(cuts, end - limit, key=lambda cut: at[cut.start]))
        end = at[cuts[found[-1]].end]
    return found[::-1]


def _best(cuts: Sequence[Cut], at: Sequence[int], begin: int, short: int) -> Cut:
    """Between the largest parts, but no message is a mere greeting; of equals the last."""

    def worth(cut: Cut) -> tuple[bool, int, int]:
        return min(at[cut.end] - at[begin], at[-1] - at[cut.start]) >= short, cut.rank, cut.end

    return max(cuts, key=worth)
