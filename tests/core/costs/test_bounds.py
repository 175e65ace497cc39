"""Bounds: what a contact, a day and a month may spend; where one is reached, the fallback answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from oracle import Oracle, answered, give_oracle, price
from plans import ACCOUNTS, analyze, pages
from scene import Scene
from told import LOOPBACK, desk_of, mailbox_of
from waiting import LIMIT, until

from conserje import Nothing, Reply, Turn
from conserje.conversations import charging, sending
from conserje.conversations.rows import ReportRow
from conserje.costs import ledger
from conserje.costs.prices import Key
from conserje.net.fetch import allow
from conserje.rules.budget import Bounds
from conserje.settings import Settings
from conserje.storage import jobs
from conserje.storage.database import Connection, columns
from conserje.storage.jobs import Job

LAST = "SELECT assistant, cause FROM turns ORDER BY id DESC LIMIT 1"


async def bound(scene: Scene, **columns: Any) -> None:
    for name, value in columns.items():
        await scene.pool.execute(f"UPDATE tenants SET {name} = $1", value)
    await scene.heard()


async def last(scene: Scene) -> tuple[str, str]:
    row = await scene.pool.fetchrow(LAST)
    assert row is not None
    return row["assistant"], row["cause"] or ""


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"tokens_of_contact": 2000}, "The bound of 2000 tokens for this contact today"),
        ({"usd_of_contact": Decimal("0.005")}, "The bound of USD 0.005 for this contact today"),
        ({"tokens_of_day": 2150}, "The bound of 2150 tokens for today"),
        ({"usd_of_day": Decimal("0.0055")}, "The bound of USD 0.0055 for today"),
        ({"tokens_of_month": 1}, "The bound of 1 tokens for this month"),
        ({"usd_of_month": Decimal("0.001")}, "The bound of USD 0.001 for this month"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
async def test_n16_where_a_bound_is_reached_the_fallback_answers(
    scene: Scene, columns: dict[str, Any], said: str
) -> None:
    oracle = await give_oracle(scene, Oracle())
    await bound(scene, **columns)
    await answered(scene)
    assert await last(scene) == ("oracle", "")
    await answered(scene)
    assistant, cause = await last(scene)
    assert assistant == "parrot"
    assert cause == f"oracle: {said} is reached ({next(iter(columns))})."
    assert oracle.asked == 1


async def test_a_contact_s_bound_is_no_other_contact_s(scene: Scene) -> None:
    await give_oracle(scene, Oracle())
    await bound(scene, tokens_of_contact=2000)
    await answered(scene)
    await answered(scene, "+56922222222")
    assert await last(scene) == ("oracle", "")


async def test_yesterday_s_spending_is_not_today_s(scene: Scene) -> None:
    await give_oracle(scene, Oracle())
    await bound(scene, tokens_of_contact=2000, tokens_of_day=2000)
    await answered(scene)
    await scene.pool.execute("UPDATE costs SET day = day - 1")
    await scene.pool.execute("UPDATE contact_costs SET day = day - 1")
    await answered(scene)
    assert await last(scene) == ("oracle", "")


async def test_turns_at_once_overshoot_by_what_is_in_flight(scene: Scene) -> None:
    """All that ask before the first has spent may call; nobody after that."""
    ready = asyncio.Event()

    class Slow(Oracle):
        async def reply(self, turn: Turn[Nothing, Nothing]) -> Reply:
            await turn.budget.check()
            self.asked += 1
            await ready.wait()
            await turn.budget.spend(self.model, self.usage)
            return Reply()

    oracle = await give_oracle(scene, Slow())
    await bound(scene, tokens_of_day=1)
    async with scene.working():
        for n in range(3):
            await scene.write("hola", sender=f"+5690000000{n}")
        await until(lambda: oracle.asked == 3)
        ready.set()
        await scene.settled()
        await scene.write("hola", sender="+56900000009")
        await scene.settled()
    assert oracle.asked == 3


def test_a_tenant_s_bound_comes_before_the_operator_s() -> None:
    operator = Bounds.of(Settings(tokens_of_contact=100, usd_of_day=Decimal(3)))
    own = Bounds.of(replace(operator, tokens_of_contact=0), operator)
    assert (own.tokens_of_contact, own.usd_of_day) == (0, Decimal(3))


async def test_a_month_s_bound_stops_no_message(scene: Scene) -> None:
    await price(scene, Key("message", "post", "service"), each="0.02")
    await bound(scene, usd_of_month=Decimal("0.01"))
    await answered(scene)
    await answered(scene)
    assert len(scene.post.sent) == 2


async def test_a_month_s_bound_holds_messages_where_the_tenant_says_so(scene: Scene) -> None:
    await price(scene, Key("message", "post", "service"), each="0.02")
    await bound(scene, usd_of_month=Decimal("0.01"), hold_over_month=True)
    await answered(scene)
    await answered(scene)
    assert len(scene.post.sent) == 1
    cause = await scene.pool.fetchval("SELECT cause FROM messages WHERE state = 'held'")
    assert "conserje tenant set acme --usd-of-month" in cause


@pytest.fixture
def _loopback() -> Iterator[None]:
    """The tenants' servers are on this machine."""
    allow(LOOPBACK)
    yield
    allow(())


async def notify(scene: Scene, job: Job) -> None:
    await scene.notifier.notify(Job(jobs.NOTIFY, job.tenant_id, job.conversation_id))


@pytest.mark.usefixtures("_loopback")
async def test_the_tenant_is_told_once_at_80_and_once_at_100_percent(scene: Scene) -> None:
    await price(scene, Key("message", "post", "service"), each="0.02")
    await bound(scene, usd_of_month=Decimal("0.10"))
    async with desk_of(scene) as desk:
        for _ in range(7):
            await notify(scene, await answered(scene))
    told = [json.loads(body) for _, body in desk.posted]
    assert [(each["type"], each["data"]["percent"], each["data"]["spent"]) for each in told] == [
        ("cost.bound", 80, "0.08"),
        ("cost.bound", 100, "0.1"),
    ]
    assert told[0]["data"]["command"] == "conserje cost acme"


async def test_models_spend_of_the_month_too(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    await give_oracle(scene, Oracle())
    await bound(scene, usd_of_month=Decimal("0.006"))
    async with mailbox_of(scene) as (mailbox, _):
        await notify(scene, await answered(scene))
    [mail] = mailbox.messages
    assert mail["subject"] == "acme: se ha gastado el 80 % del límite del mes"
    assert "80 % of the month's bound is spent: USD 0.01 of 0.006." in caplog.text


# Without the trigger: what many lines of one transaction leave behind is no day's.
DAYS = (
    "ALTER TABLE costs DISABLE TRIGGER costs_changed",
    """
INSERT INTO costs (tenant_id, day, kind, name, conversation_id, message_id, micros)
SELECT tenant_id, current_date - n / 100, 'message', 'post', id, n, 1
FROM conversations, generate_series($1::int, $2) AS n
""",
    """
INSERT INTO daily_costs
SELECT tenant_id, current_date - n / 100, 'message', 'post', '', '', 0, 1, 0, 1, 0, 0, 0, 0, 1
FROM conversations, generate_series($1::int, $2, 100) AS n
""",
    "ALTER TABLE costs ENABLE TRIGGER costs_changed",
)


async def add_days(connection: Connection, first: int, last: int) -> None:
    """A hundred lines a day, the newest first."""
    await connection.execute("SET LOCAL ROLE conserje_owner")
    for statement in DAYS:
        given = (first, last) if "$1" in statement else ()
        await connection.execute(statement, *given, timeout=LIMIT)
    await connection.execute("SET LOCAL ROLE conserje_core")


async def of_a_spending(connection: Connection) -> list[int]:
    place = await connection.fetchrow("SELECT tenant_id, id, contact_id FROM conversations")
    assert place is not None
    tenant, conversation, contact = place
    zone = "America/Santiago"
    said = await connection.fetchval("SELECT max(id) FROM messages WHERE conversation_id = $1", conversation)
    account = await connection.fetchval("SELECT account_id FROM conversations")
    told = ReportRow(tenant, account, b"", said, "P", "delivered", None, billable=True, category="utility")
    line = (zone, "post", "service", "CL", 1, 20_000, 1)
    sent = (tenant, False, conversation, said, 0, "P", *line)
    return [
        await pages(connection, ledger.SPENT, tenant, zone, contact),
        await pages(connection, ledger.OF_MONTH, tenant, zone),
        await pages(connection, sending.SENT, *sent),
        await pages(connection, ledger.OF_TURN, tenant, conversation, 0, said),
        await pages(connection, charging.FOUND, *columns([told], *charging._NAMES)),
    ]


SAID = """
INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, sequence, state)
SELECT tenant_id, id, account_id, 'out', '{}', 1, 'sending' FROM conversations
"""


async def test_what_is_spent_costs_the_same_to_know_whatever_was_spent_before(connection: Connection) -> None:
    await connection.execute(ACCOUNTS, 1, 1)
    await connection.execute(SAID)
    await add_days(connection, 1, 3_000)
    few = await of_a_spending(connection)
    await add_days(connection, 3_001, 30_000)
    await analyze(connection, "costs", "daily_costs")
    many = await of_a_spending(connection)
    assert all(later <= max(3 * before, 12) for before, later in zip(few, many, strict=True)), (few, many)
