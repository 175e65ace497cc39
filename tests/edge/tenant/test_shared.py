"""One address for all tenants: at a base domain itself the number written to names the tenant."""

from __future__ import annotations

import pytest
from doorway import FORM_OF_ANA, SECRET, Edge
from pydantic import SecretStr

from conserje import InboundMessage, Text
from conserje.errors import DirectoryUnavailable
from conserje.storage.database import Pool
from conserje.tenants import accounts

SHARED = "/webhook/whatsapp"


@pytest.fixture(autouse=True)
def shared(edge: Edge) -> None:
    edge.channel.shared = frozenset({"signed", "whatsapp"})  # type: ignore[misc]


async def owner(pool: Pool) -> list[str]:
    rows = await pool.fetch("SELECT slug FROM messages JOIN tenants ON tenants.id = tenant_id")
    return [row["slug"] for row in rows]


@pytest.mark.parametrize("path", ["/webhook/whatsapp", "/webhook/signed"])
async def test_the_tenant_is_the_one_whose_number_was_written_to(edge: Edge, path: str) -> None:
    await edge.add("bravo", "+2", secret="of-bravo")
    form = {**FORM_OF_ANA, "to": "+2"}
    answer = await edge.post(form, host="localhost:8080", path=path, secret="of-bravo")
    assert answer.status_code == 200
    assert await owner(edge.pool) == ["bravo"]


async def test_of_two_tenants_with_one_number_the_secret_decides(edge: Edge) -> None:
    await edge.add("bravo", "+1", secret="of-bravo")
    assert (await edge.post(FORM_OF_ANA, host="localhost", path=SHARED, secret="of-bravo")).status_code == 200
    assert await owner(edge.pool) == ["bravo"]


async def test_what_several_tenants_sign_is_taken_by_none(edge: Edge) -> None:
    await edge.add("bravo", "+1")
    answer = await edge.post(FORM_OF_ANA, host="localhost", path=SHARED)
    assert answer.status_code == 409
    assert "bravo" not in answer.text
    assert await edge.stored() == []
    await edge.run("UPDATE tenants SET status = 'suspended' WHERE slug = 'bravo'")
    assert (await edge.post(FORM_OF_ANA, host="localhost", path=SHARED)).status_code == 200
    assert await owner(edge.pool) == ["acme"]


@pytest.mark.parametrize(
    ("form", "secret"),
    [(FORM_OF_ANA, "wrong"), ({**FORM_OF_ANA, "to": "+9"}, "any")],
    ids=["forged", "nobody's number"],
)
async def test_what_nobody_signs_is_refused_alike(edge: Edge, form: dict[str, str], secret: str) -> None:
    answer = await edge.post(form, host="localhost", path=SHARED, secret=secret)
    assert answer.status_code == 403
    assert await edge.stored() == []


@pytest.mark.parametrize("suspended", ["accounts", "tenants"])
async def test_what_a_suspended_one_signs_is_acknowledged_and_not_stored(edge: Edge, suspended: str) -> None:
    """As at its own host: a refusal would make the provider post again for days."""
    await edge.run(f"UPDATE {suspended} SET status = 'suspended'")
    assert (await edge.post(FORM_OF_ANA, host="localhost", path=SHARED)).status_code == 200
    assert await edge.stored() == []


async def test_one_post_for_several_tenants_is_taken_by_each_that_signs(edge: Edge) -> None:
    """What belongs to nobody who signs is dropped; the rest of the post is taken."""
    await edge.add("bravo", "+2")
    await edge.add("coral", "+3", secret="another")
    edge.channel.habits["claims"] = lambda _: ("+1", "+2", "+3", "+9", "+1\x00", "+\ud800")
    edge.channel.habits["parse"] = lambda _: [
        InboundMessage(f"+{n}", f"key {n}", "ana", Text(f"hola {n}")) for n in (1, 2, 3, 9, 1)
    ]
    assert (await edge.post(FORM_OF_ANA, host="localhost", path=SHARED)).status_code == 200
    assert sorted(await owner(edge.pool)) == ["acme", "bravo"]
    assert sorted(await edge.stored()) == ["hola 1", "hola 2"]


async def test_of_one_post_the_undisputed_is_taken_and_the_rest_posted_again(edge: Edge) -> None:
    await edge.add("bravo", "+1")
    await edge.add("bravo", "+2")
    edge.channel.habits["claims"] = lambda _: ("+1", "+2")
    edge.channel.habits["parse"] = lambda _: [
        InboundMessage(f"+{n}", f"key {n}", "ana", Text(f"hola {n}")) for n in (1, 2)
    ]
    assert (await edge.post(FORM_OF_ANA, host="localhost", path=SHARED)).status_code == 409
    assert await edge.stored() == ["hola 2"]


async def test_before_anybody_signs_sixteen_addresses_are_looked_up(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = [f"+{n}" for n in range(100, 115)]
    asked: list[list[str]] = []
    at = edge.webhooks.reception.directory.at

    async def counted(channel: str, addresses: list[str]) -> object:
        asked.append(addresses)
        return await at(channel, addresses)

    monkeypatch.setattr(edge.webhooks.reception.directory, "at", counted)
    await edge.add("acme", "+2")
    await edge.add("bravo", "+3")
    edge.channel.habits["parse"] = lambda _: [
        InboundMessage(f"+{n}", f"key {n}", "ana", Text(f"hola {n}")) for n in (1, 2, 3)
    ]

    async def post(claimed: list[str], secret: str = SECRET) -> int:
        asked.clear()
        edge.channel.habits["claims"] = lambda _: claimed
        return (await edge.post(FORM_OF_ANA, host="localhost", path=SHARED, secret=secret)).status_code

    assert await post([*addresses, "+1", "+2", "+3"], secret="guess") == 403
    assert asked == [[*addresses, "+1"]]
    assert await post([*addresses, "+0", "+1"]) == 403
    assert asked == [[*addresses, "+0"]]
    assert await post([*addresses, "+1", "+2", "+3"]) == 200
    assert asked == [[*addresses, "+1"], ["+2", "+3"]]
    assert sorted(await edge.stored()) == ["hola 1", "hola 2", "hola 3"]


async def test_more_addresses_are_looked_up_once_the_operator_s_secret_signs(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge.channel.habits["claims"] = lambda _: [*(f"+{n}" for n in range(100, 116)), "+1"]
    shared = edge.channel.Credentials(secret=SecretStr(SECRET))
    monkeypatch.setattr(edge.channel, "shared_credentials", lambda: shared)
    assert (await edge.post(FORM_OF_ANA, host="localhost", path=SHARED)).status_code == 200
    assert await edge.stored() == ["hola"]


async def test_a_tenant_whose_secret_cannot_be_opened_keeps_no_other_s_message(edge: Edge) -> None:
    """The post comes again until it can be: what is the others' is taken, once."""
    await edge.add("bravo", "+2")
    await edge.run("UPDATE accounts SET credentials = 'v1.broken' WHERE address = '+2'")
    edge.channel.habits["claims"] = lambda _: ("+1", "+2")
    edge.channel.habits["parse"] = lambda _: [
        InboundMessage(f"+{n}", f"key {n}", "ana", Text(f"hola {n}")) for n in (1, 2)
    ]
    for _ in range(2):
        assert (await edge.post(FORM_OF_ANA, host="localhost", path=SHARED)).status_code == 503
    assert await edge.stored() == ["hola 1"]


async def test_a_handshake_is_the_operator_s(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    edge.channel.habits["claims"] = lambda _: ()
    assert (await edge.post(FORM_OF_ANA, host="localhost", path=SHARED)).status_code == 403
    shared = edge.channel.Credentials(secret=SecretStr("the operator's"))
    monkeypatch.setattr(edge.channel, "shared_credentials", lambda: shared)
    assert (await edge.post(FORM_OF_ANA, host="localhost", path=SHARED)).status_code == 403
    answer = await edge.post(FORM_OF_ANA, host="localhost", path=SHARED, secret="the operator's")
    assert answer.status_code == 200
    assert await edge.stored() == []


async def test_while_postgres_is_silent_the_last_known_tenants_count(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await edge.post(FORM_OF_ANA, host="localhost", path=SHARED)).status_code == 200

    async def away(*_: object) -> None:
        raise OSError("away")

    monkeypatch.setattr(accounts, "tenants_at", away)
    directory = edge.webhooks.reception.directory
    directory.changes.note([999_999])  # whatever is remembered may have changed
    assert [entry.tenant.slug for entry in await directory.at("signed", ["+1"])] == ["acme"]
    for addresses in (["+2"], ["+1", "+2"]):  # a part of a post must not be acknowledged for the whole
        with pytest.raises(DirectoryUnavailable):
            await directory.at("signed", addresses)
    answer = await edge.post({**FORM_OF_ANA, "to": "+2"}, host="localhost", path=SHARED)
    assert answer.status_code == 503


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("acme.localhost", SHARED),
        ("example.com", SHARED),
        ("localhost", "/webhook/telegram"),
        ("localhost", "/webhook/whatsapp/"),
        ("localhost", "/bot/signed/webhook"),
        ("localhost", "/"),
    ],
)
async def test_it_is_nowhere_else(edge: Edge, host: str, path: str) -> None:
    assert (await edge.post(FORM_OF_ANA, host=host, path=path)).status_code == 404


async def test_it_takes_what_the_tenant_s_own_host_takes_once(edge: Edge) -> None:
    await edge.post(FORM_OF_ANA)
    await edge.post(FORM_OF_ANA, host="localhost", path=SHARED)
    assert await edge.stored() == ["hola"]
