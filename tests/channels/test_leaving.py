"""Whatever an assistant says is made to fit so that neither Meta nor Twilio refuses it."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.datastructures import FormData, UploadFile

from conserje import (
    Button,
    Buttons,
    ContactCard,
    Content,
    Edit,
    File,
    Limits,
    List,
    Location,
    Media,
    Note,
    Order,
    OrderItem,
    OutboundMessage,
    Pressed,
    Reaction,
    Revocation,
    Row,
    Template,
    TemplateButton,
    Text,
)
from conserje.contract.fit import fit
from conserje.contract.short_ids import shortened
from conserje_fakes import meta_rules, twilio_rules
from conserje_fakes.meta_templates import Template as Approved
from conserje_fakes.twilio_content import Library
from conserje_json import Json
from conserje_meta import Meta
from conserje_meta import writing as meta
from conserje_twilio import Twilio, TwilioOperator, api
from conserje_twilio import writing as twilio
from conserje_twilio.words import LANGUAGES
from conserje_web import Web

PHONE, SID = "+56922222222", "AC" + "1" * 32
WHATSAPP = Twilio(TwilioOperator(), None).limits_of("whatsapp:+56911111111")  # type: ignore[arg-type]
SMS = Twilio(TwilioOperator(), None).limits_of("+56911111111")  # type: ignore[arg-type]


class Making(twilio.Contents):
    """Has contents made by the stand-in's library itself."""

    async def _make(self, line: api.Line, asked: dict[str, Any]) -> str:
        return Library().create(line.account_sid, asked).sid


def message(content: Content, to: str) -> OutboundMessage:
    return OutboundMessage(7, to, content, "", datetime.now(UTC))


def leave_by_meta(content: Content) -> None:
    """Raises Refusal."""
    for part in (shortened(each, Meta.limits) for each in fit(content, Meta.limits)):
        body = meta.write(message(part, PHONE), "Ver opciones")
        meta_rules.check(body)
        if isinstance(part, Template):
            assumed = Approved(
                len(part.values), names=part.names, header=_header(part), buttons=_buttons(part)
            )
            assumed.check(body["template"].get("components", ()))


def _header(template: Template) -> Any:
    match template.header:
        case File():
            return "image" if template.header.media_type in ("image/jpeg", "image/png") else "document"
        case Location():
            return "location"
        case None:
            return ""
        case _:
            return "text"


def _buttons(template: Template) -> Any:
    kinds = {"link": "url", "reply": "quick_reply", "code": "copy_code"}
    return {button.index: kinds[button.kind] for button in template.buttons}


def leave_by_twilio(content: Content, to: str, limits: Limits) -> None:
    """Raises Refusal."""
    line = api.Line(None, "https://api.twilio.com", SID, {})  # type: ignore[arg-type]

    async def leave(part: Content) -> None:
        fields = await twilio.write(message(part, to), line, Making(), LANGUAGES["es"])
        pairs: list[tuple[str, str | UploadFile]] = []
        for name, value in fields.items():
            pairs += [(name, each) for each in ([value] if isinstance(value, str) else value)]
        twilio_rules.check(FormData(pairs))

    for part in fit(content, limits):
        asyncio.run(leave(shortened(part, limits)))


def leave_everywhere(content: Content) -> None:
    """Raises Refusal."""
    leave_by_meta(content)
    leave_by_twilio(content, f"whatsapp:{PHONE}", WHATSAPP)
    leave_by_twilio(content, PHONE, SMS)


WORDS = st.one_of(
    st.sampled_from(
        ["", " ", "\n", "Hola", "**Hola**", "{{1}}", "{{{", "# ", "66. ", "|", "`", "é😀", "a|b"]
    ),
    st.text(max_size=30),
    st.text(alphabet="ab.\n *_{1", max_size=3000),
    st.integers(1, 5000).map(lambda n: "palabra " * (n // 8) + "x" * (n % 8)),
)
IDS = st.one_of(
    st.sampled_from(["", " ", "a", "b ", "{{a}}", "x" * 200, "x" * 201, "\n"]), st.text(max_size=8)
)
REFS = st.sampled_from(
    [
        "https://a.example/" + end
        for end in ("", "pan.JPG", "a%20b.pdf", "x" * 500 + ".pdf", "v.mp4", "%", "a.ogg")
    ]
)
TYPES = st.sampled_from(
    ["", "image/jpeg", "IMAGE/PNG", "image/gif", "audio/ogg; codecs=opus", "video/mp4", "a"]
)
SEEN = st.builds(
    File, REFS, st.sampled_from(["image/jpeg", "application/pdf"]), WORDS.map(lambda name: name[:99])
)
FILES = st.builds(File, REFS, TYPES, st.text(max_size=20), st.booleans())
DEGREES = st.one_of(st.floats(-200, 200), st.sampled_from([1e-05, -1e-9, 90.0, -180.0, 0.0]))
PLACES = st.builds(Location, DEGREES, DEGREES, WORDS, WORDS)
NAMES = st.lists(st.sampled_from("abc"), max_size=3, unique=True)
BUTTONS = st.builds(
    TemplateButton, st.just(0), st.sampled_from(["a", "b7"]), st.sampled_from(["link", "reply", "code"])
)
ON_EARTH = st.builds(Location, st.floats(-90, 90), st.floats(-180, 180), WORDS, WORDS)

PRICES = st.none() | st.decimals(0, 10**9, places=2)
ITEMS = st.lists(st.builds(OrderItem, WORDS, st.integers(), PRICES), max_size=3).map(tuple)

CONTENTS: dict[str, st.SearchStrategy[Content]] = {
    "text": st.builds(Text, WORDS, st.lists(st.builds(Button, IDS, WORDS), max_size=3).map(tuple)),
    "buttons": st.builds(Buttons, WORDS, st.lists(st.builds(Button, IDS, WORDS), max_size=5).map(tuple)),
    "list": st.builds(List, WORDS, st.lists(st.builds(Row, IDS, WORDS, WORDS), max_size=12).map(tuple)),
    "media": st.builds(Media, st.lists(FILES, max_size=3).map(tuple), WORDS),
    "location": PLACES,
    "contact_card": st.builds(
        ContactCard,
        WORDS,
        st.lists(st.sampled_from(["+56 9 1234 5678", "600 123", "", "+", "hola"]), max_size=3).map(tuple),
        st.lists(WORDS, max_size=2).map(tuple),
    ),
    "reaction": st.builds(Reaction, st.sampled_from(["", "wamid.1"]), st.sampled_from(["", "👍"])),
    "order": st.builds(Order, ITEMS, st.sampled_from(["", "CLP", "USD"]), WORDS),
    "pressed": st.builds(Pressed, IDS, WORDS),
    "note": st.builds(Note, WORDS),
    "edit": st.builds(Edit, st.just("m1"), st.builds(Text, WORDS)),
    "revocation": st.builds(Revocation, st.just("m1")),
}  # fmt: skip


@pytest.mark.parametrize("kind", CONTENTS)
def test_no_provider_refuses_what_was_made_to_fit(kind: str) -> None:
    @settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    @given(CONTENTS[kind])
    def holds(content: Content) -> None:
        leave_everywhere(content)

    holds()


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(WORDS, max_size=3),
    st.booleans(),
    st.one_of(st.none(), WORDS, ON_EARTH, SEEN),
    st.lists(BUTTONS, max_size=1).map(tuple),
)
def test_no_template_s_values_are_refused(
    values: list[str], named: bool, header: str | File | Location | None, buttons: tuple[TemplateButton, ...]
) -> None:
    names = tuple(f"n{n}" for n in range(len(values))) if named else ()
    leave_by_meta(Template("t", "es", tuple(values), "", names, header, buttons))


def test_four_hundred_menus_leave_by_both() -> None:
    chance = random.Random(7)
    said = [
        "",
        " ",
        "Pan",
        "pan",
        "Pan ",
        "**Pan**",
        "Té {{1}}",
        "{{{",
        "x" * 20,
        "x" * 21,
        "x" * 25,
        "a\nb",
        "😀",
    ]
    ids = ["", " ", "1", "2", "3", " 1", "{{1}}", "i" * 200, "i" * 201, "a\nb"]
    bodies = [
        "",
        "\n",
        "¿Cuál?",
        "**¿Cuál?** {{1}}",
        "x" * 1024,
        "{{" * 512,
        "palabra " * 129,
        "palabra " * 700,
    ]
    for _ in range(400):
        count = chance.choice([0, 1, 2, 3, 4, 10, 11])
        rows = [
            Row(*(chance.choice(each) for each in (ids, said, ["", *said, "d" * 73]))) for _ in range(count)
        ]
        body = chance.choice(bodies)
        leave_everywhere(List(body, tuple(rows)))
        leave_everywhere(Buttons(body, tuple(Button(row.id, row.title) for row in rows)))
        shown = [each for row in rows if (each := row.title.strip() or row.id.strip())]
        assert fit(List(body, tuple(rows)), Meta.limits) or not (body.strip() or shown)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Meta.limits, "*Total:* ver: https://a.example"),
        (WHATSAPP, "*Total:* ver: https://a.example"),
        (SMS, "Total: ver: https://a.example"),
        (Web.limits, "Total: ver: https://a.example"),
        (Json.limits, "**Total:** [ver](https://a.example)"),
    ],
)
def test_markdown_arrives_in_the_channel_s_own_marks(limits: Limits, said: str) -> None:
    assert fit(Text("**Total:** [ver](https://a.example)"), limits) == [Text(said)]


@pytest.mark.parametrize(
    "price", [Decimal("0"), Decimal("1990"), Decimal("0.01"), Decimal("1E+3"), Decimal("-5")]
)
def test_an_order_has_words_of_its_own(price: Decimal) -> None:
    leave_everywhere(Order((OrderItem("pan-1", 2, price),), "CLP", ""))
