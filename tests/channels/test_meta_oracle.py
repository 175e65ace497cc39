"""The channel and the stand-in agree with pywa, a library for the same interface."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import httpx2
import pytest
import pytest_asyncio
from pywa import utils
from pywa.client import WhatsApp
from pywa.types.base_update import RawUpdate
from pywa.types.callback import Button as PywaButton
from pywa.types.callback import CallbackButton, CallbackSelection, Section, SectionList, SectionRow
from pywa.types.message import Message
from pywa.types.message_status import MessageStatus
from pywa.types.others import Contact
from waiting import LIMIT

from conserje import (
    Account,
    Button,
    Buttons,
    ContactCard,
    Content,
    File,
    InboundMessage,
    List,
    Location,
    Media,
    OutboundMessage,
    Pressed,
    Row,
    StatusUpdate,
    Text,
    Webhook,
)
from conserje_fakes.meta import Number, StandIn, create
from conserje_fakes.server import serving
from conserje_meta import Meta, MetaCredentials, MetaOperator, MetaSettings

NUMBER, TOKEN, PHONE = "106540352242922", "EAAficha", "56922222222"
ACCOUNT = Account(
    "tienda",
    NUMBER,
    MetaCredentials.model_validate({"access_token": TOKEN, "app_secret": "s3creto"}),
    MetaSettings(),
    "es-CL",
)
LINK = "https://a.example/1"


@dataclass
class Both:
    """The same stand-in, written to by pywa and by the channel."""

    pywa: WhatsApp
    channel: Meta
    meta: StandIn


@pytest_asyncio.fixture
async def both() -> AsyncIterator[Both]:
    app = create([Number(NUMBER, TOKEN, "s3creto")], window=None, habit="none")
    async with serving(app) as url, httpx2.AsyncClient(timeout=LIMIT, trust_env=False) as http:
        with httpx.Client(trust_env=False) as session:
            pywa = WhatsApp(NUMBER, TOKEN, session=session)
            session.base_url = httpx.URL(f"{url}/v26.0")  # pywa sets Meta's own
            yield Both(pywa, Meta(MetaOperator(base_url=url), http), app.state.stand_in)


Send = Callable[[WhatsApp], object]
SAME: list[tuple[Content, Send]] = [
    (Text("Hola"), lambda wa: wa.send_message(PHONE, "Hola")),
    (Text(f"Mira {LINK}"), lambda wa: wa.send_message(PHONE, f"Mira {LINK}", preview_url=True)),
    (
        Buttons("¿Confirma?", (Button("si", "Sí"), Button("no", "No"))),
        lambda wa: wa.send_message(
            PHONE, "¿Confirma?", buttons=[PywaButton("Sí", "si"), PywaButton("No", "no")]
        ),
    ),
    (
        List("Elija", (Row("1", "Pan", "fresco"), Row("2", "Té"))),
        lambda wa: wa.send_message(
            PHONE,
            "Elija",
            buttons=SectionList(
                "Ver opciones",
                [Section("", [SectionRow("Pan", "1", "fresco"), SectionRow("Té", "2")])],
            ),
        ),
    ),
    (
        Media((File(LINK, "image/jpeg"),), "mira"),
        lambda wa: wa.send_image(PHONE, LINK, caption="mira"),
    ),
    (
        Media((File(LINK, "application/pdf", "a.pdf"),)),
        lambda wa: wa.send_document(PHONE, LINK, filename="a.pdf"),
    ),
    (
        Location(-33.4, -70.6, "Plaza", "Calle 1"),
        lambda wa: wa.send_location(PHONE, -33.4, -70.6, "Plaza", "Calle 1"),
    ),
    (
        ContactCard("Juan", ("+569",)),
        lambda wa: wa.send_contact(
            PHONE,
            Contact(
                name=Contact.Name(formatted_name="Juan", first_name="Juan"),
                phones=[Contact.Phone(phone="+569")],
            ),
        ),
    ),
]  # fmt: skip


def _bare(value: Any) -> Any:
    """Without what is empty, which says nothing: pywa leaves it in or out in its own way."""
    match value:
        case dict():
            return {name: _bare(item) for name, item in value.items() if item not in ("", None, [])}
        case list():
            return [_bare(item) for item in value]
        case _:
            return value


@pytest.mark.parametrize(("content", "send"), SAME)
async def test_what_is_sent_is_what_pywa_sends(both: Both, content: Content, send: Send) -> None:
    await asyncio.to_thread(send, both.pywa)
    await both.channel.send(OutboundMessage(7, PHONE, content, "", datetime.now(UTC)), ACCOUNT)
    theirs, ours = (taken.body for taken in both.meta.taken)
    assert ours["type"] == theirs["type"]
    assert _bare(ours[ours["type"]]) == _bare(theirs[theirs["type"]])
    for name in ("messaging_product", "recipient_type", "to"):
        assert ours[name] == theirs[name]


def update(**value: Any) -> dict[str, Any]:
    metadata = {"display_phone_number": "56911111111", "phone_number_id": NUMBER}
    contact = {"profile": {"name": "Ana"}, "wa_id": PHONE, "user_id": "CL.134"}
    whole = {"messaging_product": "whatsapp", "metadata": metadata, "contacts": [contact], **value}
    entry = {"id": "1", "changes": [{"field": "messages", "value": whole}]}
    return {"object": "whatsapp_business_account", "entry": [entry]}


def message(kind: str, said: dict[str, Any], **fields: Any) -> dict[str, Any]:
    now = str(int(datetime.now(UTC).timestamp()))
    return update(
        messages=[{"from": PHONE, "id": "wamid.1", "timestamp": now, "type": kind, kind: said, **fields}]
    )


def raw(body: dict[str, Any]) -> RawUpdate:
    return RawUpdate(json.dumps(body).encode(), hmac_header=None, update_hash="")


def read(body: dict[str, Any]) -> Any:
    hook = Webhook("POST", "webhook", "https://a.example/", {}, json.dumps(body).encode())
    (event,) = Meta(MetaOperator(), None).parse(hook)  # type: ignore[arg-type]
    return event


def test_what_is_read_is_what_pywa_reads(both: Both) -> None:
    body = message("text", {"body": "¿Qué tal?"}, context={"from": "569", "id": "wamid.0"})
    theirs, ours = Message.from_update(both.pywa, raw(body)), read(body)
    assert isinstance(ours, InboundMessage)
    assert ours.content == Text(theirs.text or "")
    assert theirs.reply_to_message is not None
    assert (ours.key, ours.quotes, ours.name) == (
        theirs.id,
        theirs.reply_to_message.id,
        theirs.from_user.name,
    )
    assert (ours.address, ours.sender) == (theirs.metadata.phone_number_id, theirs.from_user.wa_id)
    assert ours.identities == (theirs.from_user.bsuid,)


def test_choices_are_what_pywa_reads(both: Both) -> None:
    pressed = message("interactive", {"type": "button_reply", "button_reply": {"id": "si", "title": "Sí"}})
    button = CallbackButton.from_update(both.pywa, raw(pressed))
    assert read(pressed).content == Pressed(button.data, button.title)
    reply = {"type": "list_reply", "list_reply": {"id": "1", "title": "Pan"}}
    picked = message("interactive", reply, context={"from": "569", "id": "wamid.0"})
    row = CallbackSelection.from_update(both.pywa, raw(picked))
    assert read(picked).content == Pressed(row.data, row.title)


def test_files_are_what_pywa_reads(both: Both) -> None:
    body = message(
        "document", {"id": "4", "mime_type": "application/pdf", "sha256": "x", "filename": "a.pdf"}
    )
    theirs = Message.from_update(both.pywa, raw(body)).document
    assert theirs is not None
    assert read(body).content == Media((File(theirs.id, theirs.mime_type, theirs.filename or ""),))


def test_statuses_are_what_pywa_reads(both: Both) -> None:
    now = str(int(datetime.now(UTC).timestamp()))
    pricing = {"billable": True, "pricing_model": "PMP", "category": "service", "type": "regular"}
    told = {"id": "wamid.1", "status": "sent", "timestamp": now, "recipient_id": PHONE, "pricing": pricing}
    body = update(statuses=[told])
    theirs, ours = MessageStatus.from_update(both.pywa, raw(body)), read(body)
    assert isinstance(ours, StatusUpdate)
    assert theirs.pricing is not None
    assert (ours.provider_id, ours.status) == (theirs.id, theirs.status)
    assert (ours.billable, ours.category) == (theirs.pricing.billable, theirs.pricing.category)


def test_signatures_are_pywa_s() -> None:
    channel = Meta(MetaOperator(), None)  # type: ignore[arg-type]
    hook = channel.compose(ACCOUNT, "https://a.example/", PHONE, "¿Qué tal?")
    header = hook.headers["x-hub-signature-256"]
    assert utils.webhook_updates_validator("s3creto", hook.body, header)
    assert not utils.webhook_updates_validator("ajeno", hook.body, header)
