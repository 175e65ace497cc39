"""`conserje message show`: why an assistant said what it said."""

from __future__ import annotations

from datetime import timedelta

import pytest
from oracle import ANA, Oracle, answered, give_oracle, price
from scene import Scene
from terminal import Terminal
from tools import Look, switch_on

from conserje import Nothing, Reply, Result, Revocation, Text, Turn
from conserje.contract.message import InboundMessage
from conserje.conversations import retention
from conserje.costs.prices import Key
from conserje.operations import forgetting
from conserje.storage import pruning

SECRET = "sk-" + "a" * 30
TOLD = "SELECT told IS NOT NULL AND calls IS NOT NULL FROM turns ORDER BY id"


class Explaining(Oracle):
    """Asks a model, calls a tool, and says what it was told."""

    told = f"Eres amable.\nHola, {SECRET}"

    async def reply(self, turn: Turn[Nothing, Nothing]) -> Reply:
        await turn.budget.check()
        await turn.budget.spend(self.model, self.usage)
        await turn.tools.call("look", {"what": "weather"})
        return Reply([Text("hola")], told=self.told, usage={"input_tokens": 2000})


@pytest.fixture
async def explained(scene: Scene) -> Scene:
    """An answer that can be explained was given."""
    look = Look()
    look.does.append(Result(f"sunny, by {SECRET}"))
    await switch_on(scene, look)
    await price(scene, Key("message", "post", "service"), each="0.02")
    await give_oracle(scene, Explaining())
    await answered(scene)
    return scene


@pytest.fixture
def typed(scene: Scene) -> Terminal:
    return Terminal({"CONSERJE_DATABASE_URL": scene.url})


async def test_n16_it_shows_what_was_told_called_and_paid(explained: Scene, typed: Terminal) -> None:
    for id in [row["id"] for row in await explained.pool.fetch("SELECT id FROM messages")]:
        shown = await typed.read("message", "show", "acme", str(id), "--json")
        turn = shown["turn"]
        assert turn["told"] == "Eres amable.\nHola, [redacted]"
        assert turn["usage"] == {"input_tokens": 2000}
        assert [(each["kind"], each["name"]) for each in turn["calls"]] == [
            ("model", "gpt-6.1-sol"),
            ("tool", "look"),
        ]
        assert turn["calls"][1]["arguments"] == '{"what": "weather"}'
        assert turn["calls"][1]["result"] == "sunny, by [redacted]"
        assert (shown["usd"], shown["unknown"]) == ("0.025500", 0)
        assert [line["usd"] for line in shown["costs"]] == ["0.005500", "0.020000"]
    said = (await typed.type("message", "show", "acme", str(id))).stdout
    assert SECRET not in said
    for words in ("tool look", "Eres amable.", "USD 0.025500", "waited", "thought"):
        assert words in said


async def test_a_message_without_a_turn_is_shown(scene: Scene, typed: Terminal) -> None:
    await scene.write("hola")
    id = await scene.pool.fetchval("SELECT id FROM messages")
    assert (await typed.read("message", "show", "acme", str(id), "--json"))["turn"] is None
    assert "hola" in (await typed.type("message", "show", "acme", str(id))).stdout
    missing = await typed.type("message", "show", "acme", "999999", code=1)
    assert "see `conserje message list acme`" in missing.stderr


async def test_what_was_told_is_bounded(scene: Scene) -> None:
    oracle = Explaining()
    oracle.told = "á" * 20_000 + "\0"
    await give_oracle(scene, oracle)
    await answered(scene)
    assert await scene.pool.fetchval("SELECT length(told) FROM turns") == 16_000


async def test_what_was_told_goes_with_a_message_that_is_taken_back(explained: Scene) -> None:
    await answered(explained)
    entry = await explained.entry()
    account = entry.accounts[0]
    gone = InboundMessage(account.address, "gone", ANA, Revocation("key 0"))
    await explained.intake.take(entry.tenant, [(account, gone)])
    assert [row[0] for row in await explained.pool.fetch(TOLD)] == [False, False]


async def test_what_was_told_before_a_message_stays_when_it_is_taken_back(explained: Scene) -> None:
    await answered(explained)
    entry = await explained.entry()
    account = entry.accounts[0]
    gone = InboundMessage(account.address, "gone", ANA, Revocation("key 1"))
    await explained.intake.take(entry.tenant, [(account, gone)])
    assert [row[0] for row in await explained.pool.fetch(TOLD)] == [True, False]


async def test_promise_14_what_was_told_goes_with_a_forgotten_contact(explained: Scene) -> None:
    row = await explained.pool.fetchrow("SELECT tenant_id, id FROM contacts")
    assert row is not None
    async with explained.pool.acquire() as connection:
        await forgetting.forget(connection, *row)
    assert await explained.pool.fetchval(TOLD) is False


@pytest.mark.parametrize(
    ("age", "stays"), [(timedelta(days=334), True), (timedelta(days=336), False)], ids=["young", "old"]
)
async def test_promise_14_what_was_told_goes_when_what_it_may_quote_does(
    explained: Scene, age: timedelta, stays: bool
) -> None:
    """A tenant keeps a year, and its assistant reads thirty days back."""
    await explained.pool.execute("UPDATE turns SET settled_at = now() - $1::interval", age)
    [rule] = [rule for rule in retention.RULES if rule.kind == "what assistants were told"]
    tenant_id = (await explained.entry()).tenant.id
    async with explained.pool.acquire() as connection:
        assert await pruning.count(connection, rule, tenant_id) == (not stays)
        done = await pruning.prune(connection, rule, tenant_id, rule.first)
    assert done.rows == (not stays)
    assert await explained.pool.fetchval(TOLD) is stays
