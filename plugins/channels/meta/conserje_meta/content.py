"""What one message in a post says."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from decimal import Decimal

from conserje import (
    Card,
    ContactCard,
    Content,
    Edit,
    File,
    Location,
    Media,
    Note,
    Order,
    OrderItem,
    Pressed,
    Reaction,
    Revocation,
    Text,
    Unknown,
)
from conserje_meta.item import Item

_FILES = frozenset({"image", "video", "audio", "document", "sticker"})
_LARGEST_QUANTITY = 1_000_000_000

# What nobody wrote to the business, by the letters of its kind.
_DONE = {
    "pin": "Pinned a message",
    "pininchat": "Pinned a message",
    "unpin": "Unpinned a message",
    "edit": "Edited a message, and WhatsApp does not say how",
    "pollupdate": "Voted in a poll",
    "pollvote": "Voted in a poll",
    "keepinchat": "Kept a message in the chat",
    "reaction": "Reacted to a message",
    "revoke": "Deleted a message, and WhatsApp does not say which",
    "calllog": "Called",
    "missedcall": "Called, and nobody took the call",
}


def read(message: Item) -> Content:
    """What a message says."""
    kind = _kind(message)
    reader = _media if kind in _FILES else _READERS.get(kind, _unsaid)
    return reader(message) or _unsaid(message)


def _kind(message: Item) -> str:
    """What the message says that it is, else what stands in it."""
    kind = message.text("type")
    return kind if kind in _KNOWN else next((each for each in _KNOWN if each in message.fields), kind)


def _unsaid(message: Item) -> Content:
    """What is no message of a kind that is read here: words, something that was done, or kept as it came."""
    if words := _words(message):
        return Text(words)
    kind = message.text("type")
    return _done(kind) or Unknown(kind or "unknown", message.raw())


def _done(kind: str) -> Note | None:
    told = _DONE.get("".join(filter(str.isalpha, kind.lower())))
    return Note(told) if told else None


def notes(message: Item) -> Sequence[Note]:
    """What Meta tells about a message: the advertisement or the product that it came from."""
    found = []
    if referral := message.part("referral"):
        told = [referral.text(name) for name in ("headline", "body", "source_url", "source_id")]
        if click := referral.text("ctwa_clid"):
            told.append(f"click {click}")
        kind = referral.text("source_type") or "advertisement"
        found.append(Note(f"Came from the {kind}: " + " · ".join(filter(None, told))))
    if product := message.part("context").part("referred_product"):
        sku, catalog = product.text("product_retailer_id"), product.text("catalog_id")
        found.append(Note(f"Asks about the product {sku} of the catalog {catalog}"))
    return found


def _text(message: Item) -> Content | None:
    before, words = len(message.odd), _words(message)
    if words.strip():
        return Text(words)
    return Note("An empty message") if len(message.odd) == before else None


def _words(message: Item) -> str:
    said = message.fields.get("text")
    return said if isinstance(said, str) else message.part("text").text("body")


def _media(message: Item) -> Content | None:
    kind = _kind(message)
    return _file(kind, message.part(kind))


def _file(kind: str, file: Item) -> Media | Text | None:
    """The file with its words; the words alone where nothing says which file it is."""
    id, caption = file.text("id"), file.text("caption")
    if not id:
        return Text(caption) if caption else None
    given = File(id, file.text("mime_type"), file.text("filename"), sticker=kind == "sticker")
    return Media((given,), caption)


def _location(message: Item) -> Content | None:
    """The place; its name and address alone where it is not on the map."""
    place = message.part("location")
    latitude, longitude = place.number("latitude"), place.number("longitude")
    name, address = place.text("name"), place.text("address")
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        place.odd.append("The location is not on the map.")
        return Text("\n".join(filter(None, (name, address)))) if name or address else None
    return Location(latitude, longitude, name, address)


def _cards(message: Item) -> Content | None:
    """All cards of a message are one thing: they are taken back together."""
    cards = [_card(card) for card in message.parts("contacts")]
    if not cards:
        return None
    first, *others = cards
    return ContactCard(first.name, first.phones, first.emails, tuple(others))


def _card(card: Item) -> Card:
    name = card.part("name")
    return Card(
        name.text("formatted_name", "first_name", "last_name"),
        tuple(filter(None, (phone.text("phone", "wa_id") for phone in card.parts("phones")))),
        tuple(filter(None, (email.text("email") for email in card.parts("emails")))),
    )


def _reaction(message: Item) -> Content:
    reaction = message.part("reaction")
    return Reaction(reaction.text("message_id"), reaction.text("emoji"))


def _interactive(message: Item) -> Content:
    interactive = message.part("interactive")
    kind = interactive.text("type")
    kind = next((each for each in (kind, *_REPLIES) if each and each in interactive.fields), kind)
    reply = interactive.part(kind)
    said = _form(reply) if kind == "nfm_reply" else _pressed(reply.text("id"), reply.text("title"))
    return said or Unknown(f"interactive {kind}".strip(), message.raw())


def _pressed(id: str, title: str) -> Pressed | None:
    return Pressed(id or title, title or id) if id or title else None


def _form(reply: Item) -> Text | None:
    """What was filled in, a line for each field; what is shown of it where the fields cannot be read."""
    lines = [
        f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in _filled(reply).raw().items()
        if name != "flow_token"
    ]
    words = "\n".join(lines) or reply.text("body")
    return Text(words) if words else None


def _filled(reply: Item) -> Item:
    given = reply.fields.get("response_json")
    try:
        return Item(json.loads(given) if isinstance(given, str) else given, reply.odd)
    except (ValueError, RecursionError):
        reply.odd.append("response_json is not JSON.")
        return Item({})


def _button(message: Item) -> Content | None:
    button = message.part("button")
    return _pressed(button.text("payload"), button.text("text"))


def _order(message: Item) -> Content:
    order = message.part("order")
    items = order.parts("product_items")
    currency = next(filter(None, (item.text("currency") for item in items)), "")
    return Order(tuple(map(_ordered, items)), currency, order.text("text"))


def _ordered(item: Item) -> OrderItem:
    quantity = item.number("quantity") or 0
    if not 0 < quantity <= _LARGEST_QUANTITY or quantity != int(quantity):
        item.odd.append("quantity is not a count.")
        quantity = 1
    return OrderItem(item.text("product_retailer_id") or "?", int(quantity), _price(item))


def _price(item: Item) -> Decimal | None:
    return None if item.number("item_price") is None else Decimal(str(item.fields["item_price"]))


def _system(message: Item) -> Content:
    system = message.part("system")
    return Note(system.text("body", "type") or "Meta tells of a change of the contact's")


def _welcome(message: Item) -> Content:
    return Note("Opened the chat for the first time")


def _edit(message: Item) -> Content | None:
    """What stands there now; it is new words where nothing says what they replace."""
    edit = message.part("edit")
    written, original = edit.part("message"), edit.text("original_message_id")
    kind, words = _kind(written), _words(written)
    said = _file(kind, written.part(kind)) if kind in _FILES else Text(words) if words.strip() else None
    if said is None:
        return _done("edit")
    return Edit(original, said) if original else said


def _revoke(message: Item) -> Content | None:
    original = message.part("revoke").text("original_message_id")
    return Revocation(original) if original else _done("revoke")


def _unsupported(message: Item) -> Content | None:
    kind = message.part("unsupported").text("type")
    if not kind or _words(message):
        return None
    return _done(kind) or Unknown(kind, message.raw())


_REPLIES = ("button_reply", "list_reply", "nfm_reply")
_READERS: dict[str, Callable[[Item], Content | None]] = {
    "text": _text,
    "location": _location,
    "contacts": _cards,
    "reaction": _reaction,
    "interactive": _interactive,
    "button": _button,
    "order": _order,
    "system": _system,
    "request_welcome": _welcome,
    "edit": _edit,
    "revoke": _revoke,
    "unsupported": _unsupported,
}
_KNOWN = (*_READERS, *sorted(_FILES))
