"""The places of the shop."""

from __future__ import annotations

from conserje_edge.console.place import Place

PLACES: tuple[Place, ...] = ()
