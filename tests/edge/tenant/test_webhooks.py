"""Webhooks: what is checked, in which order, and what a provider is told."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import asyncpg
import pytest
from doorway import FORM, FORM_OF_ANA, SECRET, Edge, boom, open_edge
from signed import sign

from conserje import Text
from conserje.contract.message import InboundMessage
from conserje.plugins.plugins import Plugins
from conserje.storage.database import Pool
from conserje.storage.pool import connect_pool
from conserje_edge.wire import requests
from conserje_edge.wire.rates import Window


async def test_a_signed_message_is_stored_then_acknowledged(edge: Edge) -> None:
    answer = await edge.post(FORM_OF_ANA)
    assert (answer.status_code, answer.content) == (200, b"<taken/>")
    assert answer.headers["content-type"] == "text/xml"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert await edge.stored() == ["hola"]


async def test_a_redelivery_is_acknowledged_and_stored_once(edge: Edge) -> None:
    answers = await asyncio.gather(*(edge.post(FORM_OF_ANA) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert await edge.stored() == ["hola"]


async def test_a_status_path_has_its_own_acknowledgement(edge: Edge) -> None:
    answer = await edge.post(FORM_OF_ANA, path="/bot/signed/status")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-length" not in answer.headers


async def test_a_handshake_is_answered_and_stores_nothing(edge: Edge) -> None:
    url = "http://acme.localhost/bot/signed/webhook?challenge=42"
    headers = {"host": "acme.localhost", "x-signature": sign(SECRET, url)}
    answer = await edge.http.get("http://edge/bot/signed/webhook?challenge=42", headers=headers)
    assert (answer.status_code, answer.content) == (200, b"42")
    assert await edge.stored() == []


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("nobody.localhost", "/bot/signed/webhook"),
        ("localhost", "/bot/signed/webhook"),
        ("acme.example.com", "/bot/signed/webhook"),
        ("a.acme.localhost", "/bot/signed/webhook"),
        ("[::1]:8080", "/bot/signed/webhook"),
        ("acme.localhost", "/"),
        ("acme.localhost", "/bot/signed"),
        ("acme.localhost", "/bot/signed/"),
        ("acme.localhost", "/bot/signed/webhook/"),
        ("acme.localhost", "/bot/signed/webhook/x"),
        ("acme.localhost", "/bot/signed/web%68ook"),
        ("acme.localhost", "/bot/Signed/webhook"),
        ("acme.localhost", "/bot/nosuch/webhook"),
        ("acme.localhost", "//bot/signed/webhook"),
        ("acme.localhost", "/x/bot/signed/webhook"),
        ("acme.localhost", "/api/v1/tenants"),
        ("acme.localhost", "/livez"),
    ],
)
async def test_what_is_not_there_is_404(edge: Edge, host: str, path: str) -> None:
    answer = await edge.post(FORM_OF_ANA, host=host, path=path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem == {"title": "Not Found", "status": 404, "request_id": answer.headers["x-request-id"]}
    assert await edge.stored() == []


async def test_the_checks_come_in_order(edge: Edge) -> None:
    """Each request has all faults from one on; the first fault decides."""
    big, bad = b"x" * 3000, {"x-signature": "bad", "content-type": "text/plain"}

    async def put(host: str, path: str, body: bytes, method: str = "PUT") -> int:
        answer = await edge.http.request(
            method, "http://edge" + path, content=body, headers={"host": host, **bad}
        )
        return answer.status_code

    assert await put("nobody.localhost", "/bot/nosuch/webhook", big) == 404
    assert await put("acme.localhost", "/bot/nosuch/webhook", big) == 404
    assert await put("acme.localhost", "/bot/signed/webhook", big) == 405
    assert await put("acme.localhost", "/bot/signed/webhook", big, "POST") == 413
    assert await put("acme.localhost", "/bot/signed/webhook", b"x", "POST") == 400
    bad["content-type"] = FORM
    assert await put("acme.localhost", "/bot/signed/webhook", b"to=%2B1", "POST") == 403
    assert await edge.stored() == []


async def test_without_an_account_a_body_passes_unread(edge: Edge) -> None:
    await edge.run("DELETE FROM accounts")
    edge.channel.habits["claims"] = edge.channel.habits["verify"] = boom
    read = 0

    async def parts() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(4):
            read += 500
            yield b"x" * 500

    headers = {"host": "acme.localhost"}
    answer = await edge.http.post("http://edge/bot/signed/webhook", content=parts(), headers=headers)
    assert (answer.status_code, read) == (403, 2000)
    assert "connection" not in answer.headers
    answer = await edge.http.post("http://edge/bot/signed/webhook", content=b"x" * 2001, headers=headers)
    assert (answer.status_code, answer.headers["connection"]) == (413, "close")


async def test_above_64_kib_nothing_is_read_before_a_signature_fits(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(edge.channel), "body_limit", 100_000)
    edge.channel.habits["claims"] = boom
    edge.channel.habits["parse"] = lambda hook: [InboundMessage("+1", "1", "ana", Text("hola"))]
    body = b"x" * 65_537
    assert (await edge.post(body, secret="guess")).status_code == 403
    assert (await edge.post(body[1:], secret="guess")).status_code == 503  # claims is asked
    assert (await edge.post(body)).status_code == 200
    assert await edge.stored() == ["hola"]


async def test_a_wrong_method_names_the_right_ones(edge: Edge) -> None:
    answer = await edge.http.delete("http://edge/bot/signed/webhook", headers={"host": "acme.localhost"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


async def test_a_body_of_the_limit_is_taken_and_a_byte_more_is_not(edge: Edge) -> None:
    form = b"to=%2B1&from=ana&id=1&text="
    assert (await edge.post(form + b"x" * (2000 - len(form)))).status_code == 200
    assert (await edge.post(form + b"y" * (2001 - len(form)))).status_code == 413
    assert [len(text) for text in await edge.stored()] == [2000 - len(form)]


async def test_a_body_without_length_is_read_up_to_the_limit_only(edge: Edge) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 500
            yield b"x" * 500

    answer = await edge.http.post(
        "http://edge/bot/signed/webhook", content=endless(), headers={"host": "acme.localhost"}
    )
    assert answer.status_code == 413
    assert read <= 2000 + 2 * 500


async def test_a_body_that_does_not_come_is_given_up(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "BODY_SECONDS", 0.05)

    async def stuck() -> AsyncIterator[bytes]:
        yield b"to="
        await asyncio.Event().wait()

    answer = await edge.http.post(
        "http://edge/bot/signed/webhook", content=stuck(), headers={"host": "acme.localhost"}
    )
    assert answer.status_code == 408


async def test_a_forged_request_is_403_and_leaves_nothing(edge: Edge) -> None:
    assert (await edge.post(FORM_OF_ANA, secret="guess")).status_code == 403
    assert (await edge.post(FORM_OF_ANA, headers={"x-signature": ""})).status_code == 403
    assert (await edge.post({**FORM_OF_ANA, "to": "+2"}, secret="guess")).status_code == 403
    assert await edge.stored() == []


async def test_another_tenants_secret_signs_nothing_here(edge: Edge) -> None:
    await edge.add("bravo", "+1", secret="s3cret-of-bravo")
    assert (await edge.post(FORM_OF_ANA, secret="s3cret-of-bravo")).status_code == 403
    assert (await edge.post(FORM_OF_ANA, host="bravo.localhost")).status_code == 403
    answer = await edge.post(FORM_OF_ANA, host="bravo.localhost", secret="s3cret-of-bravo")
    assert answer.status_code == 200
    assert await edge.pool.fetch(
        "SELECT slug FROM messages JOIN tenants ON tenants.id = messages.tenant_id"
    ) == [("bravo",)]


async def test_only_events_of_accounts_that_signed_are_taken(edge: Edge) -> None:
    await edge.add("acme", "+2", secret="another")
    edge.channel.habits["parse"] = lambda hook: [
        InboundMessage(address, address, "ana", Text(address)) for address in ("+1", "+2", "+3")
    ]
    form = urlencode([("to", "+1"), ("to", "+2"), ("to", "+3")]).encode()
    assert (await edge.post(form)).status_code == 200
    assert await edge.stored() == ["+1"]


async def test_without_claims_every_account_is_tried(edge: Edge) -> None:
    await edge.add("acme", "+2", secret="another")
    edge.channel.habits["claims"] = lambda hook: ()
    answer = await edge.post({**FORM_OF_ANA, "to": "+2"}, secret="another")
    assert answer.status_code == 200
    assert await edge.stored() == ["hola"]


@pytest.mark.parametrize("table", ["tenants", "accounts"])
async def test_what_is_suspended_is_verified_acknowledged_and_not_stored(edge: Edge, table: str) -> None:
    await edge.run(f"UPDATE {table} SET status = 'suspended'")
    answer = await edge.post(FORM_OF_ANA)
    assert (answer.status_code, answer.content) == (200, b"<taken/>")
    assert (await edge.post(FORM_OF_ANA, secret="guess")).status_code == 403
    assert await edge.stored() == []
    assert edge.webhooks.suspended == {"acme": 1}


async def test_a_custom_domain_names_its_tenant(edge: Edge) -> None:
    await edge.run("INSERT INTO domains (tenant_id, host) SELECT id, 'chat.acme.cl' FROM tenants")
    assert (await edge.post(FORM_OF_ANA, host="chat.acme.cl")).status_code == 200


async def test_what_cannot_be_made_durable_is_503(edge: Edge, database_url: str) -> None:
    await edge.post(FORM_OF_ANA)  # the directory knows acme now
    edge.webhooks.intake.pool = closed = await connect_pool(database_url)
    closed.terminate()
    answer = await edge.post({**FORM_OF_ANA, "id": "2"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    edge.webhooks.intake.pool = edge.pool
    assert (await edge.post({**FORM_OF_ANA, "id": "2", "text": "otra"})).status_code == 200
    assert await edge.stored() == ["hola", "otra"]


async def test_without_a_database_an_unknown_host_is_503(edge: Edge) -> None:
    edge.pool.terminate()
    answer = await edge.post(FORM_OF_ANA)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_credentials_that_do_not_open_are_503(edge: Edge, caplog: pytest.LogCaptureFixture) -> None:
    await edge.run("UPDATE accounts SET address = '+9'")
    assert (await edge.post({**FORM_OF_ANA, "to": "+9"})).status_code == 503
    assert "acme: The credentials of signed +9 of acme do not open" in caplog.text


async def test_a_broken_channel_is_503_for_who_needs_it(edge: Edge) -> None:
    edge.webhooks.plugins = Plugins(broken={"signed": "could not be loaded: ImportError"})
    assert (await edge.post(FORM_OF_ANA)).status_code == 503
    await edge.run("DELETE FROM accounts")
    assert (await edge.post(FORM_OF_ANA)).status_code == 404


async def test_the_secret_that_signs_is_noted_once(edge: Edge) -> None:
    await edge.add("acme", "+2", secret="old", next_secret="new")
    form = {**FORM_OF_ANA, "to": "+2"}
    for secret in ("new", "new", "guess"):
        await edge.post(form, secret=secret)
    await edge.webhooks.close()
    noted = await edge.pool.fetch("SELECT name, last_seen FROM secrets_seen")
    assert [row["name"] for row in noted] == ["next_secret"]
    await edge.post(form, secret="new")
    await edge.post(form, secret="old")
    await edge.webhooks.close()
    after = dict(await edge.pool.fetch("SELECT name, last_seen FROM secrets_seen"))
    assert after.keys() == {"next_secret", "secret"}
    assert after["next_secret"] == noted[0]["last_seen"]


@pytest.mark.new_database
async def test_a_secret_that_cannot_be_noted_delays_nobody(
    edge: Edge, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await edge.add("acme", "+2", secret="old", next_secret="new")
    owner = await asyncpg.connect(database_url)
    try:
        async with owner.transaction():
            await owner.execute("SET LOCAL ROLE conserje_owner; LOCK secrets_seen")
            assert (await edge.post({**FORM_OF_ANA, "to": "+2"}, secret="new")).status_code == 200
            await owner.execute("REVOKE INSERT ON secrets_seen FROM conserje_core")
    finally:
        await owner.close()
    await edge.webhooks.close()
    assert "acme: a secret seen was not noted" in caplog.text


PUBLIC = "https://acme.localhost/bot/signed/webhook"


@pytest.mark.parametrize(
    ("path", "signed"),
    [
        ("", PUBLIC),
        ("?a=%20+b&c=%C3%B1&d=a%2Fb&d=&e", PUBLIC + "?a=%20+b&c=%C3%B1&d=a%2Fb&d=&e"),
        ("?x=%c3%b1//../y", PUBLIC + "?x=%c3%b1//../y"),
    ],
)
async def test_the_signed_url_is_the_public_one_untouched(edge: Edge, path: str, signed: str) -> None:
    body = urlencode(FORM_OF_ANA).encode()
    answer = await edge.post(
        body,
        path="/bot/signed/webhook" + path,
        headers={"x-forwarded-proto": "https", "x-signature": sign(SECRET, signed, body)},
    )
    assert answer.status_code == 200


@pytest.mark.parametrize("host", ["ACME.localhost", "acme.localhost.", "acme.localhost:8443"])
async def test_the_host_is_signed_as_it_came(edge: Edge, host: str) -> None:
    assert (await edge.post(FORM_OF_ANA, host=host)).status_code == 200


@pytest.mark.parametrize("scheme", ["ftp", "https,http", "javascript", "HTTPS", ""])
async def test_no_other_scheme_is_believed(edge: Edge, scheme: str) -> None:
    assert (await edge.post(FORM_OF_ANA, headers={"x-forwarded-proto": scheme})).status_code == 200


async def test_a_stranger_is_believed_nothing(pool: Pool, database_url: str, keyring: Path) -> None:
    body = urlencode(FORM_OF_ANA).encode()
    claims = {"x-forwarded-proto": "https", "x-request-id": "given-by-a-stranger"}
    async with open_edge(pool, database_url, keyring, peer=("203.0.113.9", 1)) as edge:
        https = {**claims, "x-signature": sign(SECRET, PUBLIC, body)}
        refused = await edge.post(body, headers=https)
        assert refused.status_code == 403
        assert refused.headers["x-request-id"] != "given-by-a-stranger"
        assert (await edge.post(body, headers=claims)).status_code == 200


async def test_the_proxys_request_id_is_echoed_if_it_is_sane(edge: Edge) -> None:
    async def echoed(given: str) -> bool:
        answer = await edge.post(FORM_OF_ANA, path="/", headers={"x-request-id": given})
        assert answer.json()["request_id"] == answer.headers["x-request-id"] != ""
        return answer.headers["x-request-id"] == given

    assert await echoed("0123456789abcdef0123456789abcdef")
    assert not await echoed("short")
    assert not await echoed("a" * 129)
    assert not await echoed("spaces are not sane")
    assert not await echoed('"><script>alert(1)</script>')


async def test_a_bug_of_ours_is_503_and_its_place_is_logged(
    edge: Edge, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge.webhooks.reception.hosts, "name", boom)
    assert (await edge.post(FORM_OF_ANA)).status_code == 503
    assert "The edge failed: Boom at " in caplog.text
    assert "secret-in-text" not in caplog.text


async def test_a_flood_of_forgeries_is_logged_once_a_minute(
    edge: Edge, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        await edge.post(FORM_OF_ANA, secret="guess")
    assert caplog.text.count("no account of channel signed signs this webhook") == 1


async def test_no_secret_and_no_body_is_logged(edge: Edge, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await edge.post({**FORM_OF_ANA, "text": "private words"})
    await edge.post({**FORM_OF_ANA, "text": "private words"}, secret="guess")
    edge.channel.habits["verify"] = boom
    await edge.post({**FORM_OF_ANA, "text": "private words"})
    for secret in (SECRET, "guess", "private", hashlib.sha256(SECRET.encode()).hexdigest()):
        assert secret not in caplog.text


@pytest.mark.parametrize("by_strangers", [True, False])
async def test_only_posts_of_strangers_are_counted(
    edge: Edge, by_strangers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge.channel, "by_strangers", by_strangers, raising=False)
    monkeypatch.setattr(edge.webhooks.limits, "messages_of_visitor", Window(2, 60))
    answers = [await edge.post({**FORM_OF_ANA, "id": str(n)}) for n in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429 if by_strangers else 200]
