"""Keys to the API: who may list, make and revoke which."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from other_system import System, open_system

from conserje.storage.database import Pool
from conserje.tenants import api_keys

ALL = ["read", "write", "send", "export", "admin"]


async def test_a_key_is_shown_once_and_opens_what_it_may(system: System) -> None:
    await system.add("acme")
    made = await system.post("/keys", {"name": "n8n", "tenant": "acme", "scopes": ["read"]}, code=201)
    assert (made["tenant"], made["scopes"], made["expires_at"]) == ("acme", ["read"], None)
    holder = {"authorization": f"Bearer {made['key']}"}
    [seen] = (await system.get("/tenants", holder))["items"]
    assert seen["slug"] == "acme"
    [listed] = (await system.get("/keys"))["items"]
    assert "key" not in listed and listed["used_from"] == "127.0.0.1" and listed["used_at"]
    await system.delete(f"/keys/{made['id']}")
    assert await system.get("/tenants", holder, 401) == "no-key"
    assert await system.delete(f"/keys/{made['id']}", code=404) == "not-found"


async def test_a_key_makes_no_key_of_more_rights_or_longer_life(system: System) -> None:
    acme, _ = await system.add("acme"), await system.add("bravo")
    admin = await system.key(acme, "admin", "read")
    wanted = {"name": "more", "scopes": ["read"]}
    assert await system.post("/keys", wanted | {"scopes": ["read", "send"]}, admin, 422) == "refused"
    assert await system.post("/keys", wanted | {"tenant": "bravo"}, admin, 404) == "not-found"
    made = await system.post("/keys", wanted, admin, 201)
    assert made["tenant"] == "acme"
    async with system.context.pool.acquire() as connection:
        _, short = await api_keys.add(connection, "short", tenant_id=acme, life=timedelta(days=2))
    short_lived = {"authorization": f"Bearer {short}"}
    assert await system.post("/keys", wanted | {"days": 3}, short_lived, 422) == "refused"
    within = await system.post("/keys", wanted | {"days": 1}, short_lived, 201)
    by_itself = await system.post("/keys", wanted, short_lived, 201)
    assert within["expires_at"] < by_itself["expires_at"]


async def test_a_tenant_s_key_sees_and_revokes_its_tenant_s_keys_alone(system: System) -> None:
    acme, bravo = await system.add("acme"), await system.add("bravo")
    admin, other = await system.key(acme, "admin"), await system.key(bravo)
    await system.key(None)
    listed = (await system.get("/keys", admin))["items"]
    assert [each["tenant"] for each in listed] == ["acme"]
    strange = other["authorization"].split("_")[1]
    assert await system.delete(f"/keys/{strange}", admin, 404) == "not-found"
    await system.get("/tenants", other)


async def test_keys_need_the_scope_admin(system: System) -> None:
    acme = await system.add("acme")
    for scope in ALL[:-1]:
        holder = await system.key(acme, scope)
        assert await system.get("/keys", holder, 403) == "scope-missing"
        assert await system.post("/keys", {"name": "x", "scopes": [scope]}, holder, 403) == "scope-missing"


async def test_an_old_key_opens_nothing_of_the_api(system: System) -> None:
    old = await system.old_key(None)
    for path in ("/keys", "/tenants"):
        assert await system.get(path, old, 403) == "old-key"


async def test_a_key_that_asks_too_often_is_told_when_to_come_again(
    pool: Pool, database_url: str, keyring: Path
) -> None:
    async with open_system(pool, database_url, keyring, api_rate=2) as system:
        holder = await system.key(None, "read")
        for _ in range(3):  # what needs no key is counted for nobody
            assert (await system.ask("GET", "/openapi.json", headers=holder)).status_code == 200
        for _ in range(2):
            await system.get("/tenants", holder)
        refused = await system.ask("GET", "/tenants", headers=holder)
        assert (refused.status_code, refused.json()["code"]) == (429, "too-many-requests")
        assert 0 < int(refused.headers["retry-after"]) <= 60
        await system.get("/tenants", await system.key(None, "read"))
        await system.get("/tenants")
