"""What the amounts of an answer may rest on; whatever rests on nothing is not said to a contact.

An amount is right that is a product's, a sum or a multiple of such, in what the tenant has said, in what a
tool gave, or in the contact's own words where it is not promised. Sums are of few products and few
quantities, those that the talk names: with enough of them any number is some sum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from itertools import pairwise

from conserje.contract import amount_words
from conserje.contract.amounts import Amount, read
from conserje.contract.assistant import Product
from conserje.contract.denial import is_denied
from conserje.contract.known_amounts import READ, KnownAmounts, counted
from conserje.contract.numerals import tokens
from conserje.contract.opt_out import folded
from conserje.contract.prices import WHOLE_CURRENCIES

_PAUSES = (",", "pero", "but", "mas")
_ADDENDS, _QUANTITIES, _EXTRAS, _SUMS = 6, 5, 6, 30_000
_MOST, _ONE = 200, Decimal(1)  # quantities
_FEW = 2_000  # sums that are compared one by one
_PARTS = 48  # the most that a price is divided by
_BEGINNING = 6  # letters of a word by which it is known
_BETWEEN = 4  # words between a product's name and its price
_SURE = 0.5  # the share of its name by which a product is named
_NEAR = Decimal("0.05")
_ROUNDED, _ROUNDED_BY = Decimal("0.01"), 100


@dataclass(frozen=True)
class Grounds:
    """What an answer may rest on. `texts`: what the tenant has said; `results`: what tools gave."""

    products: Sequence[Product]
    texts: Sequence[str]
    results: Sequence[str]
    contact: Sequence[str]
    currency: str
    language: str = "es"  # of the answer; in Portuguese "no" denies nothing

    def unfounded(self, answer: str) -> list[str]:
        """The amounts of the answer that rest on nothing, as they are written there."""
        amounts = read(answer)
        checked = [amount for amount in amounts if amount.kind != "count"]
        if not checked:
            return []
        talk = _Talk(self, answer, amounts)
        return list(dict.fromkeys(amount.written for amount in checked if not talk.founds(amount)))


@dataclass
class _Talk:
    """One answer and what it may rest on."""

    grounds: Grounds
    answer: str
    amounts: Sequence[Amount]
    told: KnownAmounts = field(init=False)
    contact: KnownAmounts = field(init=False)

    def __post_init__(self) -> None:
        given = self.grounds
        described = [f"{each.name}. {each.description}" for each in given.products]
        self.told = KnownAmounts([*given.texts, *given.results, *described], given.currency)
        self.contact = KnownAmounts(given.contact, given.currency)

    def founds(self, amount: Amount) -> bool:
        match amount.kind:
            case "percent":
                return self._percent(amount)
            case "free":
                return self._free(amount)
            case "stock":
                return self._stock(amount)
            case "offer":
                return amount.value in self.told.offers or is_denied(amount, self.grounds.language)
            case _:
                return self._money(amount)

    def _percent(self, amount: Amount) -> bool:
        known = self._said if amount_words.REDUCED & set(amount.sentence) else self.told
        if amount.value in known.percents or amount.value in self._results.counts:
            return True
        if amount.value == 100 and not amount_words.REDUCED & set(amount.sentence):
            return True
        return is_denied(amount, self.grounds.language) or (
            amount.value in self.contact.percents and bool(amount_words.ASKED & set(amount.sentence))
        )

    def _free(self, amount: Amount) -> bool:
        costs_nothing = any(each.price == 0 for each in self.grounds.products)
        return self.told.free or costs_nothing or is_denied(amount, self.grounds.language)

    def _stock(self, amount: Amount) -> bool:
        named = self._named
        stocks = {each.stock for each in named or self.grounds.products}
        together = sum(each.stock or 0 for each in named)
        if amount.value in {*stocks, together, *self._results.counts}:
            return True
        enough = any(each and each >= amount.value for each in stocks)  # of as many as were asked for
        return enough and amount.value in self.contact.counts

    def _money(self, amount: Amount) -> bool:
        if amount.currency not in ("", self.grounds.currency):
            pair = (amount.currency, amount.value)
            return pair in self.told.foreign or (pair in self.contact.foreign and self._is_harmless(amount))
        if amount.value == 0:
            return self._free(amount)
        owner, is_price = self._owner(amount)
        if owner and any(owner.price * many == amount.value for many in range(1, 13)):
            return True
        if owner and is_price:  # right after the name of a product that has another price
            return self._includes(amount, owner)
        is_known = self.told.has_money(amount.value)
        if owner and amount.value in self._prices and not is_known:
            return False  # it is another product's
        if amount.value in self._prices or self._results.has_money(amount.value):
            return True
        is_total = "total" in amount.before[-3:]
        if is_known and not is_total:
            return True
        if self.contact.has_money(amount.value) and self._is_harmless(amount):
            return True
        return self._derived(amount)

    def _includes(self, amount: Amount, owner: Product) -> bool:
        """Whether it is the owner's price in thousands, reduced, with something else, or compared."""
        value, slack = amount.value, _tolerance(amount)
        if value in self._prices:
            return False
        sums = self._added([each.price for each in self._named], [_ONE, *self._quantities])
        with_extras = any(value - extra in sums for extra in (Decimal(0), *self._extras))
        if with_extras or abs(owner.price - value) <= slack or self._is_reduced(value, slack or self._slack):
            return True
        return _is_compared(amount) and self._is_difference(value)

    def _derived(self, amount: Amount) -> bool:
        value = amount.value
        if value in self._sums or any(value - extra in self._sums for extra in self._extras):
            return True
        if self._is_near(amount) or self._is_reduced(value, _tolerance(amount) or self._slack):
            return True
        if any(value == told * many for told in self.told.money for many in self._quantities):
            return True
        is_divided = bool(amount_words.DIVIDED & set(amount.sentence))
        return (_is_compared(amount) and self._is_difference(value)) or (
            is_divided and self._is_part(value, _tolerance(amount) or self._slack)
        )

    def _is_near(self, amount: Amount) -> bool:
        value, tolerance = amount.value, _tolerance(amount)
        prices = {each.price for each in self._named} or self._prices
        known = self._sums | prices | self.told.money | {s + e for s in self._plain for e in self._extras}
        return tolerance > 0 and any(abs(each - value) <= tolerance for each in known)

    def _is_reduced(self, value: Decimal, slack: Decimal) -> bool:
        """By a percentage that the tenant, or a tool, has named."""
        percents = self._said.percents | {each for each in self._results.counts if each < 100}
        prices = {each.price for each in self._named} or self._prices
        wholes = prices | (self._sums if len(self._sums) < _FEW else self._plain)
        parts = [part for percent in sorted(percents)[:6] for part in (100 - percent, percent, 100 + percent)]
        return any(abs(whole * part / 100 - value) <= slack for part in parts for whole in wholes)

    def _is_difference(self, value: Decimal) -> bool:
        wholes = self.contact.money | self.contact.numbers | self.told.money | self._prices
        paid = self._sums if len(self._sums) < _FEW else self._plain
        if any(whole + value in paid for whole in wholes):
            return True
        return any(value + part + extra in wholes for part in paid for extra in (Decimal(0), *self._extras))

    def _is_part(self, value: Decimal, slack: Decimal) -> bool:
        counts = {int(each) for each in self._numbers if 2 <= each <= _PARTS}
        wholes = [*self._plain, *(self._sums if len(self._sums) < _FEW else ())]
        return any(abs(whole / count - value) <= slack for whole in wholes for count in counts)

    def _owner(self, amount: Amount) -> tuple[Product | None, bool]:
        """Whose price it may be, by the name that stands shortly before it; and whether it must be."""
        before = list(amount.before)
        ends = [(_end_of(name, before), len(name), product) for name, product in self._names]
        end, _, owner = max(ends, key=lambda each: each[:2], default=(0, 0, None))
        between = before[end:]
        if not end or len(between) > _BETWEEN or any(map(str.isdigit, "".join(between))):
            return None, False
        return owner, set(between) <= amount_words.PRICED

    def _is_harmless(self, amount: Amount) -> bool:
        """Whether an amount of the contact's own is not promised: it is denied, or what they may spend."""
        if is_denied(amount, self.grounds.language) or amount_words.BUDGET & set(amount.before[-3:]):
            return True
        before = amount.before
        clause = before[max((n + 1 for n, word in enumerate(before) if word in _PAUSES), default=0) :]
        after = amount.after[: next((n for n, word in enumerate(amount.after) if word in _PAUSES), 4)]
        if amount_words.PROMISE & {*clause, *after[:2]} or amount_words.ASSERTS & set(before[-2:]):
            return False
        words = set(_stems(" ".join((*before, *after))))
        return not any(set(_stems(each.name)) & words for each in self._named)

    @cached_property
    def _names(self) -> list[tuple[list[str], Product]]:
        named = [([token.text for token in tokens(each.name)], each) for each in self.grounds.products]
        return [(name, each) for name, each in named if name]

    @cached_property
    def _slack(self) -> Decimal:
        """How far a part may be from what was divided, for it is rounded."""
        return Decimal(1) if self.grounds.currency in WHOLE_CURRENCIES else Decimal("0.01")

    @cached_property
    def _said(self) -> KnownAmounts:
        return KnownAmounts([*self.grounds.texts, *self.grounds.results], self.grounds.currency)

    @cached_property
    def _results(self) -> KnownAmounts:
        return KnownAmounts(self.grounds.results, self.grounds.currency)

    @cached_property
    def _prices(self) -> set[Decimal]:
        return {each.price for each in self.grounds.products}

    @cached_property
    def _numbers(self) -> list[Decimal]:
        """The counts that the talk names."""
        said = [each.value for each in self.amounts if each.kind in ("count", "stock")]
        described = KnownAmounts(
            (f"{each.name} {each.description}" for each in self._named), self.grounds.currency
        )
        return [*said, *self.contact.counts, *described.counts]

    @cached_property
    def _quantities(self) -> list[Decimal]:
        """How many, or how much, is spoken of, in the answer first: "3 poleras", "2,5 metros"."""
        asked = [*(each for amount in self.amounts for each in counted(amount)), *sorted(self.contact.counts)]
        return list(dict.fromkeys(each for each in asked if 0 < each <= _MOST and each != 1))[:_QUANTITIES]

    @cached_property
    def _named(self) -> list[Product]:
        """The products that the talk names, surest first: by their price, or by their words."""
        said = {each.value for each in self.amounts if each.kind == "money"}
        talk = set(_stems(" ".join([self.answer, *self.grounds.contact])[:READ]))
        names = [(set(_stems(product.name)), product) for product in self.grounds.products]
        having = Counter(word for name, _ in names for word in name)
        scored = []
        for name, product in names:
            share = len(name & talk) / max(len(name), 1)
            if any(having[word] == 1 for word in name & talk):
                share = max(share, _SURE)  # no other product is called so
            scored.append((share + 0.75 * (product.price in said), product))
        scored.sort(key=lambda each: -each[0])
        return [product for score, product in scored if score >= _SURE][:_ADDENDS]

    @cached_property
    def _addends(self) -> list[Decimal]:
        said = [each.value for each in self.amounts if each.kind == "money"]
        told = [value for value in dict.fromkeys(said) if self.told.has_money(value)]
        prices = [each.price for each in self._named]
        given = sorted(self._results.money | self._results.numbers)
        return list(dict.fromkeys([*prices, *told, *given]))[:_ADDENDS]

    @cached_property
    def _extras(self) -> list[Decimal]:
        """What the tenant has named besides, as of delivery; each may be part of a sum once."""
        said = {each.value for each in self.amounts}
        return sorted(self.told.money, key=lambda value: (value not in said, value))[:_EXTRAS]

    @cached_property
    def _sums(self) -> set[Decimal]:
        return self._added(self._addends, [_ONE, *self._quantities])

    @cached_property
    def _plain(self) -> set[Decimal]:
        """Of one of each."""
        return self._added(self._addends, [_ONE])

    def _added(self, addends: Sequence[Decimal], quantities: Sequence[Decimal]) -> set[Decimal]:
        sums = {Decimal(0)}
        for addend in addends:
            if len(sums) * len(quantities) > _SUMS:
                break
            sums |= {each + addend * many for each in sums for many in quantities}
        return sums - {Decimal(0)}


def _stems(text: str) -> list[str]:
    """The words that may name a product, by how they begin: a plural, or a verb, names it too."""
    words = folded(text).split()
    return [word.rstrip("s")[:_BEGINNING] for word in words if len(word) > 2 or word.isdigit()]


def _is_compared(amount: Amount) -> bool:
    """Whether it is said to be more, less, missing or left over."""
    if amount_words.DIFFERENCE & set(amount.sentence) or amount_words.MORE & set(amount.after[:1]):
        return True
    return any(
        one in amount_words.MORE and other in ("que", "than", "do")
        for one, other in pairwise(amount.sentence)
    )


def _tolerance(amount: Amount) -> Decimal:
    """How far it may be from what it rests on: "unos $35.000", "35 lucas"."""
    if amount_words.ABOUT & set(amount.before[-3:]) or amount_words.ABOUT & set(amount.after[:3]):
        return amount.value * _NEAR
    return min(amount.value * _ROUNDED, Decimal(_ROUNDED_BY)) if amount.rounded else Decimal(0)


def _end_of(name: Sequence[str], words: Sequence[str]) -> int:
    """Where the name ends that stands last among the words; 0: it does not."""
    for end in range(len(words), len(name) - 1, -1):
        if words[end - len(name) : end] == name:
            return end
    return 0
