"""What a content offers to choose from, and what the answer to it chooses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from conserje.contract.markup import marked
from conserje.contract.message import Button, Buttons, Content, List, Pressed, Row, Text
from conserje.contract.opt_out import folded

_NUMBER = re.compile(r"(?:la |el |opcion |numero |a |o |opcao |option |number )?([0-9]{1,2})")


def offers(content: Content) -> bool:
    """Whether there is something to choose in it."""
    return isinstance(content, Buttons | List) or (isinstance(content, Text) and bool(content.choices))


def rows(content: Buttons | List) -> tuple[Row, ...]:
    """What can be chosen, each once, with words of one line and an id; what has neither is left out."""
    given = (
        content.rows
        if isinstance(content, List)
        else [Row(button.id, button.title) for button in content.buttons]
    )
    tidy = [replace(row, title=_line(row.title), description=_line(row.description)) for row in given]
    named = [row if row.title else _named(row) for row in tidy]
    return tuple(dict.fromkeys(replace(row, id=row.id or row.title) for row in named if row.title))


def _named(row: Row) -> Row:
    """The row by its description, else by its id."""
    return replace(row, title=row.description or _line(row.id), description="")


def _line(words: str) -> str:
    return " ".join(marked(words, "plain").split())


def can_be_told_apart(choices: Sequence[Row]) -> bool:
    """Whether both a contact and the answer can: no two have the same words or the same id.

    Nor has an id what providers fill in or cut off.
    """
    titles, ids = {row.title.casefold() for row in choices}, {row.id for row in choices}
    sound = all(id.isprintable() and id == id.strip() and "{{" not in id for id in ids)
    return sound and len(titles) == len(ids) == len(choices)


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
