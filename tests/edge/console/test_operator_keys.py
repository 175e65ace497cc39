"""Keys and subscriptions are made and ended at the console; what they show is shown once."""

from __future__ import annotations

import re

import pytest
from people import House

KEY = re.compile(r"conserje_[0-9a-z]{10}_[0-9A-Za-z]{49}")


async def test_a_key_is_shown_once(console: House) -> None:
    owner = await console.as_("owner", "acme")
    page = await owner.made("/t/acme/keys", name="n8n", scope=["read", "send"], days="30")
    [key] = set(KEY.findall(page.answer.text))
    listed = await owner.get("/t/acme/keys")
    assert key not in listed.answer.text
    assert "read, send" in listed.text
    [row] = await console.pool.fetch("SELECT *, expires_at - created_at AS life FROM api_keys")
    assert (row["tenant_id"], row["scopes"], row["life"].days) == (
        console.tenant_ids["acme"],
        ["read", "send"],
        30,
    )
    await owner.post(f"/t/acme/keys/{row['id']}/revoke")
    assert await console.pool.fetchval("SELECT count(*) FROM api_keys") == 0


@pytest.mark.parametrize("typed", [{"name": "n8n"}, {"name": "", "scope": "read"}])
async def test_a_key_needs_a_name_and_a_right(console: House, typed: dict[str, str]) -> None:
    owner = await console.as_("owner", "acme")
    await owner.post("/t/acme/keys", 422, **typed)
    assert await console.pool.fetchval("SELECT count(*) FROM api_keys") == 0


async def test_a_key_of_another_tenant_is_not_revoked(console: House) -> None:
    bravo = await console.as_("owner", "bravo")
    await bravo.made("/t/bravo/keys", name="theirs", scope="read")
    [row] = await console.pool.fetch("SELECT id FROM api_keys")
    owner = await console.as_("owner", "acme")
    await owner.post(f"/t/acme/keys/{row['id']}/revoke")
    assert await console.pool.fetchval("SELECT count(*) FROM api_keys") == 1


async def test_a_subscription_is_made_put_off_and_removed(console: House) -> None:
    owner = await console.as_("owner", "acme")
    page = await owner.made("/t/acme/subscriptions", url="https://n8n.example.com/hook", kind="lead.created")
    assert "whsec_" in page.answer.text
    [row] = await console.pool.fetch("SELECT * FROM subscriptions")
    assert row["kinds"] == ["lead.created"]
    assert "whsec_" not in (await owner.get("/t/acme/subscriptions")).answer.text
    await owner.post(f"/t/acme/subscriptions/{row['id']}/off")
    assert await console.pool.fetchval("SELECT state FROM subscriptions") == "off"
    await owner.post(f"/t/acme/subscriptions/{row['id']}/remove")
    assert await console.pool.fetchval("SELECT count(*) FROM subscriptions") == 0


@pytest.mark.parametrize("url", ["http://127.0.0.1/x", "ftp://example.com", "no address"])
async def test_a_tenant_is_told_at_no_private_address(console: House, url: str) -> None:
    owner = await console.as_("owner", "acme")
    page = await owner.post("/t/acme/subscriptions", 422, url=url)
    assert "public internet" in page.text
    assert await console.pool.fetchval("SELECT count(*) FROM subscriptions") == 0
