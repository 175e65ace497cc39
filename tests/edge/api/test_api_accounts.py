"""Accounts by the API: credentials go in and never come out, and no tenant takes another's number."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from other_system import System, open_system

from conserje import Channel, Nothing
from conserje.contract.account import Finding
from conserje.net.client import client
from conserje.plugins.plugins import Plugins
from conserje.storage.database import Pool
from conserje_mcp import MCP
from conserje_twilio import Twilio

SECRET = "5ecret5ecret5ecret5ecret5ecret55"
NUMBER = "whatsapp:+56912345678"
CREDENTIALS = {"account_sid": "AC" + "0" * 32, "auth_token": SECRET}
NEW = {"channel": "twilio", "address": NUMBER, "credentials": CREDENTIALS}


async def test_no_answer_has_a_credential(system: System) -> None:
    await system.add("acme")
    keyed = {"idempotency-key": "one"}
    said = [await system.ask("POST", "/tenants/acme/accounts", json=NEW, headers=keyed) for _ in range(2)]
    added = said[0].json()
    assert [each.status_code for each in said] == [201, 201] and said[1].json() == added
    assert added["webhook"] == "http://acme.localhost:8080/bot/twilio/webhook"
    place = f"/tenants/acme/accounts/{added['id']}"
    said.append(
        await system.ask("PATCH", place, json={"credentials": CREDENTIALS | {"auth_token": SECRET * 2}})
    )
    said.append(await system.ask("PATCH", place, json={"credentials": CREDENTIALS | {"auth_token": 5}}))
    said.append(await system.ask("POST", "/tenants/acme/accounts", json=NEW | {"credentials": {"x": SECRET}}))
    said.append(await system.ask("GET", place))
    said.append(await system.ask("GET", "/tenants/acme/accounts"))
    assert [each.status_code for each in said] == [201, 201, 200, 422, 422, 200, 200]
    assert not [each for each in said if SECRET in each.text]
    assert [each["pointer"] for each in said[3].json()["errors"]] == ["/body/credentials/auth_token"]
    stored = await system.context.pool.fetch("SELECT a::text, body FROM accounts a, idempotency_keys")
    assert SECRET not in json.dumps([[*row] for row in stored])


async def test_an_account_is_changed_moved_and_removed(system: System) -> None:
    await system.add("acme")
    place = f"/tenants/acme/accounts/{(await system.post('/tenants/acme/accounts', NEW, code=201))['id']}"
    template = {"name": "respuesta", "language": "es"}
    changed = await system.patch(place, {"status": "suspended", "window_template": template})
    assert (changed["status"], changed["window_template"]["values"]) == ("suspended", ["{text}"])
    moved = await system.patch(place, {"address": "whatsapp:+56 9 8765 4321", "window_template": None})
    assert (moved["address"], moved["window_template"]) == ("whatsapp:+56987654321", None)
    assert moved["status"] == "suspended"
    assert await system.patch(place, {"settings": {"colour": "x"}}, code=422) == "refused"
    stale = {"if-match": '"x"'}
    assert await system.delete(place, stale, 412) == "changed-meanwhile"
    await system.delete(place)
    assert await system.get(place, code=404) == "not-found"


class Deaf(Twilio):
    """Nobody can ask it what became of a message."""

    find = Channel.find


async def test_what_is_uncertain_is_sent_once_more_only_where_nobody_can_be_asked(system: System) -> None:
    await system.add("acme")
    added = await system.post("/tenants/acme/accounts", NEW, code=201)
    assert added["uncertain"] == "hold"
    place = f"/tenants/acme/accounts/{added['id']}"
    assert await system.patch(place, {"uncertain": "resend"}, code=422) == "refused"
    twilio = system.context.plugins.channels["twilio"]
    system.context.plugins.channels["twilio"] = Deaf(twilio.operator, twilio.http)
    assert (await system.patch(place, {"uncertain": "resend"}))["uncertain"] == "resend"
    assert (await system.patch(place, {"status": "suspended"}))["uncertain"] == "resend"
    assert (await system.patch(place, {"uncertain": "hold"}))["uncertain"] == "hold"
    assert await system.patch(place, {"uncertain": "again"}, code=422) == "invalid"


async def test_an_account_that_every_tenant_has_is_made_where_it_is_changed(system: System) -> None:
    await system.add("acme")
    web = {"channel": "web", "address": "web", "settings": {"colour": "#112233"}}
    added = await system.post("/tenants/acme/accounts", web, code=201)
    assert (added["credentials"], added["webhook"]) == ("own", None)
    place = f"/tenants/acme/accounts/{added['id']}"
    merged = await system.patch(place, {"settings": {"greeting": "Hola", "colour": None}})
    assert merged["settings"] == {"greeting": "Hola"}
    elsewhere = web | {"address": "elsewhere"}
    assert await system.post("/tenants/acme/accounts", elsewhere, code=422) == "refused"


async def test_another_tenant_s_account_is_not_there(system: System) -> None:
    await system.add("acme")
    admin = await system.key(await system.add("bravo"), "admin", "read")
    id = (await system.post("/tenants/acme/accounts", NEW, code=201))["id"]
    for path in (f"/tenants/acme/accounts/{id}", f"/tenants/bravo/accounts/{id}"):
        assert await system.get(path, admin, 404) == "not-found"
        assert await system.patch(path, {"status": "suspended"}, admin, 404) == "not-found"
        assert await system.post(f"{path}/check", None, admin, 404) == "not-found"
        assert await system.delete(path, admin, 404) == "not-found"
    assert (await system.get("/tenants/bravo/accounts", admin))["items"] == []


async def test_where_private_addresses_are_asked_a_tenant_names_no_server(
    pool: Pool, database_url: str, keyring: Path
) -> None:
    async with open_system(pool, database_url, keyring, fetch_allow="192.168.7.0/24") as system:
        system.context.plugins.tools["mcp"] = MCP(Nothing(), client())
        admin = await system.key(await system.add("acme"), "admin")
        body = {"channel": "mcp", "address": "https://inside.example/mcp"}
        assert await system.post("/tenants/acme/accounts", body, admin, 403) == "operator-only"
        id = (await system.post("/tenants/acme/accounts", body, code=201))["id"]
        other = {"address": "https://other.example/mcp"}
        assert await system.patch(f"/tenants/acme/accounts/{id}", other, admin, 403) == "operator-only"
        await system.patch(f"/tenants/acme/accounts/{id}", {"status": "suspended"}, admin)


async def test_a_tenant_takes_no_number_where_the_operator_has_credentials_for_all(system: System) -> None:
    """It could take another's, whose messages the operator's secret signs."""
    shared = Twilio(Twilio.Operator.model_validate(CREDENTIALS), client())
    plugins = Plugins(system.context.plugins.channels | {"twilio": shared}, system.context.plugins.assistants)
    system.context.plugins = plugins
    acme = await system.add("acme")
    admin = await system.key(acme, "admin")
    for body in (NEW, {"channel": "twilio", "address": NUMBER}):
        assert await system.post("/tenants/acme/accounts", body, admin, 403) == "operator-only"
    id = (await system.post("/tenants/acme/accounts", {"channel": "twilio", "address": NUMBER}, code=201))[
        "id"
    ]
    place = f"/tenants/acme/accounts/{id}"
    other = {"address": "whatsapp:+56987654321"}
    assert await system.patch(place, other, admin, 403) == "operator-only"
    await system.patch(place, {"status": "suspended"}, admin)


class Examined(Twilio):
    """Asks nobody."""

    async def examine(self, account: object, urls: object) -> list[Finding]:
        return [Finding("error", "The token is wrong.", "Make another one.")]


async def test_a_check_says_what_is_not_well(system: System) -> None:
    http = client()
    examined = Examined(Twilio.Operator(), http)
    plugins = dataclasses.replace(
        system.context.plugins, channels={**system.context.plugins.channels, "twilio": examined}
    )
    system.context.plugins = plugins
    await system.add("acme")
    id = (await system.post("/tenants/acme/accounts", NEW, code=201))["id"]
    checked = await system.post(f"/tenants/acme/accounts/{id}/check")
    assert checked == {
        "is_well": False,
        "is_ill": False,
        "findings": [{"level": "error", "text": "The token is wrong.", "remedy": "Make another one."}],
    }
