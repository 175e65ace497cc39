"""What a talk speaks of: which products, how many, and what these come to with fees and reductions."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from functools import cached_property
from itertools import combinations

from conserje.contract import amount_words
from conserje.contract.amount_clues import cuts_of, stems, telling, unjoined, unwritten, up_to_a_pause
from conserje.contract.amounts import Amount
from conserje.contract.assistant import Product
from conserje.contract.known_amounts import HALF, READ, KnownAmounts, counted
from conserje.contract.numerals import tokens
from conserje.contract.opt_out import folded
from conserje.contract.prices import WHOLE_CURRENCIES

_ADDENDS, _QUANTITIES, _EXTRAS, _SUMS = 6, 5, 6, 30_000
_MOST, _ONE, _NOTHING = 200, Decimal(1), Decimal(0)
_AT_HOME = {
    "es": ("CLP", "MXN", "ARS", "PEN", "COP", "UYU", "BOB", "PYG", "EUR"),
    "pt": ("BRL", "EUR"),
    "en": ("USD", "GBP", "EUR"),
}
_ANY = 12  # products of which any two may be meant
_THOUSAND = 1000  # so much is a price, where a product has it
_BESIDES = 300  # amounts that may be added
_SERVICES = 3  # fees that may be meant at once
_SHORT = 3  # letters of a word that names nothing
_SURE = 0.5  # the share of its name by which a product is named


@dataclass(frozen=True)
class Given:
    """What an answer may rest on. `texts`: what the tenant has said; `results`: what tools gave."""

    products: Sequence[Product]
    texts: Sequence[str]
    results: Sequence[str]
    contact: Sequence[str]
    currency: str
    language: str = "es"  # of the answer; in Portuguese "no" denies nothing
    talked: str = ""  # what the shop said last: it tells what is spoken of, and founds nothing


@dataclass
class Talk:
    """What an answer, and what was said before it, speak of."""

    given: Given
    answer: str
    amounts: Sequence[Amount]

    @cached_property
    def told(self) -> KnownAmounts:
        described = [f"{each.name}. {each.description}" for each in self.given.products]
        return KnownAmounts([*self.given.texts, *self.given.results, *described], self.given.currency)

    @cached_property
    def contact(self) -> KnownAmounts:
        return KnownAmounts(self.given.contact, self.given.currency)

    @cached_property
    def names(self) -> list[tuple[list[str], Product]]:
        named = [(unjoined(token.text for token in tokens(each.name)), each) for each in self.given.products]
        parts = Counter(part for name, _ in named for part in cuts_of(name))
        short = [(list(part), each) for name, each in named for part in cuts_of(name) if parts[part] == 1]
        return [*((name, each) for name, each in named if name), *short]

    @cached_property
    def heads(self) -> list[tuple[list[str], Product]]:
        words = Counter(word for each in self.given.products for word in stems(each.name))
        named = [(folded(each.name).split(), each) for each in self.given.products]
        heads = [(name[0], each) for name, each in named if name and len(name[0]) > _SHORT]
        return [([head], each) for head, each in heads if all(words[stem] == 1 for stem in stems(head))]

    @cached_property
    def slack(self) -> Decimal:
        """How far a part may be from what was divided, for it is rounded."""
        return Decimal(1) if self.given.currency in WHOLE_CURRENCIES else Decimal("0.01")

    @cached_property
    def _talked(self) -> KnownAmounts:
        return KnownAmounts([self.given.talked], self.given.currency)

    @cached_property
    def each(self) -> set[Decimal]:
        """What one costs, or one day, or one person."""
        per = [
            each.price
            for each in self.given.products
            if amount_words.PER & set(folded(each.description).split())
        ]
        return self.told.each | set(per)

    @cached_property
    def said(self) -> KnownAmounts:
        return KnownAmounts([*self.given.texts, *self.given.results], self.given.currency)

    @cached_property
    def delivery(self) -> KnownAmounts:
        """What is said where delivery, or what is free, is spoken of."""
        about = amount_words.DELIVERY | amount_words.FREE
        given = self.given
        texts = [*given.texts, *given.results, *(f"{each.name} {each.price}$" for each in given.products)]
        return KnownAmounts((each for each in texts if about & set(folded(each).split())), given.currency)

    @cached_property
    def results(self) -> KnownAmounts:
        return KnownAmounts(self.given.results, self.given.currency)

    @cached_property
    def prices(self) -> set[Decimal]:
        return {each.price for each in self.given.products}

    @cached_property
    def numbers(self) -> list[Decimal]:
        """The counts that the talk names."""
        said = [each.value for each in self.amounts if each.kind in ("count", "stock")]
        return [*said, *self.contact.counts, *self.described.counts, *map(Decimal, self.periods)]

    @cached_property
    def described(self) -> KnownAmounts:
        """What is in the names and the descriptions of the products that the talk names."""
        texts = [f"{each.name} {each.description}" for each in self.named]
        return KnownAmounts(texts, self.given.currency)

    @cached_property
    def quantities(self) -> list[Decimal]:
        """How many, or how much, is spoken of, in the answer first: "3 poleras", "2,5 metros"."""
        said = [each.text for each in tokens(self.words)]
        asked = [
            *(each for amount in self.amounts for each in counted(amount)),
            *unwritten(said),
            *sorted(self.contact.counts),
            *sorted(self._talked.counts),
        ]
        return list(dict.fromkeys(each for each in asked if 0 < each <= _MOST and each != 1))[:_QUANTITIES]

    @cached_property
    def named(self) -> list[Product]:
        """The products that the talk names, surest first: by their price, or by their words."""
        said = {each.value for each in self.amounts if each.kind == "money" or each.value >= _THOUSAND}
        talk = set(stems(self.words))
        names = [(set(stems(product.name)), product) for product in self.given.products]
        having = Counter(word for name, _ in names for word in name)
        words = Counter(word for each in self.given.products for word in set(each.keywords))
        scored = []
        for name, product in names:
            share = len(name & talk) / max(len(name), 1)
            own = [word for word in product.keywords if words[word] == 1]
            called = [set(stems(product.name)[:2]), *(set(stems(word)) for word in own)]
            if any(having[word] == 1 for word in name & talk) or any(each <= talk for each in called if each):
                share = max(share, _SURE)  # no other product is called so
            scored.append((share + 0.75 * (product.price in said), product))
        scored.sort(key=lambda each: -each[0])
        return [product for score, product in scored if score >= _SURE][:_ADDENDS]

    @cached_property
    def addends(self) -> list[tuple[Decimal, list[Decimal]]]:
        said = [each.value for each in self.amounts if each.kind == "money"]
        told = [value for value in dict.fromkeys(said) if self.told.has_money(value)]
        prices = {each.price: self._times(each) for each in reversed(self.named)}
        given = sorted(self.results.money | self.results.numbers)
        values = list(dict.fromkeys([*(each.price for each in self.named), *told, *given]))[:_ADDENDS]
        return [(value, prices.get(value) or self._times(None)) for value in values]

    @cached_property
    def extras(self) -> list[Decimal]:
        """What the tenant has named besides, as of delivery; each may be part of a sum once."""
        said = {each.value for each in self.amounts}
        return sorted(self.told.fees, key=lambda value: (value not in said, value))[:_EXTRAS]

    @cached_property
    def besides(self) -> set[Decimal]:
        """What may be added to a sum once: what fees come to, and one price reduced."""
        fees = [_NOTHING, *self.fees, *self.services]
        extras = [reduced + fee for reduced in (_NOTHING, *self.reductions) for fee in fees]
        return set(extras[:_BESIDES])

    @cached_property
    def fees(self) -> list[Decimal]:
        """The extras, and what so many come to of those that are asked for each."""
        counts = [many for many in self.quantities if many == int(many)]
        return [
            *self.extras,
            *(fee * many for fee in self.extras if fee in self.told.each for many in counts),
        ]

    @cached_property
    def percents(self) -> set[Decimal]:
        """The known percentages that the talk is about: it names them, or what they are for."""
        named = {each.value for each in self.amounts if each.kind == "percent"}
        about = self.said.reductions
        return {each for each, words in about if each in named or self.telling & telling(words)}

    @cached_property
    def surcharges(self) -> set[Decimal]:
        about = self.said.reductions
        return {
            each for each, words in about if each in self.percents and amount_words.SURCHARGED & set(words)
        }

    @cached_property
    def telling(self) -> set[str]:
        said = [*(each.text for each in tokens(self.answer)), *folded(" ".join(self.given.contact)).split()]
        return telling(said)

    @cached_property
    def _spoken_of(self) -> list[tuple[Decimal, tuple[str, ...]]]:
        """The fees that the talk is about, each with the words around it."""
        spoken = [(fee, words) for fee, words in self.said.priced if self.telling & telling(words)]
        return spoken[:_SERVICES]

    @cached_property
    def services(self) -> set[Decimal]:
        """What the fees come to that the talk is about: so many copies, and their binding."""
        counts = [*(many for many in self.quantities if many == int(many)), *map(Decimal, self.periods)]
        sums = {Decimal(0)}
        for fee, words in self._spoken_of:
            once = amount_words.DELIVERY & set(words)
            sums |= {each + fee * many for each in sums for many in ([_ONE] if once else [_ONE, *counts])}
        return sums - {Decimal(0)}

    def comes_to(self, value: Decimal, slack: Decimal = _NOTHING) -> bool:
        """Whether some of what is spoken of costs so much together, or so much but for `slack`."""
        if not slack:
            return value in self.services or any(value - extra in self.totals for extra in self.besides)
        if any(self._is_total(value - extra, slack) for extra in self.besides):
            return True
        return any(abs(each - value) <= slack for each in self.services)

    def is_whole(self, value: Decimal, slack: Decimal = _NOTHING) -> bool:
        """Whether it is a sum that may be divided or reduced, with one fee at most."""
        if any(
            self._is_total(value - fee, slack) for fee in (_NOTHING, *(fee for fee, _ in self._spoken_of))
        ):
            return True
        return any(abs(each - value) <= slack for each in self.services)

    def _is_total(self, value: Decimal, slack: Decimal) -> bool:
        place = bisect_left(self._ordered, value - slack)
        return place < len(self._ordered) and self._ordered[place] <= value + slack

    @cached_property
    def totals(self) -> set[Decimal]:
        return self.sums | self.multiples

    @cached_property
    def _ordered(self) -> list[Decimal]:
        return sorted(self.totals)

    @cached_property
    def reduced(self) -> set[Decimal]:
        """What one, or as many as are spoken of, cost by a percentage that is known."""
        prices = {each.price for each in self.named} | self.multiples
        parts = [100 - percent for percent in sorted(self.percents)[:6]]
        wholes = [price * part / 100 for price in prices for part in parts]
        return {
            whole.quantize(self.slack, rounding) for whole in wholes for rounding in (ROUND_DOWN, ROUND_UP)
        }

    @cached_property
    def reductions(self) -> set[Decimal]:
        """What the named products cost by the percentages that the answer names: "la tercera a mitad"."""
        named = {each.value for each in self.amounts if each.kind == "percent"}
        percents = (
            (named & {each for each, _ in self.said.reductions})
            | self.said.of_items
            | (self.percents & {HALF})
        )
        return {
            (each.price * (100 - percent) / 100).quantize(self.slack, rounding)
            for percent in percents
            for each in self.named
            for rounding in (ROUND_DOWN, ROUND_UP)
        }

    @cached_property
    def sums(self) -> set[Decimal]:
        return self.added(self.addends) | self.of_two

    def added(self, addends: Sequence[tuple[Decimal, Sequence[Decimal]]]) -> set[Decimal]:
        sums = {_NOTHING}
        for price, quantities in addends:
            if len(sums) * len(quantities) > _SUMS:
                break
            sums |= {each + price * many for each in sums for many in quantities}
        return sums - {_NOTHING}

    @cached_property
    def of_named(self) -> set[Decimal]:
        """What the products come to that the talk names."""
        return self.added([(each.price, self._times(each)) for each in self.named])

    def _times(self, product: Product | None) -> list[Decimal]:
        """How many of a product may be meant: so many are said to be of it, or of nothing."""
        of_it = self._counts.get(product.id, []) if product else []
        others = set() if product and not of_it and self._is_plural(product) else self._of_some
        many = [*of_it, *(each for each in self.quantities if each not in others)]
        fewer = [each - 1 for each in many] if self.reductions else []
        return list(dict.fromkeys([_ONE, *many, *(each for each in fewer if each > 0)]))

    def _is_plural(self, product: Product) -> bool:
        """Whether more than one may be meant, though no number is said: "y las cámaras"."""
        name = set(folded(product.name).split())
        plurals = {f"{word}{ending}" for word in name for ending in ("s", "es")} - name
        return bool(plurals & self.spoken)

    @cached_property
    def spoken(self) -> set[str]:
        return set(folded(self.words).split())

    @cached_property
    def _of_some(self) -> set[Decimal]:
        return {many for each in self._counts.values() for many in each}

    @cached_property
    def _counts(self) -> dict[int, list[Decimal]]:
        """How many are said to be of a product, by what follows the number: "2 cajas de lápices"."""
        names = [(each.id, set(stems(each.name))) for each in self.named]
        counts: dict[int, list[Decimal]] = {}
        for amount in [*self.amounts, *self.contact.all, *self._talked.all]:
            for many in counted(amount):
                words = set(stems(" ".join(up_to_a_pause(amount.after))))
                for id_, name in names:
                    if name & words and many <= _MOST:
                        counts.setdefault(id_, []).append(many)
        return counts

    @cached_property
    def periods(self) -> set[int]:
        """How many days, or months, are in what is spoken of."""
        return {many for word, some in amount_words.PERIODS.items() if word in self.spoken for many in some}

    @cached_property
    def times(self) -> set[Decimal]:
        """How often what one costs may be meant: of two, for three days."""
        many = [_ONE, *self.quantities]
        said = Counter(each.value for each in (*self.amounts, *self.contact.all) if each.kind == "count")
        twice = [each for each in self.quantities if said[each] > 1]
        pairs = {one * other for one in many for other in many if one != other or one in twice}
        return {*many, *pairs, *(one * other for one in many for other in self.periods)}

    @cached_property
    def words(self) -> str:
        return " ".join([self.answer, *self.given.contact, self.given.talked])[:READ]

    @cached_property
    def multiples(self) -> set[Decimal]:
        """What as many as are spoken of cost of a thing that is called by some of its name."""
        return {each.price * many for each in self.perhaps for many in self.quantities}

    @cached_property
    def divides(self) -> bool:
        return bool(amount_words.DIVIDED & {each.text for each in tokens(self.answer)})

    @cached_property
    def perhaps(self) -> list[Product]:
        """The products that the talk may mean by one of their words: "cheese empanadas"."""
        products = self.given.products
        is_at_home = self.given.currency in _AT_HOME.get(self.given.language, ()) and not self._is_foreign
        if not is_at_home and len(products) <= _ANY:
            return list(products)  # a guest calls them otherwise than the shop does
        talk = set(stems(self.words))
        return [each for each in products if talk & set(stems(each.name))][:_ANY]

    @cached_property
    def _is_foreign(self) -> bool:
        """Whether the answer is in another language than the tenant's."""
        said = {each.text for each in tokens(self.answer)}
        others = (words for language, words in amount_words.OF.items() if language != self.given.language)
        return any(len(words & said) > 1 for words in others)

    @cached_property
    def of_two(self) -> set[Decimal]:
        """What two of a few products come to, where they are not called by their names: "both together"."""
        said = {each.text for each in tokens(self.answer)}
        if len(self.named) > 1 or len(self.prices) > _ANY or not amount_words.TOGETHER & said:
            return set()
        return {one + other for one, other in combinations(self.prices, 2)}
