"""Two thousand open chat pages of one tenant, and its webhooks beside them."""

from __future__ import annotations

import asyncio
import itertools
import json
import resource
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, ExitStack
from pathlib import Path

import pytest
from nginx.load import Twilio, behind_nginx, installed, read_until
from visitor import known_visitors
from waiting import LIMIT

pytestmark = pytest.mark.long

STREAMS, OF_ONE_ADDRESS = 2000, 20  # what nginx lets a tenant have, and a visitor
PER_SECOND, SECONDS = 200, 5
AT_ONCE = 100  # webhooks, where a machine cannot keep up
HANDS = 8  # threads that open the streams


@pytest.mark.timeout(300)
async def test_200_webhooks_a_second_beside_2000_streams_are_all_taken(
    new_database: Callable[[], AbstractAsyncContextManager[str]], tmp_path: Path
) -> None:
    allow_many_connections()
    async with (
        installed(new_database, tmp_path) as installation,
        installation.serving() as server,
        behind_nginx(installation, tmp_path, server.listen, "acme") as [twilio],
    ):
        session = await asyncio.to_thread(visit, twilio)
        cookies = await known_visitors(installation, "acme", STREAMS)
        with ExitStack() as opened:
            streams = await asyncio.to_thread(open_streams, twilio, cookies, session)
            for stream in streams:
                opened.enter_context(stream)
            at_once = asyncio.Semaphore(AT_ONCE)

            async def post(contact: str) -> None:
                async with at_once:
                    await twilio.post(twilio.message(contact, contact))

            async with asyncio.TaskGroup() as posts:
                for n in range(PER_SECOND * SECONDS):
                    posts.create_task(post(f"whatsapp:+5691{n:07}"))
                    await asyncio.sleep(1 / PER_SECOND)
            assert twilio.answers == {200: PER_SECOND * SECONDS}
            assert all(is_open(stream) for stream in streams)
            await asyncio.to_thread(write, twilio, cookies[8], "¿siguen ahí?")
            streams[8].settimeout(LIMIT)
            await asyncio.to_thread(read_until, streams[8], "¿siguen ahí?".encode())


def allow_many_connections() -> None:
    """For nginx too, which inherits it: each stream is a descriptor here, and two there."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def visit(twilio: Twilio) -> ssl.SSLSession:
    """The page's first visitor; the session of TLS makes the streams' handshakes cheap."""
    with twilio.connect() as connection:
        ask(connection, twilio, "POST /session", "Content-Length: 0")
        assert read_until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 204 ")
        assert connection.session
        return connection.session


def write(twilio: Twilio, cookie: str, text: str) -> None:
    """What a visitor writes on the page."""
    body = json.dumps({"id": "1", "text": text}).encode()
    with twilio.connect() as connection:
        typed = ("Content-Type: application/json", f"Content-Length: {len(body)}")
        ask(connection, twilio, "POST /bot/web/webhook", f"Cookie: {cookie}", *typed)
        connection.sendall(body)
        assert read_until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def ask(connection: ssl.SSLSocket, twilio: Twilio, what: str, *headers: str) -> None:
    """Send the head of a request as a page of the tenant's host makes it."""
    own = (f"Host: {twilio.host}", f"Origin: https://{twilio.host}", "Sec-Fetch-Site: same-origin")
    connection.sendall("\r\n".join([f"{what} HTTP/1.1", *own, *headers, "", ""]).encode())


def open_streams(twilio: Twilio, cookies: list[str], session: ssl.SSLSession) -> list[ssl.SSLSocket]:
    """A stream for each cookie, from as many addresses as nginx asks for; the first look has come."""

    def open_one(number: int, cookie: str) -> ssl.SSLSocket:
        address = f"127.0.1.{1 + number % (STREAMS // OF_ONE_ADDRESS)}"
        stream = twilio.connect(address, session)
        ask(stream, twilio, "GET /stream", f"Cookie: {cookie}")
        seen = read_until(stream, b"\n\n")
        assert seen.startswith(b"HTTP/1.1 200 "), seen
        return stream

    with ThreadPoolExecutor(HANDS) as hands:
        return list(hands.map(open_one, itertools.count(), cookies))


def is_open(stream: ssl.SSLSocket) -> bool:
    """Whether its server still holds it."""
    stream.setblocking(False)
    try:
        while stream.recv(65536):
            pass
    except ssl.SSLWantReadError:
        return True
    return False
