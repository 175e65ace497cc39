"""What a provider's answer, or its silence, means."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx2
import pytest

from conserje import CannotTell, TryLater, Uncertain
from conserje.kit import Answered, ask, look
from conserje.kit.asking import LARGEST

URL = "https://api.acme.example/bot123:S3CRETO/messages?key=CLAVE"
PRIVATE = ("S3CRETO", "CLAVE", "acme.example", "hola")

Answer = Callable[[httpx2.Request], httpx2.Response]


def asked(answer: Answer | httpx2.Response, retry_after: str = "") -> Answered:
    def handler(request: httpx2.Request) -> httpx2.Response:
        return answer if isinstance(answer, httpx2.Response) else answer(request)

    async def work() -> Answered:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(handler)) as http:
            return await ask(http, "POST", URL, json={"text": "hola"}, retry_after=retry_after)

    return asyncio.run(work())


def failing(error: type[httpx2.TransportError]) -> Answer:
    def answer(request: httpx2.Request) -> httpx2.Response:
        raise error(f"of {request.url}", request=request)

    return answer


def test_a_good_answer_is_handed_on() -> None:
    assert asked(httpx2.Response(200, json={"id": 7})) == Answered(200, {"id": 7})
    assert asked(httpx2.Response(204)) == Answered(204)
    assert asked(httpx2.Response(201, json=[])).ok


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 499])
def test_a_refusal_is_the_plugin_s_to_judge(status: int) -> None:
    answered = asked(httpx2.Response(status, json={"code": 3}))
    assert answered == Answered(status, {"code": 3}) and not answered.ok
    assert asked(httpx2.Response(status, text="<html>")) == Answered(status)


@pytest.mark.parametrize(
    "error", [httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError]
)
def test_who_was_not_reached_took_nothing(error: type[httpx2.TransportError]) -> None:
    with pytest.raises(TryLater) as raised:
        asked(failing(error))
    assert raised.value.after > 0
    assert not any(each in str(raised.value) for each in PRIVATE)
    assert raised.value.__suppress_context__


@pytest.mark.parametrize(
    "answer",
    [
        failing(httpx2.ReadTimeout),
        failing(httpx2.WriteTimeout),
        failing(httpx2.ReadError),
        failing(httpx2.RemoteProtocolError),
        httpx2.Response(500, json={}),
        httpx2.Response(503, headers={"retry-after": "3"}),
        httpx2.Response(408),
        httpx2.Response(302, headers={"location": "https://other.example/"}),
        httpx2.Response(200, text="<html>hola</html>"),
        httpx2.Response(200, content=b"[" * 100_000),
        httpx2.Response(200, content=b"1" * (LARGEST + 1)),
        httpx2.Response(200, headers={"content-encoding": "gzip"}, stream=httpx2.ByteStream(b"no")),
    ],
)
def test_whoever_may_have_taken_it_leaves_it_uncertain(answer: Answer | httpx2.Response) -> None:
    with pytest.raises(Uncertain) as raised:
        asked(answer)
    assert not any(each in str(raised.value) for each in PRIVATE)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


@pytest.mark.parametrize(
    ("headers", "body", "after"),
    [
        ({"retry-after": "17"}, {}, 17),
        ({}, {"parameters": {"retry_after": 35}}, 35),
        ({"retry-after": "17"}, {"parameters": {"retry_after": 0.2}}, 1),
        ({"retry-after": "99999"}, {}, 300),
        ({}, {"parameters": {"retry_after": 10**400}}, 300),
        ({"retry-after": "nan"}, {"parameters": {"retry_after": "3"}}, 5),
        ({"retry-after": "-1"}, {"parameters": []}, 5),
        ({}, [], 5),
    ],
)
def test_who_is_busy_says_until_when(headers: dict[str, str], body: object, after: float) -> None:
    with pytest.raises(TryLater) as raised:
        asked(httpx2.Response(429, headers=headers, json=body), "parameters.retry_after")
    assert raised.value.after == after


async def test_an_answer_that_does_not_end_is_not_read_to_its_end() -> None:
    given = 0

    async def forever() -> AsyncIterator[bytes]:
        nonlocal given
        while True:
            given += 2**16
            yield b" " * 2**16

    async with httpx2.AsyncClient(
        transport=httpx2.MockTransport(lambda _: httpx2.Response(200, content=forever()))
    ) as http:
        with pytest.raises(Uncertain):
            await ask(http, "GET", URL)
    assert given <= LARGEST + 2**17


@pytest.mark.parametrize(
    "answer", [failing(httpx2.ConnectError), failing(httpx2.ReadTimeout), httpx2.Response(500)]
)
async def test_what_changes_nothing_could_not_be_told(answer: Answer | httpx2.Response) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        return answer if isinstance(answer, httpx2.Response) else answer(request)

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(handler)) as http:
        with pytest.raises(CannotTell):
            await look(http, "GET", URL)


async def test_what_changes_nothing_is_answered_alike() -> None:
    transport = httpx2.MockTransport(lambda _: httpx2.Response(404, json={"error": "none"}))
    async with httpx2.AsyncClient(transport=transport) as http:
        assert await look(http, "GET", URL) == Answered(404, {"error": "none"})


async def test_what_is_sent_is_json_also_where_a_character_is_halved() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        assert request.headers["content-type"] == "application/json" and request.headers["x-key"] == "1"
        return httpx2.Response(200, content=request.content)

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(handler)) as http:
        for sent, told in (({"text": "ñ"}, {"text": "ñ"}), ([], []), ("\udc80", "\ufffd")):
            answered = await ask(http, "POST", URL, json=sent, headers={"x-key": "1"})
            assert answered.json == told
