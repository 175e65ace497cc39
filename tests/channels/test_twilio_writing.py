"""Sending more than words: menus, templates, files, by a Messaging Service; and showing that one types."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import impatient
import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from conserje import (
    Account,
    AccountFault,
    Button,
    Buttons,
    CannotTell,
    Content,
    File,
    List,
    Location,
    Media,
    NotOffered,
    OptedOut,
    OutboundMessage,
    OutsideWindow,
    Refused,
    Row,
    StatusUpdate,
    Template,
    TemplateButton,
    Text,
    TryLater,
    Uncertain,
    Webhook,
    plain,
)
from conserje.contract.fit import fit, linked
from conserje_fakes.server import serving
from conserje_fakes.twilio import TwilioAccount, create
from conserje_fakes.twilio_messages import Message, StandIn
from conserje_twilio import Twilio, TwilioCredentials, TwilioOperator, TwilioSettings
from conserje_twilio.writing import segments

SID, SUBACCOUNT = "AC" + "1" * 32, "AC" + "2" * 32
SERVICE = "MG" + "3" * 32
NUMBER, CONTACT = "whatsapp:+56911111111", "whatsapp:+56922222222"
SMS_NUMBER, SMS_CONTACT = "+56911111111", "+56922222222"
ACCOUNTS = [
    TwilioAccount(SID, "secreto", (NUMBER, SMS_NUMBER), services={SERVICE: (NUMBER,)}),
    TwilioAccount(SUBACCOUNT, "hija", ("whatsapp:+56933333333",)),
]
MENU = Buttons("¿Retiro\no despacho?", (Button("retiro", "Retiro"), Button("despacho", "Despacho")))
LIST = List("Elige {{uno}}", (Row("1", "Café", "Molido, 250 g"), Row("2", "Té")))


class Front:
    """The channel in front of a stand-in; `asked` are the paths that it asked for."""

    def __init__(self, url: str, app: Any, http: httpx2.AsyncClient) -> None:
        self.stand_in: StandIn = app.state.stand_in
        self.faults: Any = app.state.faults
        self.channel = Twilio(TwilioOperator(base_url=url), http)
        self.asked: list[str] = []
        http.event_hooks["request"].append(self._note)

    async def _note(self, request: httpx2.Request) -> None:
        self.asked.append(f"{request.method} {request.url.path}")

    @property
    def made(self) -> int:
        return self.asked.count("POST /v1/Content")

    async def send(self, content: Content, to: str = CONTACT, **fields: Any) -> Message:
        """The message as Twilio took it."""
        sender = fields.pop("account", account(NUMBER if to == CONTACT else SMS_NUMBER))
        receipt = await self.channel.send(message(content, to, **fields), sender)
        taken = self.stand_in.messages[-1]
        assert receipt.provider_id == taken.sid
        return taken


@pytest_asyncio.fixture
async def front() -> AsyncIterator[Front]:
    app = create(ACCOUNTS, habit="none")
    async with serving(app) as url, impatient.client(app.state.faults) as http:
        yield Front(url, app, http)


def account(
    address: str = NUMBER,
    sid: str = SID,
    token: str = "secreto",
    service: str | None = None,
    locale: str = "es-CL",
) -> Account[TwilioCredentials, TwilioSettings]:
    credentials = TwilioCredentials.model_validate({"account_sid": sid, "auth_token": token})
    return Account("tienda", address, credentials, TwilioSettings(messaging_service_sid=service), locale)


def message(content: Content, to: str = CONTACT, **fields: Any) -> OutboundMessage:
    given: dict[str, Any] = {"status_url": "", "attempted_at": datetime.now(UTC)} | fields
    return OutboundMessage(id=7, to=to, content=content, **given)


async def test_buttons_leave_as_a_content_that_twilio_shows(front: Front) -> None:
    taken = await front.send(MENU)
    assert taken.content is not None
    assert taken.body == MENU.text
    assert taken.shown == plain(MENU)
    assert taken.content.types["twilio/quick-reply"]["actions"] == [
        {"type": "QUICK_REPLY", "title": "Retiro", "id": "retiro"},
        {"type": "QUICK_REPLY", "title": "Despacho", "id": "despacho"},
    ]


async def test_a_list_leaves_as_a_content_whose_words_are_no_places(front: Front) -> None:
    taken = await front.send(LIST)
    assert taken.content is not None
    assert taken.shown == plain(LIST).replace("{{", "{\N{FULLWIDTH LEFT CURLY BRACKET}")
    assert taken.content.types["twilio/list-picker"]["items"] == [
        {"item": "Café", "id": "1", "description": "Molido, 250 g"},
        {"item": "Té", "id": "2"},
    ]


@pytest.mark.parametrize(
    ("locale", "code", "button"),
    [
        ("es-MX", "es", "Ver opciones"),
        ("pt-BR", "pt_BR", "Ver opções"),
        ("en-US", "en", "See options"),
        ("fr-FR", "en", "See options"),
    ],
)
async def test_what_opens_a_list_is_in_the_tenant_s_language(
    front: Front, locale: str, code: str, button: str
) -> None:
    bodies = []

    async def note(request: httpx2.Request) -> None:
        if request.url.path == "/v1/Content":
            bodies.append(json.loads(request.content))

    front.channel.http.event_hooks["request"].append(note)
    await front.send(LIST, account=account(locale=locale))
    (asked,) = bodies
    assert (asked["language"], asked["types"]["twilio/list-picker"]["button"]) == (code, button)


async def test_the_same_menu_is_made_once_for_each_twilio_account(front: Front) -> None:
    first, second = await front.send(MENU), await front.send(MENU)
    assert first.content is second.content
    assert front.made == 1
    other = account("whatsapp:+56933333333", SUBACCOUNT, "hija")
    theirs = await front.send(MENU, account=other)
    assert (theirs.account_sid, theirs.content is first.content) == (SUBACCOUNT, False)
    await front.send(Buttons(MENU.text, MENU.buttons[:1]))
    assert front.made == 3


async def test_a_content_deleted_at_twilio_is_made_anew(front: Front) -> None:
    await front.send(MENU)
    front.stand_in.library.contents.clear()
    with pytest.raises(TryLater, match="21655"):
        await front.send(MENU)
    assert (await front.send(MENU)).body == MENU.text
    assert front.made == 2


@pytest.mark.parametrize(
    ("answer", "outcome", "text"),
    [
        (httpx2.Response(400, json={"code": 20001, "message": "no"}), Refused, "20001"),
        (httpx2.Response(401, json={"code": 20003}), AccountFault, "20003: .*auth_token"),
        (httpx2.Response(429, headers={"retry-after": "9"}, json={"code": 20429}), TryLater, "20429"),
        (httpx2.Response(500, text="<html>"), TryLater, "500"),
        (httpx2.Response(200, text="<html>"), TryLater, "did not come"),
        (httpx2.Response(302, headers={"location": "https://a.example/"}), TryLater, "302"),
        (httpx2.Response(201, json={}), TryLater, "no content"),
        (httpx2.Response(201, json=[]), TryLater, "did not come"),
    ],
)
async def test_without_its_content_nothing_was_sent(
    answer: httpx2.Response, outcome: type[Exception], text: str
) -> None:
    asked = []

    def respond(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        return answer

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(respond)) as http:
        with pytest.raises(outcome, match=text):
            await Twilio(TwilioOperator(), http).send(message(MENU), account())
    assert asked == ["https://content.twilio.com/v1/Content"]


async def test_an_id_that_twilio_would_fill_is_refused(front: Front) -> None:
    with pytest.raises(Refused, match="two braces"):
        await front.send(Buttons("¿Sí?", (Button("{{1}}", "Sí"),)))
    assert front.asked == []


async def test_a_template_is_filled(front: Front) -> None:
    sid = front.stand_in.library.approve(SID, "Hola {{1}}: {{2}}")
    taken = await front.send(Template(sid, "es", ("Ana", "tu pedido\nva   en\tcamino")))
    assert taken.body == "Hola Ana: tu pedido va en camino"
    assert (await front.send(Template(sid, "es", ('D\'Angelo "x"', "")))).body == 'Hola D\'Angelo "x": -'
    assert front.made == 0


async def test_the_places_of_a_template_may_have_names(front: Front) -> None:
    sid = front.stand_in.library.approve(SID, "Hola {{nombre}}")
    assert (await front.send(Template(sid, values=("Ana",), names=("nombre",)))).body == "Hola Ana"


@pytest.mark.parametrize(
    "more", [{"names": ("a", "b")}, {"header": "Hola"}, {"buttons": (TemplateButton(0, "a"),)}]
)
async def test_a_template_of_another_shape_is_refused(front: Front, more: dict[str, Any]) -> None:
    sid = front.stand_in.library.approve(SID, "Hola {{1}}")
    with pytest.raises(Refused, match="values"):
        await front.send(Template(sid, values=("Ana",), **more))
    assert front.stand_in.messages == []


async def test_a_template_goes_by_sms_too(front: Front) -> None:
    sid = front.stand_in.library.approve(SID, "Hola")
    assert (await front.send(Template(sid), SMS_CONTACT)).body == "Hola"


@pytest.mark.parametrize(
    ("name", "text"), [("HX" + "9" * 32, "21655: .*ContentSid"), ("saludo", "ContentSid"), ("", "ContentSid")]
)
async def test_a_template_that_twilio_does_not_know_is_refused(front: Front, name: str, text: str) -> None:
    with pytest.raises(Refused, match=text):
        await front.send(Template(name))
    assert front.stand_in.messages == []


async def test_a_place_leaves_with_its_name(front: Front) -> None:
    taken = await front.send(Location(-33.45, -70.66, "Plaza", "Alameda 1"))
    assert (taken.body, taken.places) == ("Plaza", ["geo:-33.45,-70.66|Alameda 1"])
    assert (await front.send(Location(-33.45, -70.66))).body == "-33.45,-70.66"
    assert (await front.send(Location(0.00001, -70.0, "a|b\nc"))).places == ["geo:0.00001,-70|a b c"]


async def test_by_a_messaging_service_the_sender_stays_the_account_s(front: Front) -> None:
    by_service = account(service=SERVICE)
    taken = await front.send(Text("Hola"), account=by_service)
    assert (taken.service, taken.sender) == (SERVICE, NUMBER)
    found = await front.channel.find(message(Text("Hola")), by_service)
    assert found is not None
    assert found.provider_id == taken.sid


@pytest.mark.parametrize(
    ("service", "address", "text"),
    [("MG" + "9" * 32, NUMBER, "21701: .*messaging_service_sid"), (SERVICE, SMS_NUMBER, "21703")],
)
async def test_a_service_that_does_not_fit_is_refused(
    front: Front, service: str, address: str, text: str
) -> None:
    to = CONTACT if address == NUMBER else SMS_CONTACT
    with pytest.raises((AccountFault, Refused), match=text):
        await front.send(Text("Hola"), to, account=account(address, service=service))


def test_a_setting_that_is_no_service_is_an_error() -> None:
    with pytest.raises(ValueError, match="messaging_service_sid"):
        TwilioSettings(messaging_service_sid="SM" + "1" * 32)


async def test_an_sms_tells_its_status_how_many_segments_it_took(front: Front) -> None:
    url = "http://tienda.localhost:9/bot/twilio/status?message=7"
    taken = await front.send(Text("á" * 71), SMS_CONTACT, status_url=url)
    hook = Webhook(
        "POST",
        "status",
        taken.status_callback,
        {"content-type": "application/x-www-form-urlencoded"},
        f"MessageSid={taken.sid}&MessageStatus=delivered&From=%2B56911111111".encode(),
    )
    (event,) = front.channel.parse(hook)
    assert isinstance(event, StatusUpdate)
    assert (event.message_id, event.category) == (7, "2 segments")
    assert (await front.send(Text("á" * 71), status_url=url)).status_callback == url


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        *((code, AccountFault) for code in (21603, 21606, 21701, 21705, 30002, 63007, 63020, 63038)),
        *((code, TryLater) for code in (20429, 21611, 30001, 63017, 63018)),
        (21610, OptedOut), (63016, OutsideWindow), (21211, Refused),
    ],
)  # fmt: skip
async def test_twilio_s_no_says_of_what_kind_it_is(code: int, kind: type[Exception]) -> None:
    answer = httpx2.Response(400, json={"code": code, "message": "no", "status": 400})
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: answer)) as http:
        with pytest.raises(kind, match=str(code)) as raised:
            await Twilio(TwilioOperator(), http).send(message(Text("Hola")), account())
    assert type(raised.value) is kind


PHOTO = Media((File("https://a.example/1.jpg"),), "Mira")
PLACE = Location(-33.45, -70.66, "Plaza")


def test_whatsapp_carries_what_sms_does_not() -> None:
    channel = Twilio(TwilioOperator(), None)  # type: ignore[arg-type]
    whatsapp, sms = channel.limits_of(NUMBER), channel.limits_of(SMS_NUMBER)
    for content in (MENU, LIST, PLACE, PHOTO):
        assert fit(content, whatsapp) == [content]
    four = Buttons("¿Cuál?", tuple(Button(str(n), f"Opción {n}") for n in range(4)))
    (listed,) = fit(four, whatsapp)
    assert isinstance(listed, List)
    for content in (MENU, LIST, PLACE):
        (words,) = fit(content, sms)
        assert isinstance(words, Text)
    assert linked(PHOTO, sms) == Text("Mira\nhttps://a.example/1.jpg")
    assert linked(PHOTO, whatsapp) == PHOTO


def test_whatsapp_has_a_window_and_sms_has_none() -> None:
    channel = Twilio(TwilioOperator(), None)  # type: ignore[arg-type]
    assert channel.window(NUMBER) == timedelta(hours=24)
    assert channel.window(SMS_NUMBER) is None


LONG_AGO = datetime.now(UTC) - timedelta(minutes=3)


@pytest.mark.parametrize("content", [MENU, Template("", "es", ("Ana",), "Hola Ana")])
async def test_finds_a_content_that_was_taken(front: Front, content: Content) -> None:
    if isinstance(content, Template):
        sid = front.stand_in.library.approve(SID, "Hola {{1}}")
        content = Template(sid, content.language, content.values, content.text)
    front.faults.append("hang-up-after-accept")
    with pytest.raises(Uncertain):
        await front.send(content)
    found = await front.channel.find(message(content), account())
    assert found is not None
    assert found.provider_id == front.stand_in.messages[0].sid


async def test_a_content_in_other_words_is_not_sent_again(front: Front) -> None:
    sid = front.stand_in.library.approve(SID, "Hola {{1}}")
    asked = message(Template(sid, "es", ("Ana",), "otras palabras"), attempted_at=LONG_AGO)
    assert await front.channel.find(asked, account()) is None
    taken = await front.send(asked.content)
    with pytest.raises(CannotTell, match="own words"):
        await front.channel.find(asked, account())
    owned = message(asked.content, attempted_at=LONG_AGO, owned=frozenset({taken.sid}))
    assert await front.channel.find(owned, account()) is None


async def test_typing_is_shown_for_the_contact_s_message(front: Front) -> None:
    form = front.stand_in.inbound(NUMBER, CONTACT, "Hola")
    front.stand_in.receive(form)
    await front.channel.attend(form["MessageSid"], account())
    assert front.stand_in.typing == [form["MessageSid"]]
    with pytest.raises(CannotTell):
        await front.channel.attend("SM" + "9" * 32, account())
    with pytest.raises(NotOffered):
        await front.channel.attend(form["MessageSid"], account(SMS_NUMBER))
    assert front.asked.count("POST /v2/Indicators/Typing.json") == 2


@pytest.mark.parametrize(
    ("base", "asked"),
    [
        ("https://api.twilio.com", "https://messaging.twilio.com"),
        ("https://api.dublin.ie1.twilio.com/", "https://messaging.dublin.ie1.twilio.com"),
        ("http://127.0.0.1:8090/", "http://127.0.0.1:8090"),
        ("https://api.twilio.com.evil.example", "https://api.twilio.com.evil.example"),
    ],
)
async def test_a_product_of_twilio_is_asked_at_its_host(base: str, asked: str) -> None:
    urls = []

    def respond(request: httpx2.Request) -> httpx2.Response:
        urls.append(str(request.url))
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        return httpx2.Response(200, json={"success": True})

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(respond)) as http:
        await Twilio(TwilioOperator(base_url=base), http).attend("SM1", account())
    assert urls == [f"{asked}/v2/Indicators/Typing.json"]


async def test_content_is_asked_for_by_json(front: Front) -> None:
    bodies = []

    async def note(request: httpx2.Request) -> None:
        if request.url.path == "/v1/Content":
            bodies.append(json.loads(request.content))

    front.channel.http.event_hooks["request"].append(note)
    await front.send(MENU)
    assert [sorted(body) for body in bodies] == [["friendly_name", "language", "types"]]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("ñ¿¡üÑ@_\n" * 20, 1),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("€" * 153, 3),  # of an odd number of places: none is cut in two
        ("á" * 70, 1),
        ("á" * 71, 2),
        ("a" * 134 + "í", 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("😀" * 67, 3),
        ("¿Tienen café? ☕", 1),
    ],
)
def test_segments(text: str, count: int) -> None:
    assert segments(text) == count


@settings(deadline=None)
@given(st.text(max_size=700), st.text(max_size=20))
def test_more_text_takes_no_fewer_segments(text: str, more: str) -> None:
    assert 1 <= segments(text) <= segments(text + more)
