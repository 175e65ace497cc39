"""The amounts that are in some texts, and so may be said."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from conserje.contract import amount_words
from conserje.contract.amounts import Amount, read
from conserje.contract.prices import WHOLE_CURRENCIES

_LEAST, _LEAST_WITH_CENTS = 100, 20  # a smaller number without a sign is no price
READ = 40_000  # characters of all that it may rest on


class KnownAmounts:
    """The amounts of some texts."""

    def __init__(self, texts: Iterable[str], currency: str) -> None:
        written = "\n".join(texts)[:READ]
        amounts = read(written)
        own = [each for each in amounts if each.currency in ("", currency)]
        least = _LEAST if currency in WHOLE_CURRENCIES else _LEAST_WITH_CENTS
        self.money = {each.value for each in own if each.kind == "money"}
        self.fees = {each.value for each in own if each.kind == "money" and not _is_bound(each)}
        self.each = {each.value for each in own if each.kind == "money" and _is_of_one(each)}
        self.reductions = [(each.value, each.sentence) for each in amounts if each.kind == "percent"]
        self.of_items = {each.value for each in amounts if each.kind == "percent" and _is_of_an_item(each)}
        self.numbers = {
            each.value for each in amounts if each.kind in ("count", "stock") and each.value >= least
        }
        foreign = [each for each in amounts if each.currency not in ("", currency)]
        self.foreign = {(each.currency, each.value) for each in foreign}
        self.percents = {each.value for each in amounts if each.kind == "percent"}
        self.counts = {count for each in amounts for count in counted(each)}
        self.offers = {each.value for each in amounts if each.kind == "offer"}
        self.free = any(each.kind == "free" for each in amounts) or Decimal(0) in self.money

    def has_money(self, value: Decimal) -> bool:
        return value in self.money or value in self.numbers


def _is_bound(amount: Amount) -> bool:
    """Whether it is from where on something holds: "gratis sobre $40.000"; nobody pays it."""
    near = amount.before[-4:]
    free = bool(amount_words.FREE & set(amount.before))
    least = bool(amount_words.LEAST & set(amount.before[-8:]))
    return (
        least
        or bool(amount_words.BOUND & set(near))
        or (free and bool({"desde", "from", "partir"} & set(near)))
    )


def _is_of_one(amount: Amount) -> bool:
    """Whether it is what one costs: "$2.000 el metro"."""
    per = bool(amount_words.PER & set(amount.before[-4:]))
    return per or bool(amount_words.EACH & set(amount.after[:2]))


def _is_of_an_item(amount: Amount) -> bool:
    """Whether one of several is reduced: "la segunda con 30 % de descuento"."""
    return bool(amount_words.ORDINALS & set(amount.sentence))


def counted(amount: Amount) -> list[Decimal]:
    """What is counted or measured, also "3 metros y medio"; nothing for what is no count."""
    if amount.kind not in ("count", "stock"):
        return []
    is_half_more = {"medio", "media", "meio", "meia"} & set(amount.after[:3])
    return [amount.value + Decimal("0.5")] if is_half_more else [amount.value]
