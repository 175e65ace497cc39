"""Meta's posts at a tenant's own address: the edge, a database, and the stand-in that posts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from doorway import Edge, open_edge

from conserje import accounts, tenants
from conserje.database import Pool
from conserje.http import client
from conserje_fakes.meta_webhooks import sign
from conserje_meta import Meta, MetaOperator

NUMBER, FOREIGN, SECRET, PHONE = "106540352242922", "206540352242922", "s3creto", "56922222222"
PATH = "http://edge/bot/meta/webhook"


@dataclass
class Front:
    edge: Edge

    async def post(self, *changes: dict[str, Any], secret: str = SECRET) -> int:
        """What Meta is told of a post with these changes."""
        entry = {"id": "1", "changes": list(changes)}
        body = json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()
        headers = {"host": "acme.localhost", "x-hub-signature-256": sign(secret, body)}
        return (await self.edge.http.post(PATH, content=body, headers=headers)).status_code

    async def greet(self, word: str) -> httpx2.Response:
        query = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": word}
        return await self.edge.http.get(PATH, params=query, headers={"host": "acme.localhost"})


@pytest_asyncio.fixture
async def front(pool: Pool, database_url: str, keyring: Path) -> AsyncIterator[Front]:
    async with open_edge(pool, database_url, keyring) as edge:
        edge.webhooks.plugins.channels["meta"] = Meta(MetaOperator(), client())
        held = {"access_token": "EAAficha", "app_secret": SECRET, "verify_token": "palabra"}
        async with pool.acquire() as connection:
            tenant = await tenants.get(connection, "acme")
            plain = json.dumps(held).encode()
            sealed = await accounts.seal_credentials(connection, edge.vault, tenant.id, "meta", NUMBER, plain)
            await accounts.add(connection, tenant.id, "meta", NUMBER, credentials=sealed)
        await edge.changed("acme")
        yield Front(edge)


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


async def test_a_post_for_another_s_number_alone_or_by_another_s_secret_is_forged(front: Front) -> None:
    assert await front.post(change(FOREIGN, messages=[message("ajeno", "wamid.9")])) == 403
    assert await front.post(change(messages=[message("ajeno", "wamid.9")]), secret="ajeno") == 403
    assert await front.edge.stored() == []


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


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
async def test_what_is_no_json_object_is_a_bad_request(front: Front, body: bytes) -> None:
    headers = {"host": "acme.localhost", "x-hub-signature-256": sign(SECRET, body)}
    assert (await front.edge.http.post(PATH, content=body, headers=headers)).status_code == 400
