"""The predecessors' routes: old calls, word for word, and answers that carry the reply."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from office import Office, open_office
from scene import Parrot
from waiting import until

from conserje import NoAnswer, Nothing, Reply, Turn
from conserje.storage.database import Pool
from conserje.tenants import accounts, phones
from conserje_edge.predecessors import messages

FORM = {"content-type": "application/x-www-form-urlencoded"}  # what curl -d says of everything
JSON = {"content-type": "application/json"}
HOLA = '{"telefono": "+56999999999", "mensaje": "hola"}'


@pytest_asyncio.fixture
async def office(pool: Pool, database_url: str, keyring: Path) -> AsyncIterator[Office]:
    async with open_office(pool, database_url, keyring) as office:
        await office.add("acme")
        yield office


@pytest.mark.parametrize("headers", [JSON, FORM, {}], ids=["json", "as curl -d sends it", "no content type"])
async def test_the_answer_carries_the_reply(office: Office, headers: dict[str, str]) -> None:
    async with office.working():
        answer = await office.http.post("/webhook/acme", content=HOLA.encode(), headers=headers)
    assert answer.status_code == 200
    told = answer.json()
    assert told.pop("waited_ms") >= 0 and told.pop("thought_ms") >= 0
    [message] = await office.context.pool.fetch(
        "SELECT conversation_id, id FROM messages WHERE direction = 'in'"
    )
    assert told == {
        "status": "success",
        "tenant": "acme",
        "message_id": f"{message['conversation_id']}-{message['id']}",
        "respuesta": "hola",
        "mensajes": [{"text": "hola", "type": "text"}],
        "intent": "parroted",
        "confidence": 1.0,
    }


async def test_an_old_id_names_its_tenant_and_a_slug_comes_first(office: Office) -> None:
    await office.add("bravo", aliases=["acme-cannabis-2024", "acme"])
    async with office.working():
        old = await office.post("/webhook/acme-cannabis-2024", {"telefono": "+569", "mensaje": "hola"})
        new = await office.post("/webhook/acme", {"telefono": "+569", "mensaje": "hola"})
    assert (old["tenant"], new["tenant"]) == ("bravo", "acme")


async def test_an_old_id_of_two_is_neither_s(office: Office) -> None:
    for slug in ("bravo", "bravos"):
        await office.add(slug, aliases=["viejo"])
    refused = await office.post("/webhook/viejo", {"telefono": "+569", "mensaje": "hola"}, code=409)
    assert refused["detail"] == "viejo is an old id of bravo, bravos: write the slug."
    assert await office.context.pool.fetchval("SELECT count(*) FROM messages") == 0


async def test_a_name_like_a_slug_is_a_suggestion_and_never_a_route(office: Office) -> None:
    for slug in ("bravo", "mundo-canino", "acme-norte"):
        await office.add(slug)
    told = await office.post("/webhook/acmee", {"telefono": "+569", "mensaje": "hola"}, code=404)
    assert len(told["nearest"]) == 3 and told["nearest"][0] == "acme"
    assert await office.context.pool.fetchval("SELECT count(*) FROM messages") == 0
    for odd in ("a%00b", "%ff", "ACME", "a" * 300):
        await office.post(f"/webhook/{odd}", {"telefono": "+569", "mensaje": "hola"}, code=404)


@pytest.mark.parametrize("written", ["+56911111111", "whatsapp:+56911111111", "569 1111-1111", 56911111111])
async def test_without_a_slug_the_sender_names_the_tenant(office: Office, written: object) -> None:
    tenant_id = await office.add("bravo")
    async with office.context.pool.acquire() as connection:
        await phones.add(connection, tenant_id, "+56911111111")
    async with office.working():
        body = json.dumps({"telefono": written, "mensaje": "hola"}).encode()
        told = (await office.http.post("/webhook", content=body, headers=FORM)).json()
    assert (told["tenant"], told["respuesta"]) == ("bravo", "hola")


@pytest.mark.parametrize("written", ["+56922222222", "nadie"])
async def test_a_sender_of_nobody_s_is_not_found(office: Office, written: str) -> None:
    told = await office.post("/webhook", {"telefono": written, "mensaje": "hola"}, code=404)
    assert written in told["detail"]


ODD = {
    "{": "The body",
    "telefono=569&mensaje=hola": "The body",
    '["hola"]': "The body",
    '{"telefono": "+569"}': "mensaje",
    '{"mensaje": "hola"}': "telefono",
    '{"telefono": [569], "mensaje": "hola"}': "telefono",
    '{"telefono": " ", "mensaje": "hola"}': "telefono",
}


async def test_a_body_that_makes_no_sense_is_told_which_field(office: Office) -> None:
    for body, field in ODD.items():
        answer = await office.http.post("/webhook/acme", content=body.encode(), headers=FORM)
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json"), body
        assert answer.json()["detail"].startswith(f"{field}: "), body


@pytest.mark.parametrize("by", ["header", "body"])
async def test_the_same_post_twice_is_one_message_and_the_same_answer(office: Office, by: str) -> None:
    headers = {"idempotency-key": "order 7".replace(" ", ":")} if by == "header" else {}
    more = {"id": "order.7"} if by == "body" else {}
    body = {"telefono": "+569", "mensaje": "hola", **more}
    async with office.working():
        answers = await asyncio.gather(
            *(office.http.post("/webhook/acme", json=body, headers=headers) for _ in range(3))
        )
        again = await office.http.post("/webhook/acme", json=body, headers=headers)
        other = await office.http.post("/webhook/acme", json=body | {"mensaje": "chao"}, headers=headers)
        new = await office.http.post("/webhook/acme", json=body | {"telefono": "+568"}, headers=headers)
    assert {answer.text for answer in answers} == {again.text}
    assert (again.status_code, again.json()["respuesta"]) == (200, "hola")
    assert other.status_code == 422 and "another message" in other.json()["detail"]
    assert new.json()["message_id"] != again.json()["message_id"], "each sender has keys of their own"
    assert await office.context.pool.fetchval("SELECT count(*) FROM messages WHERE direction = 'in'") == 2


async def test_a_key_that_is_none_is_said(office: Office) -> None:
    for body, headers in (({}, {"idempotency-key": "a b"}), ({"id": "a:b"}, {})):
        answer = await office.http.post(
            "/webhook/acme", json={"telefono": "+569", "mensaje": "x", **body}, headers=headers
        )
        assert answer.status_code == 400


async def test_an_answer_that_takes_long_is_asked_for_later(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "ANSWER_LIMIT", 0.2)
    answer = await office.http.post("/webhook/acme", content=HOLA.encode())
    told = answer.json()
    assert (answer.status_code, told["status"], told["respuesta"]) == (202, "pending", "")
    assert answer.headers["location"] == f"/webhook/acme/{told['message_id']}"
    assert (await office.get(answer.headers["location"], code=202))["status"] == "pending"
    async with office.working():

        async def answered() -> bool:
            return (await office.http.get(answer.headers["location"])).status_code == 200

        await until(answered)
    assert (await office.get(answer.headers["location"]))["respuesta"] == "hola"

    await office.add("bravo")
    number = told["message_id"]
    for path in (f"/webhook/bravo/{number}", "/webhook/acme/9-9", "/webhook/acme/x", "/webhook/acme/9" * 2):
        await office.get(path, code=404)


async def test_it_waits_for_the_answer_and_not_for_the_clock(office: Office) -> None:
    office.parrot.ready.clear()
    async with office.working():
        body = {"telefono": "+569", "mensaje": "hola"}
        answer = asyncio.create_task(office.post("/webhook/acme", body))
        await until(lambda: office.parrot.heard)
        assert not answer.done()
        office.parrot.ready.set()
        assert (await answer)["status"] == "success"


class Mute(Parrot):
    """Hears, and says nothing."""

    name = "mute"

    async def reply(self, turn: Turn[Nothing, Nothing]) -> Reply:
        return Reply(())


async def test_silence_is_an_empty_answer(office: Office) -> None:
    office.context.plugins.assistants["mute"] = Mute()
    await office.add("bravo", assistant="mute")
    async with office.working():
        told = await office.post("/webhook/bravo", {"telefono": "+569", "mensaje": "hola"})
    assert (told["status"], told["respuesta"], told["mensajes"]) == ("success", "", [])


async def test_with_a_person_it_says_so(office: Office) -> None:
    office.parrot.hand_over = True
    async with office.working():
        first = await office.post("/webhook/acme", {"telefono": "+569", "mensaje": "una persona"})
        second = await office.post("/webhook/acme", {"telefono": "+569", "mensaje": "hola?"})
    assert (first["status"], second["status"], second["respuesta"]) == ("success", "person", "")


async def test_a_held_conversation_says_so(
    office: Office, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "ANSWER_LIMIT", 0.1)
    body = {"telefono": "+569", "mensaje": "hola"}
    await office.post("/webhook/acme", body, code=202)
    await pool.execute("UPDATE conversations SET state = 'held', cause = 'no model'")
    assert (await office.post("/webhook/acme", body, code=202))["status"] == "held"


async def test_a_failing_assistant_leaves_the_message_taken(
    office: Office, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "ANSWER_LIMIT", 0.5)
    office.parrot.fails.append(NoAnswer("no model"))
    async with office.working():
        told = await office.post("/webhook/acme", {"telefono": "+569", "mensaje": "hola"}, code=202)
    assert told["status"] == "pending"
    assert await pool.fetchval("SELECT count(*) FROM messages") == 1


async def test_who_goes_away_has_written_all_the_same(office: Office, pool: Pool) -> None:
    going = asyncio.create_task(office.http.post("/webhook/acme", content=HOLA.encode()))
    await until(lambda: pool.fetchval("SELECT count(*) FROM messages"))
    going.cancel()
    async with office.working():
        await until(lambda: office.parrot.heard)


async def test_a_suspended_tenant_is_said_to_be(office: Office, pool: Pool) -> None:
    await pool.execute("UPDATE tenants SET status = 'suspended'")
    refused = await office.post("/webhook/acme", {"telefono": "+569", "mensaje": "hola"}, code=409)
    assert "acme is suspended" in refused["detail"]
    assert await pool.fetchval("SELECT count(*) FROM messages") == 0


async def test_the_account_is_made_once_whoever_writes_first(office: Office, pool: Pool) -> None:
    body = {"telefono": "+569", "mensaje": "hola"}
    async with office.working():
        told = await asyncio.gather(
            *(office.post("/webhook/acme", body | {"telefono": f"+569{n}"}) for n in range(8))
        )
    assert {each["respuesta"] for each in told} == {"hola"}
    rows = await pool.fetch("SELECT channel, address, credentials FROM accounts")
    assert [(row["channel"], row["address"]) for row in rows] == [("json", "json")]
    assert rows[0]["credentials"].startswith("v1.")


async def test_tenants_are_listed_in_the_old_shape(office: Office, pool: Pool) -> None:
    bravo = await office.add("bravo", aliases=["bravo-2024"], status="suspended")
    async with pool.acquire() as connection:
        await accounts.add(connection, bravo, "twilio", "+56911111111")
    assert await office.get("/tenants") == {
        "status": "success",
        "total_tenants": 2,
        "tenants": [
            {
                "id": "acme",
                "name": "Acme",
                "slug": "acme",
                "webhook_url": "/webhook/acme",
                "full_webhook_url": "http://acme.localhost:8080/bot/json/webhook",
                "status": "active",
            },
            {
                "id": "bravo-2024",
                "name": "Bravo",
                "slug": "bravo",
                "webhook_url": "/webhook/bravo",
                "full_webhook_url": "http://bravo.localhost:8080/bot/twilio/webhook",
                "status": "suspended",
            },
        ],
    }


async def test_a_tenants_key_sees_and_reaches_its_own_alone(office: Office, pool: Pool) -> None:
    bravo = await office.add("bravo")
    async with pool.acquire() as connection:
        acme = await connection.fetchval("SELECT id FROM tenants WHERE slug = 'acme'")
        await phones.add(connection, acme, "+56911111111")
    key, reads = await office.key(bravo), await office.key(bravo, "read")
    body = {"telefono": "+56911111111", "mensaje": "hola"}
    assert [each["slug"] for each in (await office.get("/tenants", key))["tenants"]] == ["bravo"]
    for path in ("/webhook/acme", "/webhook/nadie", "/webhook"):
        refused = await office.post(path, body, key, code=404)
        assert set(refused) == {"title", "status", "request_id"}
    await office.post("/webhook/bravo", body, reads, code=403)
    async with office.working():
        assert (await office.post("/webhook/bravo", body, key))["tenant"] == "bravo"
    for path in ("/bots", "/bots/"):
        await office.get(path, key, code=403)
        await office.post(path, {"name": "Otro"}, key, code=403)
    await office.post("/bots/", {"name": "Otro"}, await office.key(None, "read"), code=403)
