"""Sending: what Meta is posted for each kind of message."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from waiting import LIMIT

from conserje import (
    Account,
    Button,
    Buttons,
    ContactCard,
    Content,
    File,
    List,
    Location,
    Media,
    Note,
    OutboundMessage,
    Reaction,
    Receipt,
    Refused,
    Row,
    Template,
    TemplateButton,
    Text,
)
from conserje_fakes.meta import Number, StandIn, create
from conserje_fakes.meta import Template as Approved
from conserje_fakes.server import serving
from conserje_meta import Meta, MetaCredentials, MetaOperator, MetaSettings

NUMBER, TOKEN = "106540352242922", "EAAficha"
PHONE, USER = "56922222222", "CL.13491208655302741918"
TEXT = "Son $5.990 en efectivo"
ASSUMED = {
    ("aviso", "es"): Approved(2),
    ("oferta", "es"): Approved(0, "MARKETING"),
    ("pedido", "es"): Approved(names=("nombre", "dia"), header="text", buttons={0: "url", 1: "quick_reply"}),
    ("factura", "es"): Approved(1, header="document", buttons={0: "copy_code"}),
    ("foto", "es"): Approved(header="image"),
    ("local", "es"): Approved(header="location"),
}


@dataclass
class Front:
    """The channel in front of a stand-in."""

    channel: Meta
    meta: StandIn

    async def send(self, content: Content | str = TEXT, to: str = PHONE, **fields: Any) -> dict[str, Any]:
        """Send, and what Meta was posted."""
        receipt = await self.channel.send(message(content, to, **fields), account())
        taken = self.meta.taken[-1]
        assert receipt == Receipt(taken.id)
        return taken.body


@pytest_asyncio.fixture
async def front() -> AsyncIterator[Front]:
    app = create([Number(NUMBER, TOKEN, "s3creto", templates=dict(ASSUMED))], habit="none")
    async with serving(app) as url, httpx2.AsyncClient(timeout=LIMIT, trust_env=False) as http:
        meta: StandIn = app.state.stand_in
        meta.window = None
        yield Front(Meta(MetaOperator(base_url=url), http), meta)


def account(token: str | None = TOKEN, number: str = NUMBER) -> Account[MetaCredentials, MetaSettings]:
    given = {"access_token": token} if token else {}
    return Account("tienda", number, MetaCredentials.model_validate(given), MetaSettings(), "es-CL")


def message(content: Content | str = TEXT, to: str = PHONE, quotes: str = "") -> OutboundMessage:
    said = Text(content) if isinstance(content, str) else content
    return OutboundMessage(7, to, said, "", datetime.now(UTC), quotes=quotes)


async def test_a_text_carries_our_mark_and_goes_to_the_phone(front: Front) -> None:
    assert await front.send() == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": PHONE,
        "type": "text",
        "text": {"body": TEXT, "preview_url": False},
        "biz_opaque_callback_data": "conserje:7",
    }


async def test_a_text_with_an_address_shows_what_is_there(front: Front) -> None:
    assert (await front.send("Mira https://a.example/1"))["text"]["preview_url"] is True


async def test_a_contact_without_a_phone_is_written_to_by_user_id(front: Front) -> None:
    for user in (USER, "US.ENT.11815799212886844830"):
        body = await front.send(to=user)
        assert (body["recipient"], "to" in body) == (user, False)


@pytest.mark.parametrize("to", ["", "ana", "CL.", "cl.1", "CL.1; DROP", "+", "1" * 21])
async def test_what_is_no_address_of_whatsapp_s_is_refused(front: Front, to: str) -> None:
    with pytest.raises(Refused):
        await front.send(to=to)
    assert not front.meta.taken


async def test_an_answer_quotes_the_message_that_it_answers(front: Front) -> None:
    assert (await front.send(quotes="wamid.theirs"))["context"] == {"message_id": "wamid.theirs"}
    assert "context" not in await front.send()


LINK = "https://tienda.bot.example/f/1"
WRITTEN: list[tuple[Content, str, Any]] = [
    (Media((File(LINK, "image/jpeg"),), "mira"), "image", {"link": LINK, "caption": "mira"}),
    (Media((File(LINK, "video/mp4", "v.mp4"),)), "video", {"link": LINK}),
    (Media((File(LINK, "audio/ogg; codecs=opus"),)), "audio", {"link": LINK}),
    (
        Media((File(LINK, "audio/ogg"),), "oye"),
        "document",
        {"link": LINK, "caption": "oye", "filename": "1.ogg"},
    ),
    (
        Media((File(LINK, "application/pdf", "carta.pdf"),), "la carta"),
        "document",
        {"link": LINK, "caption": "la carta", "filename": "carta.pdf"},
    ),
    (Media((File(LINK, "image/gif", "g.gif"),)), "document", {"link": LINK, "filename": "g.gif"}),
    (Media((File(LINK),)), "document", {"link": LINK, "filename": "1"}),
    (Media((File(f"{LINK}/PAN.JPG"),)), "image", {"link": f"{LINK}/PAN.JPG"}),
    (
        Media((File(f"{LINK}/factura%2012.pdf?sig=a", "application/pdf"),)),
        "document",
        {"link": f"{LINK}/factura%2012.pdf?sig=a", "filename": "factura 12.pdf"},
    ),
    (Media((File(LINK, "image/webp", sticker=True),)), "sticker", {"link": LINK}),
    (
        Buttons("¿Confirma?", (Button("si", "Sí"), Button("no", "No"))),
        "interactive",
        {
            "type": "button",
            "body": {"text": "¿Confirma?"},
            "action": {
                "buttons": [
                    {"type": "reply", "reply": {"id": "si", "title": "Sí"}},
                    {"type": "reply", "reply": {"id": "no", "title": "No"}},
                ]
            },
        },
    ),
    (
        List("Elija", (Row("1", "Pan", "recién hecho"), Row("2", "Té"))),
        "interactive",
        {
            "type": "list",
            "body": {"text": "Elija"},
            "action": {
                "button": "Ver opciones",
                "sections": [
                    {
                        "rows": [
                            {"id": "1", "title": "Pan", "description": "recién hecho"},
                            {"id": "2", "title": "Té"},
                        ]
                    }
                ],
            },
        },
    ),
    (
        Template("aviso", "es", ("Ana", "dos\nlíneas"), "Hola Ana"),
        "template",
        {
            "name": "aviso",
            "language": {"code": "es"},
            "components": [
                {
                    "type": "body",
                    "parameters": [{"type": "text", "text": "Ana"}, {"type": "text", "text": "dos líneas"}],
                }
            ],
        },
    ),
    (Template("oferta", "es"), "template", {"name": "oferta", "language": {"code": "es"}}),
    (
        Location(-33.4, -70.6, "Plaza", "Calle 1"),
        "location",
        {"latitude": -33.4, "longitude": -70.6, "name": "Plaza", "address": "Calle 1"},
    ),
    (
        ContactCard("Juan", ("+56 (9) 1234-5678", "600 123"), ("j@a.example", " ")),
        "contacts",
        [
            {
                "name": {"formatted_name": "Juan", "first_name": "Juan"},
                "phones": [
                    {"phone": "+56 (9) 1234-5678", "wa_id": "56912345678"},
                    {"phone": "600 123"},
                ],
                "emails": [{"email": "j@a.example"}],
            }
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("content", "kind", "said"), WRITTEN)
async def test_every_kind_is_written_as_meta_takes_it(
    front: Front, content: Content, kind: str, said: Any
) -> None:
    body = await front.send(content)
    assert (body["type"], body[kind]) == (kind, said)


@pytest.mark.parametrize(
    ("locale", "own", "button"),
    [
        ("es-MX", None, "Ver opciones"),
        ("pt-BR", None, "Ver opções"),
        ("en-US", None, "See options"),
        ("fr-FR", None, "See options"),
        ("es-MX", "Ver más", "Ver más"),
    ],
)
async def test_what_opens_a_list_is_the_account_s_own_or_in_the_tenant_s_language(
    front: Front, locale: str, own: str | None, button: str
) -> None:
    sender = replace(account(), settings=MetaSettings(list_button=own), locale=locale)
    await front.channel.send(message(List("¿Cuál?", (Row("1", "Uno"),))), sender)
    assert front.meta.taken[-1].body["interactive"]["action"]["button"] == button


FILLED: list[tuple[Template, list[dict[str, Any]]]] = [
    (
        Template("aviso", "es", ("", "x" * 1025)),
        [
            {
                "type": "body",
                "parameters": [{"type": "text", "text": "-"}, {"type": "text", "text": "x" * 1024}],
            }
        ],
    ),
    (
        Template(
            "pedido",
            "es",
            ("Ana", "hoy"),
            names=("nombre", "dia"),
            header="Pedido 7",
            buttons=(TemplateButton(0, "pedidos/7"), TemplateButton(1, "cancelar", "reply")),
        ),
        [
            {"type": "header", "parameters": [{"type": "text", "text": "Pedido 7"}]},
            {
                "type": "body",
                "parameters": [
                    {"type": "text", "text": "Ana", "parameter_name": "nombre"},
                    {"type": "text", "text": "hoy", "parameter_name": "dia"},
                ],
            },
            {
                "type": "button",
                "sub_type": "url",
                "index": "0",
                "parameters": [{"type": "text", "text": "pedidos/7"}],
            },
            {
                "type": "button",
                "sub_type": "quick_reply",
                "index": "1",
                "parameters": [{"type": "payload", "payload": "cancelar"}],
            },
        ],
    ),
    (
        Template(
            "factura",
            "es",
            ("Ana",),
            header=File(f"{LINK}/f-7.pdf"),
            buttons=(TemplateButton(0, "ANA10", "code"),),
        ),
        [
            {
                "type": "header",
                "parameters": [
                    {"type": "document", "document": {"link": f"{LINK}/f-7.pdf", "filename": "f-7.pdf"}}
                ],
            },
            {"type": "body", "parameters": [{"type": "text", "text": "Ana"}]},
            {
                "type": "button",
                "sub_type": "copy_code",
                "index": "0",
                "parameters": [{"type": "coupon_code", "coupon_code": "ANA10"}],
            },
        ],
    ),
    (
        Template("local", "es", header=Location(-33.4, -70.6, "Plaza")),
        [
            {
                "type": "header",
                "parameters": [
                    {"type": "location", "location": {"latitude": -33.4, "longitude": -70.6, "name": "Plaza"}}
                ],
            }
        ],
    ),
]


@pytest.mark.parametrize(("template", "components"), FILLED)
async def test_a_template_is_filled_above_in_and_below_its_words(
    front: Front, template: Template, components: list[dict[str, Any]]
) -> None:
    assert (await front.send(template))["template"]["components"] == components


async def test_a_reaction_is_given_and_taken_back_and_quotes_nothing(front: Front) -> None:
    theirs, _ = front.meta.receive(NUMBER, PHONE, {"type": "text", "text": {"body": "hola"}})
    assert (await front.send(Reaction(theirs, "👍"), quotes=theirs))["reaction"]["emoji"] == "👍"
    assert "context" not in front.meta.taken[-1].body
    assert (await front.send(Reaction(theirs)))["reaction"] == {"message_id": theirs, "emoji": ""}


REFUSED: list[Content] = [
    Media((File("kept:1", "image/jpeg"),)),
    Media((File("1234", "image/jpeg"),)),
    Media(()),
    Template("aviso", "", ("Ana", "hoy")),
    Template("pedido", "es", ("Ana",), names=("nombre", "dia")),
    Template("foto", "es", header=File("kept:1", "image/jpeg")),
    Template("foto", "es", header=File(LINK, "audio/ogg")),
    Buttons("¿?", (Button("", "Sí"),)),
    Buttons("¿?", (Button("i" * 257, "Sí"),)),
    List("¿?", (Row("i" * 201, "Sí"),)),
    Note("a note"),
]


@pytest.mark.parametrize("content", REFUSED)
async def test_what_meta_cannot_carry_is_refused_before_it_is_asked(front: Front, content: Content) -> None:
    with pytest.raises(Refused):
        await front.send(content)
    assert not front.meta.taken


async def test_the_largest_of_each_kind_is_taken(front: Front) -> None:
    limits = Meta.limits
    buttons = tuple(Button(f"{n}" * 256, f"{n}" * limits.button_title) for n in range(limits.buttons))
    rows = tuple(
        Row(f"{n}" * 200, f"{n}" * limits.row_title, "d" * limits.row_description) for n in range(limits.rows)
    )
    await front.send("a" * limits.text)
    await front.send(Buttons("a" * limits.body, buttons))
    await front.send(List("a" * limits.body, rows))
    await front.send(Media((File(LINK, "image/png"),), "a" * limits.caption))
