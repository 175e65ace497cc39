"""What one stranger's post costs: whatever the body is, the largest that is taken costs little."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
import pytest_asyncio
from fuzz.posts import HOST, NUMBER, NUMBER_ID, SID, Post, post
from fuzz.run import Fuzz, opened

from conserje.contract.channel import AnyChannel
from conserje.storage.database import Pool
from conserje_edge.wire.rates import Window
from conserje_meta import Meta

CPU = 0.1  # seconds, five times what is allowed
CHANNELS = ["json", "meta", "signed", "twilio", "web"]
REFUSED = {400, 403}
SIGNATURES = (
    (b"x-hub-signature-256", b"sha256=" + b"0" * 64),
    (b"x-twilio-signature", b"0" * 27 + b"="),
    (b"x-conserje-signature", b"sha256=" + b"0" * 64),
    (b"x-signature", b"0" * 64),
    (b"origin", f"http://{HOST}".encode()),
)


@pytest_asyncio.fixture
async def fuzz(pool: Pool, database_url: str, keyring: Path) -> AsyncIterator[Fuzz]:
    async with opened(pool, database_url, keyring, seed=1) as fuzz:
        fuzz.edge.webhooks.limits.posts_of_address = Window(1_000_000, 60)
        yield fuzz


def routes(channel: AnyChannel) -> list[tuple[str, str]]:
    of_tenant = [(HOST, f"/bot/{channel.name}/{path}") for path in ("webhook", "status")]
    return of_tenant + [("localhost", f"/webhook/{name}") for name in sorted(channel.shared)]


def bodies(size: int) -> Iterator[tuple[bytes, bytes]]:
    """Content types and bodies of this size, dear to parse, to search or to sort."""
    form, document = b"application/x-www-form-urlencoded", b"application/json"
    known = {"To": NUMBER, "From": NUMBER, "AccountSid": SID, "to": "+1", "from": "ana", "id": "1"}
    head = urlencode(known).encode() + b"&Body="
    for filling in (b"%C3%B1", b"x", b"+", b"&a=1", b"&%61=%61", b"%", b"%00"):
        yield form, (head + filling * size)[:size]
    fields = b"".join(b"&%%61%d=" % n + b"%61" * (size // 900) for n in range(300))
    yield form, (head + fields)[:size].ljust(size, b"x")
    number = b'"phone_number_id":"%b",' % NUMBER_ID.encode()
    spaced = b'"phone_number_id"' + b" " * 1000
    numbers = b"".join(b'"phone_number_id":"%d",' % n for n in range(size // 20))
    nested = (b"[", b'{"a":', b'{"a":[1,{}]},')
    for filling in (*nested, b"1,", rb"\u00f1", number, spaced[:17], spaced, numbers):
        yield document, (filling * (size // len(filling) + 1))[:size]
    value = {"metadata": {"phone_number_id": NUMBER_ID}, "messages": [{}] * 9}
    change = json.dumps({"field": "messages", "value": value}).encode()
    changes = b",".join([change] * ((size - 99) // (len(change) + 1)))
    yield document, (b'{"entry":[{"id":"1","changes":[' + changes + b"]}]}").ljust(size)
    said = rb"\u00f1" * ((size - 99) // 6)
    yield document, (b'{"id":"1","telefono":"+1","text":"","mensaje":"' + said + b'"}').ljust(size)


@pytest.mark.parametrize("name", CHANNELS)
async def test_promise_11_an_unsigned_post_of_the_largest_size_costs_little(fuzz: Fuzz, name: str) -> None:
    channel = fuzz.edge.webhooks.plugins.channels[name]
    for host, path in routes(channel):
        for kind, body in bodies(channel.body_limit):
            assert len(body) == channel.body_limit
            forged = post(path, body, kind, *SIGNATURES, host=host)
            spent, status = await cost(fuzz, forged)
            assert status in REFUSED
            assert spent < CPU, f"{path} took {spent:.3f} s for {body[:200]!r}"


async def cost(fuzz: Fuzz, forged: Post) -> tuple[float, int]:
    began = time.thread_time()
    status = await fuzz.send(forged)
    return time.thread_time() - began, status


async def test_all_channels_that_come_with_conserje_are_tried(fuzz: Fuzz) -> None:
    assert sorted(fuzz.edge.webhooks.plugins.channels) == CHANNELS


async def test_only_meta_takes_more_than_64_kib(fuzz: Fuzz) -> None:
    large = {
        name: channel.body_limit
        for name, channel in fuzz.edge.webhooks.plugins.channels.items()
        if channel.body_limit > 64 * 1024
    }
    assert large == {"meta": 3 * 1024 * 1024} and Meta.body_limit == large["meta"]
