"""Who stands in for a provider: what it was asked, and what of a message was in that."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import parse_qsl, unquote

import httpx2

from conserje.net import fetch

Handler = Callable[[httpx2.Request], httpx2.Response | Awaitable[httpx2.Response]]

_WORD = re.compile(r"\w+")
_LONGEST = 300.0  # seconds that a time limit can be meant to have
_USUAL = {"host", "content-length", "user-agent", "accept", "accept-encoding", "connection"}


class Provider(httpx2.AsyncBaseTransport):
    """Answers in memory, and keeps what it was asked."""

    def __init__(self, answer: Handler) -> None:
        self.answer = answer
        self.requests: list[httpx2.Request] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await request.aread()
        self.requests.append(request)
        await asyncio.sleep(0)  # others have their turn, as with a real one
        answer = self.answer(request)
        return _copied(answer if isinstance(answer, httpx2.Response) else await answer)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx2.AsyncClient]:
        """As core's is, with nobody outside; `conserje.fetch` asks here, too."""
        with _fetching(self):
            async with httpx2.AsyncClient(transport=self, follow_redirects=False, trust_env=False) as http:
                yield http

    def told(self) -> list[str]:
        """Everything that it was asked, decoded, place by place."""
        return [value for request in self.requests for value in places(request).values()]


def _copied(answer: httpx2.Response) -> httpx2.Response:
    """One may be given again and again; what comes as a stream is given once."""
    try:
        content = answer.content
    except httpx2.ResponseNotRead:
        return answer  # and what a server in memory gives
    return httpx2.Response(answer.status_code, headers=answer.headers, stream=httpx2.ByteStream(content))


def answering(status: int = 200, text: str = "", headers: Mapping[str, str] | None = None) -> Handler:
    """Answers so, whatever is asked."""
    return lambda _: httpx2.Response(status, headers=headers, text=text)


def raising(error: type[httpx2.RequestError]) -> Handler:
    """Ends so, whatever is asked."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        raise error(f"The answer of {request.url} was cut.", request=request)

    return answer


@contextmanager
def _fetching(provider: Provider) -> Iterator[None]:
    """What is asked by `conserje.fetch` is asked of the provider; the rest of its checks stay as they are."""

    async def ask(stack: AsyncExitStack, question: Any) -> httpx2.Response:
        sent = {"headers": question.headers, "content": question.content}
        return await provider.handle_async_request(httpx2.Request(question.method, question.url, **sent))

    fetcher: Any = fetch._fetcher
    before = vars(fetcher).get("_ask")
    fetcher._ask = ask
    try:
        yield
    finally:
        if before:
            fetcher._ask = before
        else:
            del fetcher._ask


async def cancelled(work: Coroutine[Any, Any, object], provider: Provider) -> bool:
    """Whether it ends when it is cancelled, while it waits for the provider."""
    working = asyncio.create_task(work)
    for _ in range(100):
        if provider.requests or working.done():
            break
        await asyncio.sleep(0)
    if working.done():
        return True
    working.cancel()
    await asyncio.wait({working})
    return working.cancelled()


def check_ended(others: set[asyncio.Task[Any]]) -> None:
    """Nothing goes on but what did so before."""
    left = [each for each in asyncio.all_tasks() - others if not each.done() and not each.cancelling()]
    assert not left, f"{left[0].get_coro()} goes on once it is closed: `close` cancels what `start` began."


def places(request: httpx2.Request) -> dict[str, str]:
    """What was asked by its place: of the address, the headers, and each field of the body."""
    found = {"url": unquote(str(request.url.copy_with(query=None))), "method": request.method}
    found |= {f"query {name}": value for name, value in parse_qsl(request.url.query.decode("ascii"), True)}
    headers = {name: value for name, value in request.headers.items() if name not in _USUAL}
    found |= {f"header {name}": _decoded(value) for name, value in headers.items()}
    return found | dict(_body(request))


def _decoded(header: str) -> str:
    """With the password of Basic authorization as it is."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return header
    return f"{header} {base64.b64decode(encoded + '==').decode('utf-8', 'replace')}"


def _body(request: httpx2.Request) -> Iterator[tuple[str, str]]:
    text = request.content.decode("utf-8", "replace")
    if "urlencoded" in request.headers.get("content-type", ""):
        for name, value in parse_qsl(text, True):
            yield from _leaves(f"body {name}", _opened(value))
    else:
        yield from _leaves("body", _opened(text))


def _opened(text: str) -> Any:
    """The JSON that a text is, else the text."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _leaves(place: str, value: Any) -> Iterator[tuple[str, str]]:
    match value:
        case dict():
            for name, part in value.items():
                yield from _leaves(f"{place}.{name}", part)
        case list():
            for n, part in enumerate(value):
                yield from _leaves(f"{place}.{n}", part)
        case str():
            yield place, value
            if isinstance(inner := _opened(value), dict | list):
                yield from _leaves(place, inner)
        case _:
            yield place, json.dumps(value)


def unlimited(request: httpx2.Request) -> list[str]:
    """What of a request may take for ever."""
    limits = request.extensions.get("timeout", {})
    return [name for name, limit in limits.items() if limit is None or limit > _LONGEST]


def says(told: Sequence[str], words: str) -> bool:
    """Whether the words stand in one place of what was asked, in their order, whatever marks are between."""
    wanted = _WORD.findall(words)
    if not wanted:
        return any(words in value for value in told)
    return any(_follow(iter(_WORD.findall(value)), wanted) for value in told)


def _follow(given: Iterator[str], wanted: Sequence[str]) -> bool:
    return all(word in given for word in wanted)


def differing(before: httpx2.Request, between: httpx2.Request, after: httpx2.Request) -> list[str]:
    """In which places a request differs from two that are alike there."""
    first, middle, last = places(before), places(between), places(after)
    steady = {place for place, value in first.items() if last.get(place) == value}
    return sorted(
        place
        for place in steady
        if middle.get(place) != first[place] and not _is_count(first[place], middle.get(place, ""))
    )


def _is_count(one: str, other: str) -> bool:
    """Requests may be numbered."""
    return one.isdecimal() and other.isdecimal() and max(len(one), len(other)) < 6


def state(http: httpx2.AsyncClient) -> tuple[object, ...]:
    """What of a client all that is asked by it shares."""
    return (
        dict(http.headers),
        http.auth,
        dict(http.params),
        str(http.base_url),
        http.follow_redirects,
        http.timeout,
    )
