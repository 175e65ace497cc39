"""What the amounts of an answer may rest on; whatever rests on nothing is not said to a contact.

An amount is right that is a product's, a sum or a multiple of such, in what the tenant has said, in what a
tool gave, or in the contact's own words where it is not promised. Sums are of few products and few
quantities, those that the talk names: with enough of them any number is some sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import combinations, islice, permutations

from conserje.contract import amount_words
from conserje.contract.amount_clues import (
    end_of,
    is_compared,
    is_free_from,
    is_handed_over,
    is_of_delivery,
    is_of_one,
    is_total,
    stems,
    tolerance,
    unjoined,
    without_aside,
)
from conserje.contract.amounts import Amount, read
from conserje.contract.assistant import Product
from conserje.contract.denial import is_denied
from conserje.contract.known_amounts import KnownAmounts
from conserje.contract.numerals import legible
from conserje.contract.talk import Given, Talk

_PAUSES = (",", "pero", "but", "mas")
_SEVERAL = {"dos": 2, "2": 2, "two": 2, "dois": 2, "duas": 2, "tres": 3, "3": 3, "three": 3}
_COUNTED = 8  # amounts of an answer that others may be counted from
_SCALES = (100, 1000)  # grams, or millilitres, whose price is told
_PARTS = 100  # the most that a price is divided by
_NOTHING, _ONE = Decimal(0), Decimal(1)
_ADDENDS = 4  # that a total is written with
_CHANGED = amount_words.REDUCED | amount_words.DIFFERENCE | frozenset("%")
_CUT = amount_words.REDUCED | amount_words.ORDINALS
_NEAR_FREE = 5  # words from what is brought to "gratis"
_MANY = 200  # of one product
_BETWEEN = 4  # words between a product's name and its price


class Grounds(Given):
    """What an answer is judged by."""

    def unfounded(self, answer: str) -> list[str]:
        """The amounts of the answer that rest on nothing, as they are written there."""
        answer = legible(answer)
        amounts = read(answer)
        checked = [amount for amount in amounts if amount.kind != "count"]
        if not checked:
            return []
        judge = _Judge(self, answer, amounts)
        doubtful = list(islice((each for each in checked if not judge.founds(each)), _COUNTED + 1))
        if doubtful and len(doubtful) <= _COUNTED:
            doubtful = judge.not_counted(doubtful, [each for each in checked if each not in doubtful])
        return list(dict.fromkeys(amount.written for amount in doubtful))


class _Judge:
    """Judges the amounts of one answer."""

    def __init__(self, given: Given, answer: str, amounts: Sequence[Amount]) -> None:
        self.given = given
        self.amounts = amounts
        self.talk = Talk(given, answer, amounts)
        self.told, self.contact = self.talk.told, self.talk.contact

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
                return self._money(amount) and not self._is_miscounted(amount)

    def _is_miscounted(self, amount: Amount) -> bool:
        """Whether it is said to be what those before it in its sentence come to, and is not."""
        addends = [
            each.value
            for each in self.amounts
            if each.kind == "money" and each.begin == amount.begin and each.at < amount.at
        ]
        if not 2 <= len(addends) <= _ADDENDS or not is_total(amount):
            return False
        if tolerance(amount) or _CHANGED & set(amount.sentence):
            return False
        fees = [_NOTHING] if set(addends) & self.told.fees else [_NOTHING, *self.talk.fees]
        sums = self.talk.added([(each, [_ONE, *self.talk.quantities]) for each in addends])
        return not any(amount.value - fee in sums for fee in fees)

    def not_counted(self, doubtful: Sequence[Amount], sure: Sequence[Amount]) -> list[Amount]:
        """Those that are not counted from what is sure in the answer: "$29.980 + $7.495 = $37.475"."""
        known = list(dict.fromkeys(each.value for each in sure if each.kind == "money"))[:_COUNTED]
        left = []
        for amount in doubtful:
            owner, is_price = self._owner(amount, self.talk.names)
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
        percents = self.talk.percents
        wholes = self.told.money | self.contact.money if is_compared(amount) else set()
        if any(whole - each == value for whole in wholes for each in known):
            return True
        parts = [part for percent in percents for part in (percent, 100 - percent)]
        slack = tolerance(amount) or self.talk.slack
        if any(abs(each * part / 100 - value) <= slack for each in known for part in parts):
            return True
        counts = {each.value for each in self.amounts if each.kind == "count" and 2 <= each.value <= _PARTS}
        is_divided = self.talk.divides or is_of_one(amount)
        return is_divided and any(abs(each / many - value) <= slack for each in known for many in counts)

    def _percent(self, amount: Amount) -> bool:
        known = self.talk.said if amount_words.REDUCED & set(amount.sentence) else self.told
        if amount.value in known.percents or amount.value in self.talk.results.counts:
            return True
        if amount.value == 50 and self.told.has_half and not _CUT & set(amount.sentence):
            return True
        if amount.value == 100 and not amount_words.REDUCED & set(amount.sentence):
            return True
        return is_denied(amount, self.given.language) or (
            amount.value in self.contact.percents and bool(amount_words.ASKED & set(amount.sentence))
        )

    def _free(self, amount: Amount) -> bool:
        costs_nothing = any(each.price == 0 for each in self.given.products)
        near = {*amount.before[-_NEAR_FREE:], *amount.after}
        known = self.talk.delivery if amount_words.DELIVERY & near else self.told
        return known.free or costs_nothing or is_denied(amount, self.given.language)

    def _offer(self, amount: Amount) -> bool:
        """ "Two for one" is also four for two."""
        known = {Fraction(int(each) // 10, int(each) % 10) for each in self.told.offers}
        said = Fraction(int(amount.value) // 10, int(amount.value) % 10)
        return said in known or is_denied(amount, self.given.language)

    def _stock(self, amount: Amount) -> bool:
        named = self.talk.named
        stocks = {each.stock for each in [*named, *self.talk.perhaps] or self.given.products}
        together = sum(each.stock or 0 for each in named)
        if amount.value in {*stocks, together, *self.talk.results.counts}:
            return True
        enough = any(each and each >= amount.value for each in stocks)  # of as many as were asked for
        return enough and amount.value in self.contact.counts

    def _money(self, amount: Amount) -> bool:
        if amount.currency not in ("", self.given.currency):
            return self._foreign(amount)
        if amount.value == 0:
            return self._free(amount)
        if (is_of_delivery(amount) or is_free_from(amount)) and not self._is_of_delivery(amount):
            return False
        of_product = self._of_product(amount)
        if of_product is not None:
            return of_product
        if amount.value in self.talk.prices or self.talk.results.has_money(amount.value):
            return True
        if self.told.has_money(amount.value) and "total" not in amount.before[-3:]:
            return True
        if is_handed_over(amount) or (self._is_the_contact_s(amount) and self._is_harmless(amount)):
            return True
        return self._derived(amount)

    def _of_product(self, amount: Amount) -> bool | None:
        """Whether it is the price of the product whose name stands before it; None: of none that is sure."""
        value, is_known = amount.value, self.told.has_money(amount.value)
        owner, is_price = self._owner(amount, self.talk.names)
        if owner is None:
            return None if is_known else self._of_head(amount)
        if any(owner.price * many == value for many in range(1, 13)):
            return True
        if is_price:  # right after the name of a product that has another price
            is_part = is_of_one(amount) and self._is_part_of(owner, value)
            return is_part or self._includes(amount, owner) or self._is_told_of(amount, owner)
        with_a_fee = any(value - fee == owner.price for fee in self.talk.fees)
        if value in self.talk.prices and not is_known and not with_a_fee:
            return self._is_named_after(amount)  # it is another product's
        return None

    def _of_head(self, amount: Amount) -> bool | None:
        """The same of a product that is called by its first word, which no other has."""
        head, is_price = self._owner(amount, self.talk.heads)
        if head is None or not is_price:
            return None
        if amount_words.EACH_KILO & set(amount.before) and self._derived(amount):
            return True
        many = any(head.price * each == amount.value for each in range(1, _MANY))
        return many or self._includes(amount, head)

    def _is_the_contact_s(self, amount: Amount) -> bool:
        """Also "10" for ten thousand."""
        said, thousands = self.contact, amount.value / 1000
        return said.has_money(amount.value) or (thousands in said.counts and thousands == int(thousands))

    def _foreign(self, amount: Amount) -> bool:
        pair = (amount.currency, amount.value)
        if pair in self.told.foreign or (pair in self.contact.foreign and self._is_harmless(amount)):
            return True
        rates = [rate for currency, rate in self.told.rates if currency == amount.currency]
        return any(self.talk.comes_to(amount.value * rate, rate) for rate in rates)

    def _is_of_delivery(self, amount: Amount) -> bool:
        known = self.talk.delivery, self.contact, self.talk.results
        if any(each.has_money(amount.value) for each in known) or is_compared(amount):
            return True
        fees = self.talk.delivery.money
        return any(fee * many == amount.value for fee in fees for many in self.talk.quantities)

    def _includes(self, amount: Amount, owner: Product) -> bool:
        """Whether it is the owner's price in thousands, reduced, with something else, or compared."""
        value, slack = amount.value, tolerance(amount)
        if value in self.talk.prices:
            return False
        sums = self.talk.of_named
        with_extras = any(value - extra in sums for extra in (Decimal(0), *self.talk.extras))
        if with_extras or abs(owner.price - value) <= slack:
            return True
        if self._is_reduced(value, slack or self.talk.slack):
            return True
        return is_compared(amount) and self._is_difference(value)

    def _derived(self, amount: Amount) -> bool:
        value, slack = amount.value, tolerance(amount)
        near = slack or self.talk.slack
        if self.talk.comes_to(value, slack) or self._is_near(value, slack) or self._is_reduced(value, near):
            return True
        if self._is_of_several(value):
            return True
        if any(whole * part / 100 == value for whole in self.contact.money for part in self.talk.percents):
            return True
        if amount_words.DOUBLE & self.talk.spoken and self._is_half_or_double(value):
            return True
        if any(value - extra in self.talk.reduced for extra in (Decimal(0), *self.talk.fees)):
            return True
        if any(value == each * many for each in self.talk.each for many in self.talk.times):
            return True
        if is_compared(amount) and self._is_difference(value):
            return True
        return (self.talk.divides or is_of_one(amount)) and self._is_part(value, near)

    def _is_half_or_double(self, value: Decimal) -> bool:
        return value / 2 in self.talk.prices or value * 2 in self.talk.prices or self.talk.comes_to(value * 2)

    def _is_of_several(self, value: Decimal) -> bool:
        """Whether it is told what some of them cost together: six of "dos por $3.990"."""
        for price, said in self.told.priced:
            for several in {_SEVERAL[word] for word in said if word in _SEVERAL}:
                if any(
                    price * many == value * several and many % several == 0 for many in self.talk.quantities
                ):
                    return True
        return False

    def _is_near(self, value: Decimal, slack: Decimal) -> bool:
        prices = {each.price for each in self.talk.named} or self.talk.prices
        return slack > 0 and any(abs(each - value) <= slack for each in prices | self.told.money)

    def _is_reduced(self, value: Decimal, slack: Decimal) -> bool:
        """By a percentage that the tenant, or a tool, has named."""
        percents = self.talk.percents | {each for each in self.talk.results.counts if each < 100}
        prices = {each.price for each in self.talk.named} or self.talk.prices
        if any(each.kind == "percent" for each in self.amounts):
            prices = self.talk.prices
        parts = [part for percent in sorted(percents)[:6] for part in (100 - percent, percent)]
        parts += [100 + percent for percent in self.talk.surcharges]
        if any(abs(price * part / 100 - value) <= slack for part in parts for price in prices):
            return True
        return any(part and self.talk.is_whole(value * 100 / part, slack * 100 / part) for part in parts)

    def _is_difference(self, value: Decimal) -> bool:
        wholes = self.contact.money | self.contact.numbers | self.told.money | self.talk.prices
        if any(self.talk.is_whole(whole + value) or self.talk.is_whole(whole - value) for whole in wholes):
            return True
        services = self.talk.services
        if any(each + value in services for each in services):
            return True
        less = {price - each for price in self.talk.prices for each in self.told.each}
        return any(each * many == value for each in less for many in self.talk.quantities)

    def _is_part(self, value: Decimal, slack: Decimal) -> bool:
        counts = {each for each in self.talk.numbers if 1 < each <= _PARTS}
        if any(self.talk.is_whole(value * many, slack * many) for many in counts):
            return True
        if any(abs(each - value * many) <= slack * many for each in self.talk.reduced for many in counts):
            return True
        shares = [scale / size for size in self.talk.described.sizes for scale in _SCALES]
        return any(abs(each.price * share - value) <= slack for each in self.talk.named for share in shares)

    def _is_part_of(self, product: Product, value: Decimal) -> bool:
        """Whether it is what one costs of the several that a product holds."""
        counts = (many for many in self.talk.numbers if 1 < many <= _PARTS)
        return any(abs(product.price - value * many) <= self.talk.slack * many for many in counts)

    def _owner(
        self, amount: Amount, names: Sequence[tuple[Sequence[str], Product]]
    ) -> tuple[Product | None, bool]:
        """Whose price it may be, by the name that stands shortly before it; and whether it must be."""
        before = unjoined(without_aside(amount.before))
        ends = [(end_of(name, before), len(name), product) for name, product in names]
        end, length, owner = max(ends, key=lambda each: each[:2], default=(0, 0, None))
        between = before[end:]
        if owner and self._is_another_s_name(before[end - length : end], owner):
            return None, False
        if not end or len(between) > _BETWEEN or any(map(str.isdigit, "".join(between))):
            return None, False
        return owner, set(between) <= amount_words.PRICED

    def _is_another_s_name(self, said: Sequence[str], owner: Product) -> bool:
        """Whether the words that end its name are all of another's: "brownies mágicos" of a pack of them."""
        name = stems(" ".join(said))
        return name != stems(owner.name) and any(
            stems(each.name) == name for each in self.given.products if each != owner
        )

    def _is_told_of(self, amount: Amount, owner: Product) -> bool:
        """Whether it is what the tenant has said of the product together with another."""
        name = set(stems(owner.name))
        others = set(stems(" ".join(each.name for each in self.given.products))) - name
        told = KnownAmounts(self.given.texts, self.given.currency).priced
        said = [set(stems(" ".join(words))) for value, words in told if value == amount.value]
        return any(name & words and others & words for words in said)

    def _is_named_after(self, amount: Amount) -> bool:
        """Whether the name of a product of that price follows: "hasta $24.990 (difusor)"."""
        words = set(stems(" ".join(amount.after[1:])))
        priced = [each for each in self.given.products if each.price == amount.value]
        return bool(amount_words.OF_WHAT & set(amount.after[:1])) and any(
            set(stems(each.name)) & words for each in priced
        )

    def _is_harmless(self, amount: Amount) -> bool:
        """Whether an amount of the contact's own is not promised: it is denied, or what they may spend."""
        if is_denied(amount, self.given.language) or amount_words.BUDGET & set(amount.before[-3:]):
            return True
        before = [word for word in amount.before if word != "$"]
        if amount_words.ORDERED & set(before[-2:-1]) and before[-1:] in (["de"], ["of"]):
            return True
        if is_compared(amount) and "de" in before[-2:]:
            return True  # what is missing, or left over, of it
        if set(before[-1:]) & amount_words.FOR_SO_MUCH and set(amount.after[:2]) & amount_words.TO_BE_HAD:
            return True
        clause = before[max((n + 1 for n, word in enumerate(before) if word in _PAUSES), default=0) :]
        after = amount.after[: next((n for n, word in enumerate(amount.after) if word in _PAUSES), 4)]
        if amount_words.PROMISE & {*clause, *after[:2]} or amount_words.ASSERTS & set(before[-2:]):
            return False
        words = set(stems(" ".join((*before, *after))))
        return not any(set(stems(each.name)) & words for each in self.talk.named)
