"""How many of something are asked for: "2 pelotas", "un par de brownies"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from conserje import Product
from conserje_catalog.asked import Asked, naming
from conserje_catalog.vocabulary import NUMBERS, words_of

Count = int | Decimal  # of what is sold by measure it may be a part

_DIGITS = 4
_AFTER = re.compile(
    r"(?<=[a-z] )([2-9]|[1-9][0-9]) (?:cajas|bolsas|sacos|botellas|latas|paquetes|unidades|pares)$"
)
_MEASURED = re.compile(
    r"\b([0-9]{1,4}(?:[.,][0-9]{1,3})?) ?(metros?|mts?|m2|kilos?|kg|litros?|gramos?|grs?|g|cm|ml|cc)\b"
)
_OF_IT = re.compile(r".{0,30}?" + _MEASURED.pattern + r" (?:de|del|of) ")  # "2.5 kilos de pan"
_PART_OF = {"g": ("k", 1000), "cm": ("m", 100), "ml": ("l", 1000), "cc": ("l", 1000)}
_ONE_OF = r"([0-9]{1,3}|un[oa]|dos|tres|cuatro|cinco|otr[oa])"
_OF_THE_SAME = re.compile(
    rf"(?:{_ONE_OF} )?((?:de|del|para|con|sin) .+|suelt[oa]s?|individual(?:es)?"
    r"|(?:mas )?(?:grande|chic[oa])s?)"
)
_PACKED = re.compile(r"\b(?:packs?|cajas?|bolsas?|paquetes?|docenas?|sacos?|pares?|par) de ")
_NOUN = re.compile(r"\b([a-z]{3,20}) (?:de|del|para|con|sin) ")
_SOLD_BY = {
    "m": re.compile(r"\b(?:por|x|el) (?:m2?|metro)\b|\bm2$|\bm2 "),
    "k": re.compile(r"\b(?:por|x|el) (?:kg|kilo)\b"),
    "l": re.compile(r"\b(?:por|x|el) litro\b"),
}
# So many: "camaras x2".
_TIMES = re.compile(r"\bx ?([1-9][0-9]?)(?= (?:par|pares|unidades?|cajas?|sacos?|bolsas?)\b|$)")
_NAMED_BY = {  # its name alone says it: "Hallulla kilo", and no "Saco 18 kg"
    "m": re.compile(r"(?<![0-9.,] )\b(?:m2?|metro)\b"),
    "k": re.compile(r"(?<![0-9.,] )\b(?:kg|kilo)\b"),
    "l": re.compile(r"(?<![0-9.,] )\blitro\b"),
}
_MEASURES = words_of(
    "anos ano meses mes dias dia semanas semana horas hora minutos personas persona"
    " kg kilo kilos kgs gr grs g gramos ml l lt litro litros m mt metros cm mm w watts gb tb lucas mil"
)
_DONE = re.compile(r"tengo|tenemos|[a-z]{2,12}[aei]r(?:l[aeo]s?|me)?")  # "imprimir 40 fotos"
_AGED = re.compile(
    r"(?<=[a-z]) de [0-9]{1,2} (?:dias?|semanas?|mes(?:es)?|an(?:it)?os?)(?= |$)"
)  # whom it is for
_TO_WHOM = words_of("me nos")  # "me da 3"
_PLACES = words_of("de del do da of para pa for talla numero")


def amount(part: str) -> tuple[int, str]:
    """How many are asked for, 1 where nothing is said, and the words that say of what."""
    part = _AGED.sub(" ", part) if _AGED.search(part) else part
    if measured := _OF_IT.match(part):
        return 1, " ".join(naming(part[measured.end() :]))
    words = part.split()
    if (times := _TIMES.search(part)) and naming(part[: times.start()]):
        return int(times[1]), " ".join(naming(part[: times.start()]))
    place = -1
    for n, word in enumerate(words):
        if word in _PLACES and words[max(n - 1, 0)] not in _TO_WHOM:
            place = n + 1  # "el de 20"
        if n == place:
            continue
        is_number = word.isdecimal() and len(word) <= _DIGITS
        count = int(word) if is_number else NUMBERS.get(word, 0)
        if count > 1 and not set(words[n + 1 : n + 2]) & _MEASURES:
            return count, " ".join(naming(" ".join(words[n + 1 :])))
        if naming(word) and not count and not _DONE.fullmatch(word):
            break  # what follows is the name's own number: "play 5"
    return 1, " ".join(naming(part))


def is_much_alone(part: str) -> bool:
    """Whether it says how much, and of nothing: "ya, quiero 3 kg"."""
    said = _MEASURED.sub(" ", part)
    return said != part and not naming(said)


def is_measured(part: str) -> bool:
    """Whether it says how much of something: "2 metros de eucalipto"."""
    return bool(_OF_IT.match(part))


def is_its_own(count: int, part: str, product: Product) -> bool:
    """Whether the number is the name's own: "12 rosas" of "Ramo de 12 rosas"."""
    if str(count) not in product.name:
        return False
    said, named = (" ".join(Asked(text).clauses).split() for text in (part, product.name))
    return any(pair in list(pairwise(named)) for pair in pairwise(said) if pair[0] == str(count))


def is_of_the_same(part: str) -> bool:
    """Whether it counts what was named before: "y uno de 20"."""
    said = _OF_THE_SAME.fullmatch(part.strip())
    return bool(said and said[1])


def of_the_same(part: str, before: str) -> str:
    """The part with the thing that it is one of: of "uno de 20" after "2 aceites de 10" oils."""
    before = _PACKED.sub("", before)
    said, noun = _OF_THE_SAME.fullmatch(part), _NOUN.search(before)
    thing = noun[1] if noun else next(iter(naming(amount(before)[1])), "")
    return f"{said[1] or '1'} {thing} {said[2]}" if said and thing else part


def counted_after(part: str) -> int:
    """How many are said behind the thing: "leche entera 6 cajas"; 0: it is not said so."""
    found = _AFTER.search(part)
    return int(found[1]) if found and naming(part[: found.start()]) else 0


def before_count(part: str) -> str:
    """The thing behind which so many are said."""
    return _AFTER.sub("", part)


def counted(part: str) -> list[str]:
    """The parts that a number begins each, where the first word that says something is one."""
    words = part.split()
    starts = [n for n in range(len(words) - 1) if _begins(words, n)]
    if not starts or naming(" ".join(words[: starts[0]])):
        return [part]
    return [" ".join(words[n:end]) for n, end in zip(starts, [*starts[1:], len(words)], strict=True)]


def _begins(words: Sequence[str], at: int) -> bool:
    """Whether a number there says how many of what comes after it."""
    word, after = words[at : at + 2]
    is_number = (word.isdecimal() and len(word) <= _DIGITS) or word in NUMBERS
    return is_number and after.isalpha() and after not in _MEASURES and words[at - 1] not in _PLACES


def sold_by_measure(product: Product, clauses: Sequence[str]) -> Count:
    """How much of what is sold by the metre or the kilo: "20 metros de pasto", "2.5 kilos"; else 1."""
    about = f"{product.name} {product.description}".lower()
    for clause in clauses:
        if not (found := _MEASURED.search(clause)):
            continue
        unit, parts = _PART_OF.get(found[2][: 1 if found[2][0] == "g" else 2], (found[2][0], 1))
        if _SOLD_BY[unit].search(about) or _NAMED_BY[unit].search(product.name.lower()):
            much = Decimal(found[1].replace(",", ".")) / parts
            return int(much) if much == int(much) else much
    return 1
