"""Meta's posts at a tenant's own address: the edge, a database, and the stand-in that posts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest
import pytest_asyncio
from doorway import Edge, open_edge
from pydantic import SecretStr

from conserje.net.client import client
from conserje.storage.database import Pool
from conserje.tenants import accounts, tenants
from conserje_fakes.meta_webhooks import sign
from conserje_meta import Meta, MetaOperator

NUMBER, FOREIGN, SECRET, PHONE = "106540352242922", "206540352242922", "s3creto", "56922222222"


class Place(NamedTuple):
    """Where Meta posts to."""

    host: str
    url: str


OWN = Place("acme.localhost", "http://edge/bot/meta/webhook")
SHARED = Place("localhost", "http://edge/webhook/meta")


@dataclass
class Front:
    edge: Edge

    async def post(self, *changes: dict[str, Any], secret: str = SECRET, at: Place = OWN) -> int:
        """What Meta is told of a post with these changes."""
        entry = {"id": "1", "changes": list(changes)}
        body = json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()
        headers = {"host": at.host, "x-hub-signature-256": sign(secret, body)}
        return (await self.edge.http.post(at.url, content=body, headers=headers)).status_code

    async def greet(self, word: str, at: Place = OWN) -> httpx2.Response:
        query = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": word}
        return await self.edge.http.get(at.url, params=query, headers={"host": at.host})

    async def add(self, slug: str, number: str, held: dict[str, str] | None) -> None:
        """An account of a tenant, who is made where there is none."""
        async with self.edge.pool.acquire() as connection:
            if slug != "acme":
                await tenants.add(connection, slug, slug.title())
            tenant = await tenants.get(connection, slug)
            sealed = held and await accounts.seal_credentials(
                connection, self.edge.vault, tenant.id, "meta", number, json.dumps(held).encode()
            )
            await accounts.add(connection, tenant.id, "meta", number, credentials=sealed or None)
        await self.edge.heard()


@pytest_asyncio.fixture
async def front(pool: Pool, database_url: str, keyring: Path) -> AsyncIterator[Front]:
    async with open_edge(pool, database_url, keyring) as edge:
        edge.webhooks.plugins.channels["meta"] = Meta(MetaOperator(), client())
        front = Front(edge)
        await front.add(
            "acme", NUMBER, {"access_token": "EAAficha", "app_secret": SECRET, "verify_token": "palabra"}
        )
        yield front


def change(number: str = NUMBER, **value: Any) -> dict[str, Any]:
    return {"field": "messages", "value": {"metadata": {"phone_number_id": number}, **value}}


def message(text: str, id: str) -> dict[str, Any]:
    now = str(int(datetime.now(UTC).timestamp()))
    return {"from": PHONE, "id": id, "timestamp": now, "type": "text", "text": {"body": text}}


async def test_the_handshake_is_answered_at_the_tenant_s_address(front: Front) -> None:
    answer = await front.greet("palabra")
    assert (answer.status_code, answer.text) == (200, "1158201444")
    assert answer.headers["content-type"].startswith("text/plain")
    assert (await front.greet("otra")).status_code == 403


async def test_of_a_batch_what_is_another_s_number_s_is_dropped_and_the_rest_taken(front: Front) -> None:
    mine = change(messages=[message("hola", "wamid.1"), {"id": "wamid.2"}, message("¿hay pan?", "wamid.3")])
    assert await front.post(change(FOREIGN, messages=[message("ajeno", "wamid.9")]), mine) == 200
    assert await front.edge.stored() == ["hola", "¿hay pan?"]
    ((raw, _),) = await front.edge.rejects()
    assert json.loads(raw) == {"id": "wamid.2"}


@pytest.mark.parametrize("at", [OWN, SHARED], ids=["own", "shared"])
async def test_what_is_signed_for_a_number_that_nobody_has_is_acknowledged_and_said_once(
    front: Front, at: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """A refusal would make Meta post it again for days."""
    foreign = change(FOREIGN, messages=[message("ajeno", "wamid.9")])
    for _ in range(2):
        assert await front.post(foreign, at=at) == 200
    assert await front.post(foreign, secret="ajeno", at=at) == 403
    assert await front.edge.stored() == []
    assert [FOREIGN in record.getMessage() for record in caplog.records if "signed" in record.message] == [
        True
    ]


async def test_a_post_by_another_s_secret_is_forged(front: Front) -> None:
    assert await front.post(change(messages=[message("ajeno", "wamid.9")]), secret="ajeno") == 403
    assert await front.edge.stored() == []


async def test_the_operator_s_app_may_have_numbers_that_nobody_has(front: Front) -> None:
    operator = MetaOperator(app_secret=SecretStr("detodos"), verify_token=SecretStr("hola"))
    front.edge.webhooks.plugins.channels["meta"] = Meta(operator, client())
    foreign = [change(str(n), messages=[message("ajeno", f"wamid.{n}")]) for n in range(290, 310)]
    assert await front.post(*foreign[:1], secret="detodos", at=SHARED) == 200
    assert await front.post(*foreign, secret="detodos", at=SHARED) == 200
    assert await front.post(*foreign, secret="ajeno", at=SHARED) == 403
    mine = change(messages=[message("hola", "wamid.1")])
    assert await front.post(mine, secret="detodos", at=SHARED) == 403  # it has an app of its own


async def test_a_batch_that_comes_again_and_at_once_is_taken_once(front: Front) -> None:
    batch = change(messages=[message(str(n), f"wamid.{n}") for n in range(5)])
    assert await asyncio.gather(*(front.post(batch) for _ in range(5))) == [200] * 5
    assert await front.post(batch, change(messages=[message("5", "wamid.5")])) == 200
    assert await front.edge.stored() == [str(n) for n in range(6)]


async def test_a_status_may_come_before_the_message_s_row_and_is_kept_once(front: Front) -> None:
    status = {"id": "wamid.ours", "status": "delivered", "pricing": {"billable": True, "category": "service"}}
    for _ in range(2):
        assert await front.post(change(statuses=[status])) == 200
    rows = await front.edge.pool.fetch("SELECT provider_id, status, billable, category FROM statuses")
    assert [tuple(row) for row in rows] == [("wamid.ours", "delivered", True, "service")]


async def test_what_a_contact_took_back_says_so_in_its_place(front: Front) -> None:
    assert await front.post(change(messages=[message("secreto", "wamid.1")])) == 200
    revoke = {"from": PHONE, "id": "wamid.2", "type": "revoke", "revoke": {"original_message_id": "wamid.1"}}
    assert await front.post(change(messages=[revoke])) == 200
    rows = await front.edge.pool.fetch("SELECT content FROM messages ORDER BY id")
    assert [json.loads(row["content"])["type"] for row in rows] == ["revocation", "revocation"]


async def test_one_person_by_phone_then_by_user_id_alone_is_one_contact(front: Front) -> None:
    both = {"profile": {"name": "Ana"}, "wa_id": PHONE, "user_id": "CL.134"}
    assert await front.post(change(contacts=[both], messages=[message("hola", "wamid.1")])) == 200
    hidden = {"from_user_id": "CL.134", "id": "wamid.2", "type": "text", "text": {"body": "soy yo"}}
    assert await front.post(change(contacts=[{"user_id": "CL.134"}], messages=[hidden])) == 200
    system = {"type": "user_changed_user_id", "user_id": "CL.200", "previous_user_id": "CL.134"}
    assert await front.post(change(messages=[{"id": "wamid.3", "type": "system", "system": system}])) == 200
    rows = await front.edge.pool.fetch("SELECT DISTINCT conversation_id FROM messages")
    peer = await front.edge.pool.fetchval("SELECT peer FROM conversations WHERE id = $1", rows[0][0])
    assert (len(rows), peer) == (1, "CL.200")


async def test_one_app_of_the_operator_s_serves_many_tenants_by_one_address(front: Front) -> None:
    """By the number's id alone; a tenant with an app of its own is not served by the operator's."""
    operator = MetaOperator(app_secret=SecretStr("detodos"), verify_token=SecretStr("hola"))
    front.edge.webhooks.plugins.channels["meta"] = Meta(operator, client())
    await front.add("bravo", "301", None)
    await front.add("coral", "302", None)
    assert (await front.greet("hola", SHARED)).text == "1158201444"
    assert (await front.greet("palabra", SHARED)).status_code == 403
    batch = [
        change(number, messages=[message(f"a {number}", f"wamid.{number}")]) for number in ("301", "302")
    ]
    foreign = [change(number, messages=[message("ajeno", f"wamid.{number}")]) for number in (NUMBER, "999")]
    for _ in range(2):  # Meta posts again
        assert await front.post(*batch, *foreign, secret="detodos", at=SHARED) == 200
    assert sorted(await front.edge.stored()) == ["a 301", "a 302"]
    slugs = await front.edge.pool.fetch("SELECT slug FROM messages JOIN tenants ON tenants.id = tenant_id")
    assert sorted(row["slug"] for row in slugs) == ["bravo", "coral"]
    assert await front.post(*batch, secret="ajeno", at=SHARED) == 403


@pytest.mark.parametrize("size", [1, 5000], ids=["small", "above 64 KiB"])
async def test_a_post_for_many_numbers_is_taken_at_the_tenant_s_address(front: Front, size: int) -> None:
    others = [change(str(n), messages=[message("ajeno" * size, f"wamid.{n}")]) for n in range(20)]
    assert await front.post(*others, change(messages=[message("hola", "wamid.99")])) == 200
    assert await front.edge.stored() == ["hola"]
    assert await front.post(*others) == 200
    assert await front.post(*others, change(messages=[message("x", "wamid.98")]), secret="ajeno") == 403
    assert await front.edge.stored() == ["hola"]


async def test_a_post_for_many_numbers_is_taken_at_the_shared_address(front: Front) -> None:
    operator = MetaOperator(app_secret=SecretStr("detodos"), verify_token=SecretStr("hola"))
    front.edge.webhooks.plugins.channels["meta"] = Meta(operator, client())
    await front.add("bravo", "301", None)
    batch = [change(str(n), messages=[message(f"a {n}", f"wamid.{n}")]) for n in range(290, 310)]
    assert await front.post(*batch, secret="ajeno", at=SHARED) == 403
    assert await front.post(*batch, secret="detodos", at=SHARED) == 200
    assert await front.edge.stored() == ["a 301"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
async def test_what_is_no_json_object_is_a_bad_request(front: Front, body: bytes) -> None:
    headers = {"host": "acme.localhost", "x-hub-signature-256": sign(SECRET, body)}
    assert (await front.edge.http.post(OWN.url, content=body, headers=headers)).status_code == 400
