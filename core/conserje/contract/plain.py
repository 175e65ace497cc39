"""What a message says, as words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from conserje.contract.message import (
    Button,
    Buttons,
    ContactCard,
    Content,
    Edit,
    File,
    List,
    Location,
    Media,
    Note,
    Order,
    OrderItem,
    Pressed,
    Reaction,
    Revocation,
    Row,
    Template,
    Text,
    Unknown,
)


def plain(content: Content) -> str:
    """What an assistant or an operator reads in place of `content`, as words."""
    match content:
        case Text(text=text) | Note(text=text):
            return text
        case Buttons() | List() | Template():
            return _offered(content)
        case Pressed(id=id, title=title):
            return _named(title, id)
        case Edit(content=edited):
            return f"[edited] {plain(edited)}"
        case Revocation():
            return "[deleted]"
        case Unknown(kind=kind):
            return f"[{kind}]"
        case _:
            return _shown(content)


def _offered(content: Buttons | List | Template) -> str:
    match content:
        case Buttons(text=text, buttons=buttons):
            return "\n".join([text, *(f"[{title}]" for title in _titles(buttons))])
        case List(text=text, rows=rows):
            shown = (replace(row, title=title) for row, title in zip(rows, _titles(rows), strict=True))
            return "\n".join([text, *(f"• {line(row)}" for row in shown)])
        case Template(name=name, text=text):
            return text or f"[template {name}]"


def _titles(choices: Sequence[Button | Row]) -> list[str]:
    """What the choices are called; those that are called the same, with their ids."""
    count = Counter(choice.title for choice in choices)
    return [
        choice.title if count[choice.title] == 1 else _named(choice.title, choice.id) for choice in choices
    ]


def _named(title: str, id: str) -> str:
    """A title with the id behind it, which says which of two equal ones it is."""
    return title if id == title else f"{title} [{id}]"


def _shown(content: Media | Location | ContactCard | Reaction | Order) -> str:
    """Those that are no words at first: a word in brackets says what they are."""
    match content:
        case Media(files=files, caption=caption):
            return f"[{', '.join(map(_file, files))}] {caption}".strip()
        case Location(latitude=latitude, longitude=longitude, name=name, address=address):
            place = ", ".join(filter(None, (name, address))) or "location"
            return f"[{place} {latitude:.5f},{longitude:.5f}]"
        case ContactCard():
            return " ".join(f"[contact {' '.join((c.name, *c.phones, *c.emails))}]" for c in content.cards)
        case Reaction(emoji=emoji):
            return f"[reaction {emoji}]" if emoji else "[reaction taken back]"
        case Order(items=items, currency=currency, text=text):
            ordered = ", ".join(f"{item.quantity} x {item.product}{_price(item, currency)}" for item in items)
            return f"[{f'order {ordered}'.strip()}] {text}".strip()


def _file(file: File) -> str:
    """A file as words: its kind and name, and what was heard in it."""
    said = f"{file.content_type or 'file'} {file.name}".strip()
    if file.heard:
        return f"{said}, heard: {file.heard}"
    return f"{said}, not heard" if file.unheard else said


def spoken(content: Content) -> Text | None:
    """What a contact said aloud, as it was heard; None: it is no voice note, or was not heard."""
    if not isinstance(content, Media) or not content.files or not all(each.heard for each in content.files):
        return None
    return Text("\n".join(filter(None, (content.caption, *(each.heard for each in content.files)))))


def _price(item: OrderItem, currency: str) -> str:
    return f" at {item.price} {currency}".rstrip() if item.price is not None else ""


def line(row: Row) -> str:
    """A row of a list as words."""
    return f"{row.title}: {row.description}" if row.description else row.title
