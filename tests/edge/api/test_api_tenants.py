"""Tenants by the API: what the operator may change, and what a tenant's own key may."""

from __future__ import annotations

from pathlib import Path

import pytest
from other_system import System, open_system

from conserje.storage.database import Pool

NEW = {"slug": "acme", "name": "Acme", "assistant": "parrot", "phones": ["+56 9 1234 5678"]}


async def test_a_tenant_is_added_shown_suspended_and_removed(system: System) -> None:
    added = await system.post("/tenants", NEW, {"idempotency-key": "one"}, 201)
    assert (added["url"], added["phones"]) == ("http://acme.localhost:8080", ["+56912345678"])
    assert await system.post("/tenants", NEW, {"idempotency-key": "one"}, 201) == added
    assert await system.post("/tenants", NEW, code=409) == "taken"
    assert await system.get("/tenants/acme") == added
    assert (await system.post("/tenants/acme/suspend"))["status"] == "suspended"
    assert (await system.post("/tenants/acme/resume"))["status"] == "active"
    assert await system.delete("/tenants/acme", code=409) == "still-active"
    await system.post("/tenants/acme/suspend")
    await system.delete("/tenants/acme")
    assert await system.get("/tenants/acme", code=404) == "not-found"


async def test_what_is_not_named_stays_and_settings_are_merged(system: System) -> None:
    await system.add("acme", assistant="openai")
    await system.patch(
        "/tenants/acme", {"assistant_settings": {"openai": {"model": "m", "instructions": "Hi"}}}
    )
    changed = await system.patch(
        "/tenants/acme",
        {
            "name": "Acme SpA",
            "quiet_period": 2.5,
            "keep_messages": 86400 * 30,
            "usd_of_month": "50.5",
            "late_text": "Perdón",
            "assistant_settings": {"openai": {"instructions": None}},
            "tool_settings": {"search_products": False},
            "hours": {"week": {"monday": ["09:00-18:00"], "friday": ["09:00-13:00"]}},
            "aliases": ["acme-2024"],
        },
    )
    assert changed["assistant_settings"]["openai"] == {"model": "m"}
    assert (changed["quiet_period"], changed["keep_messages"], changed["usd_of_month"]) == (
        2.5,
        2592000,
        "50.5",
    )
    again = await system.patch(
        "/tenants/acme",
        {"hours": {"week": {"friday": None}}, "late_text": None, "usd_of_month": None, "aliases": []},
    )
    assert again["hours"]["week"] == {"monday": ["09:00-18:00"]}
    assert again == changed | {
        "hours": again["hours"], "late_text": None, "usd_of_month": None, "aliases": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        ({"name": None}, "invalid", 422),
        ({"quiet_period": 61}, "refused", 422),
        ({"assistant": "nobody"}, "refused", 422),
        ({"assistant_settings": {"openai": {"temperature": "hot"}}}, "refused", 422),
        ({"tool_settings": {"nothing": {}}}, "refused", 422),
        ({"lead_rule": "Nobody"}, "refused", 422),
        ({"hours": {"week": {"someday": ["09:00-18:00"]}}}, "refused", 422),
        ({"time_zone": "Mars/Olympus"}, "refused", 422),
        ({"slug": "bravo"}, "taken", 409),
        ({"slug": "console"}, "refused", 422),
        ({"notice_email": "team@example.com"}, "conflict", 409),
        ({"status": "suspended"}, "invalid", 422),
    ],
)
async def test_what_cannot_be_is_said_and_changes_nothing(
    system: System, body: dict[str, object], code: str, status: int
) -> None:
    await system.add("acme")
    await system.add("bravo")
    before = await system.get("/tenants/acme")
    assert await system.patch("/tenants/acme", {"late_text": "x"} | body, code=status) == code
    assert await system.get("/tenants/acme") == before


async def test_a_tenant_s_admin_changes_its_own_and_nothing_of_the_operator_s(system: System) -> None:
    admin = await system.key(await system.add("acme"), "admin", "read")
    changed = await system.patch(
        "/tenants/acme", {"late_text": "Perdón", "notice_url": "https://shop.example/told"}, admin
    )
    assert (changed["late_text"], changed["notice_url"]) == ("Perdón", "https://shop.example/told")
    for body in (
        {"slug": "acme2"},
        {"aliases": ["x"]},
        {"usd_of_month": "1"},
        {"tokens_of_contact": 0},
        {"hold_over_month": True},
        {"notice_url": "http://192.168.7.2/told"},
        {"notice_url": "http://shop.example/told"},
    ):
        assert await system.patch("/tenants/acme", body, admin, 403) == "operator-only", body
    assert await system.get("/tenants/acme", admin) == changed


async def test_where_private_addresses_are_asked_a_tenant_says_no_address(
    pool: Pool, database_url: str, keyring: Path
) -> None:
    """Whose name leads there it could change any time."""
    async with open_system(pool, database_url, keyring, fetch_allow="192.168.7.0/24") as system:
        admin = await system.key(await system.add("acme"), "admin")
        body = {"notice_url": "https://inside.example/told"}
        assert await system.patch("/tenants/acme", body, admin, 403) == "operator-only"
        await system.patch("/tenants/acme", {"notice_url": None}, admin)
        await system.patch("/tenants/acme", {"notice_url": "http://192.168.7.2/told"})


async def test_two_who_change_one_tenant_do_not_undo_each_other(system: System) -> None:
    await system.add("acme")
    seen = (await system.ask("GET", "/tenants/acme")).headers["etag"]
    first = await system.ask("PATCH", "/tenants/acme", json={"name": "One"}, headers={"if-match": seen})
    assert first.status_code == 200 and first.headers["etag"] != seen
    stale = {"if-match": seen}
    assert await system.patch("/tenants/acme", {"name": "Two"}, stale, 412) == "changed-meanwhile"
    assert await system.delete("/tenants/acme", stale, 412) == "changed-meanwhile"
    for fresh in ({"if-match": f'"x", {first.headers["etag"]}'}, {"if-match": "*"}, {}):
        now = await system.ask("PATCH", "/tenants/acme", json={"name": "One"}, headers=fresh)
        assert now.headers["etag"] == first.headers["etag"]


async def test_a_tenant_that_is_called_otherwise_is_found_by_the_name_before(system: System) -> None:
    await system.add("acme")
    renamed = await system.patch("/tenants/acme", {"slug": "acme-spa"})
    assert list(renamed["former_slugs"]) == ["acme"]
    assert (await system.get("/tenants/acme"))["slug"] == "acme-spa"
