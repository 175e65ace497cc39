"""The places of the entrance."""

from __future__ import annotations

from conserje_edge.console.entrance import device, door, links, me, operators, people, trail, vouching
from conserje_edge.console.place import Place

PLACES: tuple[Place, ...] = (
    *door.PLACES,
    *links.PLACES,
    *vouching.PLACES,
    *me.PLACES,
    *device.PLACES,
    *people.PLACES,
    *operators.PLACES,
    *trail.PLACES,
)
