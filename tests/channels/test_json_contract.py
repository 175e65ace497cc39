"""The channel json keeps the contract of channels, and what is its own."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import ClassVar

import pytest

from conserje import Account, Forged, InboundMessage, Malformed, Note, Nothing, OutboundMessage, Text, Webhook
from conserje.net.client import client
from conserje.testing import ChannelContract
from conserje_json import SIGNATURE, Json, JsonCredentials

URL = "https://tienda.bot.example/bot/json/webhook"


class TestJson(ChannelContract):
    channel = Json
    address = "json"
    sender = "+56999999999"
    credentials: ClassVar = {"secret": "secreto"}
    other_credentials: ClassVar = {"secret": "ajeno"}

    @pytest.mark.xfail(reason="Programs write a choice as words: its title or its number.")
    def test_reads_which_button_was_pressed(self) -> None:
        super().test_reads_which_button_was_pressed()


@pytest.fixture
def channel() -> Json:
    return Json(Nothing(), client())


@pytest.fixture
def account() -> Account[JsonCredentials, Nothing]:
    return Account("tienda", "json", JsonCredentials(), Nothing())


def posted(body: bytes, account: Account[JsonCredentials, Nothing]) -> Webhook:
    return Webhook("POST", "webhook", URL, SIGNATURE.sign(account.credentials.secret, body), body)


def test_secrets_made_up_are_long_and_never_the_same() -> None:
    made = {JsonCredentials().secret.get_secret_value() for _ in range(3)}
    assert len(made) == 3 and min(map(len, made)) >= 32


def test_the_sender_is_kept_as_given_but_for_space_around_it(
    channel: Json, account: Account[JsonCredentials, Nothing]
) -> None:
    hook = posted(b'{"id": "7", "telefono": " 9 1234-567\\t", "mensaje": "  hola\\n"}', account)
    channel.verify(hook, account)
    assert list(channel.parse(hook)) == [
        InboundMessage("json", "9 1234-567:7", "9 1234-567", Text("  hola\n"))
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"telefono": "+569", "mensaje": "hola"}, "id"),
        ({"id": "a:b", "telefono": "+569", "mensaje": "hola"}, "id"),
        ({"id": "1", "telefono": " ", "mensaje": "hola"}, "telefono"),
        ({"id": "1", "telefono": "9" * 65, "mensaje": "hola"}, "telefono"),
        ({"id": "1", "telefono": "+56\0", "mensaje": "hola"}, "telefono"),
        ({"id": "1", "telefono": [569], "mensaje": "hola"}, "telefono"),
        ({"id": "1", "telefono": "+569", "mensaje": None}, "mensaje"),
        (["hola"], "The body"),
        (b"{", "The body is not JSON."),
        (b"[" * 20_000, "The body is not JSON."),
    ],
)
def test_a_signed_body_that_makes_no_sense_is_malformed(
    channel: Json, account: Account[JsonCredentials, Nothing], body: object, field: str
) -> None:
    given = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(Malformed, match=f"^{field}"):
        channel.verify(posted(given, account), account)


@pytest.mark.parametrize(
    ("body", "sender", "content"),
    [
        (b'{"id": 7, "telefono": 56922222222, "mensaje": "hola"}', "56922222222", Text("hola")),
        (b'{"id": "7", "telefono": "+569", "mensaje": 12}', "+569", Text("12")),
        (b'\xef\xbb\xbf{"id": "7", "telefono": "+569", "mensaje": "hola"}', "+569", Text("hola")),
        (b'{"id": "7", "telefono": "+569", "mensaje": "hola \\ud83d"}', "+569", Text("hola \ufffd")),
        (b'{"id": "7", "telefono": "+569", "mensaje": "hola \xf0\x9f"}', "+569", Text("hola \ufffd")),
        (b'{"id": "7", "telefono": "+569", "mensaje": "hola", "x": [1]}', "+569", Text("hola")),
        (b'{"id": "7", "telefono": "+569", "mensaje": " "}', "+569", Note("An empty message")),
    ],
)
def test_what_was_said_is_heard(
    channel: Json, account: Account[JsonCredentials, Nothing], body: bytes, sender: str, content: Text | Note
) -> None:
    hook = posted(body, account)
    channel.verify(hook, account)
    assert list(channel.parse(hook)) == [InboundMessage("json", f"{sender}:7", sender, content)]


def test_the_signature_is_judged_before_the_body(
    channel: Json, account: Account[JsonCredentials, Nothing]
) -> None:
    with pytest.raises(Forged):
        channel.verify(Webhook("POST", "webhook", URL, {}, b"{"), account)


async def test_a_reply_is_sent_because_it_is_stored(
    channel: Json, account: Account[JsonCredentials, Nothing]
) -> None:
    reply = OutboundMessage(7, "+569", Text("hola"), "", datetime.now(UTC))
    assert await channel.send(reply, account) == await channel.find(reply, account)
