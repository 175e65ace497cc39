"""What Meta posts: messages of every kind as samples, in the bodies that they come in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from conserje import (
    ContactCard,
    Content,
    Edit,
    Event,
    File,
    InboundMessage,
    Location,
    Media,
    Note,
    Order,
    OrderItem,
    Pressed,
    Reaction,
    Revocation,
    Text,
    Webhook,
)
from conserje_meta import Meta, MetaOperator

NUMBER, OTHER = "106540352242922", "206540352242922"
PHONE, USER = "56922222222", "CL.13491208655302741918"
ID = "wamid.HBgLNTY5MjIyMjIyMjIVAgASGBQz"
NOW = str(int(datetime.now(UTC).timestamp()))


def channel() -> Meta:
    return Meta(MetaOperator(), None)  # type: ignore[arg-type]  # it can do no I/O


def hook(body: object) -> Webhook:
    given = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Webhook("POST", "webhook", "https://tienda.bot.example/bot/meta/webhook", {}, given)


def change(value: object, field: str = "messages", number: str = NUMBER) -> dict[str, Any]:
    metadata = {"display_phone_number": "56911111111", "phone_number_id": number}
    return {"field": field, "value": {"metadata": metadata, **value} if isinstance(value, dict) else value}


def body(*changes: object) -> dict[str, Any]:
    entry = {"id": "102290129340398", "changes": list(changes)}
    return {"object": "whatsapp_business_account", "entry": [entry]}


def events(*changes: object) -> list[Event]:
    return list(channel().parse(hook(body(*changes))))


def message(kind: str, **fields: Any) -> dict[str, Any]:
    return {"from": PHONE, "id": ID, "timestamp": NOW, "type": kind, **fields}


CONTACT = {"profile": {"name": "Ana"}, "wa_id": PHONE, "user_id": USER}


def read(written: object, *contacts: object) -> list[Event]:
    return events(change({"contacts": list(contacts or (CONTACT,)), "messages": [written]}))


def inbound(written: object, *contacts: object) -> InboundMessage:
    (event,) = read(written, *contacts)
    assert isinstance(event, InboundMessage), event
    return event


def reply(kind: str, **fields: Any) -> dict[str, Any]:
    return message("interactive", interactive={"type": kind, kind: fields})


def status(word: str, **fields: Any) -> dict[str, Any]:
    return {"id": ID, "status": word, "timestamp": NOW, "recipient_id": PHONE, **fields}


KINDS: list[tuple[dict[str, Any], Content]] = [
    (message("text", text={"body": "¿Tienen café? ☕"}), Text("¿Tienen café? ☕")),
    (message("text", text={}), Note("An empty message")),
    (message("text", text={"body": " \n"}), Note("An empty message")),
    (
        message("image", image={"id": "1", "mime_type": "image/jpeg", "sha256": "x", "caption": "mira"}),
        Media((File("1", "image/jpeg"),), "mira"),
    ),
    (
        message("audio", audio={"id": "2", "mime_type": "audio/ogg; codecs=opus", "voice": True}),
        Media((File("2", "audio/ogg; codecs=opus"),)),
    ),
    (message("video", video={"id": "3", "mime_type": "video/mp4"}), Media((File("3", "video/mp4"),))),
    (
        message("document", document={"id": "4", "mime_type": "application/pdf", "filename": "a.pdf"}),
        Media((File("4", "application/pdf", "a.pdf"),)),
    ),
    (
        message("sticker", sticker={"id": "5", "mime_type": "image/webp", "animated": False}),
        Media((File("5", "image/webp", sticker=True),)),
    ),
    (
        message("location", location={"latitude": -33.4, "longitude": -70.6, "name": "Plaza"}),
        Location(-33.4, -70.6, "Plaza"),
    ),
    (
        message("contacts", contacts=[{"name": {"formatted_name": "Juan"}, "phones": [{"phone": "+569"}]}]),
        ContactCard("Juan", ("+569",)),
    ),
    (message("reaction", reaction={"message_id": "wamid.x", "emoji": "👍"}), Reaction("wamid.x", "👍")),
    (message("reaction", reaction={"message_id": "wamid.x"}), Reaction("wamid.x")),
    (reply("button_reply", id="si", title="Sí"), Pressed("si", "Sí")),
    (reply("list_reply", id="r1", title="Uno", description="el primero"), Pressed("r1", "Uno")),
    (
        reply("nfm_reply", body="Sent", response_json='{"flow_token": "t", "día": "lunes", "n": 2}'),
        Text("día: lunes\nn: 2"),
    ),
    (message("button", button={"text": "Confirmar", "payload": "c-1"}), Pressed("c-1", "Confirmar")),
    (message("button", button={"text": "Confirmar"}), Pressed("Confirmar", "Confirmar")),
    (
        message(
            "order",
            order={
                "catalog_id": "9",
                "text": "gracias",
                "product_items": [
                    {"product_retailer_id": "pan", "quantity": 2, "item_price": 1990, "currency": "CLP"},
                    {"product_retailer_id": "té", "quantity": "1", "item_price": 2.5, "currency": "CLP"},
                ],
            },
        ),
        Order(
            (OrderItem("pan", 2, Decimal(1990)), OrderItem("té", 1, Decimal("2.5"))), "CLP", "gracias"
        ),
    ),
    (
        message(
            "edit",
            edit={"original_message_id": "wamid.o", "message": {"type": "text", "text": {"body": "b"}}},
        ),
        Edit("wamid.o", Text("b")),
    ),
    (
        message(
            "edit",
            edit={
                "original_message_id": "wamid.o",
                "message": {"type": "image", "image": {"id": "1", "mime_type": "image/png", "caption": "c"}},
            },
        ),
        Edit("wamid.o", Media((File("1", "image/png"),), "c")),
    ),
    (message("revoke", revoke={"original_message_id": "wamid.o"}), Revocation("wamid.o")),
    (message("request_welcome"), Note("Opened the chat for the first time")),
    (
        message("system", system={"type": "customer_identity_changed", "body": "Ana changed"}),
        Note("Ana changed"),
    ),
]  # fmt: skip
