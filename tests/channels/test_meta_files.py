"""Files that contacts sent: the access token is shown to Meta alone."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import httpx2
import pytest
import pytest_asyncio
from waiting import LIMIT

from conserje import Account, File, Refused, TryLater
from conserje_fakes.meta import Number, StandIn, create
from conserje_fakes.server import serving
from conserje_meta import Meta, MetaCredentials, MetaOperator, MetaSettings

NUMBER, TOKEN = "106540352242922", "EAAficha"
FILE = bytes(range(256)) * 2000


def account(access_token: str = TOKEN) -> Account[MetaCredentials, MetaSettings]:
    credentials = MetaCredentials.model_validate({"access_token": access_token})
    return Account("tienda", NUMBER, credentials, MetaSettings())


@dataclass
class Clock:
    ahead: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass
class Front:
    channel: Meta
    meta: StandIn
    clock: Clock

    async def bytes_of(self, id: str, **given: str) -> bytes:
        return b"".join([chunk async for chunk in self.channel.media(File(id), account(**given))])


@pytest_asyncio.fixture
async def front() -> AsyncIterator[Front]:
    clock = Clock()
    app = create([Number(NUMBER, TOKEN, "s3creto"), Number("2", "EAAotra", "s3creto")], now=clock)
    async with serving(app) as url, httpx2.AsyncClient(timeout=LIMIT, trust_env=False) as http:
        yield Front(Meta(MetaOperator(base_url=url), http), app.state.stand_in, clock)


async def test_a_file_comes_in_pieces_as_it_was_sent(front: Front) -> None:
    id = front.meta.keep_file(NUMBER, FILE, "image/jpeg")
    pieces = [chunk async for chunk in front.channel.media(File(id), account())]
    assert b"".join(pieces) == FILE
    assert len(pieces) > 1


async def test_a_file_s_address_is_asked_for_anew_each_time(front: Front) -> None:
    id = front.meta.keep_file(NUMBER, FILE, "image/jpeg")
    assert await front.bytes_of(id) == FILE
    front.clock.ahead = 301
    assert await front.bytes_of(id) == FILE


async def test_a_file_that_is_not_the_announced_one_raises_at_the_end(front: Front) -> None:
    id = front.meta.keep_file(NUMBER, FILE, "image/jpeg", sha256="0" * 64)
    with pytest.raises(TryLater):
        await front.bytes_of(id)


@pytest.mark.parametrize("id", ["1", "../2/messages", "", "1?fields=access_token"])
async def test_a_file_that_meta_does_not_have_is_refused(front: Front, id: str) -> None:
    with pytest.raises(Refused):
        await front.bytes_of(id)


async def test_another_number_s_file_is_not_had(front: Front) -> None:
    with pytest.raises(Refused, match="no longer has the file"):
        await front.bytes_of(front.meta.keep_file("2", FILE, "image/jpeg"))


GONE = [(100, 33, 400), (131052, 0, 400), (1000, 0, 404)]
NOT_GONE = [(100, 0, 400), (100, 2018001, 400), (190, 0, 401), (1, 0, 500), (10, 0, 403), (4, 0, 404)]


@pytest.mark.parametrize(("code", "subcode", "status"), GONE + NOT_GONE)
async def test_a_file_is_gone_where_meta_says_that_and_may_be_had_later_else(
    code: int, subcode: int, status: int
) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        assert "phone_number_id" not in str(request.url)
        return httpx2.Response(status, json={"error": {"code": code, "error_subcode": subcode}})

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        with pytest.raises(Refused if (code, subcode, status) in GONE else TryLater):
            _ = [chunk async for chunk in Meta(MetaOperator(), http).media(File("1"), account())]


async def test_a_token_that_meta_does_not_know_may_be_mended(front: Front) -> None:
    id = front.meta.keep_file(NUMBER, FILE, "image/jpeg")
    with pytest.raises(TryLater, match="seal it again"):
        await front.bytes_of(id, access_token="EAAvieja")


Answer = Callable[[httpx2.Request], httpx2.Response]


async def fetch(url: str, answer: Answer, sha256: str = "") -> tuple[bytes, list[httpx2.Request]]:
    """What comes of a file at `url`, and the requests after the first one."""
    seen: list[httpx2.Request] = []

    def transport(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        if len(seen) == 1:
            return httpx2.Response(200, json={"url": url, "sha256": sha256})
        return answer(request)

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(transport)) as http:
        meta = Meta(MetaOperator(), http)
        try:
            found = b"".join([chunk async for chunk in meta.media(File("1"), account())])
        finally:
            assert len(seen) < 3
    return found, seen[1:]


@pytest.mark.parametrize(
    "url",
    [
        "https://lookaside.fbsbx.com/x?mid=1",
        "https://a.b.facebook.com/x",
        "https://graph.facebook.com/v26.0/f",
    ],
)
async def test_the_bearer_goes_to_meta_s_hosts(url: str) -> None:
    found, (request,) = await fetch(url, lambda _: httpx2.Response(200, stream=httpx2.ByteStream(FILE)))
    assert found == FILE
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["accept-encoding"] == "identity"


STRANGE = [
    "http://lookaside.fbsbx.com/x",
    "https://lookaside.fbsbx.com.evil.example/x",
    "https://evilfbsbx.com/x",
    "https://fbsbx.com@evil.example/x",
    "https://evil.example\\@lookaside.fbsbx.com/x",
    "https://lookaside.fbsbx.com:8443/x",
    "http://169.254.169.254/latest",
    "file:///etc/passwd",
    "//evil.example",
    "",
    "https://[",
]


@pytest.mark.parametrize("url", STRANGE)
async def test_the_bearer_goes_nowhere_else(url: str) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        pytest.fail(f"asked {request.url.host}")

    with pytest.raises(Refused):
        await fetch(url, answer)


async def test_a_redirect_is_not_followed() -> None:
    elsewhere = {"location": "http://169.254.169.254/"}
    with pytest.raises(TryLater):
        await fetch("https://lookaside.fbsbx.com/x", lambda _: httpx2.Response(302, headers=elsewhere))


async def test_a_compressed_file_is_not_taken_for_the_file() -> None:
    packed = {"content-encoding": "gzip"}
    with pytest.raises(TryLater, match="compressed"):
        await fetch("https://lookaside.fbsbx.com/x", lambda _: httpx2.Response(200, headers=packed))


async def test_a_sum_in_base64_is_one_too() -> None:
    digest = hashlib.sha256(FILE).digest()

    url, good = "https://lookaside.fbsbx.com/x", base64.b64encode(digest).decode()
    found, _ = await fetch(url, lambda _: httpx2.Response(200, stream=httpx2.ByteStream(FILE)), good)
    assert found == FILE
