"""The addresses of the desk."""

from __future__ import annotations

from conserje_edge.console.desk import conversations, leads
from conserje_edge.console.place import Place

PLACES: tuple[Place, ...] = (*conversations.PLACES, *leads.PLACES)
