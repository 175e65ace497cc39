"""The amounts that are in some texts, and so may be said."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from conserje.contract import amount_words
from conserje.contract.amounts import Amount, halves, read
from conserje.contract.numerals import legible
from conserje.contract.prices import WHOLE_CURRENCIES

HALF = Decimal(50)
_LEAST, _LEAST_WITH_CENTS = 100, 20  # a smaller number without a sign is no price
READ = 40_000  # characters of all that it may rest on


class KnownAmounts:
    """The amounts of some texts."""

    def __init__(self, texts: Iterable[str], currency: str) -> None:
        written = legible("\n".join(texts)[:READ])
        amounts = [*read(written), *halves(written)]
        self.all = amounts
        own = [each for each in amounts if each.currency in ("", currency)]
        least = _LEAST if currency in WHOLE_CURRENCIES else _LEAST_WITH_CENTS
        self.money = {each.value for each in own if each.kind == "money"}
        self.fees = {each.value for each in own if each.kind == "money" and not _is_bound(each)}
        self.priced = [(each.value, each.sentence) for each in own if each.value in self.fees]
        self.each = {each.value for each in own if each.kind == "money" and _is_of_one(each)}
        shares = [each for each in amounts if each.kind == "percent" and each.value <= 100]
        self.reductions = [(each.value, each.sentence) for each in shares]
        self.of_items = {each.value for each in shares if _is_of_an_item(each)}
        self.numbers = {
            each.value for each in amounts if each.kind in ("count", "stock") and each.value >= least
        }
        foreign = [each for each in amounts if each.currency not in ("", currency)]
        self.foreign = {(each.currency, each.value) for each in foreign}
        ones = {each.sentence: each.currency for each in foreign if each.value == 1}
        self.rates = {(ones[each.sentence], each.value) for each in own if each.sentence in ones}
        self.percents = {each.value for each in amounts if each.kind == "percent"}
        self.has_half = HALF in self.percents
        self.counts = {count for each in amounts for count in counted(each)}
        self.sizes = {size for each in amounts for size in _sizes(each)}
        self.offers = {each.value for each in amounts if each.kind == "offer"}
        self.free = any(each.kind == "free" for each in amounts) or Decimal(0) in self.money

    def has_money(self, value: Decimal) -> bool:
        return value in self.money or value in self.numbers


def _is_bound(amount: Amount) -> bool:
    """Whether it is from where on something holds: "gratis sobre $40.000"; nobody pays it."""
    near = amount.before[-4:]
    free = bool(amount_words.FREE & set(amount.before))
    least = bool(amount_words.LEAST & set(amount.before[-8:]))
    return least or bool(amount_words.BOUND & set(near)) or (free and bool(amount_words.FROM & set(near)))


def _is_of_one(amount: Amount) -> bool:
    """Whether it is what one costs: "$2.000 el metro"."""
    before = [word for word in amount.before if word != "$"]
    per = bool(amount_words.PER & set(before[-4:-1]))
    return per or bool(amount_words.EACH & set(amount.after[:2]))


def _is_of_an_item(amount: Amount) -> bool:
    """Whether one of several is reduced: "la segunda con 30 % de descuento"."""
    return bool(amount_words.ORDINALS & set(amount.sentence))


def counted(amount: Amount) -> list[Decimal]:
    """What is counted or measured, also "3 metros y medio"; nothing for what is no count."""
    if amount.kind not in ("count", "stock"):
        return []
    if amount_words.OF_A_PART & set(amount.after[:1]):
        return [amount.value / 1000]  # of a kilo, or a litre
    is_half_more = {"medio", "media", "meio", "meia"} & set(amount.after[:3])
    return [amount.value + Decimal("0.5")] if is_half_more else [amount.value]


def _sizes(amount: Amount) -> list[Decimal]:
    """How many grams, or millilitres, are in a packet."""
    unit = set(amount.after[:1])
    if amount.kind != "count" or amount.value <= 0:
        return []
    if amount_words.OF_A_PART & unit:
        return [amount.value]
    return [amount.value * 1000] if amount_words.OF_A_WHOLE & unit else []
