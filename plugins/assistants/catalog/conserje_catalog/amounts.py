"""How many of something are asked for: "2 pelotas", "un par de brownies"."""

from __future__ import annotations

from conserje_catalog.asked import naming
from conserje_catalog.vocabulary import NUMBERS, words_of

_DIGITS = 4
_MEASURES = words_of(
    "kg kilo kilos kgs gr grs g gramos ml l lt litro litros m mt metros cm mm w watts gb tb lucas mil"
)
_PLACES = words_of("de del do da of para pa for talla numero")


def amount(part: str) -> tuple[int, str]:
    """How many are asked for, 1 where nothing is said, and the words that say of what."""
    words = part.split()
    for n, word in enumerate(words):
        if word in _PLACES:
            break  # "el de 20"
        is_number = word.isdecimal() and len(word) <= _DIGITS
        count = int(word) if is_number else NUMBERS.get(word, 0)
        if count > 1 and not set(words[n + 1 : n + 2]) & _MEASURES:
            return count, " ".join(naming(" ".join(words[n + 1 :])))
        if naming(word) and not count:
            break  # what follows is the name's own number: "play 5"
    return 1, " ".join(naming(part))
