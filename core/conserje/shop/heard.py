"""Names as Spanish ears hear them: who writes "jaiperx" means HyperX, who writes "lait" means Light."""

from __future__ import annotations

import re
from functools import lru_cache

_SHORTEST = 4  # letters; of shorter words too many sound alike

# As written by whoever only heard it; on both sides, so that all ways meet.
_WRITTEN = (
    (re.compile(r"sch"), "ch"),
    (re.compile(r"sh"), "s"),
    (re.compile(r"ck|q(?:u(?=[ei]))?"), "k"),
    (re.compile(r"ph"), "f"),
    (re.compile(r"c(?=[ei])|z"), "s"),
    (re.compile(r"c(?!h)"), "k"),
    (re.compile(r"(?<!c)h"), ""),
    (re.compile(r"g(?=[ei])"), "j"),
    (re.compile(r"gu(?=[eiao])|w"), "u"),
    (re.compile(r"([a-z])\1"), r"\1"),
    (re.compile(r"x"), "ks"),
    (re.compile(r"v"), "b"),
    (re.compile(r"y"), "i"),
    (re.compile(r"ñ"), "n"),
    (re.compile(r"(?<=...)s$"), ""),
)
# As English is said.
_SAID = (
    (re.compile(r"a[yi]"), "ei"),
    (re.compile(r"igh"), "ai"),
    (re.compile(r"^wh"), "w"),
    (re.compile(r"ation"), "eishon"),
    (re.compile(r"tion"), "shon"),
    (re.compile(r"(?<=[a-z])ch$"), "k"),
    (re.compile(r"(?<=[bcdfghjklmnprstvz])y(?=[bcdfghjklmnprstvz])"), "ai"),
    (re.compile(r"a(?=[bcdfgklmnprstvz]e(?:r|$))"), "ei"),
    (re.compile(r"i(?=[bcdfgklmnprstvz]e(?:r|$))"), "ai"),
    (re.compile(r"o(?=[bcdfgklmnprstvz]e$)"), "ou"),
    (re.compile(r"(?<=[bcdfgklmnprstvz])e$"), ""),
    (re.compile(r"ue$|oo|ew"), "u"),
    (re.compile(r"ee|ea"), "i"),
    (re.compile(r"ou(?=[a-z])"), "au"),
    (re.compile(r"ow(?=[a-z])"), "au"),
    (re.compile(r"ow$"), "o"),
    (re.compile(r"^h(?=[aeiou])"), "j"),
)
_ITALIAN = re.compile(r"cc(?=[ei])")  # "capuchino"
_ASPIRATED = re.compile(r"(?<=[aeiou])h(?=[aeiou])")  # "yamaja"
_BEFORE_S = re.compile(r"^s(?=[bcdfgklmnprtv])")  # Spanish begins no word so


@lru_cache(maxsize=20_000)
def key(word: str) -> str:
    """The same for all ways to write what was heard."""
    word = _BEFORE_S.sub("es", word)
    for pattern, replacement in _WRITTEN:
        word = pattern.sub(replacement, word)
    return word


@lru_cache(maxsize=20_000)
def keys(name: str) -> frozenset[str]:
    """The keys of a name's word, read as Spanish, English, German and Italian; none of a short one."""
    if len(name) < _SHORTEST or not name.isalpha():
        return frozenset()
    said = name
    for pattern, replacement in _SAID:
        said = pattern.sub(replacement, said)
    return frozenset(
        {
            key(name),
            key(_ASPIRATED.sub("j", name)),
            key(said),
            key(name.replace("ch", "j")),
            key(_ITALIAN.sub("ch", name)),
        }
    )
