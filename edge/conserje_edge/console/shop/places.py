"""The pages of the shop."""

from __future__ import annotations

from conserje_edge.console.shop import assistant, imports, knowledge, product, products

PLACES = (*imports.PLACES, *products.PLACES, *product.PLACES, *knowledge.PLACES, *assistant.PLACES)
