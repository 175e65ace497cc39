"""The tenant's products as one turn looks for them: each text once, and no more texts than it may cost."""

from __future__ import annotations

from conserje import Match, Product, Products

MOST = 40  # searches of a turn


class Looking:
    """A tenant's products, of which one turn asks a bounded number of questions."""

    def __init__(self, products: Products) -> None:
        self._products = products
        self._found: dict[tuple[str, int], list[Match]] = {}

    async def all(self) -> list[Product]:
        return await self._products.all()

    async def search(self, text: str, limit: int = 5) -> list[Match]:
        asked = (text, limit)
        if asked not in self._found:
            if len(self._found) == MOST:
                return []
            self._found[asked] = await self._products.search(text, limit)
        return self._found[asked]
