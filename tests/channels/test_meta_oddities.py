"""What Meta posts otherwise than it says: it costs nothing but itself; what nobody wrote is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from metaposts import (
    CONTACT,
    ID,
    NOW,
    PHONE,
    body,
    change,
    channel,
    events,
    hook,
    inbound,
    message,
    reply,
    status,
)
from mutations import ODD, paths, replaced

from conserje import (
    Content,
    Event,
    Ignored,
    InboundMessage,
    Note,
    Order,
    OrderItem,
    Pressed,
    Reaction,
    StatusUpdate,
    Text,
    Unknown,
    Unreadable,
    plain,
)

UNKNOWN = [
    (message("poll", poll={"name": "¿?"}), "poll"),
    (
        message("interactive", interactive={"type": "call_permission_reply"}),
        "interactive call_permission_reply",
    ),
    (message("unsupported", errors=[{"code": 131051}], unsupported={"type": "poll"}), "poll"),
    (message("unsupported", errors=[{"code": 131051}]), "unsupported"),
    (message("image", errors=[{"code": 131052}]), "image"),
    (message("image", image={"mime_type": "image/jpeg"}), "image"),
    (message("image", image=7), "image"),
    (message("text", text={"body": ["hola"]}), "text"),
    (message("contacts", contacts=[]), "contacts"),
    (message("location", location={"latitude": "north", "longitude": 1}), "location"),
    (message("location", location={"latitude": 91, "longitude": 1}), "location"),
    (message("location"), "location"),
    (message("button", button={}), "button"),
    (reply("nfm_reply", response_json="{"), "interactive nfm_reply"),
    ({"from": PHONE, "id": ID}, "unknown"),
]


@pytest.mark.parametrize(("written", "kind"), UNKNOWN)
def test_what_cannot_be_read_is_kept_as_it_came_and_is_a_message(written: dict[str, Any], kind: str) -> None:
    assert inbound(written).content == Unknown(kind, written)


DONE = [
    (message("unsupported", unsupported={"type": "pin"}, errors=[{"code": 131051}]), "Pinned a message"),
    (message("unsupported", unsupported={"type": "poll_update"}), "Voted in a poll"),
    (message("keep_in_chat", keep_in_chat={}), "Kept a message in the chat"),
    (message("unsupported", unsupported={"type": "edit"}), "Edited a message, and WhatsApp does not say how"),
    (
        message("edit", edit={"original_message_id": "wamid.o", "message": {"type": "poll"}}),
        "Edited a message, and WhatsApp does not say how",
    ),
    (message("revoke", revoke={}), "Deleted a message, and WhatsApp does not say which"),
]


@pytest.mark.parametrize(("written", "told"), DONE)
def test_what_was_done_and_not_written_is_a_note(written: dict[str, Any], told: str) -> None:
    assert inbound(written).content == Note(told)


HEARD: list[tuple[dict[str, Any], Content, bool]] = [
    (message("hologram", text={"body": "hola"}), Text("hola"), False),
    (message("unsupported", text={"body": "hola"}), Text("hola"), False),
    (message("text", text={"body": 12}), Text("12"), False),
    (message("text", text={"body": "hola"}, context=7), Text("hola"), True),
    (message("image", image={"caption": "mira"}), Text("mira"), False),
    (message("location", location={"name": "Plaza", "address": "Alameda 1"}), Text("Plaza\nAlameda 1"), True),
    (message("reaction", reaction={"emoji": "👍"}), Reaction("", "👍"), False),
    (reply("button_reply", title="Sí"), Pressed("Sí", "Sí"), False),
    (reply("new_reply", id="si", title="Sí"), Pressed("si", "Sí"), False),
    (reply("nfm_reply", body="Sent", response_json='["a", "b"]'), Text("Sent"), True),
    (reply("nfm_reply", body="Sent", response_json={"día": "lunes"}), Text("día: lunes"), False),
    (message("edit", edit={"message": {"type": "text", "text": {"body": "b"}}}), Text("b"), False),
    (
        message("order", order={"product_items": [{"product_retailer_id": 12, "quantity": 0.5}]}),
        Order((OrderItem("12", 1),)),
        True,
    ),
    (
        message("order", order={"product_items": [7, {"quantity": 2, "item_price": "x"}], "text": "gracias"}),
        Order((OrderItem("?", 2),), "", "gracias"),
        True,
    ),
    (message("order", order={"product_items": []}), Order(()), False),
]


@pytest.mark.parametrize(("written", "content", "is_odd"), HEARD)
def test_what_was_said_is_heard_and_what_is_odd_is_kept_beside(
    written: dict[str, Any], content: Content, is_odd: bool
) -> None:
    told = inbound(written)
    assert told.content == content
    assert (told.beside is not None) is is_odd
    if told.beside:
        assert json.loads(told.beside.raw) == written
        assert told.beside.key != told.key


def test_odd_contacts_are_kept_beside_what_was_said() -> None:
    written = message("text", text={"body": "hola"})
    (told,) = events(change({"contacts": "odd", "messages": [written]}))
    assert isinstance(told, InboundMessage)
    assert (told.content, told.sender) == (Text("hola"), PHONE)
    assert told.beside
    assert json.loads(told.beside.raw) == [written, "odd"]


def test_a_message_without_id_is_one_however_often_it_comes() -> None:
    one, other = ({"from": PHONE, "type": "text", "text": {"body": words}} for words in ("hola", "chao"))
    assert inbound(one).key == inbound(one).key != inbound(other).key
    assert inbound(one).provider_id == ""


BROKEN = [{"id": ID, "type": "text", "text": {"body": "nobody wrote this"}}, 7, None]


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_nobody_s_is_kept_raw_and_the_rest_of_the_batch_is_read(broken: Any) -> None:
    good = message("text", text={"body": "hola"})
    first, second, third = events(change({"messages": [broken, good], "statuses": ["odd"]}))
    assert isinstance(first, Unreadable)
    assert json.loads(first.raw) == broken
    assert isinstance(second, InboundMessage)
    assert isinstance(third, Unreadable)
    again = events(change({"messages": [broken, good], "statuses": ["odd"]}))
    assert [event.key for event in again if not isinstance(event, Ignored)] == [
        first.key, second.key, third.key
    ]  # fmt: skip
    assert len({first.key, second.key, third.key}) == 3


SAID = [
    (message("text", text={"body": "¿Tienen café?"}), "¿Tienen café?"),
    (
        message("image", image={"id": "1", "mime_type": "image/jpeg", "sha256": "x", "caption": "mira"}),
        "mira",
    ),
    (message("document", document={"id": "4", "filename": "a.pdf", "caption": "la factura"}), "la factura"),
    (message("location", location={"latitude": -33.4, "longitude": -70.6, "name": "Plaza"}), "Plaza"),
    (
        message("contacts", contacts=[{"name": {"formatted_name": "Juan"}, "phones": [{"phone": "+569"}]}]),
        "Juan",
    ),
    (reply("button_reply", id="si", title="Claro"), "Claro"),
    (reply("list_reply", id="r1", title="Integral", description="el de siempre"), "Integral"),
    (
        reply("nfm_reply", name="flow", body="Sent", response_json='{"flow_token": "t", "día": "lunes"}'),
        "lunes",
    ),
    (message("button", button={"text": "Confirmar", "payload": "c-1"}), "Confirmar"),
    (
        message(
            "order",
            order={
                "catalog_id": "9",
                "text": "gracias",
                "product_items": [
                    {"product_retailer_id": "té", "quantity": 2, "item_price": 1990, "currency": "CLP"}
                ],
            },
        ),
        "gracias",
    ),
    (
        message(
            "edit",
            edit={
                "original_message_id": "wamid.o",
                "message": {"type": "text", "text": {"body": "de nuevo"}},
            },
        ),
        "de nuevo",
    ),
]
BESIDE = {
    "context": {"from": "56911111111", "id": "wamid.ours", "referred_product": {"catalog_id": "9"}},
    "referral": {"source_url": "https://fb.me/1", "source_type": "ad", "headline": "Pan", "ctwa_clid": "C"},
    "errors": [{"code": 131051}],
}
WHOSE = ("metadata", "field")  # say for whom it is, and which list is one of messages


def said(event: Event) -> str:
    return plain(event.content) if isinstance(event, InboundMessage) else ""


@pytest.mark.parametrize(("written", "words"), SAID, ids=[words for _, words in SAID])
def test_whatever_becomes_of_a_side_field_what_was_said_is_heard(written: dict[str, Any], words: str) -> None:
    whole = body(change({"contacts": [CONTACT], "messages": [written | BESIDE]}))
    sides = [path for path, value in paths(whole) if words not in repr(value) and not set(path) & set(WHOSE)]
    assert len(sides) > 20
    for path in sides:
        for odd in ODD:
            told = list(channel().parse(hook(replaced(whole, path, odd))))
            assert any(words in said(event) and event.sender == PHONE  # type: ignore[union-attr]
                       for event in told), (path, odd, told)  # fmt: skip


def test_whatever_becomes_of_a_side_field_a_status_is_one() -> None:
    pricing = {"billable": True, "pricing_model": "PMP", "category": "service"}
    told = status("failed", pricing=pricing, errors=[{"code": 131047}], conversation={"id": "c"},
                  biz_opaque_callback_data="conserje:7")  # fmt: skip
    for path, _ in paths(told):
        for odd in ODD if path[0] not in ("id", "status") else ():
            (update,) = events(change({"statuses": [replaced(told, path, odd)]}))
            assert isinstance(update, StatusUpdate)
            assert (update.status, update.provider_id) == ("failed", ID)


def test_whatever_becomes_of_a_side_field_an_opt_out_is_one() -> None:
    """Meta's own example has a number for its time."""
    wish = {"wa_id": PHONE, "detail": "no more", "category": "marketing_messages", "value": "stop"}
    whole = {"contacts": [CONTACT], "user_preferences": [wish | {"timestamp": int(NOW)}]}
    for path, value in paths(whole):
        for odd in ODD if value != "stop" and "stop" not in repr(value) and "category" not in path else ():
            (told,) = events(change(replaced(whole, path, odd), "user_preferences"))
            assert isinstance(told, InboundMessage)
            assert (told.sender, told.consent) == (PHONE, "marketing out")
