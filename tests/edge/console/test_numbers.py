"""A tenant's numbers: of the days that are asked for, with their table, and the file for a spreadsheet."""

from __future__ import annotations

from datetime import date

import pytest
from people import House
from trouble import TROUBLE

from conserje_edge.console.numbers import charts

COST = """
INSERT INTO costs (tenant_id, day, kind, name, micros)
VALUES ($1, (now() AT TIME ZONE 'America/Santiago')::date, 'model', 'm', 2500000)
"""


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
    assert answer.text.splitlines()[0].removeprefix("\ufeff") == (
        "day,received,sent,conversations,answered,handed_over,usd"
    )
    assert answer.text.splitlines()[1] == "2026-03-01,0,0,0,0,0,0"


def test_bars_are_as_high_as_what_they_stand_for() -> None:
    one, two = date(2026, 3, 1), date(2026, 3, 2)
    drawn = charts.stacked([one, two], {one: 1, two: 3}, {two: 1})
    assert drawn.most == 4
    assert [(bar.x, bar.y, bar.height, bar.series) for bar in drawn.bars] == [
        (1, 75, 25, 1), (11, 25, 75, 1), (11, 0, 25, 2)
    ]  # fmt: skip
    assert charts.stacked([one], {}).bars == []


def test_the_busiest_hour_is_the_darkest() -> None:
    week = dict(charts.heat({(1, 9): 10, (7, 23): 1}))
    assert (week[1][9].shade, week[7][23].shade, week[3][3].shade) == (5, 1, 0)
