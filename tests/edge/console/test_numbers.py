"""A tenant's numbers: of the days that are asked for, with their table, and the file for a spreadsheet."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime

import pytest
from people import House
from trouble import TROUBLE

from conserje_edge.console.numbers import charts

COST = """
INSERT INTO costs (tenant_id, day, kind, name, micros)
VALUES ($1, (now() AT TIME ZONE 'America/Santiago')::date, 'model', 'm', 2500000)
"""


# Oldest first: before all that is there.
SAID = """
INSERT INTO messages (tenant_id, id, conversation_id, account_id, direction, content, event_key, created_at)
OVERRIDING SYSTEM VALUE
SELECT tenant_id, extract(epoch FROM at)::bigint - 3000000000 + n, id, account_id, 'in',
       '{"text":"hola","type":"text"}', decode(md5(at::text || n), 'hex'), at
FROM conversations, unnest($2::timestamptz[]) WITH ORDINALITY AS said (at, n) WHERE tenant_id = $1
"""
EARLIER = [19] * 9 + [28] * 3
LATER = [1] * 9 + [10] * 6


async def test_what_was_said_is_counted(console: House) -> None:
    tenant_id = await console.tenant("acme", currency="CLP")
    await console.pool.execute(TROUBLE, tenant_id)
    await console.pool.execute(COST, tenant_id)
    reader = await console.as_("reader", "acme")
    page = await reader.get("/t/acme/numbers")
    assert "Messages received 1" in page.text
    assert "$2.50" in page.text or "US$2,50" in page.text
    week = await reader.get("/t/acme/numbers?days=7")
    assert "7 days" in week.text


async def test_an_empty_shop_is_told_what_to_do(console: House) -> None:
    reader = await console.as_("reader", "acme")
    assert (await reader.get("/t/acme/numbers")).links["First steps"] == "/t/acme/start"


@pytest.mark.parametrize(
    "query", ["days=8", "days=x", "since=2026-03-01", "since=2026-03-02&until=2026-03-01", "since=x&until=y",
              "since=1900-01-01&until=1900-01-02"]
)  # fmt: skip
async def test_days_that_are_none_are_told(console: House, query: str) -> None:
    reader = await console.as_("reader", "acme")
    assert "Choose two days" in (await reader.get(f"/t/acme/numbers?{query}")).text


async def test_the_table_is_for_a_spreadsheet(console: House) -> None:
    await console.pool.execute(TROUBLE, await console.tenant("acme"))
    reader = await console.as_("reader", "acme")
    answer = await reader.http.get("/t/acme/numbers.csv?since=2026-03-01&until=2026-03-02")
    assert answer.headers["content-disposition"] == 'attachment; filename="acme-2026-03-01-2026-03-02.csv"'
    columns = ("day", "received", "sent", "conversations", "answered", "handed_over", "usd")
    written = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert written[0] == [*columns, *(f"before_{name}" for name in columns)]
    assert written[1] == ["2026-03-01", *["0"] * 6, *[""] * 7]  # nothing is kept of the days before


async def test_a_period_is_shown_beside_the_one_before(console: House) -> None:
    tenant_id = await console.tenant("acme", currency="CLP")
    await console.pool.execute(TROUBLE, tenant_id)
    await console.pool.execute(SAID, tenant_id, [datetime(2026, 2, day, 12, tzinfo=UTC) for day in EARLIER])
    await console.pool.execute(SAID, tenant_id, [datetime(2026, 3, day, 12, tzinfo=UTC) for day in LATER])
    reader = await console.as_("reader", "acme")
    page = await reader.get("/t/acme/numbers?since=2026-03-01&until=2026-03-10")
    assert "Messages received 15" in page.text and "+25% against 12 before" in page.text
    assert "Beside them the days before, from Feb 19 to Feb 28." in page.text
    assert "Conversations 1" in page.text and "1 before" in page.text  # of so few there are no percents
    assert "Today is not over" not in page.text and "chart-before" in page.answer.text
    answer = await reader.http.get("/t/acme/numbers.csv?since=2026-03-01&until=2026-03-10")
    last = list(csv.reader(io.StringIO(answer.text)))[-1]
    assert last == ["2026-03-10", "6", "0", "1", "0", "0", "0", "2026-02-28", "3", "0", "1", "0", "0", "0"]


async def test_days_of_which_not_all_is_kept_are_compared_with_none(console: House) -> None:
    tenant_id = await console.tenant("acme")
    await console.pool.execute(TROUBLE, tenant_id)
    page = await (await console.as_("reader", "acme")).get("/t/acme/numbers?days=7")
    assert "The days before are not beside them: messages are kept since" in page.text
    assert "chart-before" not in page.answer.text


def test_bars_are_as_high_as_what_they_stand_for() -> None:
    one, two = date(2026, 3, 1), date(2026, 3, 2)
    drawn = charts.stacked([one, two], {one: 1, two: 3}, {two: 1})
    assert drawn.most == 4
    assert [(bar.x, bar.y, bar.height, bar.series) for bar in drawn.bars] == [
        (1, 75, 25, 1), (11, 25, 75, 1), (11, 0, 25, 2)
    ]  # fmt: skip
    assert drawn.line == "" and charts.stacked([one], {}).bars == []


def test_the_days_before_are_a_line_in_the_same_measure() -> None:
    one, two = date(2026, 3, 1), date(2026, 3, 2)
    drawn = charts.stacked([one, two], {one: 2}, before=[4, 1])
    assert (drawn.most, drawn.bars[0].height, drawn.line) == (4, 50, "5,0 15,75")
    assert charts.stacked([one], {}, before=[0]).line == "5,100"


def test_the_busiest_hour_is_the_darkest() -> None:
    week = dict(charts.heat({(1, 9): 10, (7, 23): 1}))
    assert (week[1][9].shade, week[7][23].shade, week[3][3].shade) == (5, 1, 0)
