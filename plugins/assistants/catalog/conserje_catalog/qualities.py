"""What is asked of a product that nothing is told of: its price is no answer to "el brownie es vegano?"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from conserje import Product
from conserje_catalog import fits, measures
from conserje_catalog.asked import Asked, naming
from conserje_catalog.vocabulary import PATTERNS

_STEM = 5  # letters by which words are held to be of one kind: "reclinable", "reclina"
_RELATED = {  # what tells of it: "contiene gluten" of "apto celíacos"
    "celia": ["gluten", "trigo"], "lacto": ["leche", "queso"], "vegan": ["carne", "leche", "huevo", "queso"],
    "veget": ["carne", "pollo", "pescado"], "pican": ["picante", "aji"], "azuca": ["endulz", "diabet"],
    "diabe": ["azucar"], "hidro": ["agua"], "imper": ["agua"], "elect": ["bateria", "motor", "pilas"],
}  # fmt: skip
_FEW = 3  # words; of more something is known


def unknown(products: Sequence[Product], asked: Asked) -> bool:
    """Whether a clause asks how these are, and none of them is told to be so or otherwise."""
    for clause in asked.clauses:
        counted = PATTERNS["how_many_of_it"].search(clause)
        found = PATTERNS["quality"].search(clause)
        asked_of = (_counted(counted) if counted else "", clause[found.end() :] if found else "")
        if any(_names_none(products, each) for each in asked_of):
            return True
    return False


def _counted(found: re.Match[str]) -> str:
    """Of what it has so many."""
    return str(next(filter(None, found.groups())))


def is_told(product: Product, asked: Asked) -> bool:
    """Whether what a clause asks of it is told of it: "lleva leche?" of "con leche, pan y queso"."""
    for clause in asked.clauses:
        if found := PATTERNS["quality"].search(clause):
            words = naming(clause[found.end() :])
            if 0 < len(words) <= _FEW and not _names_none([product], clause[found.end() :]):
                return True
    return False


def _names_none(products: Sequence[Product], asked: str) -> bool:
    words = naming(asked)
    if not 0 < len(words) <= _FEW or not all(map(str.isalpha, words)):
        return False  # numbers are compared by who reads the description
    told = [fits.told(product) for product in products]
    if any(measures.has(product, each) for each in words for product in products):
        return False
    words += [other for each in words for other in _RELATED.get(each[:_STEM], ())]
    if any(each[:_STEM] in one for each in words for one in told):
        return False
    return not fits.judges(products, asked)
