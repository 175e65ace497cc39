"""Amounts in a text: money, percentages, what is in stock, and what is free; found in time linear in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Literal

from conserje.contract import amount_words
from conserje.contract.numerals import Figure, Token, figures, said_as, tokens

Kind = Literal["money", "percent", "stock", "free", "count", "offer"]

_SIGNS = {"€": "EUR", "£": "GBP", "$": ""}  # empty: the tenant's currency
_BEFORE_SIGN = {"us": "USD", "u": "USD", "r": "BRL", "mx": "MXN", "ar": "ARS", "clp": "CLP", "co": "COP"}
_CODES = {
    code.casefold(): code
    for code in ("CLP", "USD", "EUR", "BRL", "MXN", "ARS", "PEN", "COP", "UYU", "BOB", "PYG", "GBP", "UF")
}
_NAMED = {
    "pesos": "", "peso": "", "pesitos": "", "pesito": "",
    "reais": "BRL", "real": "BRL", "soles": "PEN", "dolares": "USD", "dolar": "USD",
    "dollars": "USD", "dollar": "USD", "bucks": "USD", "euros": "EUR", "euro": "EUR", "libras": "GBP",
}  # fmt: skip
_HALF = (
    ("mitad", "de", "precio"),
    ("mitad", "del", "precio"),
    ("half", "price"),
    ("half", "off"),
    ("metade", "do", "preco"),
)

_OF_THE_HOUSE = (("cuenta", "de", "la"), ("cortesia", "de", "la"), ("is", "on", "the"), ("s", "on", "the"))


@dataclass(frozen=True, slots=True)
class Amount:
    """Something said of money or stock, as it is written; `value` is per cent, pieces or money.

    `currency`: empty where it is the tenant's, or is not said. `sentence`: the words around it; `at` is its
    place among the text's tokens.
    """

    kind: Kind
    value: Decimal
    written: str
    at: int
    sentence: tuple[str, ...]
    before: tuple[str, ...]  # of the sentence, the words before it
    after: tuple[str, ...]
    currency: str = ""
    rounded: bool = False
    begin: int = 0  # of its sentence, among the tokens


def read(text: str) -> list[Amount]:
    """All amounts of the text; a number that is none is a count."""
    words = tokens(text)
    sentences = _sentences(words)
    known = figures(words)
    kinds = [_numeric(words, figure) for figure in known]
    found = _with_cents(words, list(_ranged(words, known, kinds)))
    amounts = [
        _amount(text, words, sentences, figure.first, figure.after, *kind, figure.value, figure.thousands)
        for figure, kind in found
    ]
    amounts += _offers(text, words, sentences)
    amounts += _free(text, words, sentences)
    return amounts


def halves(text: str) -> list[Amount]:
    """Where a half is spoken of, of whatever: "se encarga con la mitad pagada"."""
    words = tokens(text)
    places = [n for n, word in enumerate(words) if word.text in amount_words.HALF]
    around = {n: (max(0, n - 15), n + 10) for n in places}  # it may be told in the next clause of what
    return [_amount(text, words, around, n, n + 1, "percent", "", Decimal(50)) for n in places]


def _amount(
    text: str,
    words: Sequence[Token],
    sentences: Sequence[tuple[int, int]] | Mapping[int, tuple[int, int]],
    first: int,
    after: int,
    kind: Kind,
    currency: str,
    value: Decimal,
    rounded: bool = False,
) -> Amount:
    begin, end = sentences[first]
    around = tuple(word.text for word in words[max(begin, first - 25) : min(end, after + 25)])
    before = tuple(word.text for word in words[max(begin, first - 12) : first])
    behind = tuple(word.text for word in words[after : min(end, after + 4)])
    begin_of = words[max(first - 1, 0) if kind == "money" else first].begin
    written = text[begin_of : words[min(after, len(words) - 1)].end].strip(" \n.,;:()+-–|")
    return Amount(kind, value, written, first, around, before, behind, currency, rounded, begin)


def _sentences(words: Sequence[Token]) -> list[tuple[int, int]]:
    """Of each token, where its sentence begins and ends."""
    ends = [n for n, word in enumerate(words) if word.text in (".", "!", "?", "\n", ";")]
    found, begin = [], 0
    for end in [*ends, len(words) - 1]:
        found += [(begin, end + 1)] * (end + 1 - begin)
        begin = max(begin, end + 1)
    return found


def _numeric(words: Sequence[Token], figure: Figure) -> tuple[Kind, str]:
    """What a number is, and of which currency."""
    before = [word.text for word in words[max(figure.first - 4, 0) : figure.first]]
    after = [word.text for word in words[figure.after : figure.after + 4]]
    if after[:1] == ["%"] or (after[:1] in (["por"], ["per"]) and set(after[1:2]) & amount_words.PER_CENT):
        return "percent", ""
    if set(after[:1]) & {"porciento", "percent", "porcento"} or (
        after[:1] == ["off"] and _currency(before, after) is None
    ):
        return "percent", ""
    currency = _currency(before, after)
    if currency is not None:
        return "money", currency
    if figure.thousands:
        return ("count", "") if set(after[:1]) & amount_words.UNITS else ("money", "")
    if _is_bare_money(figure, before, after):
        return "money", ""
    return ("stock" if _is_stock(figure, before, after) else "count"), ""


def _currency(before: Sequence[str], after: Sequence[str]) -> str | None:
    """None: it is not said to be money."""
    last, other = (["", "", *before])[-1], (["", "", *before])[-2]
    if last in _SIGNS:
        return _BEFORE_SIGN.get(other, "") if last == "$" else _SIGNS[last]
    if last == "/" and other == "s":
        return "PEN"
    if last in _CODES:
        return _CODES[last]
    first = after[0] if after else ""
    if first in _NAMED:
        return _NAMED[first]
    if first in _CODES:
        return _CODES[first]
    follows = after[1][:1].isdigit() if len(after) > 1 else False  # the sign is the next number's
    return None if follows else _SIGNS.get(first)


def _is_bare_money(figure: Figure, before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether a number without a sign is a price all the same: "sale 12.990", "Polera: 12.990"."""
    if figure.digits < 4 or set(after[:1]) & amount_words.UNITS or set(before) & amount_words.REFERENCES:
        return False
    if after[:1] == ["-"] and len(after) > 1 and len(after[1]) == 1:
        return False  # a tax number
    words = list(before)
    while words and words[-1] in amount_words.LINKS and words[-1] not in amount_words.STRONG:
        words.pop()
    if words and words[-1] in amount_words.STRONG:
        return True
    if not figure.grouped:
        return False
    each = after[:2] == ["c", "/"] or after[:1] == ["cada"]
    return each or bool(before and before[-1] in amount_words.LISTED)


def _is_stock(figure: Figure, before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether so many are said to be there: "quedan 5", "18 unidades en stock"."""
    if figure.value != int(figure.value) or set(after[:1]) & {":", "x", "/"}:
        return False
    near = set(before[-3:])
    if near & amount_words.LEFT and not set(after[:1]) & (amount_words.UNITS - amount_words.STOCKED):
        return True
    stocked = after[:1] and after[0] in amount_words.STOCKED
    sorts = set(after[:1]) & (amount_words.SORTS | amount_words.UNITS - amount_words.STOCKED)
    if near & amount_words.STOCK_VERBS and set(after[1:4]) & amount_words.STOCKED and not sorts:
        return True
    in_stock = after[:2] in (["en", "stock"], ["in", "stock"], ["em", "estoque"]) or set(after[:1]) & {"left"}
    return bool(
        in_stock or (stocked and (near & amount_words.STOCK_VERBS or set(after[1:3]) & amount_words.STOCKED))
    )


def _ranged(
    words: Sequence[Token], known: Sequence[Figure], kinds: list[tuple[Kind, str]]
) -> Iterator[tuple[Figure, tuple[Kind, str]]]:
    """In "entre 10 y 15 lucas" or "10-15 %" the first number is of the second one's kind."""
    for n, (figure, kind) in enumerate(zip(known, kinds, strict=True)):
        if kind[0] == "count" and n + 1 < len(known) and kinds[n + 1][0] in ("money", "percent"):
            following = known[n + 1]
            between = [word.text for word in words[figure.after : following.first]]
            opened = figure.first > 0 and words[figure.first - 1].text in ("entre", "between", "de")
            if between in (["-"], ["–"]) or (opened and between in (["y"], ["a"], ["e"], ["and"])):
                times = 1000 if following.thousands and figure.value < 1000 else 1
                yield Figure(figure.value * times, figure.first, figure.after, True), kinds[n + 1]
                continue
        yield figure, kind


def _with_cents(
    words: Sequence[Token], found: list[tuple[Figure, tuple[Kind, str]]]
) -> list[tuple[Figure, tuple[Kind, str]]]:
    """One amount of "27 reais e 90 centavos"."""
    joined: list[tuple[Figure, tuple[Kind, str]]] = []
    for figure, kind in found:
        unit = words[figure.after].text if figure.after < len(words) else ""
        is_next = joined and joined[-1][1][0] == "money" and figure.first == joined[-1][0].after + 2
        if is_next and unit in amount_words.CENTS:
            whole, its = joined.pop()
            joined.append((Figure(whole.value + figure.value / 100, whole.first, figure.after), its))
        else:
            joined.append((figure, kind))
    return joined


def _offers(text: str, words: Sequence[Token], sentences: Sequence[tuple[int, int]]) -> Iterator[Amount]:
    """Two for one, and half the price."""
    for n, taken, paid in _taken_and_paid(words):
        yield _amount(text, words, sentences, n, n + 1, "offer", "", taken * 10 + paid)
    for n, word in enumerate(words):
        one, other = said_as(word.text), said_as(words[n + 2].text) if n + 2 < len(words) else None
        if one and other and words[n + 1].text in amount_words.FOR and one == other + 1 and one < 10:
            unit = words[n + 3].text if n + 3 < len(words) else ""
            if unit not in amount_words.UNITS:
                yield _amount(text, words, sentences, n, n + 3, "offer", "", Decimal(one * 10 + other))
        for said in _HALF:
            if tuple(each.text for each in words[n : n + len(said)]) == said:
                yield _amount(text, words, sentences, n, n + len(said), "percent", "", Decimal(50))


def _taken_and_paid(words: Sequence[Token]) -> Iterator[tuple[int, Decimal, Decimal]]:
    """Where so many are to be taken for the price of fewer: "lleva 3 y paga 2"."""
    for n, word in enumerate(words[:-1]):
        taken = said_as(words[n + 1].text)
        if word.text not in amount_words.TAKE or not taken or taken > 9:
            continue
        for paid, next_ in pairwise(words[n + 2 : n + 6]):
            least = said_as(next_.text)
            if paid.text in amount_words.PAY and least and least < taken:
                yield n + 1, Decimal(taken), Decimal(least)


def _free(text: str, words: Sequence[Token], sentences: Sequence[tuple[int, int]]) -> Iterator[Amount]:
    for n, word in enumerate(words):
        before = [each.text for each in words[max(n - 3, 0) : n]]
        after = words[n + 1].text if n + 1 < len(words) else ""
        if _is_free(word.text, before, after):
            yield _amount(text, words, sentences, n, n + 1, "free", "", Decimal(0))


def _is_free(word: str, before: Sequence[str], after: str) -> bool:
    if word in amount_words.FREE:
        return True
    if word == "graca":
        return before[-1:] == ["de"]
    if word == "free":
        return (
            not set(before[-1:]) & amount_words.NOT_FREE
            and before[-1:] != ["-"]
            and after not in amount_words.AFTER_FREE
        )
    if word in _NAMED and before[-1:] in (["cero"], ["zero"]):
        return True
    if word in ("casa", "house"):  # "la casa invita"
        return after == "invita" or tuple(before) in _OF_THE_HOUSE or before[-2:] == ["invita", "la"]
    if word == "regalo" and before[-1:] == ["de"]:
        return bool(amount_words.GIVES & set(before[-3:-1]))
    return word in amount_words.COSTS and bool(set(before[-2:]) & amount_words.WITHOUT)
