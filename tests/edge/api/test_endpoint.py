"""What is the same of every operation: who gets in, what is read, how it is answered."""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from pathlib import Path

import httpx2
import pytest
from other_system import BASE, System, open_system

from conserje.storage.database import Pool
from conserje.tenants import idempotency
from conserje_edge.api.routes import PLACES

KEY = {"name": "x", "scopes": ["read"]}


async def test_without_a_key_only_the_operator_on_this_machine_gets_in(
    pool: Pool, database_url: str, keyring: Path
) -> None:
    async with open_system(pool, database_url, keyring, peer="203.0.113.9") as far:
        answer = await far.ask("GET", "/tenants")
        assert (answer.status_code, answer.json()["code"]) == (401, "no-key")
        assert answer.json()["type"] == f"{BASE}/problems/no-key"
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
        await far.get("/tenants", await far.key(None, "read"))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "console.localhost"}, 401),
        ({"x-forwarded-for": "127.0.0.1"}, 401),
        ({"x-conserje-console": "1"}, 401),
        ({"host": "acme.localhost"}, 404),
        ({"host": "rebound.example"}, 404),
        ({"origin": "http://acme.localhost"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://localhost:9101"}, 200),
        ({"authorization": "Bearer x"}, 401),
    ],
)
async def test_the_same_is_asked_of_callers_as_at_the_operator_s_listener(
    system: System, headers: dict[str, str], status: int
) -> None:
    answer = await system.ask("GET", "/tenants", headers=headers)
    assert answer.status_code == status
    assert status == 200 or answer.json()["code"]


async def test_what_is_written_about_the_api_needs_no_key(
    pool: Pool, database_url: str, keyring: Path
) -> None:
    async with open_system(pool, database_url, keyring, peer="203.0.113.9") as far:
        described = (await far.ask("GET", "/openapi.json")).json()
        assert described["openapi"] == "3.1.0" and "/tenants" in described["paths"]
        for path in ("", "/", "/problems/bad-cursor"):
            page = await far.ask("GET", path)
            assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
            assert (
                "<script" not in page.text and "default-src 'none'" in page.headers["content-security-policy"]
            )
        assert (await far.ask("GET", "/problems/nothing")).status_code == 404


async def test_the_reference_has_every_operation_and_no_link_to_nowhere(system: System) -> None:
    page = (await system.ask("GET", "/")).text
    ids = re.findall(r'id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert {each[1:] for each in re.findall(r'href="(#[^"]+)"', page)} <= {*ids}
    assert {each.name for place in PLACES for each in place.operations.values()} <= {*ids}
    assert not [each for each in ids if "__" in each]  # two models of one name
    for link in {*re.findall(rf'href="{BASE}([^"]*)"', page)}:
        assert (await system.ask("GET", link)).status_code == 200, link


async def test_a_list_goes_on_where_it_ended_whatever_is_added(system: System) -> None:
    for slug in ("bravo", "delta", "echo"):
        await system.add(slug)
    first = await system.get("/tenants?limit=2")
    await system.add("acme")
    await system.add("foxtrot")
    rest = await system.get(f"/tenants?limit=2&cursor={first['next']}")
    slugs = [each["slug"] for each in first["items"] + rest["items"]]
    assert (slugs, rest["next"]) == (["bravo", "delta", "echo", "foxtrot"], None)


@pytest.mark.parametrize(
    "cursor", ["x", "", "bnVsbA", "WzIsImEiXQ", "WzEsNV0", "WzFd", "WzEsIlx1MDAwMCJd", "é"]
)
async def test_a_cursor_that_is_none_of_the_list_is_refused(system: System, cursor: str) -> None:
    answer = await system.ask("GET", "/tenants", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-cursor"), cursor


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ("", "not-json", None),
        ("{", "not-json", None),
        ("[]", "invalid", "/body"),
        ('{"name": "x"}', "invalid", "/body/scopes"),
        ('{"name": "x", "scopes": ["all"]}', "invalid", "/body/scopes/0"),
        ('{"name": "x", "scopes": ["read"], "life": 1}', "invalid", "/body/life"),
        ('{"name": "x", "scopes": ["read"], "days": "1"}', "invalid", "/body/days"),
        ('{"name": "\\u0000", "scopes": ["read"]}', "invalid", "/body"),
        ('{"name": "\\ud800", "scopes": ["read"]}', "not-json", None),
        ('{"name": " ", "scopes": ["read"]}', "refused", "/body/name"),
    ],
)
async def test_where_a_body_is_wrong_is_said(
    system: System, body: str, code: str, pointer: str | None
) -> None:
    headers = {"content-type": "application/json"}
    answer = await system.ask("POST", "/keys", content=body, headers=headers)
    said = answer.json()
    assert said["code"] == code, said
    assert [each["pointer"] for each in said.get("errors", [])] == ([pointer] if pointer else [])


async def test_a_body_of_another_type_is_not_read(system: System) -> None:
    answer = await system.ask("POST", "/keys", data={"name": "x"})
    assert (answer.status_code, answer.json()["code"]) == (415, "media-type")


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "limit=1&limit=2", "page=2", "cursor=%00"]
)
async def test_a_query_that_makes_no_sense_is_refused(system: System, query: str) -> None:
    assert await system.get(f"/tenants?{query}", code=422) == "invalid"


async def test_another_method_is_told_which_there_are(system: System) -> None:
    answer = await system.ask("PUT", "/keys")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


async def made(system: System) -> int:
    return int(await system.context.pool.fetchval("SELECT count(*) FROM api_keys"))


async def test_a_post_that_comes_again_by_its_key_is_answered_the_same_and_done_once(system: System) -> None:
    await system.add("acme")
    keyed = {"idempotency-key": "one"}
    answers = [await system.ask("POST", "/keys", json=KEY, headers=keyed) for _ in range(2)]
    first, second = (each.json() for each in answers)
    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].headers["location"] == answers[1].headers["location"]
    assert answers[1].headers["idempotent-replayed"] == "true"
    assert first.pop("key") and second.pop("key") is None  # a key is shown once
    assert first == second and await made(system) == 1
    other = await system.ask("POST", "/keys", json=KEY | {"name": "y"}, headers=keyed)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    await system.post("/keys", KEY, {"idempotency-key": "two"}, 201)
    assert await made(system) == 2


async def test_what_was_refused_may_come_again_by_the_same_key(system: System) -> None:
    keyed = {"idempotency-key": "one"}
    wanted = KEY | {"tenant": "acme"}
    assert await system.post("/keys", wanted, keyed, 404) == "not-found"
    await system.add("acme")
    await system.post("/keys", wanted, keyed, 201)


async def test_the_same_at_once_is_done_once(system: System) -> None:
    asking = [system.ask("POST", "/keys", json=KEY, headers={"idempotency-key": "one"}) for _ in range(8)]
    answers = await asyncio.gather(*asking)
    assert {each.status_code for each in answers} <= {201, 409}
    assert await made(system) == 1


async def test_while_it_is_done_who_asks_again_is_told_so_at_once(system: System) -> None:
    async with system.context.pool.acquire() as connection, connection.transaction():
        asked = idempotency.Asked.of(None, "one", "POST", "/")
        assert await idempotency.recall(connection, asked) is None
        said = await system.post("/keys", KEY, {"idempotency-key": "one"}, HTTPStatus.CONFLICT)
        assert said == "idempotency-key-in-use"
    await system.post("/keys", KEY, {"idempotency-key": "one"}, 201)


async def test_a_day_later_the_key_is_free(system: System) -> None:
    keyed = {"idempotency-key": "one"}
    await system.post("/keys", KEY, keyed, 201)
    await system.context.pool.execute("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'")
    await system.post("/keys", KEY | {"name": "y"}, keyed, 201)
    assert await made(system) == 2


async def test_tenants_have_their_own_idempotency_keys(system: System) -> None:
    keyed = {"idempotency-key": "one"}
    for slug in ("acme", "bravo"):
        await system.post("/keys", KEY, await system.key(await system.add(slug)) | keyed, 201)
    await system.post("/keys", KEY, keyed, 201)


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 201])
async def test_an_idempotency_key_that_is_none_is_refused(system: System, key: str) -> None:
    headers = httpx2.Headers([(b"idempotency-key", key.encode())])
    answer = await system.http.post(f"{BASE}/keys", json=KEY, headers=headers)
    assert answer.json()["errors"][0]["pointer"] == "/headers/idempotency-key"
