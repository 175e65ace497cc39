"""Costs: a line for each message and each call of a model, written where it is spent, and sums that agree."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import pytest
from oracle import ANA, Oracle, answered, give_oracle, price
from scene import Scene
from waiting import until

from conserje import NoAnswer, Nothing, Reply, StatusUpdate, Text, Turn
from conserje.contract.channel import Refused
from conserje.conversations.rows import ReportRow, prepare
from conserje.costs import ledger
from conserje.costs.ledger import Correction
from conserje.costs.prices import Key, Prices
from conserje.intake import writing
from conserje.operations import forgetting
from conserje.storage import jobs
from conserje.storage.database import Connection
from conserje.storage.jobs import Job

LINES = "SELECT kind, name, category, country, units, micros FROM costs ORDER BY id"
SUMS = """
SELECT kind, name, category, country, sum(lines)::int, sum(unknown)::int, sum(units)::int,
       sum(input + output)::int, sum(micros)::int
FROM daily_costs GROUP BY 1, 2, 3, 4 HAVING sum(lines) > 0 ORDER BY 1, 2, 3, 4
"""
SUMS_OF_LINES = """
SELECT kind, name, category, country, count(*)::int, count(*) FILTER (WHERE micros IS NULL)::int,
       sum(units)::int, sum(input + output)::int, coalesce(sum(micros), 0)::int
FROM costs GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""

SOMEBODY_WAITS = """
SELECT count(*) > 0 FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE NOT granted AND datname = current_database()
"""


async def lines(scene: Scene) -> list[tuple[Any, ...]]:
    """The lines, with whose sums those by day agree."""
    summed = [tuple(row) for row in await scene.pool.fetch(SUMS)]
    assert summed == [tuple(row) for row in await scene.pool.fetch(SUMS_OF_LINES)]
    return [tuple(row) for row in await scene.pool.fetch(LINES)]


async def report(scene: Scene, status: Any, **told: Any) -> None:
    """The provider reports of the one message that was sent."""
    entry = await scene.entry()
    account = entry.accounts[0]
    id = scene.post.sent[-1].id
    update = StatusUpdate(account.address, f"{status} {told}", status, f"P{id}", id, **told)
    await scene.intake.take(entry.tenant, [(account, update)])


async def test_n16_a_message_that_was_sent_has_its_line(scene: Scene) -> None:
    await price(scene, Key("message", "post", "service", "CL"), each="0.02")
    await answered(scene)
    assert await lines(scene) == [("message", "post", "service", "CL", 1, 20_000)]
    row = await scene.pool.fetchrow(
        "SELECT turns.id IS NOT NULL AS turn, messages.id IS NOT NULL AS message FROM costs"
        " LEFT JOIN turns ON turns.id = turn_id LEFT JOIN messages ON messages.id = message_id"
    )
    assert row is not None and tuple(row) == (True, True)


async def test_a_message_without_a_price_is_counted_as_unknown(scene: Scene) -> None:
    await answered(scene)
    assert await lines(scene) == [("message", "post", "service", "CL", 1, None)]


async def test_a_message_that_costs_nothing_has_no_line(scene: Scene) -> None:
    await price(scene, Key("message", "post", "service"), each="0")
    await answered(scene)
    assert scene.post.texts == ["hola"]
    assert await lines(scene) == []


async def test_a_message_that_is_refused_costs_nothing(scene: Scene) -> None:
    scene.post.does.append(Refused("no"))
    await answered(scene)
    assert await lines(scene) == []


async def test_what_the_provider_reports_corrects_the_line(scene: Scene) -> None:
    await price(scene, Key("message", "post", "service", "CL"), each="0.02")
    await price(scene, Key("message", "post", "marketing", "CL"), each="0.09")
    await answered(scene)
    await report(scene, "delivered", billable=True, category="marketing")
    assert await lines(scene) == [("message", "post", "marketing", "CL", 1, 90_000)]
    await report(scene, "read", billable=False, category="marketing")
    assert await lines(scene) == [("message", "post", "marketing", "CL", 1, 0)]


async def test_a_message_that_failed_costs_nothing(scene: Scene) -> None:
    await price(scene, Key("message", "post", "service", "CL"), each="0.02")
    await answered(scene)
    await report(scene, "failed", cause="gone")
    assert await lines(scene) == [("message", "post", "service", "CL", 1, 0)]


@asynccontextmanager
async def being_sent(scene: Scene, **told: Any) -> AsyncIterator[ReportRow]:
    """A message whose provider has not answered yet, and what it reports of it; answered at the end."""
    await price(scene, Key("message", "post", "service", "CL"), each="0.02")
    gate = asyncio.Event()
    scene.post.does.append(gate)
    await scene.write("hola", sender=ANA)
    place = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations")
    assert place is not None
    await scene.conversation.converse(Job(jobs.CONVERSE, *place))
    delivering = asyncio.create_task(scene.delivery.deliver(Job(jobs.DELIVER, *place)))
    id = await scene.pool.fetchval("SELECT id FROM messages WHERE direction = 'out'")
    await until(lambda: scene.pool.fetchval("SELECT state = 'sending' FROM messages WHERE id = $1", id))
    entry = await scene.entry()
    account = entry.accounts[0]
    update = StatusUpdate(account.address, "r", provider_id=f"P{id}", message_id=id, **told)
    row = prepare(entry.tenant.id, account, update)
    assert isinstance(row, ReportRow)
    yield row
    gate.set()
    await delivering


async def test_a_report_that_comes_before_the_answer_corrects_the_line(scene: Scene) -> None:
    async with (
        being_sent(scene, status="delivered", billable=False, category="service") as row,
        scene.pool.acquire() as connection,
        connection.transaction(),
    ):
        await writing._report(connection, [row], scene.intake.prices)
    assert await lines(scene) == [("message", "post", "service", "CL", 1, 0)]


async def test_a_report_that_comes_with_the_answer_corrects_the_line(scene: Scene) -> None:
    """What writes the line down waits for the report, which its statement does not see."""
    async with scene.pool.acquire() as connection, connection.transaction():
        sent = being_sent(scene, status="failed", cause="gone")
        await writing._report(connection, [await sent.__aenter__()], scene.intake.prices)
        ending = asyncio.create_task(sent.__aexit__(None, None, None))
        await until(lambda: scene.pool.fetchval(SOMEBODY_WAITS))
    await ending
    assert await lines(scene) == [("message", "post", "service", "CL", 1, 0)]


async def test_what_failed_before_a_message_was_sent_anew_makes_that_free_of_nothing(scene: Scene) -> None:
    await price(scene, Key("message", "post", "service", "CL"), each="0.02")
    await answered(scene)
    await scene.pool.execute("UPDATE messages SET provider_id = 'another' WHERE direction = 'out'")
    await report(scene, "failed", cause="gone")
    assert await lines(scene) == [("message", "post", "service", "CL", 1, 20_000)]


async def test_reports_of_many_messages_are_one_round_trip(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await price(scene, Key("message", "post", "service", "CL"), each="0.02")
    for sender in (ANA, "+56922222222", "+56933333333"):
        await answered(scene, sender)
    entry = await scene.entry()
    account = entry.accounts[0]
    told = [
        StatusUpdate(account.address, f"r{sent.id}", "delivered", f"P{sent.id}", sent.id, billable=False)
        for sent in scene.post.sent
    ]
    corrected = []

    async def correct(connection: Connection, corrections: Sequence[Correction]) -> None:
        corrected.append(len(corrections))
        await really(connection, corrections)

    really = ledger.correct
    monkeypatch.setattr(ledger, "correct", correct)
    await scene.intake.take(entry.tenant, [(account, each) for each in told])
    assert corrected == [3]
    assert [line[-1] for line in await lines(scene)] == [0, 0, 0]


async def test_n16_a_call_of_a_model_is_counted_where_it_is_spent(scene: Scene) -> None:
    oracle = await give_oracle(scene, Oracle())
    await answered(scene)
    assert await lines(scene) == [
        ("model", "gpt-6.1-sol", "", "", 1, 5500),
        ("message", "post", "service", "CL", 1, None),
    ]
    oracle.fails = NoAnswer("nothing")
    await answered(scene, "+56922222222")  # the fallback answers, and the call is counted all the same
    assert [line[1] for line in await lines(scene)] == ["gpt-6.1-sol", "post", "gpt-6.1-sol", "post"]


async def test_a_model_without_a_price_is_counted_as_unknown(scene: Scene) -> None:
    await give_oracle(scene, Oracle("gpt-9"))
    await answered(scene)
    assert (await lines(scene))[0] == ("model", "gpt-9", "", "", 1, None)


async def test_a_turn_that_is_ended_while_it_counts_has_counted(scene: Scene) -> None:
    class Hasty(Oracle):
        async def reply(self, turn: Turn[Nothing, Nothing]) -> Reply:
            spending = asyncio.ensure_future(turn.budget.spend(self.model, self.usage))
            await asyncio.sleep(0)
            spending.cancel()
            return Reply([Text("hola")])

    await give_oracle(scene, Hasty())
    await answered(scene)
    await until(lambda: scene.pool.fetchval("SELECT true FROM costs WHERE kind = 'model'"))


async def test_a_call_that_is_cut_off_is_a_line_of_its_own_category(scene: Scene) -> None:
    class Slow(Oracle):
        async def reply(self, turn: Turn[Nothing, Nothing]) -> Reply:
            await turn.budget.spend(self.model, {"input_tokens": 1000}, estimated=True)
            raise NoAnswer("The model gave no answer in time.")

    await give_oracle(scene, Slow())
    await answered(scene)
    assert (await lines(scene))[0] == ("model", "gpt-6.1-sol", "estimated", "", 1, 2000)


async def test_a_forgotten_contact_s_costs_are_nobody_s(scene: Scene) -> None:
    await give_oracle(scene, Oracle())
    await answered(scene)
    tenant_id, contact_id = await scene.pool.fetchrow("SELECT tenant_id, id FROM contacts")  # type: ignore[misc]
    async with scene.pool.acquire() as connection:
        await forgetting.forget(connection, tenant_id, contact_id)
    assert len(await lines(scene)) == 2
    left = "SELECT count(*) FROM costs WHERE coalesce(conversation_id, turn_id, message_id) IS NOT NULL"
    assert await scene.pool.fetchval(left) == 0
    assert await scene.pool.fetchval("SELECT count(*) FROM contact_costs") == 0


@pytest.mark.parametrize("has_price", [True, False], ids=["priced", "free"])
async def test_a_turn_and_its_delivery_ask_no_more_of_postgres_for_their_costs(
    scene: Scene, has_price: bool
) -> None:
    """Each statement is a round trip: those of a turn without a model are as many as without costs."""
    await price(scene, Key("message", "post", "service"), each="0.02" if has_price else "0")
    await answered(scene, "+56922222222")  # by then what a process reads once is read
    asked: list[str] = []
    connections = [await scene.pool.acquire() for _ in range(scene.pool.get_size())]
    for connection in connections:
        connection.add_query_logger(lambda record: asked.append(record.query))
        await scene.pool.release(connection)
    await scene.write("hola", sender=ANA)
    place = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations WHERE peer = $1", ANA)
    assert place is not None
    asked.clear()
    await scene.conversation.converse(Job(jobs.CONVERSE, *place))
    await scene.delivery.deliver(Job(jobs.DELIVER, *place))
    assert len(asked) <= 21, asked


async def test_a_price_of_no_category_is_that_of_each_and_a_page_costs_nothing(scene: Scene) -> None:
    known = await Prices(scene.pool).current()
    assert known.of_messages(Key("message", "web", "service"), 1, date(2026, 11, 30)) == 0
