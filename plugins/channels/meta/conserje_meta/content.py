"""What one message in a post says."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation

from conserje import (
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
from conserje_meta.item import Item, Unclear

_FILES = frozenset({"image", "video", "audio", "document", "sticker"})
_LARGEST_QUANTITY = 1_000_000_000


def read(message: Item) -> Sequence[Content]:
    """The contents of a message, most often one: each card of a message of contacts is one."""
    kind = message.require("type")
    if kind not in message.fields and message.many("errors"):
        return [Unknown(kind, message.raw())]  # Meta has it and could not pass it on
    if kind == "contacts":
        return [_card(card) for card in message.parts("contacts")] or [Unknown(kind, message.raw())]
    if kind in _FILES:
        return [_file(kind, message.part(kind))]
    return [_READERS.get(kind, _unknown)(message)]


def notes(message: Item) -> Sequence[Note]:
    """What Meta tells about a message: the advertisement or the product that it came from."""
    found = []
    if referral := message.part("referral"):
        parts = (referral.text(name) for name in ("headline", "body", "source_url", "source_id"))
        kind = referral.text("source_type") or "advertisement"
        found.append(Note(f"Came from the {kind}: " + " · ".join(filter(None, parts))))
    if product := message.part("context").part("referred_product"):
        sku, catalog = product.text("product_retailer_id"), product.text("catalog_id")
        found.append(Note(f"Asks about the product {sku} of the catalog {catalog}"))
    return found


def _text(message: Item) -> Content:
    return Text(message.part("text").text("body"))


def _file(kind: str, file: Item) -> Media:
    given = File(file.require("id"), file.text("mime_type"), file.text("filename"), sticker=kind == "sticker")
    return Media((given,), file.text("caption"))


def _location(message: Item) -> Content:
    place = message.part("location")
    latitude, longitude = place.number("latitude"), place.number("longitude")
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise Unclear("The location is not on the map.")
    return Location(latitude, longitude, place.text("name"), place.text("address"))


def _card(card: Item) -> ContactCard:
    name = card.part("name")
    return ContactCard(
        name.text("formatted_name", "first_name", "last_name"),
        tuple(filter(None, (phone.text("phone", "wa_id") for phone in card.parts("phones")))),
        tuple(filter(None, (email.text("email") for email in card.parts("emails")))),
    )


def _reaction(message: Item) -> Content:
    reaction = message.part("reaction")
    return Reaction(reaction.require("message_id"), reaction.text("emoji"))


def _interactive(message: Item) -> Content:
    interactive = message.part("interactive")
    match kind := interactive.text("type"):
        case "button_reply" | "list_reply":
            reply = interactive.part(kind)
            return Pressed(reply.require("id"), reply.text("title", "id"))
        case "nfm_reply":
            return _form(interactive.part(kind))
        case _:
            return Unknown(f"interactive {kind}".strip(), message.raw())


def _form(reply: Item) -> Text:
    """What was filled in, a line for each field."""
    try:
        filled = Item(json.loads(reply.require("response_json")))
    except (ValueError, RecursionError):
        raise Unclear("response_json is not JSON.") from None
    lines = [
        f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in filled.raw().items()
        if name != "flow_token"
    ]
    return Text("\n".join(lines) or reply.text("body"))


def _button(message: Item) -> Content:
    button = message.part("button")
    title = button.text("text", "payload")
    if not title:
        raise Unclear("The button says nothing.")
    return Pressed(button.text("payload", "text"), title)


def _order(message: Item) -> Content:
    order = message.part("order")
    items = order.parts("product_items")
    if not items:
        raise Unclear("The order has no product_items.")
    return Order(tuple(map(_ordered, items)), items[0].text("currency"), order.text("text"))


def _ordered(item: Item) -> OrderItem:
    quantity = item.number("quantity")
    if not 0 < quantity <= _LARGEST_QUANTITY or quantity != int(quantity):
        raise Unclear("quantity is not a count.")
    return OrderItem(item.require("product_retailer_id"), int(quantity), _price(item))


def _price(item: Item) -> Decimal | None:
    if item.fields.get("item_price") is None:
        return None
    item.number("item_price")
    try:
        return Decimal(str(item.fields["item_price"]))
    except InvalidOperation:
        raise Unclear("item_price is not a number.") from None


def _system(message: Item) -> Content:
    system = message.part("system")
    return Note(system.text("body", "type") or "Meta tells of a change of the contact's")


def _welcome(message: Item) -> Content:
    return Note("Opened the chat for the first time")


def _edit(message: Item) -> Content:
    edit = message.part("edit")
    written = edit.part("message")
    kind = written.text("type")
    if kind == "text":
        return Edit(edit.require("original_message_id"), Text(written.part("text").text("body")))
    if kind in _FILES:
        return Edit(edit.require("original_message_id"), _file(kind, written.part(kind)))
    return Unknown("edit", message.raw())


def _revoke(message: Item) -> Content:
    return Revocation(message.part("revoke").require("original_message_id"))


def _unsupported(message: Item) -> Content:
    return Unknown(message.part("unsupported").text("type") or "unsupported", message.raw())


def _unknown(message: Item) -> Content:
    return Unknown(message.require("type"), message.raw())


_READERS: dict[str, Callable[[Item], Content]] = {
    "text": _text,
    "location": _location,
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
