"""The places of the desk."""

from __future__ import annotations

from conserje_edge.console.place import Place

PLACES: tuple[Place, ...] = ()
