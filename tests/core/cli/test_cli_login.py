"""`conserje login`, `person --role` and `audit`: who comes in at the console, and what they did there."""

from __future__ import annotations

import re

import pytest
from terminal import Terminal

from conserje.access import audit, invitations, logins, sign_ins
from conserje.access.logins import LoginError
from conserje.storage.database import Pool
from conserje.tenants import tenants

LINK = re.compile(r"http://console\.localhost:9101/(\w+)/([\w-]{43})")


async def test_an_operator_is_invited_listed_and_removed(pool: Pool, terminal: Terminal) -> None:
    said = await terminal.type("login", "add", "olga@example.com", "--role", "owner")
    link = LINK.fullmatch(said.stdout.strip())
    assert link and link[1] == "invitation" and "72 h" in said.stderr
    async with pool.acquire() as connection:
        invitation = await invitations.take(connection, link[2])
        login_id = await logins.add(connection, invitation.email, "Olga")
        await invitations.join(connection, invitation, login_id)
    [listed] = await terminal.read("login", "list", "--json")
    assert (listed["email"], listed["operator_role"], listed["has_password"]) == (
        "olga@example.com", "owner", False,
    )  # fmt: skip
    refused = await terminal.type("login", "remove", "olga@example.com", code=1)
    assert "make another owner first" in refused.stderr
    async with pool.acquire() as connection:
        await logins.add(connection, "eva@example.com", "Eva", "owner")
    await terminal.type("login", "remove", "Olga@example.com")
    await terminal.type("login", "remove", "olga@example.com", code=1)
    refused = await terminal.type("login", "add", "olga", code=1)
    assert "is like ana@example.com" in refused.stderr


async def test_a_link_signs_in_once(pool: Pool, terminal: Terminal) -> None:
    async with pool.acquire() as connection:
        await logins.add(connection, "olga@example.com", "Olga", "owner")
        made = await terminal.read("login", "link", "olga@example.com", "--json")
        link = LINK.fullmatch(made["link"])
        assert link and link[1] == "link"
        token = await invitations.enter(connection, link[2], None, "x")
        assert await sign_ins.find(pool, token, None)
        with pytest.raises(LoginError):
            await invitations.enter(connection, link[2], None, "x")
    await terminal.type("login", "link", "nobody@example.com", code=1)


async def test_a_person_with_a_role_gets_a_link(pool: Pool, terminal: Terminal) -> None:
    async with pool.acquire() as connection:
        await tenants.add(connection, "acme", "Acme")
    words = ("person", "add", "acme", "Ana Soto", "ana@example.com")
    made = await terminal.read(*words, "--role", "owner", "--json")
    link = LINK.fullmatch(made["link"])
    assert link and made["role"] == "owner"
    invitation = await invitations.find(pool, link[2])
    assert (invitation.slug, invitation.role) == ("acme", "owner")
    assert [each["role"] for each in await terminal.read("person", "list", "acme", "--json")] == ["owner"]
    async with pool.acquire() as connection:
        taken = await invitations.take(connection, link[2])
        await invitations.join(connection, taken, await logins.add(connection, taken.email, "Ana"))
    again = await terminal.read(*words, "--role", "reader", "--json")
    assert again["link"] is None
    plain = await terminal.read("person", "add", "acme", "Eva", "eva@example.com", "--json")
    assert (plain["role"], plain["link"]) == (None, None)
    assert [each["role"] for each in await terminal.read("person", "list", "acme", "--json")] == [
        "reader",
        None,
    ]


async def test_the_audit_is_printed_as_its_page_has_it(pool: Pool, terminal: Terminal) -> None:
    async with pool.acquire() as connection:
        acme = await tenants.add(connection, "acme", "Acme")
        login_id = await logins.add(connection, "olga@example.com", "Olga", "owner")
        token = await sign_ins.begin(connection, login_id, None, "x")
        olga = await sign_ins.find(pool, token, None)
        assert olga
        for tenant_id, of in ((acme.id, "product 1"), (None, "tenant bravo")):
            values = {"tenant_id": tenant_id, "of": of, "address": None, "request_id": "r"}
            act = "product.change" if tenant_id else "tenant.add"
            await audit.record(connection, olga, act, after={"price": 5}, **values)  # type: ignore[arg-type]
    both = await terminal.read("audit", "--json")
    assert [each["of"] for each in both] == ["tenant bravo", "product 1"]
    assert both[1]["after"] == {"price": 5} and both[1]["tenant"] == "acme"
    [one] = await terminal.read("audit", "--tenant", "acme", "--json")
    assert one == both[1]
    assert await terminal.read("audit", "--before", str(one["id"]), "--json") == []
    assert [each["act"] for each in await terminal.read("audit", "--act", "tenant.add", "--json")] == [
        "tenant.add"
    ]
    shown = await terminal.type("audit", "--who", "olga@example.com", "--limit", "1")
    assert "operator's owner" in shown.stdout and "tenant bravo" in shown.stdout
    assert "Nothing was done" in (await terminal.type("audit", "--who", "x")).stderr
