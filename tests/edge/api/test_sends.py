"""Sending by the API: once under a key, refused with a code, in the key's name."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from other_system import System, read
from waiting import until_heard

PHONE = "+56912345678"
WHATSAPP = "whatsapp:+56987654321"
K1 = {"idempotency-key": "k1"}
SID = "HX" + "0" * 32
TEMPLATE = {"type": "template", "name": SID, "values": ["Ana"], "text": "Hola, Ana"}
WORDS = {"type": "text", "text": "Tu pedido sale hoy."}


async def shop(system: System, slug: str = "acme", *addresses: str) -> int:
    """A tenant with accounts at Twilio."""
    tenant_id = await system.add(slug)
    for address in addresses or (WHATSAPP,):
        await system.context.pool.execute(
            "INSERT INTO accounts (tenant_id, channel, address) VALUES ($1, 'twilio', $2)", tenant_id, address
        )
    return tenant_id


async def send(
    system: System,
    body: object,
    code: int = 202,
    slug: str = "acme",
    headers: dict[str, str] | None = None,
) -> Any:
    path = f"/tenants/{slug}/messages"
    return read(await system.ask("POST", path, json=body, headers=headers), code)


async def stored(system: System) -> list[tuple[Any, ...]]:
    rows = await system.context.pool.fetch(
        "SELECT id, state, said_by, conversation_id FROM messages ORDER BY id"
    )
    return [tuple(row) for row in rows]


async def test_a_template_waits_in_the_name_of_the_key(system: System) -> None:
    tenant_id = await shop(system)
    headers = await system.key(tenant_id, "send")
    answer = await system.ask(
        "POST", "/tenants/acme/messages", json={"phone": PHONE, "content": TEMPLATE}, headers=headers
    )
    sent = read(answer, 202)
    assert answer.headers["location"] == f"/api/v1/tenants/acme/messages/{sent['id']}"
    key_id = headers["authorization"].split("_")[1]
    assert await stored(system) == [(sent["id"], "paced", key_id, sent["conversation"])]
    shown = await system.get(f"/tenants/acme/messages/{sent['id']}")
    assert (shown["state"], shown["text"], shown["contact"]) == ("paced", "Hola, Ana", f"whatsapp:{PHONE}")
    assert shown["said_by"] == key_id


async def test_the_same_under_one_key_is_said_once(system: System) -> None:
    await shop(system)
    body = {"phone": PHONE, "content": TEMPLATE}
    first, *others = await asyncio.gather(
        *(system.ask("POST", "/tenants/acme/messages", json=body, headers=K1) for _ in range(5))
    )
    told = [each for each in (first, *others) if each.status_code == 202]
    assert {each.status_code for each in (first, *others)} <= {202, 409}
    assert len({each.text for each in told}) == 1
    assert await send(system, body, headers=K1) == told[0].json()
    other = {"phone": PHONE, "content": {**TEMPLATE, "values": ["Eva"]}}
    assert await send(system, other, 422, headers=K1) == "idempotency-key-reused"
    assert len(await stored(system)) == 1


async def test_what_is_refused_is_not_stored_and_may_be_tried_again(system: System) -> None:
    tenant_id = await shop(system)
    body = {"phone": PHONE, "content": WORDS}
    assert await send(system, body, 409, headers=K1) == "template-needed"
    assert await stored(system) == []
    assert await system.context.pool.fetchval("SELECT count(*) FROM contacts") == 0
    sent = await send(system, {"phone": PHONE, "content": TEMPLATE})
    await system.context.pool.execute(
        "INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, event_key, kind)"
        " SELECT tenant_id, id, account_id, 'in', '{\"text\":\"hola\",\"type\":\"text\"}', 'x', 'text'"
        " FROM conversations"
    )
    assert (await send(system, body, headers=K1))["conversation"] == sent["conversation"]
    assert (await send(system, {"contact": sent["contact"], "content": WORDS}))["contact"] == sent["contact"]
    await system.context.pool.execute("UPDATE conversations SET opted_out = 'all'")
    in_it = {"conversation": sent["conversation"], "content": WORDS}
    assert await send(system, in_it, 409) == "opted-out"
    assert tenant_id


async def test_the_template_that_would_do_is_named(system: System) -> None:
    await shop(system)
    await system.context.pool.execute("UPDATE accounts SET window_template = $1", f'{{"name": "{SID}"}}')
    await until_heard(system.context.directory, system.context.pool)
    answer = await system.ask("POST", "/tenants/acme/messages", json={"phone": PHONE, "content": WORDS})
    assert (answer.status_code, answer.json()["template"]) == (409, SID)


async def test_of_several_accounts_one_is_chosen(system: System) -> None:
    await shop(system, "acme", WHATSAPP, "+56987654321")
    body = {"phone": PHONE, "content": TEMPLATE}
    answer = await system.ask("POST", "/tenants/acme/messages", json=body)
    assert answer.json()["code"] == "several-accounts"
    [other, account] = answer.json()["accounts"]
    assert {other["address"], account["address"]} == {WHATSAPP, "+56987654321"}
    await send(system, {**body, "account": account})


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"content": WORDS}, "invalid"),
        ({"phone": PHONE, "contact": 1, "content": WORDS}, "invalid"),
        ({"phone": PHONE, "content": {"type": "order"}}, "invalid"),
        ({"phone": PHONE, "content": {"type": "text"}}, "invalid"),
        ({"phone": "hola", "content": WORDS}, "no-phone"),
        ({"phone": PHONE, "content": {**WORDS, "text": "  "}}, "empty"),
        ({"phone": PHONE, "content": {**WORDS, "text": "a " * 2000}}, "too-long"),
        ({"phone": PHONE, "content": TEMPLATE, "quotes": 7}, "unknown-quote"),
        ({"phone": PHONE, "content": WORDS, "account": {"channel": "meta"}}, "no-account"),
        (
            {"phone": PHONE, "content": {"type": "media", "file": {"url": "https://a.example/a.exe"}}},
            "template-needed",
        ),
        (
            {"phone": PHONE, "content": {"type": "media", "file": {"url": "http://a.example/a.png"}}},
            "invalid",
        ),
    ],
)
async def test_what_makes_no_sense_has_a_code(system: System, body: Any, code: str) -> None:
    await shop(system)
    assert await send(system, body, 409 if code == "template-needed" else 422) == code
    assert await stored(system) == []


@pytest.mark.parametrize(
    "content",
    [
        {"type": "buttons", "text": "¿Vienes?", "buttons": [{"id": "y", "title": "Sí"}]},
        {"type": "list", "text": "¿Qué?", "rows": [{"id": "1", "title": "Pan", "description": "de hoy"}]},
        {"type": "media", "file": {"url": "https://a.example/a.png"}, "caption": "mira"},
        {**TEMPLATE, "names": ["1"], "language": "es"},
        {**TEMPLATE, "header": {"url": "https://a.example/a.png"}, "buttons": [{"index": 0, "value": "x"}]},
    ],
)
async def test_each_kind_is_stored_as_it_is(system: System, content: dict[str, Any]) -> None:
    await shop(system)
    await system.context.pool.execute("UPDATE accounts SET address = '+56987654321'")  # SMS has no window
    await until_heard(system.context.directory, system.context.pool)
    sent = await send(system, {"phone": PHONE, "content": content})
    shown = await system.get(f"/tenants/acme/messages/{sent['id']}")
    assert shown["state"] == "paced"


async def test_nobody_sends_without_the_scope_or_to_another_s_contact(system: System) -> None:
    acme, bravo = await shop(system), await shop(system, "bravo", "whatsapp:+56900000001")
    body = {"phone": PHONE, "content": TEMPLATE}
    reader, sender = await system.key(acme, "read", "write"), await system.key(acme, "send")
    assert await send(system, body, 403, headers=reader) == "scope-missing"
    assert await send(system, body, 404, slug="bravo", headers=sender) == "not-found"
    theirs = await send(system, body, slug="bravo")
    for whom in ({"contact": theirs["contact"]}, {"conversation": theirs["conversation"]}):
        assert await send(system, {**whom, "content": TEMPLATE}, 404, headers=sender) == "not-found"
    assert bravo


async def test_the_sender_may_take_the_conversation_over(system: System) -> None:
    await shop(system)
    await send(system, {"phone": PHONE, "content": TEMPLATE, "take": True})
    assert await system.context.pool.fetchval("SELECT state FROM conversations") == "person"
