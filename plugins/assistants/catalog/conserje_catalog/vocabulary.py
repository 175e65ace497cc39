"""What contacts write to a shop, by language; all languages are understood wherever the shop is.

Of each language there are single words, folded: what is said around a wish is `chat`, what names nothing is
`filler`. And expressions, matched in a clause of folded words with single spaces between them; a `_` is a
space.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from conserje_catalog import called, english, portuguese, spanish

_LANGUAGES = (spanish, portuguese, english)

# As it is typed in haste, and as it is written; numbers past ten, as they are said.
HASTY = {
    "q": "que", "k": "que", "ke": "que", "xq": "porque", "pq": "porque", "xk": "porque", "d": "de",
    "dnd": "donde", "aonde": "donde", "kuando": "cuando", "cdo": "cuando", "qiero": "quiero",
    "nesecito": "necesito", "nececito": "necesito", "necesitp": "necesito", "qero": "quiero",
    "kero": "quiero", "tb": "tambien", "tbn": "tambien", "tmb": "tambien", "tambn": "tambien",
    "kiero": "quiero", 
    "ablar": "hablar", "aser": "hacer", "enbio": "envio", "dcto": "descuento",
    "dctos": "descuentos", "dscto": "descuento", "dsto": "descuento",
    "ntonces": "entonces", "toy": "estoy", "doce": "12", "quince": "15",
    "dieciseis": "16", "dieciocho": "18", "veinte": "20", "veinticinco": "25", "ventiseis": "26",
    "veintiseis": "26", "veintinueve": "29", "treinta": "30", "cuarenta": "40", "cincuenta": "50",
}  # fmt: skip


def words_of(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


def _said(kind: str) -> frozenset[str]:
    return words_of(" ".join(each.WORDS[kind] for each in _LANGUAGES))


def _any(kind: str) -> str:
    """One of the expressions of that name, in any language."""
    listed = " ".join(each.EXPRESSIONS[kind] for each in _LANGUAGES)
    return "|".join(listed.split()).replace("_", " ")


WORDS: Mapping[str, frozenset[str]] = {kind: _said(kind) for kind in spanish.WORDS}
_BETWEEN = ("not_so", "and", "or", "but", "for", "wish")  # these have their own spaces at both ends
PATTERNS: Mapping[str, re.Pattern[str]] = {
    kind: re.compile(_any(kind) if kind in _BETWEEN else rf"\b(?:{_any(kind)})\b")
    for kind in spanish.EXPRESSIONS
}
_OTHERWISE = {name: "|".join(said.split()).replace("_", " ") for name, said in called.CALLED.items()}
CALLED: Mapping[str, re.Pattern[str]] = {
    name: re.compile(rf"\b(?:{said})\b") for name, said in _OTHERWISE.items()
}
ANY_CALLED = re.compile(rf"\b(?:{'|'.join(_OTHERWISE.values())})\b")
_KINDS = [
    ["|".join(kind.split()).replace("_", " ") for kind in line.split(" / ")]
    for line in called.CONTRARIES.strip().splitlines()
]
CONTRARIES = [[re.compile(rf"\b(?:{kind})\b") for kind in kinds] for kinds in _KINDS]
ANY_CONTRARY = re.compile(rf"\b(?:{'|'.join(kind for kinds in _KINDS for kind in kinds)})\b")


def _goods(listed: str) -> dict[str, str]:
    return dict((each.split()[0], each.split()[1]) for each in listed.split(","))


_OTHER_THINGS = words_of(  # in Spanish
    "bolsa guia bola cola presente presunto barraca camiseta garrafa console cachorro vaso polvo"
)
_PORTUGUESE = {word: good for word, good in _goods(portuguese.GOODS).items() if word not in _OTHER_THINGS}
_ENGLISH = {word: good for word, good in _goods(english.GOODS).items() if word != "soy"}
GOODS: Mapping[str, Mapping[str, str]] = {
    "es": _PORTUGUESE | _ENGLISH | _goods(called.GOODS),
    "en": _goods(english.GOODS),
    "pt": _goods(portuguese.GOODS),
}


def in_spanish(text: str, locale: str) -> str:
    """With goods as a Spanish catalogue calls them, in another language or by another name."""
    if not (goods := GOODS.get(locale[:2])):
        return text
    lines = []
    for line in text.split("\n"):
        words = [goods.get(word) or goods.get(word.removesuffix("s"), word) for word in line.split()]
        lines.append(" ".join(words))
    return "\n".join(lines)


NUMBERS = {
    "un": 1, "una": 1, "uno": 1, "um": 1, "uma": 1, "one": 1, "dos": 2, "dois": 2, "duas": 2, "two": 2,
    "par": 2,
    "tres": 3, "three": 3, "cuatro": 4, "quatro": 4, "four": 4, "cinco": 5, "five": 5, "seis": 6, "six": 6,
    "siete": 7, "sete": 7, "ocho": 8, "oito": 8, "nueve": 9, "nove": 9, "diez": 10, "dez": 10, "ten": 10,
    "docena": 12, "duzia": 12, "dozen": 12, "quince": 15, "veinte": 20, "vinte": 20, "twenty": 20,
    "treinta": 30, "cuarenta": 40, "cincuenta": 50, "cien": 100, "fifty": 50,
}  # fmt: skip
ORDINALS = {
    "primero": 0, "primera": 0, "primer": 0, "primeiro": 0, "primeira": 0, "first": 0,
    "segundo": 1, "segunda": 1, "second": 1, "tercero": 2, "tercera": 2, "tercer": 2, "terceiro": 2,
    "third": 2,
    "cuarto": 3, "cuarta": 3, "quarto": 3, "fourth": 3, "quinto": 4, "quinta": 4, "fifth": 4, "sexto": 5,
    "ultimo": -1, "ultima": -1, "last": -1,
}  # fmt: skip
DAYS = words_of("""
    domingo sabado lune marte miercole jueve vierne segunda terca quarta quinta sexta
    sunday saturday monday tuesday wednesday thursday friday
""")
