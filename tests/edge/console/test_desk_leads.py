"""Leads at the console: seen, given to another, closed; by who may."""

from __future__ import annotations

import pytest
import pytest_asyncio
from people import Browser, House

LEAD = """
WITH account AS (
    INSERT INTO accounts (tenant_id, channel, address) VALUES ($1, 'post', $2) RETURNING id
), contact AS (
    INSERT INTO contacts (tenant_id, name) VALUES ($1, 'Ana') RETURNING id
), talk AS (
    INSERT INTO conversations (tenant_id, account_id, contact_id, peer)
    SELECT $1, account.id, contact.id, 'ana' FROM account, contact RETURNING id, contact_id
)
INSERT INTO leads (tenant_id, conversation_id, contact_id, key, wish, wanted, name, phone, call_at)
SELECT $1, id, contact_id, $2, sha256(convert_to($2, 'UTF8')), $2, '', '+56912345678', 'mañana a las 10'
FROM talk
RETURNING id
"""


async def lead(console: House, wanted: str, slug: str = "acme") -> int:
    id: int = await console.pool.fetchval(LEAD, await console.tenant(slug), wanted)
    return id


@pytest_asyncio.fixture
async def owner(console: House) -> Browser:
    browser = await console.as_("owner")
    await console.pool.execute("UPDATE people SET name = 'Eva' WHERE login_id = $1", browser.login_id)
    await console.pool.execute(
        "INSERT INTO people (tenant_id, name, email) SELECT id, 'Luis', 'luis@example.com' FROM tenants"
    )
    return browser


async def test_nobody_waits_for_a_call(owner: Browser) -> None:
    leaf = await owner.get("/t/acme/leads")
    assert "Nobody waits for a call" in leaf.text and leaf.links["See who is given leads"] == "/t/acme/people"
    for query, says in (("state=closed", "No lead is closed"), ("person=Luis", "No open lead here")):
        assert says in (await owner.get(f"/t/acme/leads?{query}")).text


async def test_a_lead_is_given_to_another_and_closed(console: House, owner: Browser) -> None:
    id = await lead(console, "una torta de novios")
    leaf = await owner.get("/t/acme/leads")
    [url] = [
        url for text, url in leaf.links.items() if "una torta de novios" in text and "Nobody yet" in text
    ]
    assert url == f"/t/acme/leads/{id}"
    leaf = await owner.get(url)
    assert "mañana a las 10" in leaf.text and leaf.links["+56912345678"] == "tel:+56912345678"
    done = await owner.post(f"{url}/give", person="Luis")
    assert "It is Luis's now, who is told by mail." in (await owner.follow(done)).text
    assert "una torta" in (await owner.get("/t/acme/leads?person=Luis")).text
    assert "una torta" not in (await owner.get("/t/acme/leads?person=Eva")).text
    done = await owner.post(f"{url}/close")
    assert "It is closed." in (await owner.follow(done)).text
    assert "una torta" in (await owner.get("/t/acme/leads?state=closed")).text
    kept = await console.pool.fetch("SELECT act, of, after FROM audit ORDER BY id")
    assert [(row["act"], row["of"]) for row in kept] == [("lead.change", f"lead {id}")] * 2
    assert await console.pool.fetchval("SELECT count(*) FROM notices WHERE lead_id = $1", id) == 1


async def test_a_name_that_nobody_has_is_said_in_the_form(console: House, owner: Browser) -> None:
    id = await lead(console, "pan")
    leaf = await owner.post(f"/t/acme/leads/{id}/give", 422, person="Zoe")
    assert "Nobody here has that name" in leaf.text


@pytest.mark.parametrize("deed", ["give", "close"])
async def test_somebody_was_faster(console: House, owner: Browser, deed: str) -> None:
    id = await lead(console, "pan")
    await owner.post(f"/t/acme/leads/{id}/close")
    done = await owner.post(f"/t/acme/leads/{id}/{deed}", person="Luis")
    assert "It was closed already." in (await owner.follow(done)).text


async def test_readers_see_and_change_nothing(console: House) -> None:
    id, reader = await lead(console, "pan"), await console.as_("reader")
    leaf = await reader.get(f"/t/acme/leads/{id}")
    assert "Done: close it" not in leaf.text and "Give it to" not in leaf.text
    for deed in ("give", "close"):
        await reader.post(f"/t/acme/leads/{id}/{deed}", 403, person="Luis")


async def test_another_tenant_s_lead_is_not_there(console: House, owner: Browser) -> None:
    id = await lead(console, "pan", "bravo")
    await owner.get(f"/t/acme/leads/{id}", 404)
    await owner.get(f"/t/acme/leads/{2**64}", 404)
    await owner.post(f"/t/acme/leads/{id}/close")
    assert await console.pool.fetchval("SELECT state FROM leads WHERE id = $1", id) == "open"
    await owner.get("/t/bravo/leads", 404)


async def test_pages_follow_one_another(
    console: House, owner: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conserje_edge.console.desk.leads.ROWS", 1)
    for wanted in ("uno", "dos"):
        await lead(console, wanted)
    first = await owner.get("/t/acme/leads?after=x")
    rest = await owner.get(first.links["Further ones"])
    assert "dos" in first.text and "uno" not in first.text and "uno" in rest.text
    assert "Further ones" not in rest.links
