"""Notifications and subscriptions by the API: what webhooks carry, and whom they reach."""

from __future__ import annotations

from typing import Any

import pytest
from other_system import System
from scene import Scene
from waiting import until

from conserje.notices import sweep
from conserje.notices.signing import new_secret

# Two things that happened to another tenant.
BESIDE = """
WITH other AS (INSERT INTO tenants (slug, name) VALUES ('bravo', 'Bravo') RETURNING id)
INSERT INTO notifications (tenant_id, kind) SELECT id, 'lead.created' FROM other, generate_series(1, 2)
"""
URL = "https://n8n.acme.example/webhook/x"


def wanted(**more: Any) -> dict[str, Any]:
    return {"url": URL, "secret": new_secret(), "token_secret": "a secret of 24 characters"} | more


async def talk(scene: Scene, *texts: str) -> None:
    async with scene.working():
        for text in texts:
            await scene.write(text)
            await scene.settled()


async def happened(system: System, count: int, query: str = "") -> dict[str, Any]:
    """Once so much is known: somebody may still write, on whatever database of the server."""
    found: dict[str, Any] = {}

    async def is_there() -> bool:
        found.update(await system.get(f"/tenants/acme/notifications{query}"))
        return len(found["items"]) == count

    await until(is_there)
    return found


async def test_what_happened_is_read_by_pages_and_from_there_on(scene: Scene, system: System) -> None:
    await talk(scene, "uno")
    whole = await happened(system, 2)
    assert [each["type"] for each in whole["items"]] == ["message.received", "message.sent"]
    assert whole["items"][0]["data"]["text"] == "uno" and whole["items"][0]["timestamp"].endswith("Z")
    page = await happened(system, 1, "?limit=1")
    rest = await happened(system, 1, f"?after={page['next']}")
    assert page["items"] + rest["items"] == whole["items"]
    nothing = await system.get(f"/tenants/acme/notifications?after={rest['next']}")
    assert nothing["items"] == []
    await talk(scene, "dos")
    more = await happened(system, 1, f"?after={nothing['next']}&kind=message.received")
    assert [each["data"]["text"] for each in more["items"]] == ["dos"]
    assert await system.get("/tenants/acme/notifications?after=x", code=400) == "bad-cursor"
    assert await system.get("/tenants/acme/notifications?kind=x", code=422) == "invalid"


async def test_a_subscription_is_made_changed_and_removed_and_tells_no_secret(system: System) -> None:
    acme = await system.add("acme")
    key = await system.key(acme, "admin")
    given = wanted(kinds=["lead.created"])
    made = await system.post("/tenants/acme/subscriptions", given, key, code=201)
    place = f"/tenants/acme/subscriptions/{made['id']}"
    assert (made["state"], made["kinds"], made["both_sign_until"]) == ("on", ["lead.created"], None)
    answer = await system.ask("GET", place, headers=key)
    assert given["secret"] not in answer.text and given["token_secret"] not in answer.text
    tag = answer.headers["etag"]
    changed = await system.patch(place, {"secret": new_secret(), "ordered": True}, key)
    assert changed["ordered"] and changed["both_sign_until"] and changed["kinds"] == ["lead.created"]
    stale = {**key, "if-match": tag}
    assert await system.patch(place, {"state": "off"}, stale, code=412) == "changed-meanwhile"
    assert (await system.get(f"{place}/tellings", key))["items"] == []
    assert (await system.post(f"{place}/replay", {"state": "failed", "dry_run": True}, key)) == {"count": 0}
    assert await system.post(f"{place}/replay", {}, key, code=422) == "invalid"
    await system.delete(place, key)
    assert await system.get(place, key, code=404) == "not-found"


async def test_the_operator_s_own_are_told_of_all_and_are_no_tenant_s(system: System) -> None:
    acme = await system.key(await system.add("acme"))
    made = await system.post("/subscriptions", wanted(url="http://n8n.internal:5678/webhook/x"), code=201)
    place = f"/subscriptions/{made['id']}"
    assert await system.get(place) == made
    assert (await system.get("/subscriptions"))["items"] == [made]
    assert (await system.patch(place, {"state": "off"}))["state"] == "off"
    assert await system.get(place, acme, code=403) == "operator-only"
    assert await system.get(f"/tenants/acme{place}", code=404) == "not-found"
    assert (await system.get("/tenants/acme/subscriptions"))["items"] == []
    theirs = await system.post("/tenants/acme/subscriptions", wanted(), code=201)
    assert await system.delete(f"/subscriptions/{theirs['id']}", code=404) == "not-found"
    await system.delete(place)
    assert (await system.get("/subscriptions"))["items"] == []


async def test_a_key_makes_the_operator_s_own_once_under_an_idempotency_key(system: System) -> None:
    once = {**await system.key(None, "admin"), "idempotency-key": "one"}
    given = wanted()
    made = [await system.post("/subscriptions", given, once, code=201) for _ in range(2)]
    assert made[0] == made[1]
    assert len((await system.get("/subscriptions"))["items"]) == 1


async def test_another_tenant_s_is_not_there(system: System) -> None:
    await system.add("acme")
    bravo = await system.key(await system.add("bravo"))
    made = await system.post("/tenants/acme/subscriptions", wanted(), code=201)
    id = made["id"]
    for slug in ("acme", "bravo"):
        assert await system.get(f"/tenants/{slug}/subscriptions/{id}", bravo, code=404) == "not-found"
    assert await system.get("/tenants/acme/notifications", bravo, code=404) == "not-found"


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://n8n.acme.example/"}, {"url": "https://user@acme.example"}, {"secret": "whsec_short"},
        {"token_secret": "short"}, {"url": "nonsense"},
    ],
)  # fmt: skip
async def test_what_makes_no_sense_is_refused(system: System, wrong: dict[str, str]) -> None:
    await system.add("acme")
    refused = await system.post("/tenants/acme/subscriptions", wanted(**wrong), code=422)
    assert refused == "refused"


async def test_what_happened_to_all_tenants_is_read_by_pages_each_once(scene: Scene, system: System) -> None:
    await talk(scene, "uno", "dos")
    whole = await happened(system, 4)
    await scene.pool.execute(BESIDE)
    await system.add("quiet")
    await system.add("suspended")
    place, found = "?limit=1", list[Any]()
    for _ in range(12):
        page = await system.get(f"/notifications{place}")
        found += page["items"]
        place = f"?limit=1&after={page['next']}"
    assert [each for each in found if each["data"]["tenant"] == "acme"] == whole["items"]
    assert [each["data"]["tenant"] for each in found] == ["acme"] * 4 + ["bravo"] * 2
    await talk(scene, "tres")
    more: list[Any] = []

    async def is_there() -> bool:
        nonlocal place
        page = await system.get(f"/notifications{place}&kind=message.received")
        more.extend(page["items"])
        place = f"?after={page['next']}"
        return bool(more)

    await until(is_there)
    assert [each["data"]["text"] for each in more] == ["tres"]


async def test_a_call_looks_at_some_tenants_only(
    scene: Scene, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "LOOKED_AT", 1)
    await talk(scene, "uno")
    await happened(system, 2)
    await system.add("quiet")
    await scene.pool.execute(BESIDE)
    place, found = "", list[Any]()
    for _ in range(5):
        page = await system.get(f"/notifications{place}")
        found.append([each["data"]["tenant"] for each in page["items"]])
        place = f"?after={page['next']}"
    assert found == [["acme", "acme"], [], ["bravo", "bravo"], [], []]


async def test_a_key_that_may_only_read_reads_notifications_alone(system: System) -> None:
    key = await system.key(await system.add("acme"), "read")
    assert (await system.get("/tenants/acme/notifications", key))["items"] == []
    assert await system.get("/tenants/acme/subscriptions", key, code=403) == "scope-missing"
