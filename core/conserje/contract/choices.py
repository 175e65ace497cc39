"""What a content offers to choose from, and what the answer to it chooses."""

from __future__ import annotations

import re

from conserje.contract.message import Button, Buttons, Content, List, Pressed, Text
from conserje.contract.opt_out import folded

_NUMBER = re.compile(r"(?:la |el |opcion |numero |a |o |opcao |option |number )?([0-9]{1,2})")


def offers(content: Content) -> bool:
    """Whether there is something to choose in it."""
    return isinstance(content, Buttons | List) or (isinstance(content, Text) and bool(content.choices))


def chosen(written: str, offered: Content | None) -> Pressed | None:
    """What `written` chooses of that which was offered last: by its number if it had one, or by its words."""
    said = folded(written)
    match offered:
        case Text(choices=choices) if (number := _NUMBER.fullmatch(said)) and choices:
            picked = [choice for n, choice in enumerate(choices, 1) if n == int(number[1])]
        case Text(choices=choices) | Buttons(buttons=choices):
            picked = [choice for choice in choices if folded(choice.title) == said]
        case List(rows=rows):
            picked = [Button(row.id, row.title) for row in rows if folded(row.title) == said]
        case _:
            picked = []
    return Pressed(picked[0].id, picked[0].title) if len(picked) == 1 else None
