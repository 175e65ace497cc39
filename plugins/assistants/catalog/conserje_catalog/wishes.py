"""Why a contact is given to a person, and what is asked of the shop rather than of its products."""

from __future__ import annotations

import re
from collections.abc import Iterator

from conserje import Match, Product
from conserje_catalog.amounts import amount, is_measured
from conserje_catalog.asked import Asked
from conserje_catalog.vocabulary import DAYS, PATTERNS
from conserje_catalog.words import Words

_MANY = 10
_BOUGHT = re.compile(
    r"\b(?:(?:compr|llev|ped|necesit|quer|quier)\w*|\w{3,12}(?:o|mos|ar|er|ir)) (?:como |unos |unas |tipo )?"
    r"([0-9]{2,4}) [a-z]"
)
_WITHOUT = re.compile(r"\bsin (?:contar )?(?:el |la |los )?(?:despacho|envio|delivery|reparto|flete)\b")
_IF_TAKEN = re.compile(
    r" (?:si (?:me |te |les |yo )?(?:llev|compr|pid|quier|son|encarg)\w*|llevando|comprando|pidiendo) "
)
_PARTS = 4  # of a message, and of each

# The intents, as the notice to the shop's people has them. Of these nothing is answered.
REASONS = {
    "insult": "molestia",
    "complaint": "reclamo",
    "broken": "reclamo",
    "order": "pedido",
    "work": "trabajo",
}
# Of these it is answered what the shop has said.
TOPICS = {
    "restock": "aviso",
    "haggling": "descuento",
    "wholesale": "mayorista",
    "invoices": "factura",
    "returns": "cambio",
    "payment": "pago",
    "hours": "horario",
    "address": "direccion",
    "delivery": "despacho",
}


def reason(asked: Asked) -> str | None:
    """Why nobody but a person can answer this."""
    return next((reason for reason in REASONS if asked.says(reason)), None)


def topics(asked: Asked) -> Iterator[tuple[str, str, str]]:
    """What is asked of the shop: the topic, the words that say so, and their clause."""
    for clause in asked.clauses:
        clause = _WITHOUT.sub(" ", clause)
        for topic in TOPICS:
            if topic == "haggling" and asked.says("cheaper"):
                continue  # "está caro, hay algo más barato?" asks for another thing
            if found := PATTERNS[topic].search(clause):
                yield topic, found[0], clause
                break
        else:
            if is_for_business(clause, asked) and (found := PATTERNS["business"].search(clause)):
                yield "wholesale", found[0], clause


def parts(asked: Asked) -> Iterator[tuple[str, str]]:
    """The same, of each part that an "and" joins: the topic and the part."""
    for clause in asked.clauses[:_PARTS]:
        for part in PATTERNS["and"].split(f" {_WITHOUT.sub(' ', clause)} ")[:_PARTS]:
            if topic := next((topic for topic in TOPICS if PATTERNS[topic].search(part)), None):
                yield topic, part.strip()


def others(asked: Asked) -> Iterator[str]:
    """The parts that ask for something, and not for anything of the shop: "con despacho si llevo 2 kong"."""
    for clause in asked.clauses[:_PARTS]:
        for joined in PATTERNS["and"].split(f" {clause} ")[:_PARTS]:
            part, _, taken = _IF_TAKEN.sub("\n", joined, 1).partition("\n")
            about_the_shop = any(PATTERNS[topic].search(part) for topic in TOPICS)
            if not about_the_shop and (Asked(part).asks or amount(part)[0] > 1 or is_measured(part)):
                yield part.strip()
            if taken.strip():
                yield taken.strip()


def rest(asked: Asked) -> Iterator[str]:
    """The clauses without the parts that ask for something of the shop."""
    for clause in asked.clauses[:_PARTS]:
        parts = PATTERNS["and"].split(f" {clause} ")[:_PARTS]
        left = [part for part in parts if not any(PATTERNS[topic].search(part) for topic in TOPICS)]
        if left:
            yield " y ".join(part.strip() for part in left)


def names_product(found: str, match: Match) -> bool:
    """Whether the words are the product's own: "tarjeta de regalo" asks not how to pay."""
    product = match.product
    own = Asked(f"{product.name} {product.category} {' '.join(product.keywords)}").clauses
    words = {word for clause in own for word in clause.split()}
    return words.issuperset(found.split())


def is_told(topic: str, product: Product) -> bool:
    """Whether the product's own description says it: "no se despacha: solo se retira"."""
    return any(PATTERNS[topic].search(clause) for clause in Asked(product.description).clauses)


def is_for_business(clause: str, asked: Asked) -> bool:
    """Whether somebody who sells or cooks for others asks for much: "tengo un negocio, 25 kilos diarios"."""
    return bool(PATTERNS["business"].search(clause)) and is_much(asked)


def is_much(asked: Asked) -> bool:
    """Whether so many of a thing are asked for that the shop may call it wholesale."""
    told = (found for clause in asked.clauses if (found := _BOUGHT.search(clause)))
    return any(thing and count >= _MANY for count, thing in map(amount, asked.clauses)) or any(
        int(found[1]) >= _MANY for found in told
    )


def is_a_day(found: str) -> bool:
    """Whether no more than a day is named: "una torta para el sábado" asks not for the hours."""
    return found.split()[-1].removesuffix("s") in DAYS


def sentence(wish: str, words: Words) -> str:
    """What the contact is told who is given to a person."""
    return str(getattr(words, "complaint" if wish == "broken" else wish, words.no_data))
