"""Prices: by day, by length, by country; the operator's before the shipped ones; what has none is unknown."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from conserje.costs.countries import country_of
from conserje.costs.prices import Key, Price, PriceList, Usage, shipped

NOVEMBER, JANUARY = date(2026, 11, 30), date(2027, 1, 1)
SHIPPED = PriceList((), shipped())


def model(name: str, since: date, read: str, above: int = 0, written: str = "0") -> Price:
    return Price(Key("model", name), since, above, input=Decimal(read), output=Decimal(written))


@pytest.mark.parametrize(
    ("name", "usage", "cost"),
    [
        ("claude-haiku-5-5", Usage(2000, 0, 150), 275),
        ("gpt-5.6-luna", Usage(2000, 0, 150), 580),
        ("gpt-6.1-sol", Usage(2000, 0, 150), 5500),
        ("gpt-6.1-sol", Usage(2000, 1000, 150), 3600),
        ("gpt-6.1-sol-2026-10-14", Usage(2000, 0, 150), 5500),
        ("gpt-6-luna", Usage(2000, 1000, 150), 185),
        ("gpt-6-luna", Usage(300_000, 0, 1000), 60_750),
    ],
)
def test_n16_a_call_costs_what_it_read_and_wrote(name: str, usage: Usage, cost: int) -> None:
    assert SHIPPED.of_call(name, usage, NOVEMBER) == cost


def test_a_price_that_doubles_on_a_day_is_two_rows() -> None:
    used = Usage(2000, 0, 150)
    assert [SHIPPED.of_call("gemini-3.8-flash", used, day) for day in (NOVEMBER, JANUARY)] == [2063, 4125]


def test_a_long_call_has_a_price_of_its_own() -> None:
    costs = [SHIPPED.of_call("claude-haiku-5-5", Usage(n), NOVEMBER) for n in (100_000, 100_001)]
    assert costs == [10_000, 50_001]


def test_what_has_no_price_is_unknown_and_not_free() -> None:
    assert SHIPPED.of_call("gpt-9", Usage(1000), NOVEMBER) is None
    assert SHIPPED.of_call("gpt-6.1-sol", Usage(1000, seconds=3), NOVEMBER) is None
    assert SHIPPED.of_messages(Key("message", "meta", "service", "MX"), 1, NOVEMBER) is None
    assert SHIPPED.of_messages(Key("message", "twilio", "sms", "CL"), 1, NOVEMBER) is None
    assert SHIPPED.of_messages(Key("message", "meta", "service", "CL"), 1, date(2026, 9, 30)) is None


def test_the_operator_s_price_comes_before_the_shipped_one_of_any_day() -> None:
    known = PriceList([model("gemini-3.8-flash", date(2026, 11, 1), "1", written="1")], shipped())
    assert known.of_call("gemini-3.8-flash", Usage(1000, 0, 1000), JANUARY) == 2000
    assert known.of_call("gemini-3.8-flash", Usage(1000), date(2026, 10, 31)) == 750


def test_a_price_for_any_country_holds_where_there_is_no_other() -> None:
    rows = [
        Price(Key("message", "meta", "service"), NOVEMBER, each=Decimal("0.03")),
        Price(Key("message", "meta", "service", "PE"), NOVEMBER, each=Decimal("0.02")),
    ]
    known = PriceList(rows, ())
    keys = [Key("message", "meta", "service", country) for country in ("PE", "MX", "")]
    assert [known.of_messages(key, 1, NOVEMBER) for key in keys] == [20_000, 30_000, 30_000]


def test_segments_are_paid_each() -> None:
    known = PriceList([Price(Key("message", "twilio", "sms", "CL"), NOVEMBER, each=Decimal("0.0525"))], ())
    assert known.of_messages(Key("message", "twilio", "sms", "CL"), 3, NOVEMBER) == 157_500


def test_amounts_are_exact() -> None:
    known = PriceList([model("m", NOVEMBER, "0.1")], ())
    assert known.of_call("m", Usage(30), NOVEMBER) == 3
    assert known.of_call("m", Usage(5), NOVEMBER) == 1  # half a millionth and more is one


@pytest.mark.parametrize(
    "told",
    [
        {"input_tokens": 10, "cached_tokens": 99, "output_tokens": 5},
        {"input_tokens": 10.4, "cached_tokens": 10, "output_tokens": 5, "seconds": -1},
        {"input_tokens": 10, "cached_tokens": 10, "output_tokens": 5, "seconds": float("inf")},
        {"input_tokens": 10, "cached_tokens": 10, "output_tokens": 5, "total_tokens": 15, "seconds": "?"},
    ],
)
def test_usage_is_heard_as_far_as_it_makes_sense(told: dict[str, int]) -> None:
    assert Usage.of(told) == (10, 10, 5, 0)


@pytest.mark.parametrize(
    ("address", "country"),
    [
        ("+56912345678", "CL"),
        ("56912345678", "CL"),
        ("whatsapp:+5491123456789", "AR"),
        ("+18095550100", "DO"),
        ("+12125550100", "US"),
        ("CL.1234567890", "CL"),
        ("ana", ""),
        ("", ""),
        ("+99912345678", ""),
    ],
)
def test_the_country_is_the_address_s(address: str, country: str) -> None:
    assert country_of(address) == country
