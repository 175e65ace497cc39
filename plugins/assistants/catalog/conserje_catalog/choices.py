"""Which of the products that were shown a contact points at: "el segundo", "y el de 20?"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from conserje import Product, Utterance, plain
from conserje_catalog.asked import Asked, naming
from conserje_catalog.vocabulary import ORDINALS, PATTERNS

_LONGEST = 4000  # characters of what was said last
_BY_NUMBER = re.compile(r"\b(?:el|la|los|las|o|a|os|as|the) (?:de|of) ([0-9]{1,4})\b")
_PRICED = re.compile(r": (?:\$|[A-Z]{3} )(?=[0-9])")  # as `format_price` writes in any currency


def shown(history: Sequence[Utterance], products: Sequence[Product]) -> list[Product]:
    """The products of the last offer, in its order; an answer about something else is not one."""
    named = {product.name: product for product in products}
    for said in reversed(history[-6:]):
        if said.author != "assistant":
            continue
        lines = plain(said.content)[:_LONGEST].splitlines()
        names = (_PRICED.split(line, 1)[0].lstrip("•- ").strip() for line in lines)
        found = [named[name] for name in (_last_sentence(name, named) for name in names) if name]
        if found:
            return list(dict.fromkeys(found))
    return []


def _last_sentence(text: str, named: dict[str, Product]) -> str:
    """The product's name that ends the text: "¡Hola! Kong clásico", "1. Kong clásico"."""
    while text and text not in named:
        text = text.partition(" ")[2]
    return text


def pointed(asked: Asked, offered: Sequence[Product]) -> list[Product]:
    """Those of the offered ones that are pointed at; none where nothing points."""
    if not offered:
        return []
    found: list[Product] = []
    for clause in asked.clauses:
        words = clause.split()
        places = [ORDINALS.get(word.removesuffix("s"), 99) for word in words]
        found += [offered[place] for place in places if -1 <= place < len(offered)]
        if not found:
            for part in PATTERNS["or"].split(f" {clause} "):
                found += _alike(naming(part), offered)
    return list(dict.fromkeys(found))


def numbered(clauses: Sequence[str], products: Sequence[Product]) -> list[Product]:
    """Those that have in their name the number by which one is meant: "el de 20 cuánto sale?"."""
    numbers = {found[1] for clause in clauses if (found := _BY_NUMBER.search(clause))}
    if not numbers or any(not word.isdecimal() for clause in clauses for word in naming(clause)):
        return []
    return [each for each in products if numbers & set(" ".join(Asked(each.name).clauses).split())]


def _alike(words: Sequence[str], offered: Sequence[Product]) -> list[Product]:
    """The one whose name has most of the words, and has them oftener than the others."""
    wanted = {stem(word) for word in words}
    if not wanted or not offered:
        return []
    counted = []
    for product in offered:
        names = Counter(stem(word) for clause in Asked(product.name).clauses for word in clause.split())
        has = wanted & names.keys()
        counted.append((len(has), sum(names[word] for word in has), product))
    best = max(counted, key=lambda each: each[:2])
    if best[0] < len(wanted) or sum(each[:2] == best[:2] for each in counted) > 1:
        return []
    return [best[2]]


def stem(word: str) -> str:
    """In the singular, nearly."""
    return word[:-1] if len(word) > 3 and word.endswith("s") else word
