"""What the core is told of a request, what the client is told back, and what is written down."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from nginx.caller import Caller
from nginx.conftest import CUSTOM
from nginx.gate import BASE
from waiting import until

H1_AND_H2 = pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
SPOOFED = {
    "X-Forwarded-For": "10.0.0.1",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": f"bravo.{BASE}",
    "X-Forwarded-Port": "1",
    "X-Forwarded-Prefix": "/x",
    "X-Forwarded-Server": "x",
    "Forwarded": "for=10.0.0.1",
    "X-Real-IP": "10.0.0.1",
    "X-Original-URL": "/x",
    "X-Rewrite-URL": "/x",
    "X-Request-ID": "mine-mine-mine",
    "X_Request_Id": "mine-mine-mine",
    "X-Conserje-Console": "1",
    "X_Conserje_Console": "1",
    "Early-Data": "1",
    "Proxy": "http://10.0.0.1/",
}
ALWAYS = {"host", "x-forwarded-for", "x-forwarded-proto", "x-request-id"}
CLIENT = {"accept", "accept-encoding", "user-agent", "x-twilio-signature"}


@H1_AND_H2
@pytest.mark.parametrize("path", ["/", "/session", "/bot/twilio/webhook", "/bot/web/webhook"])
@pytest.mark.parametrize("host", [f"acme.{BASE}", CUSTOM])
async def test_what_a_client_says_of_its_way_is_dropped(
    caller: Caller, host: str, path: str, http2: bool
) -> None:
    answer = await caller.ask(host, path, headers={**SPOOFED, "X-Twilio-Signature": "s"}, http2=http2)
    headers = answer.json()["headers"]
    assert headers.keys() == ALWAYS | CLIENT
    assert headers["host"] == [host]
    assert headers["x-forwarded-for"] == ["127.0.0.1"]
    assert headers["x-forwarded-proto"] == ["https"]
    assert headers["x-request-id"] == answer.headers.get_list("x-request-id") != ["mine-mine-mine"]
    assert headers["x-twilio-signature"] == ["s"]


@H1_AND_H2
async def test_the_console_is_marked_and_nothing_else_is(caller: Caller, http2: bool) -> None:
    marked = await caller.of("console", "/tenants", headers=SPOOFED, http2=http2)
    assert marked.json()["headers"].keys() == ALWAYS | {"x-conserje-console"} | CLIENT - {
        "x-twilio-signature"
    }
    assert marked.json()["headers"]["x-conserje-console"] == ["1"]
    shared = await caller.ask(BASE, "/webhook/twilio", headers=SPOOFED, http2=http2)
    assert "x-conserje-console" not in shared.json()["headers"]


@H1_AND_H2
@pytest.mark.parametrize(
    "host", [f"acme.{BASE}", f"acme.{BASE}:443", f"acme.{BASE}:8443", f"AcMe.{BASE.title()}", f"acme.{BASE}."]
)
async def test_the_host_is_passed_on_as_it_came(caller: Caller, host: str, http2: bool) -> None:
    """Twilio signs the URL as it was typed into its console."""
    assert (await caller.ask(host, http2=http2)).json()["headers"]["host"] == [host]


@H1_AND_H2
@pytest.mark.parametrize(
    "path",
    [
        "/bot/twilio/webhook?a=1&a=2&b=&c",
        "/bot/twilio/webhook?a=%20+%C3%B1%c3%b1",
        "/bot//twilio/webhook?x=//",
        "/a%2Fb/%2e%2e/c;d?e=/../f",
        "/bot/twilio/webhook?",
    ],
)
async def test_path_and_query_are_passed_on_as_they_came(caller: Caller, path: str, http2: bool) -> None:
    answer = await caller.of("acme", path, http2=http2)
    assert answer.json()["line"] == f"GET {path} HTTP/1.1"


@H1_AND_H2
async def test_an_answer_has_one_request_id_and_asks_for_tls(caller: Caller, http2: bool) -> None:
    for host, path in ((f"acme.{BASE}", "/"), (BASE, "/nothing"), (f"console.{BASE}", "/livez")):
        answer = await caller.ask(host, path, http2=http2)
        [request_id] = answer.headers.get_list("x-request-id")
        assert len(request_id) == 32
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        assert answer.headers["server"] == "nginx"


async def test_a_line_is_written_for_each_request_without_its_query(caller: Caller) -> None:
    answer = await caller.of("acme", "/bot/twilio/webhook?token=s3cret", method="POST", content=b"hola")
    request_id = answer.headers["x-request-id"]
    found: list[dict[str, object]] = []

    def written() -> bool:
        found[:] = [line for line in caller.gate.requests if line["id"] == request_id]
        return bool(found)

    await until(written)
    [line] = found
    expected = {
        "slug": "acme",
        "host": f"acme.{BASE}",
        "address": "127.0.0.1",
        "method": "POST",
        "path": "/bot/twilio/webhook",
        "status": 200,
        "upstream_status": "200",
        "tls": "TLSv1.3",
    }
    assert {name: line[name] for name in expected} == expected
    assert "s3cret" not in json.dumps(caller.gate.requests) + caller.gate.errors


async def test_what_is_odd_in_a_request_does_not_break_the_line(caller: Caller) -> None:
    await caller.of("acme", '/"%0a%22\\{"a":1}?q')
    await until(lambda: caller.gate.requests[-1]["path"] == '/"\n"\\{"a":1}')


@pytest.mark.parametrize("kind", ["link", "invitation", "reset"])
async def test_who_reads_the_log_gets_in_by_no_link_of_somebody_s(caller: Caller, kind: str) -> None:
    await caller.ask(f"console.{BASE}", f"/{kind}/s3cret?lang=es")
    await until(lambda: caller.gate.requests[-1]["path"] == f"/{kind}/...")
    assert "s3cret" not in Path(caller.gate.edge.access_log).read_text()


@pytest.mark.parametrize("kind", ["refused", "too much", "too large"])
async def test_promise_7_no_query_is_in_the_error_log(caller: Caller, kind: str) -> None:
    """A verify token or a session may stand there; what goes wrong is in the access log."""
    secret = f"s3cret-{kind.replace(' ', '-')}"
    match kind:
        case "refused":
            await caller.ask(f"bravo.{BASE}", f"/x?{secret}", sni=f"acme.{BASE}")
        case "too much":
            path = f"/bot/web/webhook?{secret}"
            posts = [caller.of("acme", path, method="POST", source="127.0.0.9") for _ in range(120)]
            assert 429 in {answer.status_code for answer in await asyncio.gather(*posts)}
        case "too large":
            head = f"POST /session?{secret} HTTP/1.1\r\nHost: acme.{BASE}\r\nContent-Length: 999999\r\n\r\n"
            await caller.raw(head.encode(), f"acme.{BASE}", until=b"}")
    assert secret not in caller.gate.errors


async def test_an_answer_to_an_acme_challenge_is_served_for_every_name(caller: Caller) -> None:
    folder = Path(caller.gate.edge.acme_root, ".well-known/acme-challenge")
    folder.mkdir(parents=True)
    (folder / "token").write_text("token.thumbprint")
    for host in (f"acme.{BASE}", BASE, CUSTOM, "new.client.test"):
        answer = await caller.plain(host, "/.well-known/acme-challenge/token")
        assert (answer.status_code, answer.text) == (200, "token.thumbprint")
        assert answer.headers["content-type"] == "text/plain"
        assert (await caller.plain(host, "/.well-known/acme-challenge/none")).status_code == 404
