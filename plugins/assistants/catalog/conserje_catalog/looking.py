"""The tenant's products as one turn looks for them: each text once, and no more texts than it may cost."""

from __future__ import annotations

from conserje import Match, Product, Products
from conserje_catalog.vocabulary import in_spanish

MOST = 40  # searches of a turn
_CALLED_SO = 0.9


class Looking:
    """A tenant's products, of which one turn asks a bounded number of questions."""

    def __init__(self, products: Products, locale: str) -> None:
        self._products = products
        self._locale = locale
        self._called: dict[str, bool] = {}  # whether the catalogue has a good by that name
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
        """The text with its goods by their other name, but for those that the catalogue has by this one."""
        spanish = in_spanish(text, self._locale)
        if spanish == text:
            return text
        for word, other in zip(text.split(), spanish.split(), strict=True):
            if word != other and word not in self._called:
                self._called[word] = bool(await self._products.search(word, 1))
        known = [word for word, is_called in self._called.items() if is_called]
        return in_spanish(text, self._locale, known) if known else spanish
