"""How products are offered: one, several, a total, what is sold out and what is near."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from conserje import Content, List, Product, Row, Tenant, Text, format_price
from conserje_catalog.amounts import Count
from conserje_catalog.words import Words

SHOWN = 6
_CATEGORIES = 10


@dataclass(frozen=True, slots=True)
class Offers:
    """What is offered in a tenant's words; `hello` precedes it."""

    tenant: Tenant
    words: Words
    hello: str = ""

    def one(
        self, product: Product, count: Count = 1, heading: str = "", *, described: bool = False
    ) -> Content:
        line = self.line(product, count, described=described)
        text = f"{self.hello}{heading}\n{line}" if heading else f"{self.hello}{line}"
        text = f"{text} {self.words.one}"
        shown = bool(product.picture or product.link)
        return Text(text, cards=(self.row(product),) if shown else ())

    def sold_out(self, product: Product, near: Sequence[Product], *, described: bool = False) -> Content:
        """That there is none now, without a question that a yes would answer."""
        text = f"{self.hello}{self.line(product, described=described)}"
        if near:
            text += "\n".join(["", self.words.near_it, *(f"• {self.line(each)}" for each in near)])
        return Text(text, cards=tuple(self.row(each) for each in near if each.picture or each.link))

    def several(self, products: Sequence[Product], heading: str = "", count: Count = 1) -> Content:
        """A list to choose from; that it was cut is said."""
        heading = self._cut(heading, products) or self.words.listed
        rows = tuple(self.row(product, count) for product in products[:SHOWN])
        return List(f"{self.hello}{heading} {self.words.several}", rows)

    def compared(self, products: Sequence[Product]) -> Content:
        lines = (f"• {self.line(product, described=True)}" for product in products[:SHOWN])
        heading = self._cut(self.words.compared, products)
        return Text("\n".join([f"{self.hello}{heading} {self.words.several}", *lines]))

    def total(self, items: Sequence[tuple[Count, Product]]) -> Content:
        """What several things cost together; nothing is summed up that is not to be had."""
        lines = [f"• {self.line(product, count)}" for count, product in items]
        if all(has(product, count) for count, product in items):
            total = sum((count * product.price for count, product in items), Decimal(0))
            lines.append(self.words.total.format(sum=self.price(total)))
        return Text("\n".join([f"{self.hello}{self.words.listed} {self.words.all_of_it}", *lines]))

    def line(self, product: Product, count: Count = 1, *, described: bool = False) -> str:
        about = f" {_sentence(product.description)}" if described and product.description else ""
        return f"{product.name}: {self.terms(product, count)}.{about}"

    def row(self, product: Product, count: Count = 1) -> Row:
        terms = self.terms(product, count)
        return Row(row_id(product), product.name, terms, product.picture, product.link)

    def terms(self, product: Product, count: Count = 1) -> str:
        """Price, with the sum of so many, and stock."""
        price = self.price(product.price)
        if count != 1 and has(product, count):
            much = str(count).replace(".", self.words.point)
            price = self.words.summed.format(price=price, count=much, sum=self.price(count * product.price))
        stock = self._stock(product, count)
        return f"{price}, {stock}" if stock else price

    def price(self, amount: Decimal) -> str:
        return format_price(amount, self.tenant.currency)

    def shelf(self, products: Sequence[Product]) -> str:
        """What there is, in a sentence; that it was cut is said."""
        named = list(dict.fromkeys(product.category or product.name for product in products))
        if not named:
            return self.words.empty_shelf
        shown = [name[0].lower() + name[1:] if name[1:].islower() else name for name in named[:_CATEGORIES]]
        last = shown.pop() if len(named) <= _CATEGORIES else self.words.and_more
        listed = f"{', '.join(shown)} {self.words.last_of_many} {last}" if shown else last
        return self.words.shelf.format(named=listed)

    def _cut(self, heading: str, products: Sequence[Product]) -> str:
        """The heading, which says where these are more than are shown."""
        return f"{heading} {self.words.listed_some}".strip() if len(products) > SHOWN else heading

    def _stock(self, product: Product, count: Count) -> str:
        match product.stock:
            case None:
                return ""
            case 0:
                return self.words.sold_out
            case left if left < count:
                return self.words.only_left.format(count=left)
            case 1:
                return self.words.one_left
            case left:
                return self.words.left.format(count=left)


def has(product: Product, count: Count = 1) -> bool:
    """Whether so many are to be had."""
    return product.stock is None or product.stock >= count


def row_id(product: Product) -> str:
    return f"product-{product.id}"


def near(product: Product, products: Sequence[Product], limit: int = 2) -> list[Product]:
    """What may do instead: of its category, in stock, most like it in name, then in price."""
    if not product.category:
        return []
    words = _told(product)
    others = [
        other
        for other in products
        if other.category == product.category and has(other) and other.name != product.name
    ]

    def unlike(other: Product) -> tuple[int, Decimal]:
        return -len(words & _told(other)), abs(other.price - product.price)

    alike = [other for other in others if words & _told(other)] or others
    return sorted(alike, key=unlike)[:limit]


def _told(product: Product) -> set[str]:
    """The words that say what it is."""
    return set(" ".join((product.name, *product.keywords)).lower().split())


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text[-1:] in ".!?…" else f"{text}."
