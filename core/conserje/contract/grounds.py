"""What the amounts of an answer may rest on; whatever rests on nothing is not said to a contact.

An amount is right that is a product's, a sum or a multiple of such, in what the tenant has said, in what a
tool gave, or in the contact's own words where it is not promised. Sums are of few products and few
quantities, those that the talk names: with enough of them any number is some sum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from fractions import Fraction
from functools import cached_property
from itertools import combinations, permutations

from conserje.contract import amount_words
from conserje.contract.amount_clues import (
    cuts_of,
    end_of,
    is_compared,
    is_handed_over,
    stems,
    telling,
    tolerance,
)
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
_COUNTED = 8  # amounts of an answer that others may be counted from
_AT_HOME = {
    "es": ("CLP", "MXN", "ARS", "PEN", "COP", "UYU", "BOB", "PYG", "EUR"),
    "pt": ("BRL", "EUR"),
    "en": ("USD", "GBP", "EUR"),
}
_ANY = 12  # products of which any two may be meant
_FEW = 2_000  # sums that are compared one by one
_PARTS = 100  # the most that a price is divided by
_BETWEEN = 4  # words between a product's name and its price
_SURE = 0.5  # the share of its name by which a product is named


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
        doubtful = [amount for amount in checked if not talk.founds(amount)]
        if doubtful and len(doubtful) <= _COUNTED:
            doubtful = talk.not_counted(doubtful, [each for each in checked if each not in doubtful])
        return list(dict.fromkeys(amount.written for amount in doubtful))


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
                return self._offer(amount)
            case _:
                return self._money(amount)

    def not_counted(self, doubtful: Sequence[Amount], sure: Sequence[Amount]) -> list[Amount]:
        """Those that are not counted from what is sure in the answer: "$29.980 + $7.495 = $37.475"."""
        known = list(dict.fromkeys(each.value for each in sure if each.kind == "money"))[:_COUNTED]
        left = []
        for amount in doubtful:
            owner, is_price = self._owner(amount)
            if amount.kind == "money" and not (owner and is_price) and self._is_counted(amount, known):
                known.append(amount.value)
            else:
                left.append(amount)
        return left

    def _is_counted(self, amount: Amount, known: Sequence[Decimal]) -> bool:
        value = amount.value
        sums = {sum(some) for many in (2, 3, 4, 5) for some in combinations(known, many)}
        if value in sums or any(one - other == value for one, other in permutations(known, 2)):
            return True
        percents = self._spoken
        wholes = self.told.money | self.contact.money if is_compared(amount) else set()
        if any(whole - each == value for whole in wholes for each in known):
            return True
        parts = [part for percent in percents for part in (percent, 100 - percent)]
        slack = tolerance(amount) or self._slack
        if any(abs(each * part / 100 - value) <= slack for each in known for part in parts):
            return True
        counts = {each.value for each in self.amounts if each.kind == "count" and 2 <= each.value <= _PARTS}
        return self._divides and any(abs(each / many - value) <= slack for each in known for many in counts)

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

    def _offer(self, amount: Amount) -> bool:
        """ "Two for one" is also four for two."""
        known = {Fraction(int(each) // 10, int(each) % 10) for each in self.told.offers}
        said = Fraction(int(amount.value) // 10, int(amount.value) % 10)
        return said in known or is_denied(amount, self.grounds.language)

    def _stock(self, amount: Amount) -> bool:
        named = self._named
        stocks = {each.stock for each in [*named, *self._perhaps] or self.grounds.products}
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
        with_a_fee = owner and any(amount.value - fee == owner.price for fee in self._fees)
        if owner and amount.value in self._prices and not is_known and not with_a_fee:
            return False  # it is another product's
        if amount.value in self._prices or self._results.has_money(amount.value):
            return True
        is_total = "total" in amount.before[-3:]
        if is_known and not is_total:
            return True
        if (self.contact.has_money(amount.value) and self._is_harmless(amount)) or is_handed_over(amount):
            return True
        return self._derived(amount)

    def _includes(self, amount: Amount, owner: Product) -> bool:
        """Whether it is the owner's price in thousands, reduced, with something else, or compared."""
        value, slack = amount.value, tolerance(amount)
        if value in self._prices:
            return False
        sums = self._added([each.price for each in self._named], [_ONE, *self._quantities])
        with_extras = any(value - extra in sums for extra in (Decimal(0), *self._extras))
        if with_extras or abs(owner.price - value) <= slack or self._is_reduced(value, slack or self._slack):
            return True
        return is_compared(amount) and self._is_difference(value)

    def _derived(self, amount: Amount) -> bool:
        value = amount.value
        if any(value - extra in self._sums or value - extra in self._multiples for extra in self._besides):
            return True
        if any(value - extra in self._reduced for extra in (Decimal(0), *self._fees)):
            return True
        if amount_words.DOUBLE & set(amount.sentence) and {value / 2, value * 2} & (
            self._prices | self._sums
        ):
            return True
        if self._is_near(amount) or self._is_reduced(value, tolerance(amount) or self._slack):
            return True
        if any(value == told * many for told in self.told.each for many in self._quantities):
            return True
        is_divided = self._divides
        return (is_compared(amount) and self._is_difference(value)) or (
            is_divided and self._is_part(value, tolerance(amount) or self._slack)
        )

    def _is_near(self, amount: Amount) -> bool:
        value, slack = amount.value, tolerance(amount)
        prices = {each.price for each in self._named} or self._prices
        known = self._sums | prices | self.told.money | {s + e for s in self._plain for e in self._extras}
        return slack > 0 and any(abs(each - value) <= slack for each in known)

    def _is_reduced(self, value: Decimal, slack: Decimal) -> bool:
        """By a percentage that the tenant, or a tool, has named."""
        percents = self._spoken | {each for each in self._results.counts if each < 100}
        prices = {each.price for each in self._named} or self._prices
        if any(each.kind == "percent" for each in self.amounts):
            prices = self._prices
        wholes = prices | (self._sums if len(self._sums) < _FEW else self._plain)
        parts = [part for percent in sorted(percents)[:6] for part in (100 - percent, percent, 100 + percent)]
        return any(abs(whole * part / 100 - value) <= slack for part in parts for whole in wholes)

    def _is_difference(self, value: Decimal) -> bool:
        wholes = self.contact.money | self.contact.numbers | self.told.money | self._prices
        paid = (self._sums if len(self._sums) < _FEW else self._plain) | self._multiples
        if any(whole + value in paid for whole in wholes):
            return True
        less = {price - each for price in self._prices for each in self.told.each}
        if any(each * many == value for each in less for many in self._quantities):
            return True
        return any(value + part + extra in wholes for part in paid for extra in (Decimal(0), *self._extras))

    def _is_part(self, value: Decimal, slack: Decimal) -> bool:
        counts = {int(each) for each in self._numbers if 2 <= each <= _PARTS}
        wholes = [*self._plain, *self._reduced, *(self._sums if len(self._sums) < _FEW else ())]
        return any(abs(whole / count - value) <= slack for whole in wholes for count in counts)

    def _owner(self, amount: Amount) -> tuple[Product | None, bool]:
        """Whose price it may be, by the name that stands shortly before it; and whether it must be."""
        before = list(amount.before)
        ends = [(end_of(name, before), len(name), product) for name, product in self._names]
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
        if set(before[-1:]) & amount_words.FOR_SO_MUCH and set(amount.after[:2]) & amount_words.TO_BE_HAD:
            return True
        clause = before[max((n + 1 for n, word in enumerate(before) if word in _PAUSES), default=0) :]
        after = amount.after[: next((n for n, word in enumerate(amount.after) if word in _PAUSES), 4)]
        if amount_words.PROMISE & {*clause, *after[:2]} or amount_words.ASSERTS & set(before[-2:]):
            return False
        words = set(stems(" ".join((*before, *after))))
        return not any(set(stems(each.name)) & words for each in self._named)

    @cached_property
    def _names(self) -> list[tuple[list[str], Product]]:
        named = [([token.text for token in tokens(each.name)], each) for each in self.grounds.products]
        parts = Counter(part for name, _ in named for part in cuts_of(name))
        short = [(list(part), each) for name, each in named for part in cuts_of(name) if parts[part] == 1]
        return [*((name, each) for name, each in named if name), *short]

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
        talk = set(stems(" ".join([self.answer, *self.grounds.contact])[:READ]))
        names = [(set(stems(product.name)), product) for product in self.grounds.products]
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
        return sorted(self.told.fees, key=lambda value: (value not in said, value))[:_EXTRAS]

    @cached_property
    def _besides(self) -> set[Decimal]:
        """What may be added to a sum once: of the extras one, and one price reduced."""
        extras = [Decimal(0), *self._fees]
        return {reduced + extra for reduced in (Decimal(0), *self._reductions) for extra in extras}

    @cached_property
    def _fees(self) -> list[Decimal]:
        """The extras, and what so many come to of those that are asked for each."""
        counts = [many for many in self._quantities if many == int(many)]
        return [
            *self._extras,
            *(fee * many for fee in self._extras if fee in self.told.each for many in counts),
        ]

    @cached_property
    def _spoken(self) -> set[Decimal]:
        """The known percentages that the talk is about: it names them, or what they are for."""
        named = {each.value for each in self.amounts if each.kind == "percent"}
        said = [*(each.text for each in tokens(self.answer)), *folded(" ".join(self.grounds.contact)).split()]
        talk = telling(said)
        spoken = [each for each, about in self._said.reductions if each in named or talk & telling(about)]
        return set(spoken)

    @cached_property
    def _reduced(self) -> set[Decimal]:
        """What one, or as many as are spoken of, cost by a percentage that is known."""
        prices = {each.price for each in self._named} | self._multiples
        parts = [100 - percent for percent in sorted(self._spoken)[:6]]
        wholes = [price * part / 100 for price in prices for part in parts]
        return {
            whole.quantize(self._slack, rounding) for whole in wholes for rounding in (ROUND_DOWN, ROUND_UP)
        }

    @cached_property
    def _reductions(self) -> set[Decimal]:
        """What the named products cost by the percentages that the answer names: "la tercera a mitad"."""
        named = {each.value for each in self.amounts if each.kind == "percent"}
        percents = (named & self._said.percents) | self._said.of_items
        return {
            (each.price * (100 - percent) / 100).quantize(self._slack, rounding)
            for percent in percents
            for each in self._named
            for rounding in (ROUND_DOWN, ROUND_UP)
        }

    @cached_property
    def _sums(self) -> set[Decimal]:
        fewer = [many - 1 for many in self._quantities] if self._reductions else []
        many = list(dict.fromkeys([_ONE, *self._quantities, *fewer]))
        return self._added(self._addends, many) | self._of_two

    @cached_property
    def _multiples(self) -> set[Decimal]:
        """What as many as are spoken of cost of a thing that is called by some of its name."""
        return {each.price * many for each in self._perhaps for many in self._quantities}

    @cached_property
    def _divides(self) -> bool:
        return bool(amount_words.DIVIDED & {each.text for each in tokens(self.answer)})

    @cached_property
    def _perhaps(self) -> list[Product]:
        """The products that the talk may mean by one of their words: "cheese empanadas"."""
        products = self.grounds.products
        if self.grounds.currency not in _AT_HOME.get(self.grounds.language, ()) and len(products) <= _ANY:
            return list(products)  # a guest calls them otherwise than the shop does
        talk = set(stems(" ".join([self.answer, *self.grounds.contact])[:READ]))
        return [each for each in products if talk & set(stems(each.name))][:_ANY]

    @cached_property
    def _plain(self) -> set[Decimal]:
        """Of one of each."""
        return self._added(self._addends, [_ONE]) | self._of_two

    @cached_property
    def _of_two(self) -> set[Decimal]:
        """What two of a few products come to, where they are not called by their names: "both together"."""
        said = {each.text for each in tokens(self.answer)}
        if len(self._named) > 1 or len(self._prices) > _ANY or not amount_words.TOGETHER & said:
            return set()
        return {one + other for one, other in combinations(self._prices, 2)}

    def _added(self, addends: Sequence[Decimal], quantities: Sequence[Decimal]) -> set[Decimal]:
        sums = {Decimal(0)}
        for addend in addends:
            if len(sums) * len(quantities) > _SUMS:
                break
            sums |= {each + addend * many for each in sums for many in quantities}
        return sums - {Decimal(0)}
