"""What nginx lets through, and what it refuses before the core has work with it."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx2
import pytest
from nginx.caller import Caller
from nginx.conftest import CUSTOM, Opened
from nginx.gate import BASE, certify, nginx
from nginx.mirror import mirroring
from waiting import LIMIT, until

H1_AND_H2 = pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
MEGABYTE = 1024 * 1024


@H1_AND_H2
@pytest.mark.parametrize(
    "host",
    [
        f"acme.{BASE}",
        f"ACME.{BASE}",
        f"acme.{BASE}.",
        f"acme.{BASE}:443",
        f"a.{BASE}",
        f"{'x' * 40}.{BASE}",
        f"console.{BASE}",
        CUSTOM,
    ],
)
async def test_known_names_pass(caller: Caller, host: str, http2: bool) -> None:
    assert (await caller.ask(host, http2=http2)).status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "",  # none
        "stranger.test",
        f"a.b.{BASE}",
        f"xn--80ak6aa92e.{BASE}",
        f"{'x' * 41}.{BASE}",
        f"-acme.{BASE}",
        f"acme-.{BASE}",
        f"a_b.{BASE}",
        f"evil{BASE}",
        "127.0.0.1",
    ],
)
async def test_the_handshake_is_refused_for_unknown_names(caller: Caller, name: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # the refusal must not be ours
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with pytest.raises((ssl.SSLError, ConnectionResetError), match=r"(?i)alert|unrecognized name|reset"):
        await asyncio.open_connection(
            "127.0.0.1", caller.gate.https_port, ssl=context, server_hostname=name or None
        )


@H1_AND_H2
@pytest.mark.parametrize(
    ("sni", "host"),
    [
        (f"acme.{BASE}", f"bravo.{BASE}"),
        (f"acme.{BASE}", "stranger.test"),
        (f"acme.{BASE}", BASE),
        (f"acme.{BASE}", f"console.{BASE}"),
        (f"acme.{BASE}", f"a.b.{BASE}"),
        (f"acme.{BASE}", "127.0.0.1"),
        (f"console.{BASE}", f"acme.{BASE}"),
        (BASE, f"acme.{BASE}"),
        (f"acme.{BASE}", CUSTOM),
        (CUSTOM, f"acme.{BASE}"),
    ],
)
async def test_a_connection_to_one_host_cannot_ask_for_another(
    caller: Caller, sni: str, host: str, http2: bool
) -> None:
    answer = await caller.ask(host, sni=sni, http2=http2)
    assert answer.status_code == 421
    assert answer.json()["title"] == "Misdirected Request"


@pytest.mark.parametrize(
    "head",
    [
        "GET / HTTP/1.1\r\n",
        f"GET / HTTP/1.1\r\nHost: acme.{BASE}\r\nHost: bravo.{BASE}\r\n",
        "GET / HTTP/1.1\r\nHost: a/../b\r\n",
        f"GET / HTTP/1.1\r\nHost: acme..{BASE}\r\n",
        f"GET /../x HTTP/1.1\r\nHost: acme.{BASE}\r\n",
        f"GET /%00 HTTP/1.1\r\nHost: acme.{BASE}\r\n",
        f"POST /x HTTP/1.1\r\nHost: acme.{BASE}\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        f"POST /x HTTP/1.1\r\nHost: acme.{BASE}\r\nContent-Length: -1\r\n",
    ],
)
async def test_a_request_that_could_mean_two_things_is_refused(caller: Caller, head: str) -> None:
    answer = await caller.raw(f"{head}\r\n".encode(), f"acme.{BASE}", until=b"</html>")
    assert answer.startswith(b"HTTP/1.1 400 ")


async def test_the_request_line_s_host_is_the_one_that_counts(caller: Caller) -> None:
    """A request line with a whole URL beats Host, for nginx; the core must hear of no other."""
    request = f"GET https://acme.{BASE}/ HTTP/1.1\r\nHost: bravo.{BASE}\r\nConnection: close\r\n\r\n"
    answer = await caller.raw(request.encode(), f"acme.{BASE}")
    assert b"200 Mirrored" in answer and b"bravo" not in answer
    turned = f"GET https://bravo.{BASE}/ HTTP/1.1\r\nHost: acme.{BASE}\r\nConnection: close\r\n\r\n"
    assert (await caller.raw(turned.encode(), f"acme.{BASE}")).startswith(b"HTTP/1.1 421 ")


@H1_AND_H2
async def test_the_base_has_the_shared_webhooks_and_nothing_else(caller: Caller, http2: bool) -> None:
    assert (await caller.ask(BASE, "/webhook/twilio", http2=http2)).status_code == 200
    for path in ("/", "/webhook", "/bot/twilio/webhook", "/webhook/../x", "/stream"):
        answer = await caller.ask(BASE, path, http2=http2)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json"), path


@H1_AND_H2
@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/bot/twilio/webhook", 64 * 1024),
        ("/bot/meta/webhook", 3 * MEGABYTE),
        ("/bot/meta/status", 3 * MEGABYTE),
        ("/bot/web/webhook", 64 * 1024),
        ("/session", 64 * 1024),
        ("/upload?id=1", 16 * MEGABYTE),
    ],
)
async def test_a_body_is_taken_up_to_the_limit(caller: Caller, path: str, limit: int, http2: bool) -> None:
    taken = await caller.of("acme", path, method="POST", content=b"x" * limit, http2=http2)
    assert taken.json()["size"] == limit


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
@pytest.mark.parametrize(
    ("path", "size"),
    [
        ("/bot/twilio/webhook", 64 * 1024 + 1),
        ("/bot/meta/webhook", 3 * MEGABYTE + 1),
        ("/bot/web/webhook", 64 * 1024 + 1),
        ("/upload?id=1", 16 * MEGABYTE + 1),
        ("/upload/", 64 * 1024 + 1),
    ],
)
async def test_a_larger_body_is_a_problem_document(
    caller: Caller, tmp_path: Path, path: str, size: int, version: str
) -> None:
    file = tmp_path / "body"
    file.write_bytes(b"x" * size)
    said = await caller.curl(f"acme.{BASE}", path, version, "--data-binary", f"@{file}")
    head, _, body = said.replace("HTTP/1.1 100 Continue\r\n\r\n", "").partition("\r\n\r\n")
    assert head.split(" ")[1] == "413"
    assert "content-type: application/problem+json" in head.lower()
    told = json.loads(body)
    assert (told["title"], told["status"]) == ("Request Entity Too Large", 413)
    assert f"x-request-id: {told['request_id']}" in head.lower()


async def test_a_body_without_a_length_is_taken_up_to_the_limit(caller: Caller) -> None:
    head = f"POST /session HTTP/1.1\r\nHost: acme.{BASE}\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    answer = await caller.raw(head.encode() + chunk * 3 + b"0\r\n\r\n", f"acme.{BASE}")
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(("name", "limit"), [("meta", 3 * MEGABYTE), ("twilio", 64 * 1024)])
async def test_at_the_base_a_channel_has_the_same_limit(caller: Caller, name: str, limit: int) -> None:
    for size, status in ((limit, 200), (limit + 1, 413)):
        answer = await caller.ask(BASE, f"/webhook/{name}", method="POST", content=b"x" * size)
        assert answer.status_code == status


@H1_AND_H2
async def test_while_the_core_is_away_it_is_said_when_to_come_again(tmp_path: Path, http2: bool) -> None:
    certify(tmp_path / "certificates")
    async with nginx(
        tmp_path / "nginx", "127.0.0.1:9", f"unix:{tmp_path}/no.sock", tmp_path / "certificates"
    ) as gate:
        caller = Caller(gate)
        hook = await caller.of(
            "acme", "/bot/twilio/webhook?secret=1", method="POST", content=b"x", http2=http2
        )
        console = await caller.of("console", "/tenants", http2=http2)
        for answer in (hook, console):
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["request_id"] == answer.headers["x-request-id"]
        for host in ("acme", "console"):
            page = await caller.of(host, http2=http2)
            assert (page.status_code, page.headers["retry-after"]) == (503, "5")
            assert "Volvemos enseguida" in page.text
        await caller.close()
        await until(lambda: len(gate.requests) == 4)  # an answer comes before its line
        assert [line["upstream_status"] for line in gate.requests] == ["502"] * 4
        assert "secret" not in gate.errors + (gate.folder / "access.log").read_text()


async def test_one_of_two_that_is_away_or_cannot_store_is_not_noticed(tmp_path: Path) -> None:
    """A webhook may be posted twice, for the core takes it once; what a visitor asks is not asked twice."""
    certify(tmp_path / "certificates")
    async with mirroring() as able, mirroring() as unable:
        unable.status = 503
        upstream = f"127.0.0.1:9,{unable.address},{able.address}"
        async with nginx(tmp_path / "nginx", upstream, able.address, tmp_path / "certificates") as gate:
            caller = Caller(gate)
            posts = [caller.of("acme", "/bot/twilio/webhook", method="POST", content=b"x") for _ in range(12)]
            assert {answer.status_code for answer in await asyncio.gather(*posts)} == {200}
            asked = [caller.of("acme", "/session", method="POST", content=b"x") for _ in range(12)]
            assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200, 503}
            await caller.close()
        assert able.paths.count("/session") + unable.paths.count("/session") == 12


@pytest.mark.parametrize(
    ("written", "with_handshake"),
    [
        (b"", False),
        (b"", True),
        (b"GET / HTTP/1.1\r\nHo", True),
        (f"POST /session HTTP/1.1\r\nHost: acme.{BASE}\r\nContent-Length: 9\r\n\r\nx".encode(), True),
    ],
    ids=["connected", "handshake", "half a head", "half a body"],
)
async def test_who_says_nothing_is_cut_off(
    changed: Callable[[dict[str, str]], AbstractAsyncContextManager[Opened]],
    written: bytes,
    with_handshake: bool,
) -> None:
    soon = {f"{name} 10s;": f"{name} 1s;" for name in ("client_header_timeout", "client_body_timeout")}
    async with changed(soon) as (caller, _):
        began = time.monotonic()
        if with_handshake:
            await caller.raw(written, f"acme.{BASE}")
        else:
            reader, writer = await asyncio.open_connection("127.0.0.1", caller.gate.https_port)
            async with asyncio.timeout(LIMIT):
                assert await reader.read() == b""
            writer.close()
        assert 0.9 < time.monotonic() - began < 30  # nginx by itself gives a client a minute


async def test_http_sends_known_hosts_to_https_and_drops_others(caller: Caller) -> None:
    port = caller.gate.https_port
    for host in (f"acme.{BASE}", BASE, f"console.{BASE}", CUSTOM):
        answer = await caller.plain(host, "/bot//x%2Fy?a=b%20c")
        assert answer.status_code == 308
        assert answer.headers["location"] == f"https://{host}:{port}/bot//x%2Fy?a=b%20c"
    for host in ("stranger.test", "127.0.0.1", f"a.b.{BASE}"):
        with pytest.raises(httpx2.TransportError):
            await caller.plain(host)
