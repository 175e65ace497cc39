"""Files that contacts sent: the auth token is shown to Twilio alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from ipaddress import ip_network

import httpx2
import pytest
import pytest_asyncio
from waiting import LIMIT

from conserje import Account, File, Refused, TryLater
from conserje.net.fetch import allow
from conserje_fakes.server import serving
from conserje_fakes.twilio import TwilioAccount, create
from conserje_fakes.twilio_messages import StandIn
from conserje_twilio import Twilio, TwilioCredentials, TwilioOperator, TwilioSettings

SID = "AC" + "1" * 32
NUMBER = "whatsapp:+56911111111"
PHOTO = b"\xff\xd8\xff" + bytes(range(256)) * 1000


class Front:
    """The channel in front of a stand-in that has files; `shown` is who was shown an Authorization header."""

    def __init__(self, url: str, stand_in: StandIn, http: httpx2.AsyncClient) -> None:
        self.url = url
        self.stand_in = stand_in
        self.channel = Twilio(TwilioOperator(base_url=url), http)

    def add(self, content: bytes = PHOTO) -> File:
        return File(self.url + self.stand_in.files.add(SID, content, "image/jpeg"), "image/jpeg")

    async def read(self, file: File, **tokens: str) -> bytes:
        return await read(self.channel, file, **tokens)


async def read(channel: Twilio, file: File, **tokens: str) -> bytes:
    given = {"account_sid": SID} | (tokens or {"auth_token": "secreto"})
    account = Account("tienda", NUMBER, TwilioCredentials.model_validate(given), TwilioSettings())
    return b"".join([part async for part in channel.media(file, account)])


@pytest_asyncio.fixture
async def front() -> AsyncIterator[Front]:
    app = create([TwilioAccount(SID, "secreto", (NUMBER,))])
    allow([ip_network("127.0.0.0/8")])  # the store is at localhost
    try:
        async with serving(app) as url, httpx2.AsyncClient(timeout=LIMIT, trust_env=False) as http:
            yield Front(url, app.state.stand_in, http)
    finally:
        allow(())


async def test_a_file_is_read_from_the_store_without_the_token(front: Front) -> None:
    assert await front.read(front.add()) == PHOTO


async def test_in_a_rotation_the_token_that_lives_is_used(front: Front) -> None:
    assert await front.read(front.add(), auth_token="muerto", next_auth_token="secreto") == PHOTO


async def test_a_token_that_twilio_refuses_may_be_mended(front: Front) -> None:
    with pytest.raises(TryLater, match=r"20003: .*auth_token") as later:
        await front.read(front.add(), auth_token="otro")
    assert "otro" not in str(later.value)


async def test_a_file_that_twilio_no_longer_has_is_gone(front: Front) -> None:
    gone = front.add()
    front.stand_in.files.kept.clear()
    with pytest.raises(Refused, match="no longer has"):
        await front.read(gone)


async def test_a_store_in_our_own_network_is_not_asked(front: Front) -> None:
    allow(())
    with pytest.raises(Refused, match="public internet"):
        await front.read(front.add())


@pytest.mark.parametrize(
    "ref",
    [
        "https://api.twilio.com.evil.example/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1",
        "https://api.twilio.com@evil.example/x",
        "https://evil.example@api.twilio.com/x",
        "https://api.twilio.com:8443/x",
        "http://api.twilio.com/x",
        "https://evil.example/https://api.twilio.com/x",
        "//api.twilio.com/x",
        "file:///etc/passwd",
        "kept:7",
        "",
        "https://[",
    ],
)
async def test_nobody_else_is_asked(ref: str) -> None:
    asked = []

    def respond(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(200, content=PHOTO)

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(respond)) as http:
        with pytest.raises(Refused, match="auth token is not shown"):
            await read(Twilio(TwilioOperator(), http), File(ref))
    assert asked == []


@pytest.mark.parametrize(
    ("answer", "outcome", "text"),
    [
        (httpx2.Response(410), Refused, "no longer has"),
        (httpx2.Response(500), TryLater, "500"),
        (httpx2.Response(429), TryLater, "429"),
        (httpx2.Response(200, headers={"content-encoding": "gzip"}, content=b""), Refused, "compressed"),
        (httpx2.Response(302, headers={"location": "http://169.254.169.254/latest"}), Refused, "public"),
        (httpx2.Response(302, headers={"location": "http://127.0.0.1/"}), Refused, "public"),
        (httpx2.Response(302, headers={"location": "file:///etc/passwd"}), Refused, "http"),
    ],
)
async def test_answers_and_what_they_mean(
    answer: httpx2.Response, outcome: type[Exception], text: str
) -> None:
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: answer)) as http:
        with pytest.raises(outcome, match=text):
            await read(Twilio(TwilioOperator(), http), File("https://api.twilio.com/2010-04-01/x"))


async def test_a_file_is_read_as_it_comes() -> None:
    sent = []

    async def endless() -> AsyncIterator[bytes]:
        while True:
            sent.append(1)
            yield b"x" * 1024

    answer = httpx2.Response(200, content=endless())
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: answer)) as http:
        credentials = TwilioCredentials.model_validate({"account_sid": SID, "auth_token": "secreto"})
        account = Account("tienda", NUMBER, credentials, TwilioSettings())
        parts = Twilio(TwilioOperator(), http).media(File("https://api.twilio.com/x"), account)
        assert len(await anext(parts)) + len(await anext(parts)) == 2048
        await parts.aclose()  # type: ignore[attr-defined]
    assert len(sent) == 2
