"""Words for one line: what was said, or what it is where it is no words."""

from __future__ import annotations

from conserje.contract.message import (
    Buttons,
    ContactCard,
    Content,
    Edit,
    FileKind,
    List,
    Location,
    Media,
    Note,
    Order,
    Pressed,
    Reaction,
    Revocation,
    Template,
    Text,
    Unknown,
)
from conserje.conversations import search
from conserje.conversations.rows import UNREADABLE
from conserje_edge.console.asked import Asked
from conserje_edge.console.languages import N_

LONGEST = 100  # characters; the page shows fewer
BEFORE = 40  # that stand before what was searched for
KINDS: dict[FileKind, str] = {
    "image": N_("Picture"),
    "audio": N_("Voice message"),
    "video": N_("Video"),
    "document": N_("Document"),
    "sticker": N_("Sticker"),
}


def line(asked: Asked, content: Content) -> str:
    """The beginning of it, without breaks."""
    return " ".join(_said(asked, content)[: 4 * LONGEST].split())[:LONGEST]


def around(asked: Asked, content: Content, wanted: str) -> str:
    """A line with what was searched for in it."""
    text = " ".join(_said(asked, content).split())
    begin = max(search.place_in(text, wanted) - BEFORE, 0)
    return f"{'…' if begin else ''}{text[begin : begin + LONGEST]}"


def _said(asked: Asked, content: Content) -> str:
    match content:
        case Text(text=text) | Note(text=text) | Buttons(text=text) | List(text=text):
            return text
        case Template(text=text, name=name):
            return text or name
        case Pressed(title=title):
            return title
        case Edit(content=edited):
            return _said(asked, edited)
        case Media(files=files, caption=caption):
            kind = asked._(KINDS[files[0].kind]) if files else ""
            words = " ".join(filter(None, (caption, *(each.heard for each in files))))
            return f"{kind}: {words}" if words else kind
        case _:
            return _named(asked, content)


def _named(asked: Asked, content: Content) -> str:
    """What has no words of its own."""
    match content:
        case Location(name=name):
            return f"{asked._('Place')}: {name}" if name else asked._("Place")
        case ContactCard(name=name):
            return f"{asked._('Contact card')}: {name}"
        case Reaction(emoji=emoji):
            return emoji or asked._("Took a reaction back")
        case Order(items=items):
            return asked.ngettext("Order of %(num)s product", "Order of %(num)s products", len(items))
        case Revocation():
            return asked._("Message taken back")
        case Unknown(kind="emptied"):
            return asked._("No longer kept")
        case Unknown(kind=kind) if kind != UNREADABLE:
            return asked._("Something that cannot be shown here")
        case _:
            return asked._("Something unreadable")
