"""The places of the numbers."""

from __future__ import annotations

from conserje_edge.console.numbers import numbers
from conserje_edge.console.place import Place

PLACES: tuple[Place, ...] = (*numbers.PLACES,)
