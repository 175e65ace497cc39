"""`conserje price` and `conserje cost`: what things cost, and what a month has cost."""

from __future__ import annotations

import csv
import io

import pytest
from terminal import Terminal

from conserje.storage.database import Pool

SPENT = """
INSERT INTO costs (tenant_id, day, kind, name, category, country, units, input, output, micros)
SELECT id, day::date, kind, spent.name, category, country, units, read, written, micros FROM tenants, (VALUES
    ('2026-11-01', 'message', 'twilio', 'sms', 'CL', 3, 0, 0, 157500),
    ('2026-11-30', 'message', 'twilio', 'service', 'CL', 1, 0, 0, 25000),
    ('2026-11-30', 'message', 'twilio', 'service', 'MX', 1, 0, 0, NULL),
    ('2026-11-30', 'model', 'gpt-6.1-sol', '', '', 1, 2000, 150, 5500),
    ('2026-12-01', 'model', 'gpt-6.1-sol', '', '', 1, 2000, 150, 5500))
    AS spent (day, kind, name, category, country, units, read, written, micros)
"""


@pytest.fixture
async def spent(terminal: Terminal, pool: Pool) -> Terminal:
    for slug in ("acme", "bravo"):
        await terminal.type("tenant", "add", slug, "--name", slug)
    await pool.execute(SPENT)
    return terminal


async def test_n16_a_month_s_costs_by_what_they_were_for(spent: Terminal) -> None:
    told = await spent.read("cost", "acme", "--month", "2026-11", "--json")
    assert {name: told[name] for name in told if name != "costs"} == {
        "month": "2026-11", "time_zone": "America/Santiago", "currency": "USD",
        "messages": "0.182500", "models": "0.005500", "total": "0.188000", "unknown": 1,
    }  # fmt: skip
    rows = [(row["name"], row["category"], row["country"], row["usd"]) for row in told["costs"]]
    assert rows == [
        ("gpt-6.1-sol", "", "", "0.005500"),
        ("twilio", "sms", "CL", "0.157500"),
        ("twilio", "service", "CL", "0.025000"),
        ("twilio", "service", "MX", None),
    ]
    said = (await spent.type("cost", "acme", "--month", "2026-11")).stdout
    assert "USD 0.188000 in 2026-11 by America/Santiago" in said
    assert "1 without a price, in no total." in said
    [mexico] = [line for line in said.splitlines() if " MX " in line]
    assert "price unknown" in mexico and "0.000000" not in mexico


async def test_all_tenants_as_csv(spent: Terminal) -> None:
    printed = (await spent.type("cost", "--month", "2026-12", "--csv")).stdout
    rows = list(csv.DictReader(io.StringIO(printed)))
    assert [(row["tenant"], row["usd"]) for row in rows] == [("acme", "0.005500"), ("bravo", "0.005500")]


async def test_a_month_without_costs_says_so(spent: Terminal) -> None:
    assert "Nothing was spent in 2025-01." in (await spent.type("cost", "--month", "2025-01")).stderr
    assert "no month like 2026-11" in (await spent.type("cost", "--month", "11", code=2)).stderr


async def test_a_price_is_set_listed_and_removed(terminal: Terminal, pool: Pool) -> None:
    model = ("model", "gemini-3.8-flash")
    await terminal.type("price", "set", *model, "--input", "1.50", "--output", "7.5", "--since", "2027-01-01")
    listed = await terminal.read("price", "list", "--json")
    mine = [row for row in listed if row["name"] == model[1] and row["source"] == "yours"]
    assert [(row["since"], row["input"], row["cached"]) for row in mine] == [("2027-01-01", "1.50", None)]
    assert len([row for row in listed if row["name"] == model[1]]) == 3
    assert "1 price" in (await terminal.type("price", "remove", *model)).stdout
    assert await pool.fetchval("SELECT count(*) FROM prices") == 0
    assert "shipped" in (await terminal.type("price", "remove", *model, code=1)).stderr
    assert (
        "see `conserje price list`" in (await terminal.type("price", "remove", "model", "x", code=1)).stderr
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("model", "x", "--each", "1"), "Of a model give --input"),
        (("message", "x", "--input", "1"), "Of a message give --each"),
        (("message", "twilio", "--each", "1"), "give --category"),
        (("message", "x", "--country", "Chile", "--each", "1"), "two letters, like CL"),
        (("model", "x", "--country", "CL", "--input", "1"), "neither --category nor --country"),
        (("message", "x", "--each", "-1"), "no amount in USD"),
    ],
)
async def test_what_is_no_price_is_refused(terminal: Terminal, given: tuple[str, ...], said: str) -> None:
    assert said in (await terminal.type("price", "set", *given, code=2)).stderr


async def test_bounds_are_a_tenant_s(terminal: Terminal) -> None:
    await terminal.type("tenant", "add", "acme", "--name", "Acme")
    await terminal.type("tenant", "set", "acme", "--usd-of-month", "49.90", "--tokens-of-contact", "none")
    await terminal.type("tenant", "set", "acme", "--hold-over-month")
    shown = await terminal.read("tenant", "show", "acme", "--json")
    names = ("usd_of_month", "tokens_of_contact", "usd_of_day", "hold_over_month")
    assert [shown[name] for name in names] == ["49.90", "none", "default", True]
    await terminal.type("tenant", "set", "acme", "--usd-of-month", "default", "--send-over-month")
    assert (await terminal.read("tenant", "show", "acme", "--json"))["usd_of_month"] == "default"
    assert "no number" in (await terminal.type("tenant", "set", "acme", "--usd-of-day", "x", code=2)).stderr
    refused = await terminal.type("tenant", "set", "acme", "--usd-of-day", "-1", code=1)
    assert "0 for no bound" in refused.stderr
