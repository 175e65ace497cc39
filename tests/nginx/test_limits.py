"""How much is taken from whom: visitors are refused what is too much, providers wait."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import httpx2
import pytest
from nginx.caller import Caller
from nginx.conftest import CUSTOM, Opened
from nginx.gate import BASE
from waiting import LIMIT, until

from conserje_nginx.render import PACKAGE

H1_AND_H2 = pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
Changed = Callable[[dict[str, str]], AbstractAsyncContextManager[Opened]]

TEMPLATE = PACKAGE.joinpath("templates/conserje.conf.template").read_text("utf-8")
# Addresses that loopback does not have.
ELSEWHERE = {
    "include conf.d/conserje.conf;": "set_real_ip_from 127.0.0.1; real_ip_header X-Test-Address; "
    "include conf.d/conserje.conf;"
}


def by_status(answers: list[httpx2.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def rate(zone: str, slow: str = "1r/s") -> dict[str, str]:
    """A zone's rate so low that a slow machine exceeds it as well; the golden files have the real ones."""
    [real] = re.findall(rf"zone=conserje_{zone}:10m rate=(\S+);", TEMPLATE)
    return {f"zone=conserje_{zone}:10m rate={real};": f"zone=conserje_{zone}:10m rate={slow};"}


def see_refused(answers: list[httpx2.Response]) -> None:
    """429 and nothing else was refused, and each says when to come again."""
    assert set(by_status(answers)) == {200, 429}
    for answer in answers:
        if answer.status_code == 429:
            assert answer.headers["retry-after"] == "1"
            assert answer.json()["title"] == "Too Many Requests"


@H1_AND_H2
async def test_promise_6_a_flood_at_one_tenant_s_pages_leaves_its_webhooks_and_other_tenants_alone(
    changed: Changed, http2: bool
) -> None:
    async with changed(rate("visitors")) as (caller, _):

        async def visit(slug: str, source: str, path: str = "/session") -> httpx2.Response:
            return await caller.of(slug, path, source=source, http2=http2)

        async def post(slug: str, path: str) -> httpx2.Response:
            return await caller.of(slug, path, method="POST", content=b"x", http2=http2)

        began = time.monotonic()
        flood = asyncio.gather(*(visit("acme", "127.0.0.2") for _ in range(400)))
        others = await asyncio.gather(
            *(post("acme", "/bot/twilio/webhook") for _ in range(30)),
            *(post("acme", "/bot/meta/status") for _ in range(30)),
            *(visit("acme", "127.0.0.3") for _ in range(20)),
            *(visit("bravo", "127.0.0.4", "/") for _ in range(20)),
            *(post("bravo", "/bot/twilio/webhook") for _ in range(30)),
        )
        assert by_status(others) == {200: 130}
        refused = await flood
        see_refused(refused)
        assert 201 <= by_status(refused)[200] <= 202 + time.monotonic() - began


async def test_what_a_visitor_writes_is_refused_above_its_rate(changed: Changed) -> None:
    async with changed(rate("posts")) as (caller, _):

        async def write(source: str) -> httpx2.Response:
            return await caller.of("acme", "/bot/web/webhook", method="POST", content=b"x", source=source)

        began = time.monotonic()
        answers = await asyncio.gather(*(write("127.0.0.2") for _ in range(90)))
        see_refused(answers)
        assert 51 <= by_status(answers)[200] <= 52 + time.monotonic() - began
        assert (await write("127.0.0.3")).status_code == 200


async def test_what_a_visitor_uploads_is_refused_above_its_rate(changed: Changed) -> None:
    async with changed(rate("uploads", "1r/m")) as (caller, _):

        async def upload(source: str) -> httpx2.Response:
            return await caller.of("acme", "/upload?id=1", method="POST", content=b"x", source=source)

        answers = [await upload("127.0.0.2") for _ in range(14)]
        see_refused(answers)
        assert by_status(answers) == {200: 11, 429: 3}
        assert (await upload("127.0.0.3")).status_code == 200
        assert (await caller.of("acme", "/session", source="127.0.0.2")).status_code == 200


@pytest.mark.parametrize("host", [f"acme.{BASE}", CUSTOM])
async def test_a_tenant_s_pages_have_a_limit_for_all_visitors_together(changed: Changed, host: str) -> None:
    smaller = rate("pages", "1r/m") | {"burst=1000": "burst=9"}
    async with changed(ELSEWHERE | smaller) as (caller, _):

        async def visit(host: str, number: int) -> httpx2.Response:
            address = f"10.0.{number}.1"
            return await caller.ask(host, headers={"X-Test-Address": address})

        answers = [await visit(host, number) for number in range(30)]
        see_refused(answers)
        assert by_status(answers) == {200: 10, 429: 20}
        assert (await visit(f"bravo.{BASE}", 1)).status_code == 200


async def test_a_network_of_ipv6_counts_as_one_visitor(changed: Changed) -> None:
    smaller = rate("posts", "1r/m") | {"burst=50": "burst=4"}
    async with changed(ELSEWHERE | smaller) as (caller, _):

        async def write(address: str) -> int:
            answer = await caller.of(
                "acme", "/bot/web/webhook", method="POST", headers={"X-Test-Address": address}
            )
            return answer.status_code

        def addresses(pattern: str) -> list[str]:
            return [pattern.format(f"{number:x}") for number in range(1, 8)]

        one_network = [await write(address) for address in addresses("2001:db8:0:a::{}:1")]
        assert one_network == [200] * 5 + [429] * 2
        newline = [await write(address) for address in addresses("2001:db8:a0a:a0a::{}:a0a")]
        assert newline == [200] * 5 + [429] * 2
        for others in ("2001:db8:0:a{}::1", "::ffff:10.0.0.{}", "10.1.0.{}"):
            assert [await write(address) for address in addresses(others)] == [200] * 7, others


@H1_AND_H2
async def test_webhooks_above_the_rate_wait_and_are_taken(changed: Changed, http2: bool) -> None:
    async with changed(rate("providers", "5r/s")) as (caller, _):
        began = time.monotonic()
        posts = [
            caller.of("acme", f"/bot/twilio/{path}", method="POST", content=b"x", http2=http2)
            for path in ("webhook", "status")
            for _ in range(5)
        ]
        assert by_status(await asyncio.gather(*posts)) == {200: 10}
        assert time.monotonic() - began > 1.5
        assert "DELAYED" in {line["limited"] for line in caller.gate.requests}


@pytest.mark.parametrize(
    ("zone", "burst", "largest_free"),
    [("large", 20, 29_999), ("largest", 8, 999_999)],
    ids=["large", "largest"],
)
async def test_large_posts_of_a_stranger_hold_up_no_small_ones_nor_anybody_s(
    changed: Changed, zone: str, burst: int, largest_free: int
) -> None:
    before = f"zone=conserje_{zone} burst={burst};"
    smaller = rate(zone, "1r/m") | {before: f"zone=conserje_{zone} burst=2 nodelay;"}
    async with changed(smaller) as (caller, _):

        async def post(size: int, slug: str = "acme", source: str = "127.0.0.2", method: str = "POST") -> int:
            given = {"method": method, "content": b"x" * size, "source": source}
            return (await caller.of(slug, "/bot/meta/webhook", **given)).status_code

        assert [await post(largest_free + 1) for _ in range(5)] == [200] * 3 + [503] * 2
        assert [await post(largest_free) for _ in range(5)] == [200] * 5
        assert [await post(0, method="GET") for _ in range(5)] == [200] * 5
        assert await post(largest_free + 1, source="127.0.0.3") == 200
        assert await post(largest_free + 1, slug="bravo") == 200


async def test_webhooks_above_the_burst_are_told_503_and_never_429(changed: Changed) -> None:
    """Of one tenant, by its custom domain as well as at the base that predecessors share."""
    smaller = rate("providers") | {"burst=2000": "burst=1"}
    async with changed(smaller) as (caller, _):
        for host, path in (
            (f"acme.{BASE}", "/bot/twilio/webhook"),
            (CUSTOM, "/bot/twilio/status"),
            (BASE, "/webhook/twilio"),
        ):
            posts = [caller.ask(host, path, method="POST", content=b"x") for _ in range(20)]
            answers = await asyncio.gather(*posts)
            assert set(by_status(answers)) == {200, 503}
            for answer in answers:
                if answer.status_code == 503:
                    assert answer.headers["retry-after"] == "5"
                    assert answer.headers["content-type"] == "application/problem+json"


async def test_one_stranger_uses_up_no_tenant_s_webhooks(changed: Changed) -> None:
    smaller = rate("providers", "1r/m") | {"burst=2000": "burst=4 nodelay"}
    async with changed(smaller) as (caller, _):

        async def post(slug: str, source: str) -> int:
            path = "/bot/twilio/webhook"
            return (await caller.of(slug, path, method="POST", content=b"x", source=source)).status_code

        assert [await post("acme", "127.0.0.2") for _ in range(8)] == [200] * 5 + [503] * 3
        assert [await post("acme", "127.0.0.3") for _ in range(5)] == [200] * 5
        assert [await post("bravo", "127.0.0.2") for _ in range(5)] == [200] * 5


@pytest.mark.parametrize(
    ("path", "refusal"), [("/bot/twilio/webhook", 503), ("/bot/meta/status", 503), ("/bot/web/webhook", 429)]
)
async def test_a_visitor_s_slow_webhooks_are_limited_and_hold_nobody_else_up(
    changed: Changed, path: str, refusal: int
) -> None:
    fewer = {"limit_conn conserje_webhooks_of_visitor 200;": "limit_conn conserje_webhooks_of_visitor 3;"}
    async with changed(fewer) as (caller, _):

        async def post(source: str) -> int:
            return (await caller.of("acme", path, method="POST", content=b"x", source=source)).status_code

        async with AsyncExitStack() as stack:
            slow = [await stack.enter_async_context(half_posted(caller, path)) for _ in range(3)]
            await until_status(lambda: post("127.0.0.1"), refusal)
            assert await post("127.0.0.3") == 200
            for end in slow:
                assert await end() == 200
        await until_status(lambda: post("127.0.0.1"), 200)


@asynccontextmanager
async def half_posted(caller: Caller, path: str) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """A post whose body has begun to come; what is yielded sends the rest, and gives the status."""
    host = f"acme.{BASE}"
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", caller.gate.https_port, ssl=caller.trust(), server_hostname=host
    )
    writer.write(f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n\r\nx".encode())
    await writer.drain()

    async def end() -> int:
        writer.write(b"x")
        return int((await reader.readline()).split()[1])

    try:
        yield end
    finally:
        writer.close()


async def until_status(ask: Callable[[], Awaitable[int]], status: int) -> None:
    async with asyncio.timeout(LIMIT):
        while await ask() != status:
            pass


@asynccontextmanager
async def stream(caller: Caller, host: str, source: str, http2: bool) -> AsyncIterator[httpx2.Response]:
    """An open stream, with the first of what it says."""
    url = f"https://127.0.0.1:{caller.gate.https_port}/stream"
    name = {"sni_hostname": host}
    async with caller.client(host, http2, source).stream(
        "GET", url, headers={"host": host}, extensions=name
    ) as answer:
        said = answer.aiter_text()
        if answer.status_code == 200:
            assert await anext(said) == "retry: 2000\n\n"  # at once: nothing is buffered
        yield answer


@H1_AND_H2
async def test_streams_are_limited_by_visitor_and_hold_nobody_else_up(changed: Changed, http2: bool) -> None:
    async with changed({}) as (caller, mirror):
        host = f"acme.{BASE}"
        opened = [stream(caller, host, "127.0.0.2", http2) for _ in range(20)]
        assert [(await each.__aenter__()).status_code for each in opened] == [200] * 20
        async with stream(caller, host, "127.0.0.2", http2) as one_more:
            assert (one_more.status_code, one_more.headers["retry-after"]) == (429, "1")
        async with stream(caller, host, "127.0.0.3", http2) as of_another:
            assert of_another.status_code == 200
        for path in ("/", "/bot/twilio/webhook", "/bot/web/webhook"):
            assert (await caller.of("acme", path, source="127.0.0.2", http2=http2)).status_code == 200
        for each in opened:
            await each.__aexit__(None, None, None)
        await caller.close()
        await until(lambda: mirror.streams == 0)  # who leaves is gone for the core as well
        async with stream(caller, host, "127.0.0.2", http2) as again:
            assert again.status_code == 200


async def test_a_tenant_s_streams_have_a_limit_of_their_own(changed: Changed) -> None:
    async with changed(
        {"limit_conn conserje_streams_of_tenant 2000;": "limit_conn conserje_streams_of_tenant 3;"}
    ) as (
        caller,
        _,
    ):
        opened = [stream(caller, f"acme.{BASE}", f"127.0.0.{number}", False) for number in range(2, 6)]
        assert [(await each.__aenter__()).status_code for each in opened] == [200] * 3 + [429]
        async with stream(caller, f"bravo.{BASE}", "127.0.0.2", False) as of_another:
            assert of_another.status_code == 200
        for each in opened:
            await each.__aexit__(None, None, None)
