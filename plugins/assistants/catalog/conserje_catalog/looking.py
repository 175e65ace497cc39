"""The tenant's products as one turn looks for them: each text once, and no more texts than it may cost."""

from __future__ import annotations

from conserje import Match, Product, Products
from conserje_catalog.vocabulary import GOODS

MOST = 40  # searches of a turn
_CALLED_SO = 0.9


class Looking:
    """A tenant's products, of which one turn asks a bounded number of questions."""

    def __init__(self, products: Products, locale: str) -> None:
        self._products = products
        self._goods = GOODS.get(locale[:2], {})
        self._names: dict[str, str] = {}  # by which the catalogue has a good
        self._found: dict[tuple[str, int], list[Match]] = {}

    async def all(self) -> list[Product]:
        return await self._products.all()

    async def search(self, text: str, limit: int = 5) -> list[Match]:
        asked = (text, limit)
        if asked not in self._found:
            if len(self._found) == MOST:
                return []
            self._found[asked] = await self._search(text, limit)
        return self._found[asked]

    async def _search(self, text: str, limit: int) -> list[Match]:
        found = await self._products.search(text, limit)
        if found and found[0].score >= _CALLED_SO:
            return found
        spanish = await self._in_spanish(text)
        if spanish == text:
            return found
        others = await self._products.search(spanish, limit)
        return max(found, others, key=lambda matches: matches[0].score if matches else 0.0)

    async def _in_spanish(self, text: str) -> str:
        """The text with its goods by the name that the catalogue has them by, where it has not this one."""
        called: dict[str, str] = {}
        for word in text.split():
            other = self._goods.get(word) or self._goods.get(word.removesuffix("s"))
            if other and word not in called:
                called[word] = await self._called(word, other)
        if all(word == other for word, other in called.items()):
            return text
        return "\n".join(
            " ".join([called.get(word, word) for word in line.split()]) for line in text.split("\n")
        )

    async def _called(self, word: str, other: str) -> str:
        """The one of two names that the catalogue has; each is looked for once."""
        if word not in self._names:
            known = await self._products.search(word, 1) or not await self._products.search(other, 1)
            self._names[word] = word if known else other
        return self._names[word]
