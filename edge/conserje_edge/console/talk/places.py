"""The places of the talk."""

from __future__ import annotations

from conserje_edge.console.place import Place

PLACES: tuple[Place, ...] = ()
