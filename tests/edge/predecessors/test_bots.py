"""The predecessors' list of bots: saved to a file, it makes the same tenants again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest_asyncio
from office import Office, open_office

from conserje.net.client import client
from conserje.storage.database import Pool
from conserje.tenants import accounts, domains, phones, tenants
from conserje_twilio import Twilio, TwilioOperator

OLD = {
    "id": 7,
    "name": "Ñandú & Cía",
    "twilio_phone_number": "+56 9 1111-1111",
    "assistant_id": "asst_abc123",
    "instructions": "Habla de usted.",
    "metadata": {"industria": "mascotas", "plan": {"precio": 9990}},
}


@pytest_asyncio.fixture
async def office(pool: Pool, database_url: str, keyring: Path) -> AsyncIterator[Office]:
    async with open_office(pool, database_url, keyring) as office:
        yield office


async def empty(pool: Pool) -> None:
    await pool.execute("DELETE FROM tenants")


async def test_an_old_entry_makes_a_tenant_with_its_number_and_its_assistant(
    office: Office, pool: Pool
) -> None:
    made = await office.post("/bots/", OLD, code=201)
    entry = await office.context.directory.by_slug("nandu-cia")
    assert (entry.tenant.name, entry.tenant.assistant) == ("Ñandú & Cía", "openai")
    assert entry.tenant.assistant_settings == {"openai": {"instructions": "Habla de usted."}}
    assert [(account.channel, account.address, account.credentials) for account in entry.accounts] == [
        ("twilio", "whatsapp:+56911111111", None)
    ]
    assert {**made, "metadata": OLD["metadata"]} == {**OLD, "twilio_phone_number": "+56911111111"}
    assert made["metadata"]["industria"] == "mascotas" and made["metadata"]["plan"] == {"precio": 9990}
    assert await office.get("/bots/") == [made]


async def test_an_address_is_stored_as_its_channel_has_it(office: Office) -> None:
    office.context.plugins.channels["twilio"] = Twilio(TwilioOperator(), client())
    accounts = [{"channel": "twilio", "address": "WhatsApp:+56 9 1111-1111"}]
    made = await office.post("/bots/", OLD | {"metadata": {"accounts": accounts}}, code=201)
    assert [account["address"] for account in made["metadata"]["accounts"]] == ["whatsapp:+56911111111"]
    odd = {"name": "A", "metadata": {"accounts": [{"channel": "twilio", "address": "@anabot"}]}}
    refused = await office.post("/bots/", odd, code=400)
    assert refused["detail"].startswith("Entry 1 (A): accounts: '@anabot' is no phone")


async def test_what_is_posted_again_changes_nothing(office: Office, pool: Pool) -> None:
    made = await office.post("/bots/", OLD, code=201)
    rows = "SELECT tenants.xmin, accounts.xmin, tenants, accounts FROM tenants, accounts"
    before = await pool.fetch(rows)
    assert await office.post("/bots/", OLD, code=200) == made
    assert await pool.fetch(rows) == before


async def furnish(office: Office, pool: Pool) -> None:
    """Tenants with all that may be set in one."""
    vault = office.context.vault
    async with pool.acquire() as connection, connection.transaction():
        acme = await tenants.add(
            connection,
            "acme",
            "Acme",
            aliases=["acme-cannabis-2024", "acme-old"],
            locale="pt-BR",
            currency="BRL",
            time_zone="America/Sao_Paulo",
            assistant="openai",
            assistant_settings=json.dumps(
                {"openai": {"model": "m", "instructions": "Oi"}, "otro": {"a": 1.5}}
            ),
        )
        await connection.execute(
            "UPDATE tenants SET quiet_period = '1.25 s', longest_wait = '1 min', hand_back_after = '5 h'"
        )
        await domains.add(connection, acme.id, "chat.acme.cl")
        await phones.add(connection, acme.id, "+56911111111")
        credentials = json.dumps({"account_sid": "AC" + "1" * 32, "auth_token": "s3cret"}).encode()
        sealed = await accounts.seal_credentials(
            connection, vault, acme.id, "twilio", "whatsapp:+56922222222", credentials
        )
        await accounts.add(connection, acme.id, "twilio", "whatsapp:+56922222222", credentials=sealed)
        await accounts.add(
            connection,
            acme.id,
            "twilio",
            "+56933333333",
            status="suspended",
            quiet_period=timedelta(seconds=2.5),
        )
        await accounts.ensure(connection, vault, acme.id, office.context.plugins.channel("json"))
    await office.add("bravo", status="suspended")


def without_credentials(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for entry in entries:
        for account in entry["metadata"]["accounts"]:
            account.pop("credentials")
    return entries


async def test_the_list_saved_makes_the_same_tenants_again(office: Office, pool: Pool) -> None:
    await furnish(office, pool)
    saved = (await office.http.get("/bots/")).text
    assert "s3cret" not in saved and "v1." not in saved
    columns = "SELECT to_jsonb(tenants) - '{id,data_key,created_at}'::text[] FROM tenants ORDER BY slug"
    before = await pool.fetch(columns)

    await empty(pool)
    restored = await office.post("/bots/", json.loads(saved), code=201)
    assert [account["credentials"] for account in restored[0]["metadata"]["accounts"]] == [
        "the operator's",
        "missing",
    ]
    assert await pool.fetch(columns) == before
    assert without_credentials(await office.get("/bots/")) == without_credentials(json.loads(saved))
    await office.post("/bots/", json.loads(saved), code=200)
    await office.post("/bots/", restored, code=200)

    await empty(pool)
    await office.post("/bots", json.loads(saved)[0], code=201)
    assert [entry["metadata"]["slug"] for entry in await office.get("/bots")] == ["acme"]


async def test_settings_of_a_page_are_kept_and_its_secret_is_made_anew(office: Office, pool: Pool) -> None:
    acme = await office.add("acme")
    channel = office.context.plugins.channel("json")
    async with pool.acquire() as connection:
        await accounts.ensure(connection, office.context.vault, acme, channel)
        assert (await office.get("/bots/"))[0]["metadata"]["accounts"] == []
        await accounts.change(connection, acme, "json", "json", status="suspended")
    saved = await office.get("/bots/")
    await empty(pool)
    await office.post("/bots/", saved, code=201)
    assert await office.get("/bots/") == saved
    await pool.execute("UPDATE accounts SET status = 'active'")
    async with office.working():
        told = await office.post("/webhook/acme", {"telefono": "+569", "mensaje": "hola"})
    assert told["respuesta"] == "hola"


async def test_a_tenant_that_is_there_otherwise_stays_as_it_is(office: Office, pool: Pool) -> None:
    await office.post("/bots/", OLD, code=201)
    other = {**OLD, "id": None, "instructions": "Tutea.", "twilio_phone_number": "+56999999999"}
    refused = await office.post("/bots/", [{"name": "Nuevo"}, other], code=409)
    assert refused["detail"] == (
        "Entry 2 (Ñandú & Cía): nandu-cia is there and differs in assistant_settings, metadata, accounts."
    )
    assert await pool.fetchval("SELECT count(*) FROM tenants") == 1
    assert await pool.fetchval("SELECT count(*) FROM accounts") == 1


async def test_an_entry_of_a_known_id_changes_that_tenant(office: Office, pool: Pool) -> None:
    await office.post("/bots/", OLD, code=201)
    before = await pool.fetchval("SELECT id FROM accounts")
    changed = {
        "id": 7,
        "name": "Ñandú Chile",
        "twilio_phone_number": "+56999999999",
        "metadata": {"industria": "aves"},
    }
    now = await office.post("/bots/", changed, code=200)
    assert (now["name"], now["instructions"]) == ("Ñandú Chile", "Habla de usted.")
    assert now["twilio_phone_number"] == "+56999999999"
    assert now["metadata"]["industria"] == "aves" and now["metadata"]["plan"] == {"precio": 9990}
    assert now["metadata"]["slug"] == "nandu-cia"
    assert await pool.fetchval("SELECT id FROM accounts") == before  # with its conversations
    by_slug = await office.post("/bots/", {"id": "nandu-cia", "name": "Ñandú"}, code=200)
    assert (by_slug["name"], by_slug["id"]) == ("Ñandú", 7)
    assert await pool.fetchval("SELECT count(*) FROM tenants") == 1


ODD: list[tuple[object, str]] = [
    ("acme", "Entry 2: Input should be"),
    ({}, "Entry 2: name: Field required"),
    ({"name": "A", "color": 1}, "Entry 2 (A): color: Extra inputs"),
    ({"name": "A", "twilio_phone_number": "911"}, "Entry 2 (A): twilio_phone_number: '911' is no phone"),
    ({"name": "日本"}, "Entry 2 (日本): metadata.slug: A slug is"),
    ({"name": "Www"}, "Entry 2 (Www): The slug is reserved"),
    ({"name": "A", "metadata": {"status": "vip"}}, "Entry 2 (A): metadata.status: Input should be"),
    ({"name": "A", "metadata": {"time_zone": "Mars"}}, "Entry 2 (A): The time zone is unknown"),
    ({"name": "A", "metadata": {"phones": ["x"]}}, "Entry 2 (A): 'x' is no phone"),
    ({"name": "A", "metadata": {"domains": ["A b"]}}, "Entry 2 (A): A domain is a host name"),
    ({"name": "A", "metadata": {"nota": "\0"}}, "Entry 2 (A): A value holds characters"),
    (
        {"name": "A", "metadata": {"accounts": [{"channel": "x"}]}},
        "Entry 2 (A): metadata.accounts.0.address: Field required",
    ),
    (
        {
            "name": "A",
            "metadata": {"accounts": [{"channel": "json", "address": "x", "settings": {"a": 1}}]},
        },
        "Entry 2 (A): The settings of json x: a: Extra inputs",
    ),
    ({"name": "A", "instructions": "x" * 20_001}, "Entry 2 (A): The settings of openai: instructions: "),
]


async def test_an_odd_entry_is_named_and_nothing_is_stored(office: Office, pool: Pool) -> None:
    for entry, why in ODD:
        refused = await office.post("/bots/", [OLD, entry], code=400)
        assert refused["detail"].startswith(why), refused
        assert await pool.fetchval("SELECT count(*) FROM tenants") == 0, why


async def test_what_is_no_json_is_said_to_be(office: Office) -> None:
    for body in (b"", b"{", b"name=Acme", b"\xff", b'{"name": NaN}'):
        answer = await office.http.post("/bots/", content=body)
        assert answer.status_code == 400 and "The body is no JSON" in answer.json()["detail"]
