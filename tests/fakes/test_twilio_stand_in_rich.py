"""The Twilio stand-in's contents, files, services and settings are as strict as Twilio's."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from twilio.request_validator import RequestValidator, get_signature_algorithm
from waiting import LIMIT

from conserje_fakes.server import serving
from conserje_fakes.twilio import StandIn, TwilioAccount, create

SID, SERVICE = "AC" + "1" * 32, "MG" + "3" * 32
NUMBER, CONTACT = "whatsapp:+56911111111", "whatsapp:+56922222222"
SMS_NUMBER, SMS_CONTACT = "+56911111111", "+56922222222"
MESSAGES = f"/2010-04-01/Accounts/{SID}/Messages.json"
JPEG = b"\xff\xd8\xff\xe0 a picture"


@asynccontextmanager
async def twilio(**ways: Any) -> AsyncIterator[tuple[httpx2.AsyncClient, StandIn]]:
    owned = ways.pop("account", {"services": {SERVICE: (NUMBER, SMS_NUMBER)}})
    app = create(
        [TwilioAccount(SID, "secreto", (NUMBER, SMS_NUMBER), **owned)],
        **{"habit": "before the answer"} | ways,
    )
    async with (
        serving(app) as url,
        httpx2.AsyncClient(base_url=url, auth=(SID, "secreto"), timeout=LIMIT, trust_env=False) as http,
    ):
        yield http, app.state.stand_in


def menu(buttons: int = 2, **changes: Any) -> dict[str, Any]:
    actions = [{"type": "QUICK_REPLY", "title": f"Opción {n}", "id": f"{n}"} for n in range(buttons)]
    return {
        "language": "es",
        "types": {"twilio/quick-reply": {"body": "¿Cuál?", "actions": actions} | changes},
    }


def listed(**changes: Any) -> dict[str, Any]:
    items = [{"item": "Café", "id": "1"}]
    content = {"body": "¿Cuál?", "button": "Ver", "items": items} | changes
    return {"language": "es", "types": {"twilio/list-picker": content}}


@pytest.mark.parametrize(
    "asked",
    [
        {},
        [],
        {"language": "es"},
        {"types": menu()["types"]},
        menu(0),
        menu(11),
        menu(body=""),
        menu(body="a" * 1025),
        menu(actions=[{"title": "a" * 21, "id": "1"}]),
        menu(actions=[{"title": "Sí", "id": ""}]),
        menu(actions=[{"title": "Sí", "id": "1"}, {"title": "No", "id": "1"}]),
        listed(button="a" * 21),
        listed(items=[]),
        listed(items=[{"item": "a" * 25, "id": "1"}]),
        listed(items=[{"item": "Café", "id": "a" * 201}]),
        listed(items=[{"item": "Café", "id": "1", "description": "a" * 73}]),
        listed(items=[{"item": "Café", "id": "1", "description": ""}]),
        {"language": "es", "types": {"twilio/hologram": {"body": "Hola"}}},
    ],
)
async def test_a_content_that_twilio_would_not_make_is_not_made(asked: Any) -> None:
    async with twilio() as (http, stand_in):
        answer = await http.post("/v1/Content", json=asked)
    assert (answer.status_code, answer.json()["code"]) == (400, 20001)
    assert stand_in.library.contents == {}


async def test_content_is_made_by_json_only_and_by_the_account_only() -> None:
    async with twilio() as (http, _):
        as_form = await http.post("/v1/Content", data={"language": "es"})
        mislabelled = await http.post(
            "/v1/Content", content=b"language=es", headers={"content-type": "application/json"}
        )
        stranger = await http.post("/v1/Content", json=menu(), auth=(SID, "otro"))
        made = await http.post("/v1/Content", json=menu())
    assert [each.status_code for each in (as_form, mislabelled, stranger, made)] == [400, 400, 401, 201]
    assert made.json()["sid"].startswith("HX")


def ordered(**fields: Any) -> dict[str, Any]:
    plain = {"To": CONTACT, "From": NUMBER, "Body": "Hola"}
    return {name: value for name, value in {**plain, **fields}.items() if value is not None}


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ('{"1": "Ana"}', None),
        ("", None),
        ("Ana", 21656),
        ("[]", 21656),
        ('{"1": ""}', 21656),
        ('{"1": null}', 21656),
        ('{"1": "a\\nb"}', 21656),
        ('{"1": "a\\tb"}', 21656),
        ('{"1": "a     b"}', 21656),
        ('{"1": "a    b"}', None),
        (json.dumps({"1": "a" * 1601}), 21656),
        (json.dumps({str(n): "a" for n in range(101)}), 21656),
    ],
)
async def test_what_a_template_is_filled_with_is_checked(variables: str, code: int | None) -> None:
    async with twilio() as (http, stand_in):
        sid = stand_in.library.approve(SID, "Hola {{1}}", **{"1": "tú"})
        form = ordered(Body=None, ContentSid=sid, ContentVariables=variables)
        answer = await http.post(MESSAGES, data=form)
    assert answer.json().get("code") == code
    assert len(stand_in.messages) == (code is None)


async def test_another_account_s_content_is_none() -> None:
    async with twilio() as (http, stand_in):
        sid = stand_in.library.approve("AC" + "2" * 32, "Hola")
        answer = await http.post(MESSAGES, data=ordered(Body=None, ContentSid=sid))
    assert answer.json()["code"] == 21655


async def test_outside_the_window_an_approved_template_leaves_and_a_menu_does_not() -> None:
    async with twilio(window=timedelta(hours=24)) as (http, stand_in):
        made = (await http.post("/v1/Content", json=menu())).json()["sid"]
        approved = stand_in.library.approve(SID, "Hola")
        for sid in (made, approved):
            assert (await http.post(MESSAGES, data=ordered(Body=None, ContentSid=sid))).status_code == 201
    assert [message.error_code for message in stand_in.messages] == [63016, None]


@pytest.mark.parametrize(("buttons", "code"), [(3, None), (4, 63005)])
async def test_in_a_session_three_buttons_are_shown(buttons: int, code: int | None) -> None:
    async with twilio() as (http, stand_in):
        sid = (await http.post("/v1/Content", json=menu(buttons))).json()["sid"]
        await http.post(MESSAGES, data=ordered(Body=None, ContentSid=sid))
    assert stand_in.messages[0].error_code == code


@pytest.mark.parametrize(
    ("head", "got", "code"),
    [
        (("image/jpeg", 200), ("image/jpeg", JPEG), None),
        (("image/jpeg", 404), ("image/jpeg", JPEG), 63019),
        (("image/jpeg", 405), ("image/jpeg", JPEG), 63019),
        (("image/jpeg", 200), ("image/jpeg", b""), 63019),
        (("image/png", 200), ("image/jpeg", JPEG), 12300),
        (("image/png", 200), ("image/png", JPEG), 12300),
        (("text/html", 200), ("text/html", b"<html>"), 12300),
        (("application/pdf", 200), ("application/pdf", b"%PDF-1.7"), None),
        (("image/jpeg", 200), ("image/jpeg", JPEG + bytes(5 * 1024 * 1024)), 63019),
        (("application/pdf", 200), ("application/pdf", b"%PDF" + bytes(5 * 1024 * 1024)), None),
        (("application/pdf", 200), ("application/pdf", b"%PDF" + bytes(16 * 1024 * 1024)), 63019),
    ],
)
async def test_a_file_is_looked_at_by_head_and_get(
    head: tuple[str, int], got: tuple[str, bytes], code: int | None
) -> None:
    asked = []

    async def serve(request: Request) -> Response:
        asked.append((request.method, request.headers["host"].partition(":")[0]))
        if request.method == "HEAD":
            return Response(status_code=head[1], media_type=head[0])
        return Response(got[1], media_type=got[0])

    files = Starlette(routes=[Route("/f", serve, methods=["GET", "HEAD"])])
    async with serving(files) as url, twilio() as (http, stand_in):
        link = url.replace("127.0.0.1", "tienda.localhost") + "/f"
        await http.post(MESSAGES, data=ordered(MediaUrl=link))
    assert asked == [("HEAD", "tienda.localhost"), ("GET", "tienda.localhost")]
    assert stand_in.messages[0].error_code == code


@pytest.mark.parametrize(
    ("name", "shown"), [("a.jpg", "Mira"), ("v.mp4", "Mira"), ("a.ogg", ""), ("a.pdf", ""), ("a", "")]
)
async def test_words_are_seen_below_pictures_and_films(name: str, shown: str) -> None:
    async with twilio() as (http, stand_in):
        await http.post(MESSAGES, data=ordered(Body="Mira", MediaUrl=f"https://a.example/{name}"))
    assert stand_in.messages[0].shown == shown


async def test_a_file_at_nobody_s_address_fails() -> None:
    async with serving(Starlette()) as gone:
        pass
    async with twilio() as (http, stand_in):
        await http.post(MESSAGES, data=ordered(MediaUrl=gone + "/f"))
    assert stand_in.messages[0].error_code == 63019


async def test_what_contacts_sent_is_in_a_store_that_takes_no_token_and_opens_once() -> None:
    async with twilio() as (http, stand_in):
        path = stand_in.files.add(SID, JPEG, "image/jpeg")
        assert (await http.get(path, auth=("", ""))).status_code == 401
        assert (await http.get(path[:-1] + "x")).status_code == 404
        onward = await http.get(path)
        again = await http.get(path)
        first, second = onward.headers["location"], again.headers["location"]
        assert onward.status_code == 307
        assert httpx2.URL(first).host == "localhost"
        async with httpx2.AsyncClient(timeout=LIMIT, trust_env=False) as stranger:
            read = await stranger.get(first.replace("localhost", "127.0.0.1"))
            reread = await stranger.get(first.replace("localhost", "127.0.0.1"))
        with_token = await http.get(second.replace("localhost", "127.0.0.1"))
    assert (read.content, read.headers["content-type"]) == (JPEG, "image/jpeg")
    assert (reread.status_code, with_token.status_code) == (404, 400)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"From": None}, None),
        ({}, None),
        ({"MessagingServiceSid": "MG" + "9" * 32}, 21701),
        ({"From": "whatsapp:+56999999999"}, 21703),
    ],
)
async def test_a_service_sends_from_its_pool(fields: dict[str, Any], code: int | None) -> None:
    async with twilio(habit="late") as (http, _):
        answer = await http.post(MESSAGES, data=ordered(**{"MessagingServiceSid": SERVICE} | fields))
    taken = answer.json()
    assert taken.get("code") == code
    if code is None:
        assert (taken["status"], taken["from"], taken["messaging_service_sid"]) == (
            "accepted",
            NUMBER,
            SERVICE,
        )


async def test_what_a_service_finds_no_sender_for_fails_by_a_status_that_names_none() -> None:
    async with twilio(account={"services": {SERVICE: (NUMBER,)}}) as (http, stand_in):
        form = ordered(From=None, To=SMS_CONTACT, MessagingServiceSid=SERVICE)
        assert (await http.post(MESSAGES, data=form)).status_code == 201
    (message,) = stand_in.messages
    assert (message.status, message.error_code, message.sender) == ("failed", 21703, "")


@pytest.mark.parametrize(
    ("number", "text", "kind"),
    [
        (SMS_NUMBER, " stop", "STOP"),
        (SMS_NUMBER, "Start", "START"),
        (SMS_NUMBER, "help", "HELP"),
        (SMS_NUMBER, "stop it", None),
        (NUMBER, "STOP", None),
    ],
)
async def test_a_service_tells_of_the_words_that_it_answers(number: str, text: str, kind: str | None) -> None:
    async with twilio() as (_, stand_in):
        form = stand_in.inbound(number, SMS_CONTACT, text)
    assert form["MessagingServiceSid"] == SERVICE
    assert form.get("OptOutType") == kind


async def test_typing_is_for_a_message_that_somebody_wrote() -> None:
    async with twilio() as (http, stand_in):
        written = stand_in.inbound(NUMBER, CONTACT, "Hola")
        by_sms = stand_in.inbound(SMS_NUMBER, SMS_CONTACT, "Hola")
        for form in (written, by_sms):
            stand_in.receive(form)
        sids = (written["MessageSid"], by_sms["MessageSid"], "SM" + "9" * 32)
        answers = [
            await http.post("/v2/Indicators/Typing.json", data={"channel": "whatsapp", "messageId": sid})
            for sid in sids
        ]
    assert [answer.status_code for answer in answers] == [200, 400, 400]
    assert stand_in.typing == [written["MessageSid"]]


@asynccontextmanager
async def receiver(*statuses: int) -> AsyncIterator[tuple[str, list[tuple[Request, dict[str, Any]]]]]:
    """Somebody's webhook, that answers so."""
    posted: list[tuple[Request, dict[str, Any]]] = []
    left = list(statuses)

    async def take(request: Request) -> Response:
        posted.append((request, dict(await request.form())))
        return Response(status_code=left.pop(0))

    async with serving(Starlette(routes=[Route("/{path:path}", take, methods=["POST"])])) as url:
        yield url.replace("127.0.0.1", "tienda.localhost"), posted


async def test_what_is_not_taken_goes_to_the_fallback_signed_for_it() -> None:
    async with receiver(503, 204) as (url, posted), twilio() as (_, stand_in):
        form = list(stand_in.inbound(NUMBER, CONTACT, "Hola").items())
        delivered = await stand_in.deliver(f"{url}/webhook", form, fallback=f"{url}/fallback")
    (_, first), (request, second) = posted
    assert (delivered.status, delivered.error_code) == (204, None)
    assert second == first | {"ErrorCode": "11200", "ErrorUrl": f"{url}/webhook"}
    validator = RequestValidator("secreto")  # type: ignore[no-untyped-call]
    assert validator.validate(f"{url}/fallback", second, request.headers["x-twilio-signature"])  # type: ignore[no-untyped-call]


async def test_with_a_shared_key_webhooks_are_signed_by_it() -> None:
    async with (
        receiver(204) as (url, posted),
        twilio(account={"shared_key": ("clave", "compartido")}) as (_, stand_in),
    ):
        await stand_in.deliver(url + "/a", list(stand_in.inbound(NUMBER, CONTACT, "Hola").items()))
    ((request, form),) = posted
    settings = request.headers["x-twilio-webhooks-signature-settings"]
    assert settings == "key=clave,algorithm=HMAC_SHA256"
    algorithm = get_signature_algorithm(settings)  # type: ignore[no-untyped-call]
    given = request.headers["x-twilio-signature"]
    validator = RequestValidator("compartido")  # type: ignore[no-untyped-call]
    assert validator.validate(url + "/a", form, given, algorithm)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("inherits", ["true", "false"])
async def test_what_is_written_is_posted_where_the_service_or_its_number_says(inherits: str) -> None:
    numbers = f"/2010-04-01/Accounts/{SID}/IncomingPhoneNumbers"
    async with receiver(204, 204) as (url, posted), twilio() as (http, stand_in):
        found = await http.get(numbers + ".json", params={"PhoneNumber": SMS_NUMBER})
        (number,) = found.json()["incoming_phone_numbers"]
        await http.post(f"{numbers}/{number['sid']}.json", data={"SmsUrl": url + "/number"})
        form = {"InboundRequestUrl": url + "/service", "UseInboundWebhookOnNumber": inherits}
        await http.post(f"/v1/Services/{SERVICE}", data=form)
        await stand_in.write(SMS_NUMBER, SMS_CONTACT, "Hola")
    ((request, _),) = posted
    assert request.url.path == ("/number" if inherits == "true" else "/service")


async def test_senders_come_page_by_page_and_are_set_by_json() -> None:
    numbers = ("whatsapp:+56900000000", NUMBER)
    app = create([TwilioAccount(SID, "secreto", numbers)])
    async with (
        serving(app) as url,
        httpx2.AsyncClient(base_url=url, auth=(SID, "secreto"), timeout=LIMIT) as http,
    ):
        first = (await http.get("/v2/Channels/Senders", params={"Channel": "whatsapp"})).json()
        second = (await http.get(first["meta"]["next_page_url"])).json()
        (sender,) = second["senders"]
        path = f"/v2/Channels/Senders/{sender['sid']}"
        as_form = await http.post(path, data={"webhook": "x"})
        set_so = await http.post(path, json={"webhook": {"callback_url": "https://a.example/"}})
        missing = await http.post("/v2/Channels/Senders/XE1", json={})
    assert (sender["sender_id"], second["meta"]["next_page_url"]) == (NUMBER, None)
    assert (as_form.status_code, set_so.status_code, missing.status_code) == (400, 202, 404)
    assert app.state.stand_in.setup.webhook(NUMBER, None) == "https://a.example/"
