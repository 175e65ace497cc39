"""Short ids: what leaves in place of an id that a channel does not carry; what is pressed names the long one.

A short id is made of the long one alone, so that nothing is kept for it, and what a contact makes up is none.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from conserje.contract.limits import Limits, length
from conserje.contract.message import Buttons, Content, List

LENGTH = 17


def short(id: str) -> str:
    """What leaves in place of this id."""
    return f"_{hashlib.sha256(id.encode('utf-8', 'surrogatepass')).hexdigest()[: LENGTH - 1]}"


def can_leave(id: str, limits: Limits) -> bool:
    """Whether a channel carries the id, or a short one for it."""
    return limits.button_id >= LENGTH or _fits(id, limits)


def shortened(content: Content, limits: Limits) -> Content:
    """The content as it leaves."""
    match content:
        case Buttons(buttons=buttons):
            return replace(content, buttons=tuple(replace(b, id=_leaving(b.id, limits)) for b in buttons))
        case List(rows=rows):
            return replace(content, rows=tuple(replace(row, id=_leaving(row.id, limits)) for row in rows))
        case _:
            return content


def _leaving(id: str, limits: Limits) -> str:
    return id if _fits(id, limits) else short(id)


def _fits(id: str, limits: Limits) -> bool:
    return length(id, limits.button_id_unit) <= limits.button_id
