"""The places of the entrance."""

from __future__ import annotations

from conserje_edge.console.place import Place

PLACES: tuple[Place, ...] = ()
