"""What is sent to Twilio is what its own SDK would send."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import httpx2
import pytest
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client

from conserje import Account, Content, File, Location, Media, OutboundMessage, Template, Text
from conserje_twilio import Twilio, TwilioCredentials, TwilioOperator, TwilioSettings

SID, SERVICE = "AC" + "1" * 32, "MG" + "1" * 32
NUMBER, CONTACT = "whatsapp:+56911111111", "whatsapp:+56922222222"
STATUS = "https://acme.bots.example.com/bot/twilio/status?message=7"
PICTURE = "https://acme.bots.example.com/files/1"
PLACE = Location(latitude=-33.45, longitude=-70.66, name="Ñuñoa", address="Irarrázaval 1")
ANSWER = {"sid": "SM1"}

Asked = tuple[str, str, list[tuple[str, str]]]


class Recorder(HttpClient):
    """Takes what the SDK would send."""

    asked: Asked

    def __init__(self) -> None:
        super().__init__(logging.getLogger(__name__), is_async=False)

    def request(self, method: str, url: str, **sent: Any) -> Response:  # type: ignore[override]
        self.asked = (method, url, _pairs(sent["data"]))
        return Response(200, json.dumps(ANSWER))


def _client(recorder: Recorder) -> Client:
    return Client(SID, "secreto", http_client=recorder)  # type: ignore[no-untyped-call]


def _pairs(fields: dict[str, Any]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in fields.items():
        pairs += [(name, str(each)) for each in (value if isinstance(value, list) else [value])]
    return sorted(pairs)


def _read(request: httpx2.Request) -> Asked:
    pairs = parse_qsl(request.content.decode(), keep_blank_values=True)
    return request.method, str(request.url), sorted(pairs)


async def asked_of(content: Content, settings: TwilioSettings) -> Asked:
    """What the channel asks for."""
    seen: list[Asked] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(_read(request))
        return httpx2.Response(200, json=ANSWER)

    credentials = TwilioCredentials.model_validate({"account_sid": SID, "auth_token": "secreto"})
    account = Account("tienda", NUMBER, credentials, settings)
    message = OutboundMessage(
        id=7,
        to=CONTACT,
        content=content,
        status_url=STATUS,
        attempted_at=datetime.now(UTC),
        owned=frozenset(),
    )
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        await Twilio(TwilioOperator(), http).send(message, account)
    return seen[-1]


@pytest.mark.parametrize(
    ("content", "settings", "fields"),
    [
        (Text("Hola, ñandú & más"), {}, {"body": "Hola, ñandú & más"}),
        (Text("Hola"), {"messaging_service_sid": SERVICE}, {"body": "Hola"}),
        (Media((File(PICTURE, "image/jpeg"),), caption="Azul"), {}, {"media_url": [PICTURE], "body": "Azul"}),
        (
            Template("HX" + "1" * 32, values=("Ana", "dos")),
            {},
            {"content_sid": "HX" + "1" * 32, "content_variables": '{"1": "Ana", "2": "dos"}'},
        ),
        (
            PLACE,
            {},
            {"body": "Ñuñoa", "persistent_action": ["geo:-33.45,-70.66|Irarrázaval 1"]},
        ),
    ],
)
async def test_a_message_is_asked_for_as_the_sdk_asks(
    content: Content, settings: dict[str, str], fields: dict[str, Any]
) -> None:
    recorder = Recorder()
    _client(recorder).messages.create(to=CONTACT, from_=NUMBER, status_callback=STATUS, **settings, **fields)
    assert await asked_of(content, TwilioSettings.model_validate(settings)) == recorder.asked
