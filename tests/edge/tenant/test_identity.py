"""Who a visitor is: what a page says is shown, what the tenant's own server vouches for is believed."""

from __future__ import annotations

import hmac
import json

import httpx2
import pytest
from chatting import Host
from doorway import Edge
from visitor import Visitor

from conserje import SessionKey
from conserje.contract.sessions import identity_key


async def identify(visitor: Visitor, **said: str) -> httpx2.Response:
    typed = {"content-type": "application/json"}
    return await visitor.ask("POST", "/identify", typed, json.dumps(said).encode())


async def key(edge: Edge) -> str:
    """As the operator gives it to the shop."""
    entry = await edge.webhooks.reception.directory.by_slug("acme")
    web = edge.webhooks.plugins.channels["web"]
    assert issubclass(web.Credentials, SessionKey)
    return identity_key(entry.opened(entry.own("web"), web, edge.vault))


async def notes(edge: Edge) -> list[str]:
    rows = await edge.pool.fetch("SELECT content, turn_id FROM messages WHERE kind = 'note' ORDER BY id")
    assert all(row["turn_id"] == 0 for row in rows)  # nobody answers it
    return [json.loads(row["content"])["text"] for row in rows]


async def contact(edge: Edge) -> tuple[str, str, bool]:
    row = await edge.pool.fetchrow("SELECT name, phone, vouched_at FROM contacts")
    assert row is not None
    return row["name"], row["phone"], row["vouched_at"] is not None


async def test_what_a_page_says_is_shown_to_persons_and_nothing_rests_on_it(host: Host) -> None:
    visitor = await host.known()
    for _ in range(2):  # on each page of the site
        assert (await identify(visitor, name=" Ana Soto ", phone="+56 9 1234 5678")).status_code == 204
    assert await notes(host.edge) == ["Says: Ana Soto, +56912345678"]
    assert await contact(host.edge) == ("", "", False)
    assert await host.edge.pool.fetchval("SELECT count(*) FROM identities") == 1
    assert await visitor.said() == ["contact: hola"]


async def test_what_the_shop_s_server_signed_is_the_contact_s_name_and_phone(host: Host) -> None:
    visitor = await host.known()
    proof = hmac.new((await key(host.edge)).encode(), b"Ana\n+56912345678", "sha256").hexdigest()
    assert (await identify(visitor, name="Ana", phone="+56912345678", hash=proof)).status_code == 204
    assert await contact(host.edge) == ("Ana", "+56912345678", True)
    assert (await identify(visitor, name="Eva")).status_code == 204
    assert await contact(host.edge) == ("Ana", "+56912345678", True)
    assert await notes(host.edge) == ["The site vouches: Ana, +56912345678", "Says: Eva"]
    assert await host.edge.pool.fetchval("SELECT count(*) FROM identities") == 1


async def test_a_proof_of_something_else_is_refused(host: Host) -> None:
    visitor = await host.known()
    proof = hmac.new((await key(host.edge)).encode(), b"Ana\n", "sha256").hexdigest()
    for said in ({"name": "Eva", "hash": proof}, {"name": "Ana", "phone": "+56912345678", "hash": proof}):
        assert (await identify(visitor, **said)).status_code == 403
    assert (await identify(visitor, name="Ana", hash="0" * 64)).status_code == 403
    assert await contact(host.edge) == ("", "", False) and not await notes(host.edge)


async def test_where_the_name_ends_in_a_proof_is_certain(host: Host) -> None:
    visitor = await host.known()
    proof = hmac.new((await key(host.edge)).encode(), b"Ana\n+56912345678", "sha256").hexdigest()
    for name, phone in (("Ana\n+56912345678", ""), ("", "Ana\n+56912345678"), ("Ana\n", "+56912345678")):
        assert (await identify(visitor, name=name, phone=phone, hash=proof)).status_code == 400
    for odd in ("Ana\nSoto", "Ana\tSoto", "Ana\x85Soto", "Ana\x00"):
        assert (await identify(visitor, name=odd)).status_code == 400
    assert await contact(host.edge) == ("", "", False) and not await notes(host.edge)


@pytest.mark.parametrize("phone", ["12", "+56", "hola", "+999999999999999", "'; DROP TABLE contacts"])
async def test_a_phone_that_can_be_none_is_refused(host: Host, phone: str) -> None:
    visitor = await host.known()
    assert (await identify(visitor, name="Ana", phone=phone)).status_code == 400
    assert not await notes(host.edge)


async def test_before_anything_is_written_there_is_nobody_to_name(host: Host) -> None:
    visitor = host.visitor()
    assert (await identify(visitor, name="Ana")).status_code == 409
    await visitor.open()
    await host.edge.heard()
    assert (await identify(visitor, name="Ana")).status_code == 409


async def test_a_page_of_another_host_names_nobody(host: Host) -> None:
    visitor = await host.known()
    headers = {"content-type": "application/json", "origin": "http://evil.localhost"}
    assert (await visitor.ask("POST", "/identify", headers, b'{"name": "Ana"}')).status_code == 403


async def test_who_says_too_much_is_told_to_wait(host: Host) -> None:
    visitor = await host.known()
    host.edge.webhooks.limits.identified_by_visitor.most = 2
    answers = [(await identify(visitor, name=f"Ana {n}")).status_code for n in range(3)]
    assert answers == [204, 204, 429]
