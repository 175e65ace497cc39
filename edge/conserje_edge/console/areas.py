"""The areas of the console: each has its places in a package of its own, and knows no other area."""

from __future__ import annotations

from conserje_edge.console import front
from conserje_edge.console.desk import places as desk
from conserje_edge.console.entrance import places as entrance
from conserje_edge.console.numbers import places as numbers
from conserje_edge.console.operator import places as operator
from conserje_edge.console.shop import places as shop
from conserje_edge.console.start import places as start
from conserje_edge.console.talk import places as talk

PLACES = (
    *front.PLACES,
    *entrance.PLACES,
    *desk.PLACES,
    *talk.PLACES,
    *shop.PLACES,
    *start.PLACES,
    *operator.PLACES,
    *numbers.PLACES,
)
