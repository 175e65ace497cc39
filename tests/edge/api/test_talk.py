"""Contacts, conversations, messages and files by the API, as other systems read and change them."""

from __future__ import annotations

import pytest
from other_system import System, read
from scene import Scene

from conserje.files.folder import path_of
from conserje.storage.scope import acting_for


async def talk(scene: Scene, *senders: str) -> list[int]:
    """These wrote and were answered; their conversations."""
    async with scene.working():
        for sender in senders:
            await scene.write(f"hola de {sender}", sender=sender)
        await scene.settled()
    return [row["id"] for row in await scene.pool.fetch("SELECT id FROM conversations ORDER BY id")]


async def test_messages_are_listed_newest_first_by_pages(scene: Scene, system: System) -> None:
    await talk(scene, "ana", "luis")
    page = await system.get("/tenants/acme/messages?limit=3")
    rest = await system.get(f"/tenants/acme/messages?limit=3&cursor={page['next']}")
    found = page["items"] + rest["items"]
    assert len(found) == 4 and rest["next"] is None
    assert {each["text"] for each in found} == {"hola de ana", "hola de luis"}
    assert {(each["direction"], each["state"]) for each in found} == {("in", "answered"), ("out", "sent")}
    assert found[0]["content"] == {"type": "text", "text": found[0]["text"]}
    assert found[0]["at"].endswith("Z")
    assert (await system.get("/tenants/acme/messages?since=2999-01-01T00:00:00Z"))["items"] == []


async def test_a_message_says_why(scene: Scene, system: System) -> None:
    await talk(scene, "ana")
    newest = (await system.get("/tenants/acme/messages?limit=1"))["items"][0]
    shown = await system.get(f"/tenants/acme/messages/{newest['id']}")
    assert shown["turn"]["assistant"] == "parrot" and shown["turn"]["confidence"] == 1.0
    assert [each["usd"] for each in shown["costs"]] == [None] and shown["usd"] == "0.000000"
    assert await system.get("/tenants/acme/messages/999999", code=404) == "not-found"


async def test_a_conversation_is_taken_written_of_and_given_back(scene: Scene, system: System) -> None:
    [id] = await talk(scene, "ana")
    place = f"/tenants/acme/conversations/{id}"
    assert (await system.get(place))["state"] == "open"
    taken = await system.post(f"{place}/take", {"person": "Ana Soto"})
    assert taken["again"] is False
    assert (await system.post(f"{place}/take", {}))["again"] is True
    with_person = await system.get("/tenants/acme/conversations?state=person")
    assert [each["with_person_until"] is not None for each in with_person["items"]] == [True]
    assert (await system.post(f"{place}/give"))["answers"] == 0
    assert await system.post(f"{place}/give", code=409) == "conflict"
    assert await system.post("/tenants/acme/conversations/99/take", {}, code=404) == "not-found"


async def test_conversations_are_listed_by_state_and_time(scene: Scene, system: System) -> None:
    await talk(scene, "ana", "luis", "eva")
    first = await system.get("/tenants/acme/conversations?limit=2")
    rest = await system.get(f"/tenants/acme/conversations?limit=2&cursor={first['next']}")
    assert {each["contact"] for each in first["items"] + rest["items"]} == {"ana", "luis", "eva"}
    assert (await system.get("/tenants/acme/conversations?state=waiting"))["items"] == []
    assert (await system.get("/tenants/acme/conversations?since=2999-01-01T00:00:00Z"))["items"] == []
    assert await system.get("/tenants/acme/conversations?state=lost", code=422) == "invalid"
    messages = await system.get(f"/tenants/acme/conversations/{first['items'][0]['id']}/messages")
    assert len(messages["items"]) == 2


async def test_a_note_under_a_key_is_kept_once(scene: Scene, system: System) -> None:
    [id] = await talk(scene, "ana")
    place, key = f"/tenants/acme/conversations/{id}/notes", {"idempotency-key": "k1"}
    body = {"text": "Paga el lunes.", "author": "Ana"}
    one = await system.post(place, body, key, code=201)
    assert await system.post(place, body, key, code=201) == one
    assert await system.post(place, {"text": "otra"}, key, code=422) == "idempotency-key-reused"
    await system.post(place, {"text": "otra"}, code=201)
    assert [each["text"] for each in (await system.get(place))["items"]] == ["otra", "Paga el lunes."]


async def test_contacts_are_listed_shown_and_searched(scene: Scene, system: System) -> None:
    await talk(scene, "ana", "luis")
    first = await system.get("/tenants/acme/contacts?limit=1")
    rest = await system.get(f"/tenants/acme/contacts?limit=1&cursor={first['next']}")
    names = [each["identities"] for each in first["items"] + rest["items"]]
    assert names == [["post luis"], ["post ana"]]
    found = await system.get("/tenants/acme/contacts?search=ana")
    whole = await system.get(f"/tenants/acme/contacts/{found['items'][0]['id']}")
    assert [each["channel"] for each in whole["conversations"]] == ["post"]
    assert await system.get("/tenants/acme/contacts/999", code=404) == "not-found"


async def test_a_contact_is_handed_out_and_forgotten(scene: Scene, system: System) -> None:
    await talk(scene, "ana")
    tenant = (await scene.entry()).tenant
    contact = (await system.get("/tenants/acme/contacts"))["items"][0]["id"]
    place = f"/tenants/acme/contacts/{contact}"
    answer = await system.ask("GET", f"{place}/export")
    assert answer.status_code == 200 and "hola de ana" in answer.text
    assert {"contact", "messages", "notes"} <= answer.json().keys()
    reading = await system.key(tenant.id, "read", "write")
    assert await system.get(f"{place}/export", reading, code=403) == "scope-missing"
    assert await system.post(f"{place}/forget", headers=reading, code=403) == "scope-missing"
    assert (await system.post(f"{place}/forget"))["messages"] == 2
    assert "hola de ana" not in (await system.ask("GET", f"{place}/export")).text
    async with acting_for(scene.pool, tenant.id) as scope:
        assert await scope.connection.fetchval("SELECT count(*) FROM forgotten") == 1


PATHS = (
    "/tenants/acme/messages",
    "/tenants/acme/messages/{message}",
    "/tenants/acme/messages/{message}/files",
    "/tenants/acme/conversations",
    "/tenants/acme/conversations/{conversation}",
    "/tenants/acme/conversations/{conversation}/messages",
    "/tenants/acme/conversations/{conversation}/notes",
    "/tenants/acme/contacts",
    "/tenants/acme/contacts/{contact}",
    "/tenants/acme/contacts/{contact}/export",
    "/tenants/acme/files/1",
    "/tenants/acme/leads",
    "/tenants/acme/held",
    "/tenants/acme/products",
    "/tenants/acme/knowledge",
    "/tenants/acme/knowledge/asked",
    "/tenants/acme/statistics?since=2026-03-01&until=2026-03-01",
    "/tenants/acme/cost?month=2026-03",
)


@pytest.mark.parametrize("path", PATHS)
async def test_another_tenant_s_key_sees_nothing(scene: Scene, system: System, path: str) -> None:
    [conversation] = await talk(scene, "ana")
    ids = await scene.pool.fetchrow("SELECT max(id) AS message, 1 AS contact FROM messages")
    assert ids is not None
    other = await system.key(await system.add("bravo"))
    place = path.format(conversation=conversation, **ids)
    assert await system.get(place, other, code=404) == "not-found"
    own = place.replace("/acme/", "/bravo/")  # acme's ids at one's own address
    answer = await system.ask("GET", own, headers=other)
    assert answer.status_code in (200, 404) and "ana" not in answer.text


async def test_files_of_a_message_are_listed_and_read_by_who_may(scene: Scene, system: System) -> None:
    await talk(scene, "ana")
    row = await scene.pool.fetchrow(
        "INSERT INTO files (tenant_id, account_id, conversation_id, message_id, position, ref, name,"
        " content_type, state, bytes, sha256, kept_at)"
        " SELECT tenant_id, account_id, conversation_id, id, 0, 'x', '../a.png', 'image/png', 'kept', 3, 'x',"
        " now() FROM messages WHERE direction = 'in'"
        " RETURNING tenant_id, id, message_id"
    )
    assert row is not None
    path = path_of(system.context.settings.files, row["tenant_id"], row["id"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"png")
    [listed] = (await system.get(f"/tenants/acme/messages/{row['message_id']}/files"))["items"]
    assert (listed["name"], listed["state"], listed["bytes"]) == ("../a.png", "kept", 3)
    assert await system.get(f"/tenants/acme/files/{row['id']}") == listed
    answer = await system.ask("GET", f"/tenants/acme/files/{row['id']}/content")
    assert answer.content == b"png" and answer.headers["content-disposition"].startswith("attachment")
    reading = await system.key(row["tenant_id"], "read")
    refused = await system.ask("GET", f"/tenants/acme/files/{row['id']}/content", headers=reading)
    assert read(refused, 403) == "scope-missing"


@pytest.mark.parametrize(
    "path",
    [
        "messages?since=0001-01-01T00:00:00Z",
        "messages?since=0001-01-01T00:00:00%2B14:00",
        "conversations?since=0001-01-01T00:00:00%2B14:00",
        "held?since=9999-12-31T23:59:59-12:00",
        "statistics?since=9999-12-31&until=9999-12-31",
        "statistics?since=0001-01-01&until=0001-01-01",
    ],
)
async def test_a_time_that_nobody_can_count_with_is_refused(system: System, path: str) -> None:
    await system.add("acme", time_zone="Asia/Tokyo")
    assert await system.get(f"/tenants/acme/{path}", code=422) in ("invalid", "refused")
