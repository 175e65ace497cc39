"""Who comes in at the operator's listener, over real sockets, and what the others are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from office import Office, open_office

from conserje.storage.database import Pool
from conserje.tenants import api_keys
from conserje_edge.server.operator import application
from conserje_fakes import server

KEY = "conserje_0123456789_" + "a" * 49


@dataclass
class Counter:
    """The operator's listener at a port of loopback."""

    office: Office
    http: httpx2.AsyncClient

    async def ask(self, path: str = "/tenants", method: str = "GET", **headers: str) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.request(method, path, headers=named)

    async def status(self, path: str = "/tenants", method: str = "GET", **headers: str) -> int:
        return (await self.ask(path, method, **headers)).status_code


@pytest_asyncio.fixture
async def counter(pool: Pool, database_url: str, keyring: Path) -> AsyncIterator[Counter]:
    async with (
        open_office(pool, database_url, keyring) as office,
        server.serving(application(office.context)) as base_url,
        httpx2.AsyncClient(base_url=base_url) as http,
    ):
        yield Counter(office, http)


async def test_a_caller_on_this_machine_needs_no_key(counter: Counter) -> None:
    for host in ("localhost", "127.0.0.1", "[::1]", "LOCALHOST", "localhost:9001", "127.0.0.1:1"):
        assert await counter.status(host=host) == 200, host


async def test_another_host_is_not_found(counter: Counter) -> None:
    """Also one that its owner lets point at this machine (DNS rebinding)."""
    for host in (
        "evil.example",
        "acme.localhost",
        "localhost.evil.example",
        "console.evil.example",
        "x.console.localhost",
        "127.0.0.2",
        "localhost:x",
        "localhost:123456",
        "user@localhost",
    ):
        assert await counter.status(host=host) == 404, host


async def test_whether_it_lives_is_told_to_whoever_asks(counter: Counter) -> None:
    """A load balancer asks by address, and has no key."""
    for path in ("/livez", "/health"):
        for headers in (
            {"host": "10.0.0.7:9001"},
            {"host": "evil.example"},
            {"x_forwarded_for": "203.0.113.9"},
        ):
            answer = await counter.ask(path, **headers)
            assert (answer.status_code, answer.json()) == (200, {"alive": True})
    assert await counter.status("/livez/x", host="evil.example") == 404


async def test_pages_of_other_hosts_are_refused(counter: Counter) -> None:
    there = counter.http.base_url.netloc.decode()
    assert await counter.status(origin=f"http://{there}") == 200
    for origin in (
        "null",
        "",
        "http://evil.example",
        "http://acme.localhost",
        "http://localhost",
        f"http://{there}0",
    ):
        assert await counter.status(origin=origin) == 403, origin
    for site in ("cross-site", "same-site"):
        assert await counter.status(method="POST", path="/bots/", sec_fetch_site=site) == 403
        assert await counter.status(sec_fetch_site=site) == 200
    for site in ("same-origin", "none"):
        assert await counter.status(method="POST", path="/bots/", sec_fetch_site=site) == 400


async def test_what_comes_through_the_proxy_needs_a_key(counter: Counter) -> None:
    key = await counter.office.key(None, "read")
    for headers in (
        {"x_conserje_console": "1"},
        {"x_conserje_console": ""},
        {"host": "console.localhost"},
        {"host": "console.localhost", "x_conserje_console": "1"},
    ):
        refused = await counter.ask(**headers)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Bearer")
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["request_id"] == refused.headers["x-request-id"]
        assert await counter.status(**headers, **key) == 200


@pytest.mark.parametrize(
    "header",
    [
        "Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-IP",
        "CF-Connecting-IP", "CF-Ray", "CDN-Loop", "True-Client-IP",
    ],
)  # fmt: skip
async def test_what_any_proxy_on_this_machine_passed_on_is_not_the_operator_s_own(
    counter: Counter, header: str
) -> None:
    assert (await counter.http.get("/tenants", headers={header: "x"})).status_code == 401
    key = await counter.office.key(None, "read")
    assert (await counter.http.get("/tenants", headers={header: "x", **key})).status_code == 200


@pytest.mark.parametrize("peer", ["203.0.113.9", "10.0.0.1", "::ffff:203.0.113.9"])
async def test_a_caller_on_another_machine_needs_a_key(counter: Counter, peer: str) -> None:
    transport = httpx2.ASGITransport(application(counter.office.context), client=(peer, 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as far:
        assert (await far.get("/tenants")).status_code == 401
        key = await counter.office.key(None, "read")
        assert (await far.get("/tenants", headers=key)).status_code == 200


async def test_a_key_that_is_given_is_looked_at_here_too(counter: Counter) -> None:
    for wrong in ("", "Bearer", "Basic eDp5", f"Bearer {KEY}", "Bearer x y"):
        assert await counter.status(authorization=wrong) == 401, wrong
    right = (await counter.office.key(None, "read"))["authorization"]
    assert await counter.status(authorization=right.replace("Bearer", "bEARER")) == 200


async def test_wrong_keys_are_told_nothing_of_the_reason(counter: Counter) -> None:
    pool = counter.office.context.pool
    async with pool.acquire() as connection:
        expired, first = await api_keys.add(connection, "expired")
        revoked, second = await api_keys.add(connection, "revoked")
        await connection.execute("UPDATE api_keys SET expires_at = now() WHERE id = $1", expired.id)
        await api_keys.revoke(connection, revoked.id)
    told = set()
    for key in (first, second, KEY, "x"):
        answer = await counter.ask(host="console.localhost", authorization=f"Bearer {key}")
        told.add((answer.status_code, answer.headers["www-authenticate"], answer.json()["title"]))
    assert len(told) == 1


async def test_a_key_reaches_as_far_as_its_scopes_and_its_tenant(counter: Counter) -> None:
    office = counter.office
    acme, bravo = await office.add("acme"), await office.add("bravo")
    of_acme = await office.key(acme, "read")
    assert [tenant["slug"] for tenant in (await counter.ask(**of_acme)).json()["tenants"]] == ["acme"]
    writing, reading = await office.key(None, "write"), await office.key(None, "read")
    for path in ("/metrics", "/readyz"):
        assert await counter.status(path, **of_acme) == 403
        assert await counter.status(path, **writing) == 403
        assert await counter.status(path, **reading) in (200, 503)
    assert await counter.status("/livez", **of_acme) == 200
    body = {"telefono": "+569", "mensaje": "hola"}
    for key, status in ((await office.key(bravo), 404), (reading, 403)):
        refused = await counter.http.post("/webhook/acme", json=body, headers=key)
        assert refused.status_code == status
    assert await office.context.pool.fetchval("SELECT count(*) FROM messages") == 0


async def test_what_is_not_there_is_a_problem_document(counter: Counter) -> None:
    for path, method, status in (("/nothing", "GET", 404), ("/livez", "DELETE", 405), ("/", "GET", 404)):
        answer = await counter.ask(path, method, x_request_id="id-of-the-proxy")
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["request_id"] == "id-of-the-proxy"
    assert "GET" in (await counter.ask("/livez", "DELETE")).headers["allow"]


async def test_without_postgres_a_key_is_neither_right_nor_wrong(counter: Counter) -> None:
    key = await counter.office.key(None, "read")
    counter.office.context.pool.terminate()
    answer = await counter.ask(**key)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert await counter.status("/livez") == 200
