"""The neutral message: what every channel reads into and writes from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Discriminator, TypeAdapter


@dataclass(frozen=True, slots=True)
class Text:
    """Words."""

    text: str
    type: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class File:
    """A file that stays at the provider, named by the provider's own reference."""

    ref: str
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class Media:
    """Pictures, audio, video or documents, with the words written under them."""

    files: tuple[File, ...]
    caption: str = ""
    type: Literal["media"] = "media"


@dataclass(frozen=True, slots=True)
class Location:
    """A place on the map."""

    latitude: float
    longitude: float
    name: str = ""
    address: str = ""
    type: Literal["location"] = "location"


@dataclass(frozen=True, slots=True)
class Button:
    """One thing to choose: what is shown, and the id that comes back."""

    id: str
    title: str


@dataclass(frozen=True, slots=True)
class Buttons:
    """Words with things to choose below them."""

    text: str
    buttons: tuple[Button, ...]
    type: Literal["buttons"] = "buttons"


@dataclass(frozen=True, slots=True)
class Row:
    """One thing of a list: the id that comes back, what is shown, and a line about it."""

    id: str
    title: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class List:
    """Words with more things to choose below them than buttons can hold, each with a line about it."""

    text: str
    rows: tuple[Row, ...]
    type: Literal["list"] = "list"


@dataclass(frozen=True, slots=True)
class Pressed:
    """The contact chose a button or a row of a list."""

    id: str
    title: str
    type: Literal["pressed"] = "pressed"


@dataclass(frozen=True, slots=True)
class Unknown:
    """A kind of message that the channel does not know, kept as it came."""

    kind: str
    raw: dict[str, Any]
    type: Literal["unknown"] = "unknown"


Content = Annotated[
    Text | Media | Location | Buttons | List | Pressed | Unknown,
    Discriminator("type"),
]

contents: TypeAdapter[Content] = TypeAdapter(Content)


def to_json(content: Content) -> str:
    """The form in which a content is stored."""
    return contents.dump_json(content).decode()


def from_json(stored: str) -> Content:
    """The content stored as `stored`."""
    return contents.validate_json(stored)


def plain(content: Content) -> str:
    """What an assistant or an operator reads in place of `content`, as words."""
    match content:
        case Text(text=text):
            return text
        case Media(files=files, caption=caption):
            kinds = ", ".join(file.content_type or "file" for file in files)
            return f"[{kinds}] {caption}".strip()
        case Location(latitude=latitude, longitude=longitude, name=name):
            return f"[{name or 'location'} {latitude:.5f},{longitude:.5f}]"
        case Buttons(text=text, buttons=buttons):
            return "\n".join([text, *(f"[{button.title}]" for button in buttons)])
        case List(text=text, rows=rows):
            return "\n".join([text, *map(_line, rows)])
        case Pressed(title=title):
            return title
        case Unknown(kind=kind):
            return f"[{kind}]"


def _line(row: Row) -> str:
    return f"• {row.title}: {row.description}" if row.description else f"• {row.title}"


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """Something that a contact wrote.

    `key` names the event once for all redeliveries within the account; where the sender can
    choose an id, the key contains the sender. `sender` is where an answer goes; `identities`
    are further names of the same person at the same provider (a business-scoped user id).
    """

    address: str
    key: str
    sender: str
    content: Content
    identities: tuple[str, ...] = ()
    name: str = ""
    provider_id: str = ""
    at: datetime | None = None  # when it was written, if the event comes later than the provider meant


Status = Literal["sent", "delivered", "read", "failed"]


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """What became of a message of ours, named by our id where the provider returns it."""

    address: str
    key: str
    status: Status
    provider_id: str
    message_id: int | None = None
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An item whose signature is good and whose meaning is not clear: kept raw and shown."""

    address: str
    key: str
    raw: str
    cause: str


Event = InboundMessage | StatusUpdate | Unreadable


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """One message on its way to the provider, already within the channel's limits.

    `id` is ours and may travel with the message; `status_url` is where the provider reports
    what became of it; `owned` are the provider ids that are known to belong to other messages.
    """

    id: int
    to: str
    content: Content
    status_url: str
    attempted_at: datetime
    owned: frozenset[str] = field(default=frozenset())


@dataclass(frozen=True, slots=True)
class Limits:
    """What a channel can carry: characters of a text, how many buttons and rows of a list (0: none)."""

    text: int = 4096
    buttons: int = 0
    rows: int = 0


def fit(content: Content, limits: Limits) -> list[Content]:
    """`content` as one or more contents that keep to `limits`, the same way for all channels."""
    match content:
        case Buttons(text=text, buttons=buttons) if len(buttons) > limits.buttons:
            numbered = "\n".join(f"{n}. {button.title}" for n, button in enumerate(buttons, 1))
            return fit(Text(f"{text}\n{numbered}"), limits)
        case List(rows=rows) if len(rows) > limits.rows:
            return fit(Text(plain(content)), limits)
        case Text(text=text) if len(text) > limits.text:
            return [Text(piece) for piece in split(text, limits.text)]
        case _:
            return [content]


_SENTENCE_END = re.compile(r"(?:[.!?…]+[\"»)]*|\n)\s*")
_SPACE = re.compile(r"\s+")


def split(text: str, limit: int) -> list[str]:
    """Cut `text` into pieces of at most `limit` characters, at sentence ends where there are any."""
    pieces = []
    while len(text) > limit:
        cut = _last_end(_SENTENCE_END, text, limit) or _last_end(_SPACE, text, limit) or limit
        pieces.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [*pieces, text] if text else pieces


def _last_end(pattern: re.Pattern[str], text: str, limit: int) -> int:
    return max((m.end() for m in pattern.finditer(text[: limit + 1]) if m.end() <= limit), default=0)
