"""Messages as the Bot API takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from conserje import (
    Buttons,
    ContactCard,
    File,
    List,
    Location,
    Media,
    OutboundMessage,
    Refused,
    Row,
    Text,
)
from conserje_telegram.marks import to_html

# What Telegram shows as what it is; anything else is a document.
_METHODS = {
    "image/jpeg": "photo", "image/png": "photo", "image/gif": "animation",
    "video/mp4": "video", "audio/mpeg": "audio", "audio/mp4": "audio", "audio/ogg": "voice",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Call:
    """A method with its fields; `file` is what goes into the field of its kind."""

    method: str
    fields: dict[str, Any] = field(default_factory=dict)
    kind: str = ""
    file: File | None = None


def write(message: OutboundMessage) -> Call:
    """What the Bot API is asked for. Raises Refused."""
    try:
        there: dict[str, Any] = {"chat_id": int(message.to)}
        if message.quotes:
            answered = int(message.quotes.rpartition(":")[2])
            there["reply_parameters"] = {"message_id": answered, "allow_sending_without_reply": True}
    except ValueError:
        raise Refused("The contact's address is none of Telegram's: it is a number.") from None
    call = _said(message)
    return Call(call.method, there | call.fields, call.kind, call.file)


def _said(message: OutboundMessage) -> Call:
    match message.content:
        case Text(text=text):
            return Call("sendMessage", _words("text", text))
        case Buttons(text=text, buttons=buttons):
            return Call(
                "sendMessage", _words("text", text) | _keys([(each.title, each.id) for each in buttons])
            )
        case List(text=text, rows=rows):
            keys = _keys([(row.title, row.id) for row in rows])
            return Call("sendMessage", _words("text", _with_descriptions(text, rows)) | keys)
        case Media(files=(file,), caption=caption):
            return _file(file, caption)
        case Location() as place:
            return _place(place)
        case ContactCard() as cards:
            return _cards(cards)
        case other:
            raise Refused(f"The channel telegram cannot carry a message of the kind {other.type}.")


def _words(name: str, text: str) -> dict[str, Any]:
    return {name: to_html(text), "parse_mode": "HTML"} if text.strip() else {}


def _keys(choices: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """One below the other, so that none is cut."""
    rows = [[{"text": title, "callback_data": id}] for title, id in choices]
    return {"reply_markup": {"inline_keyboard": rows}}


def _with_descriptions(text: str, rows: Sequence[Row]) -> str:
    return "\n".join([text, *(f"• {row.title}: {row.description}" for row in rows if row.description)])


def _file(file: File, caption: str) -> Call:
    kind = "sticker" if file.sticker else _METHODS.get(file.media_type, "document")
    words = {} if kind == "sticker" else _words("caption", caption)
    return Call(f"send{kind.capitalize()}", words, kind, file)


def _place(place: Location) -> Call:
    there = {"latitude": place.latitude, "longitude": place.longitude}
    name, address = place.name.strip(), place.address.strip()
    if not (name or address):
        return Call("sendLocation", there)
    return Call("sendVenue", there | {"title": name or address, "address": address or name})


def _cards(cards: ContactCard) -> Call:
    """Telegram shows one number of one card; several cards, and one without a number, are words."""
    if cards.others or not cards.phones:
        lines = [line for card in cards.cards for line in (card.name, *card.phones, *card.emails)]
        return Call("sendMessage", _words("text", "\n".join(lines)))
    fields = {"phone_number": cards.phones[0], "first_name": cards.name}
    more = {"vcard": _vcard(cards)} if len(cards.phones) > 1 or cards.emails else {}
    return Call("sendContact", fields | more)


def _vcard(card: ContactCard) -> str:
    """What else stands on the card, for who keeps it; Telegram takes 2 KiB."""
    lines = [("FN", card.name), *(("TEL", p) for p in card.phones), *(("EMAIL", e) for e in card.emails)]
    written = "\n".join(f"{name}:{' '.join(value.split())}" for name, value in lines)
    return f"BEGIN:VCARD\nVERSION:3.0\n{written}\nEND:VCARD"
