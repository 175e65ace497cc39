"""`parse` that is told the account, and what `verify` leaves for it: two accounts never mix."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
import pytest_asyncio
from doorway import FORM_OF_ANA, SECRET, Edge, Moody, boom

from conserje import Account, Forged, InboundMessage, Nothing, Text, Webhook

BODY = json.dumps({"id": 7, "text": "hola"}).encode()


class Quiet(Moody):
    """Its provider does not say whom it posts to."""

    def claims(self, hook: Webhook) -> list[str]:
        return []

    def parse(  # type: ignore[override]  # Moody's own knows no account
        self, hook: Webhook, account: Account[Any, Nothing]
    ) -> Iterable[Any]:
        if habit := self.habits.get("parse"):
            return habit(hook, account)  # type: ignore[no-any-return]
        written = hook.json
        return [InboundMessage(account.address, str(written["id"]), "ana", Text(written["text"]))]


@pytest_asyncio.fixture
async def quiet(edge: Edge) -> Edge:
    edge.channel.__class__ = Quiet
    await edge.add("acme", "+2", secret="of the second")
    return edge


async def where(edge: Edge) -> list[tuple[str, str]]:
    rows = await edge.pool.fetch(
        "SELECT address, content FROM messages JOIN accounts ON accounts.id = account_id ORDER BY messages.id"
    )
    return [(row["address"], json.loads(row["content"])["text"]) for row in rows]


@pytest.mark.parametrize(("secret", "address"), [(SECRET, "+1"), ("of the second", "+2")])
async def test_an_event_is_of_the_account_whose_secret_signs(quiet: Edge, secret: str, address: str) -> None:
    assert (await quiet.post(BODY, secret=secret)).status_code == 200
    assert await where(quiet) == [(address, "hola")]


async def test_where_two_accounts_sign_each_is_read_by_itself(quiet: Edge) -> None:
    await quiet.add("acme", "+3")
    assert (await quiet.post(BODY)).status_code == 200
    assert sorted(await where(quiet)) == [("+1", "hola"), ("+3", "hola")]


async def test_an_account_s_events_are_its_own_alone(quiet: Edge, caplog: pytest.LogCaptureFixture) -> None:
    """Also where the other one signs too."""
    await quiet.add("acme", "+3")
    quiet.channel.habits["parse"] = lambda hook, account: [
        InboundMessage(address, account.address, "ana", Text(f"by {account.address}"))
        for address in ("+1", "+2", "+3")
    ]
    assert (await quiet.post(BODY)).status_code == 200
    assert sorted(await where(quiet)) == [("+1", "by +1"), ("+3", "by +3")]
    assert "2 events of others' accounts are dropped" in caplog.text


async def test_one_account_s_failure_costs_the_other_nothing(quiet: Edge) -> None:
    await quiet.add("acme", "+3")

    def habit(hook: Webhook, account: Account[Any, Any]) -> list[InboundMessage]:
        return boom() if account.address == "+1" else [InboundMessage("+3", "k", "ana", Text("hola"))]

    quiet.channel.habits["parse"] = habit
    assert (await quiet.post(BODY)).status_code == 200
    assert await where(quiet) == [("+3", "hola")]
    assert await quiet.rejects() == [(BODY.decode(), "The channel failed to parse: Boom")]


async def test_a_suspended_account_is_not_parsed_for(quiet: Edge) -> None:
    await quiet.run("UPDATE accounts SET status = 'suspended' WHERE address = '+1'")
    quiet.channel.habits["parse"] = boom
    assert (await quiet.post(BODY)).status_code == 200
    assert (await where(quiet), await quiet.rejects()) == ([], [])


async def test_what_is_posted_to_the_base_domain_is_parsed_by_account_too(quiet: Edge) -> None:
    quiet.channel.shared = frozenset({"signed"})  # type: ignore[misc]
    quiet.channel.habits["claims"] = lambda hook: ["+1", "+9"]
    quiet.channel.__class__ = type("Claiming", (Quiet,), {"claims": Moody.claims})
    await quiet.add("bravo", "+9")
    answer = await quiet.post(BODY, host="localhost", path="/webhook/signed")
    assert answer.status_code == 200
    assert sorted(await where(quiet)) == [("+1", "hola"), ("+9", "hola")]


async def test_parse_finds_what_the_account_s_own_verify_left(quiet: Edge) -> None:
    """And each `verify` what `claims` left, whatever an account that did not sign made of it."""
    await quiet.add("acme", "+3")

    def claims(hook: Webhook) -> list[str]:
        assert hook.read is None
        hook.read = "claimed"
        return []

    def verify(hook: Webhook, account: Account[Any, Any]) -> None:
        assert hook.read == "claimed"
        hook.read = f"opened for {account.address}"
        if account.address == "+2":
            raise Forged

    quiet.channel.habits |= {
        "verify": verify,
        "parse": lambda hook, account: [InboundMessage(account.address, "k", "ana", Text(hook.read))],
    }
    quiet.channel.__class__ = type("Claiming", (Quiet,), {"claims": lambda self, hook: claims(hook)})
    assert (await quiet.post(BODY)).status_code == 200
    assert sorted(await where(quiet)) == [("+1", "opened for +1"), ("+3", "opened for +3")]


async def test_parse_of_an_older_plugin_is_called_once_for_all_of_its_accounts(edge: Edge) -> None:
    await edge.add("acme", "+3")
    calls = []

    def habit(hook: Webhook) -> list[InboundMessage]:
        calls.append(hook.read)
        return [InboundMessage(address, "k", "ana", Text(f"to {address}")) for address in ("+1", "+3")]

    def verify(hook: Webhook, account: Account[Any, Any]) -> None:
        hook.read = account.address

    edge.channel.habits |= {"parse": habit, "verify": verify, "claims": lambda hook: []}
    assert (await edge.post(FORM_OF_ANA)).status_code == 200
    assert (await where(edge), calls) == ([("+1", "to +1"), ("+3", "to +3")], ["+1"])
