"""The channel web keeps the contract of channels, and takes only what its page posts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from conserje import (
    Account,
    Forged,
    InboundMessage,
    Malformed,
    Nothing,
    OutboundMessage,
    Pressed,
    Receipt,
    SessionKey,
    Text,
    Webhook,
)
from conserje.testing import ChannelContract
from conserje_web import Web
from conserje_web.settings import WebSettings

URL = "https://tienda.bot.example/bot/web/webhook"
WEB = Web(Nothing(), None)  # type: ignore[arg-type]  # it asks no provider
ACCOUNT = Account("tienda", "web", SessionKey(), WebSettings())


class TestWeb(ChannelContract):
    channel = Web
    address = "web"
    sender = "fJ0sPq-Gk_3"
    credentials: ClassVar = {"secret": "a" * 32}
    other_credentials: ClassVar = {"secret": "b" * 32}
    signs_body = False  # the visitor's cookie does not


def posted(body: Any, **headers: str) -> Webhook:
    """What the page of a visitor posts."""
    hook = WEB.compose(ACCOUNT, URL, "ana", "hola")
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Webhook("POST", "webhook", URL, {**hook.headers, **headers}, encoded)


def test_words_and_choices_are_messages() -> None:
    for body, content in (
        ({"id": "a-1", "text": "  hola\n"}, Text("  hola\n")),
        ({"id": "a-1", "text": "ñ" * 4096}, Text("ñ" * 4096)),
        ({"id": "a-1", "pressed": {"id": "12", "title": "Café"}}, Pressed("12", "Café")),
        ({"id": "a-1", "pressed": {"id": 12, "title": ["Café"]}}, Pressed("12", "12")),
        ({"id": "a-1", "pressed": {"id": "12"}, "text": None}, Pressed("12", "12")),
        ({"id": "a-1", "text": "hola", "pressed": 7, "sender": "eva"}, Text("hola")),
        ({"id": "a-1", "text": 7}, Text("7")),
        (b'\xef\xbb\xbf{"id": "a-1", "text": "hola"}', Text("hola")),
        (b'{"id": "a-1", "text": "hola \\ud83d"}', Text("hola \ufffd")),
    ):
        hook = posted(body)
        WEB.verify(hook, ACCOUNT)
        assert list(WEB.parse(hook)) == [InboundMessage("web", "ana:a-1", "ana", content)]


@pytest.mark.parametrize(
    "body",
    [
        {"text": "hola"},
        {"id": "1"},
        {"id": "1", "text": ""},
        {"id": "1", "text": " \n"},
        {"id": "1", "text": "x" * 4097},
        {"id": "1", "text": ["hola"]},
        {"id": "1", "text": True},
        {"id": "", "text": "hola"},
        {"id": "x" * 65, "text": "hola"},
        {"id": "1\n", "text": "hola"},
        {"id": "ñ", "text": "hola"},
        {"id": ["1"], "text": "hola"},
        {"id": "1", "pressed": {"title": "Uno"}},
        ["hola"],
        {"id": "1", "pressed": {"id": "1", "title": "x" * 1001}},
        b'{"id": "1", "text": "hola"',
        b"[" * 20_000,
    ],
)
def test_what_the_page_does_not_post_is_malformed(body: Any) -> None:
    with pytest.raises(Malformed):
        WEB.verify(posted(body), ACCOUNT)


def test_a_form_of_a_foreign_page_is_malformed() -> None:
    with pytest.raises(Malformed):
        WEB.verify(posted({"id": "1", "text": "hola"}, **{"content-type": "text/plain"}), ACCOUNT)


@pytest.mark.parametrize("origin", ["https://mala.bot.example", "https://bot.example", "null", ""])
def test_a_page_of_another_host_is_refused_whatever_it_posts(origin: str) -> None:
    for body in ({"id": "1", "text": "hola"}, b"{"):
        with pytest.raises(Forged):
            WEB.verify(posted(body, origin=origin), ACCOUNT)


def test_a_cookie_of_another_tenant_or_beside_another_is_refused() -> None:
    hook = posted({"id": "1", "text": "hola"})
    foreign = WEB.compose(Account("ajena", "web", ACCOUNT.credentials, WebSettings()), URL, "ana", "hola")
    for cookie in (foreign.headers["cookie"], "; ".join([hook.headers["cookie"]] * 2), "a=b"):
        with pytest.raises(Forged):
            WEB.verify(posted({"id": "1", "text": "hola"}, cookie=cookie), ACCOUNT)


def test_the_visitor_is_found_among_other_cookies() -> None:
    hook = posted({"id": "1", "text": "hola"})
    among = posted({"id": "1", "text": "hola"}, cookie=f"a=b; {hook.headers['cookie']};c=d")
    WEB.verify(among, ACCOUNT)
    assert [message.sender for message in WEB.parse(among)] == ["ana"]


async def test_what_is_in_the_feed_is_sent_and_is_found_there() -> None:
    message = OutboundMessage(7, "ana", Text("hola"), "", datetime.now(UTC))
    assert await WEB.send(message, ACCOUNT) == await WEB.find(message, ACCOUNT) == Receipt("7")
