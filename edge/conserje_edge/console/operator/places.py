"""The places of the operator."""

from __future__ import annotations

from conserje_edge.console.operator import backups, desk, held, keys, nodes, plugins, shops, subscriptions
from conserje_edge.console.place import Place

PLACES: tuple[Place, ...] = (
    *shops.PLACES,
    *desk.PLACES,
    *held.PLACES,
    *nodes.PLACES,
    *plugins.PLACES,
    *subscriptions.PLACES,
    *keys.PLACES,
    *backups.PLACES,
)
