"""Statements of pages with numbers: what they read is of their period, of what is held, of whom they ask for.

Each is run as it is planned for its values, and as it is planned once for whatever values: a connection that
has sent it five times may do either.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from pages import TOUCHED
from plans import ACCOUNTS, analyze

from conserje.conversations import backlog, held, outcomes, statistics
from conserje.costs import ledger
from conserje.storage.database import Connection

MODES = ("force_custom_plan", "force_generic_plan")
ZONE = "America/Santiago"
FEW = 12  # pages: below that an index that is a level higher is not told from growth
TABLES = ("messages", "turns", "conversations", "contacts", "products", "daily_costs")

# Exchanges $3 to $4 of the tenant $1, as many minutes apart as go into $2 days, which end now.
SAID = """
INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, kind, event_key, turn_id,
                      sequence, state, created_at, sent_at)
SELECT tenant_id, id, account_id, direction, '{"type":"text","text":"hola"}', 'text',
       CASE direction WHEN 'in' THEN decode(md5(n::text), 'hex') END, n,
       CASE direction WHEN 'out' THEN n END, CASE direction WHEN 'out' THEN 'sent' END, at, at
FROM conversations, generate_series($3::int, $4::int) AS n, unnest(ARRAY['in', 'out']) AS direction,
     LATERAL (SELECT now() - $2::interval * ($4 - n + 1) / ($4 - $3 + 1) AS at) AS time
WHERE tenant_id = $1 ORDER BY n, direction
"""
ANSWERED = """
INSERT INTO turns (tenant_id, conversation_id, id, assistant, intent, waited, thought, settled_at,
                   handed_over)
SELECT tenant_id, conversation_id, turn_id, 'parrot', 'price', '1 s', '1 s', created_at, turn_id % 10 = 0
FROM messages WHERE tenant_id = $1 AND direction = 'in' ON CONFLICT DO NOTHING
"""
SPENT = """
INSERT INTO daily_costs (tenant_id, day, kind, name, category, country, part, lines, unknown, units, input,
                         cached, output, seconds, micros)
SELECT $1, current_date - n, 'model', 'm', '', '', 0, 1, 0, 0, 1, 0, 1, 0, 5
FROM generate_series(0, $2::int) AS n
"""


async def tenant(connection: Connection, number: int, before: int) -> int:
    """A tenant with so many exchanges in the year before, and 300 in the last 20 days."""
    await connection.execute(ACCOUNTS, number, number)
    id: int = await connection.fetchval("SELECT max(id) FROM tenants")
    await connection.execute(SAID, id, timedelta(days=400), 1, before)
    await connection.execute(
        "UPDATE messages SET created_at = created_at - interval '40 days' WHERE tenant_id = $1", id
    )
    await connection.execute(SAID, id, timedelta(days=20), before + 1, before + 300)
    await connection.execute(ANSWERED, id)
    await connection.execute(SPENT, id, before // 2)
    return id


async def touched(connection: Connection, statement: str, *arguments: object) -> int:
    """How many pages it touches; the first time, some that it never touches again."""
    counts: list[int] = []
    for _ in range(3):
        before = await connection.fetchval(TOUCHED)
        await connection.fetch(statement, *arguments)
        counts.append(await connection.fetchval(TOUCHED) - before)
    return min(counts)


async def of_tenant(connection: Connection, tenant_id: int) -> dict[str, int]:
    """What a month's numbers touch, and the tenant's line in the list of all."""
    last = datetime.now(UTC).date()
    there = await statistics.locate(
        connection, tenant_id, ZONE, last - timedelta(days=29), last, earlier=outcomes.QUIET
    )
    messages, turns = outcomes._messages(there), outcomes._turns(there)
    statements = {
        statistics.FIRST_MESSAGE: (tenant_id, there.since),
        statistics.FIRST_TURN: (tenant_id, there.since),
        statistics.MESSAGES: (*messages, ZONE),
        statistics.HANDED_OVER: (*turns, ZONE),
        statistics.INTENTS: turns,
        statistics.ANSWERS: turns,
        outcomes.EPISODES: (*turns, outcomes.QUIET, outcomes.STAYS),
        outcomes.REASONS: (*turns, outcomes.MOST),
        outcomes.HOURS: (*messages, ZONE),
        outcomes.PRODUCTS: (*messages, outcomes.MOST),
        ledger.DAYS: (tenant_id, last - timedelta(days=29), last),
        ledger.OF_MONTH: (tenant_id, ZONE),
        ledger.OF_MONTHS: ([tenant_id],),
        backlog.FOR_PERSONS: ([tenant_id],),
        backlog.LAST: ([tenant_id],),
    }
    return {each: await touched(connection, each, *given) for each, given in statements.items()}


@pytest.mark.parametrize("mode", MODES)
async def test_a_period_costs_the_same_whatever_was_said_before(connection: Connection, mode: str) -> None:
    short = await tenant(connection, 1, 300)
    long = await tenant(connection, 2, 10_000)
    await analyze(connection, *TABLES)
    await connection.execute(f"SET LOCAL plan_cache_mode = {mode}")
    few, many = await of_tenant(connection, short), await of_tenant(connection, long)
    grown = {each: (few[each], pages) for each, pages in many.items() if pages > 2 * max(few[each], FEW)}
    assert not grown


SOLD = """
INSERT INTO products (tenant_id, name, price) SELECT $1, n::text, 1 FROM generate_series(1, 300) AS n
"""
PICKED = """
UPDATE messages SET content = '{"id":"product-' || turn_id % 300 || '","text":"Ficus","type":"pressed"}'
WHERE direction = 'in'
"""
PREPARE = f"PREPARE picked (bigint, timestamptz, timestamptz, bigint, bigint) AS {outcomes.PRODUCTS}"


async def test_a_pick_is_not_compared_with_each_product(connection: Connection) -> None:
    tenant_id = await tenant(connection, 1, 300)
    await connection.execute(SOLD, tenant_id)
    await connection.execute(PICKED)
    await analyze(connection, *TABLES)
    await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    await connection.execute(PREPARE)
    plan = await connection.fetch(
        f"EXPLAIN (ANALYZE) EXECUTE picked ({tenant_id}, now() - interval '30 days', now(), 0, 20)"
    )
    await connection.execute("DEALLOCATE picked")
    said = "\n".join(line for [line] in plan)
    assert "never executed" not in said, said
    assert sum(int(n) for n in re.findall(r"Rows Removed by Join Filter: (\d+)", said)) < 1000, said


LEFT_ALONE = """
WITH contact AS (
    INSERT INTO contacts (tenant_id, name) SELECT $1, n::text FROM generate_series(1, $2::int) AS n
    RETURNING tenant_id, id
)
INSERT INTO conversations (tenant_id, account_id, contact_id, peer, state, hand_back_at)
SELECT tenant_id, (SELECT id FROM accounts WHERE tenant_id = $1), id, id::text, 'person',
       now() + CASE WHEN id % 100 = 0 THEN 1 ELSE -1 END * interval '1 day'
FROM contact
"""


async def test_who_waits_of_all_costs_the_same_whoever_was_left_alone_before(connection: Connection) -> None:
    counts = []
    for number, before in ((1, 100), (2, 5_000)):
        await connection.execute(LEFT_ALONE, await tenant(connection, number, 10), before)
        await analyze(connection, *TABLES, "tenants")
        counts.append(await touched(connection, backlog.THEIRS, 10))
    assert counts[1] < counts[0] + 60, counts


HELD = "UPDATE messages SET state = 'held', cause = 'cause ' || id % 3 WHERE direction = 'out'"


async def test_causes_are_counted_by_what_is_held_alone(connection: Connection) -> None:
    await tenant(connection, 1, 30)
    await connection.execute(HELD)
    found = await held.causes(connection, 5)
    assert [(each.kind, each.count, each.tenants) for each in found] == [("m", 110, 1)] * 3
    plan = "\n".join(line for [line] in await connection.fetch(f"EXPLAIN {held.CAUSES}", 5))
    assert "Join" not in plan and "contacts" not in plan, plan
