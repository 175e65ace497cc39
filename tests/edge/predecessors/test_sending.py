"""The predecessors' route for sending, at the console's address."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from other_system import System, open_system
from waiting import until_heard

from conserje.storage.database import Pool

SMS = {"phone": "+56912345678", "message": "Tu pedido sale hoy."}
PATH = "/api/acme/send-message"


@pytest_asyncio.fixture
async def system(pool: Pool, database_url: str, keyring: Path) -> AsyncIterator[System]:
    async with open_system(pool, database_url, keyring) as system:
        tenant_id = await system.add("acme")
        await pool.execute(
            "INSERT INTO accounts (tenant_id, channel, address) VALUES ($1, 'twilio', '+56900000000')",
            tenant_id,
        )
        yield system


async def post(system: System, body: object, code: int = 200, headers: dict[str, str] | None = None) -> Any:
    answer = await system.http.post(PATH, json=body, headers=headers)
    assert answer.status_code == code, answer.text
    return answer.json()


async def test_a_phone_is_sent_a_message(system: System) -> None:
    told = await post(system, SMS | {"phone": 56912345678})
    row = await system.context.pool.fetchrow("SELECT id, state, said_by FROM messages")
    assert row is not None
    assert told == {"success": True, "id": row["id"]}
    assert (row["state"], row["said_by"]) == ("paced", "operator")


async def test_old_keys_send_and_those_of_others_do_not(system: System) -> None:
    tenant_id = await system.context.pool.fetchval("SELECT id FROM tenants")
    other = await system.add("bravo")
    await post(system, SMS, headers=await system.old_key(tenant_id))
    await post(system, SMS, headers=await system.key(tenant_id, "send"))
    await post(system, SMS, 403, headers=await system.key(tenant_id, "read", "write"))
    await post(system, SMS, 404, headers=await system.old_key(other))
    assert await system.context.pool.fetchval("SELECT count(*) FROM messages") == 2


async def test_what_is_refused_is_no_success(system: System) -> None:
    told = await post(system, SMS | {"phone": "hola"}, 422)
    assert (told["success"], told["code"]) == (False, "no-phone")
    await system.context.pool.execute("UPDATE accounts SET address = 'whatsapp:+56900000000'")
    await until_heard(system.context.directory, system.context.pool)
    told = await post(system, SMS, 409)
    assert (told["success"], told["code"]) == (False, "template-needed")


async def test_the_same_post_under_a_key_is_one_message(system: System) -> None:
    key = {"idempotency-key": "k1"}
    first = await post(system, SMS, headers=key)
    assert await post(system, SMS, headers=key) == first
    assert (await post(system, SMS | {"message": "x"}, 422, headers=key))["code"] == "idempotency-key-reused"
    assert await system.context.pool.fetchval("SELECT count(*) FROM messages") == 1


@pytest.mark.parametrize("body", ["{", "[]", '{"phone": "+569"}', '{"message": "x"}'])
async def test_a_body_that_makes_no_sense_is_told_so(system: System, body: str) -> None:
    answer = await system.http.post(PATH, content=body.encode())
    assert answer.status_code == 400 and answer.json()["detail"]


async def test_a_tenant_that_is_not_there_is_not_found(system: System) -> None:
    for slug in ("nadie", "a%00b", "ACME"):
        assert (await system.http.post(f"/api/{slug}/send-message", json=SMS)).status_code == 404
