"""Hours: when a tenant is open, by its week and its exceptions."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from conserje import Hours
from conserje.contract.hours import DAYS

SANTIAGO, MADRID = ZoneInfo("America/Santiago"), ZoneInfo("Europe/Madrid")


@pytest.mark.parametrize(
    ("week", "moment", "zone", "is_open"),
    [
        ({"friday": ["09:00-18:30"]}, "2026-11-20T12:00Z", SANTIAGO, True),  # 09:00 there
        ({"friday": ["09:00-18:30"]}, "2026-11-20T11:59Z", SANTIAGO, False),
        ({"friday": ["09:00-18:30"]}, "2026-11-20T21:29Z", SANTIAGO, True),
        ({"friday": ["09:00-18:30"]}, "2026-11-20T21:30Z", SANTIAGO, False),
        ({"friday": ["09:00-18:30"]}, "2026-11-20T08:00Z", MADRID, True),
        ({"friday": ["09:00-18:30"]}, "2026-07-17T07:00Z", MADRID, True),  # in summer
        ({"friday": ["09:00-13:00", "15:00-19:00"]}, "2026-11-20T17:00Z", SANTIAGO, False),
        ({"friday": ["09:00-13:00", "15:00-19:00"]}, "2026-11-20T18:00Z", SANTIAGO, True),
        ({"saturday": ["22:00-02:00"]}, "2026-11-22T04:59Z", SANTIAGO, True),  # Sunday, 01:59
        ({"saturday": ["22:00-02:00"]}, "2026-11-22T05:00Z", SANTIAGO, False),
        ({"saturday": ["22:00-02:00"]}, "2026-11-21T04:00Z", SANTIAGO, False),
        ({"sunday": ["22:00-02:00"]}, "2026-11-23T04:00Z", SANTIAGO, True),  # Monday, 01:00
        ({"friday": ["00:00-24:00"]}, "2026-11-21T02:59Z", SANTIAGO, True),
        ({"friday": ["00:00-24:00"]}, "2026-11-21T03:00Z", SANTIAGO, False),
        ({"friday": ["18:00-24:00"]}, "2026-11-21T02:59Z", SANTIAGO, True),
        ({"saturday": ["09:00-23:30"]}, "2026-04-05T02:29Z", SANTIAGO, True),  # Saturday has 25 hours
        ({"saturday": ["09:00-23:30"]}, "2026-04-05T02:30Z", SANTIAGO, False),
        ({"saturday": ["09:00-23:30"]}, "2026-04-05T03:10Z", SANTIAGO, False),  # 23:10 again
        ({"saturday": ["09:00-24:00"]}, "2026-04-05T03:59Z", SANTIAGO, True),
        ({"saturday": ["09:00-24:00"]}, "2026-04-05T04:00Z", SANTIAGO, False),
        ({"saturday": ["22:00-02:00"]}, "2026-09-06T04:59Z", SANTIAGO, True),  # Sunday begins at 01:00
        ({"saturday": ["22:00-02:00"]}, "2026-09-06T05:00Z", SANTIAGO, False),
        ({"friday": []}, "2026-11-20T12:00Z", SANTIAGO, False),
        ({}, "2026-11-20T12:00Z", SANTIAGO, False),
    ],
)
def test_opening_hours(week: dict[str, list[str]], moment: str, zone: ZoneInfo, is_open: bool) -> None:
    hours = Hours.read({"week": week})
    assert (hours.now(datetime.fromisoformat(moment).astimezone(zone)) is not None) is is_open


@pytest.mark.parametrize(
    ("week", "moment", "rest"),
    [
        ({"friday": ["09:00-18:30"]}, "2026-11-20T12:00Z", timedelta(hours=9, minutes=30)),
        ({"friday": ["09:00-18:30"]}, "2026-11-20T11:59:15Z", timedelta(seconds=45)),
        ({"friday": ["09:00-18:30"]}, "2026-11-20T21:30Z", timedelta(days=6, hours=14, minutes=30)),
        ({"friday": ["09:00-13:00", "13:00-15:00"]}, "2026-11-20T12:00Z", timedelta(hours=6)),
        ({"saturday": ["22:00-02:00"]}, "2026-11-22T04:00Z", timedelta(hours=1)),
        ({"saturday": ["09:00-23:30"]}, "2026-04-05T02:20Z", timedelta(minutes=10)),
        ({day: ["09:00-23:30"] for day in DAYS}, "2026-04-05T03:10Z", timedelta(hours=9, minutes=50)),
        ({"saturday": ["09:00-24:00"]}, "2026-04-05T03:10Z", timedelta(minutes=50)),
        ({"saturday": ["18:00-24:00"]}, "2026-09-05T23:00Z", timedelta(hours=5)),
        ({"sunday": ["09:00-18:00"]}, "2026-09-06T03:00Z", timedelta(hours=9)),
        ({day: ["00:00-24:00"] for day in DAYS}, "2026-11-20T12:00Z", None),
        ({"friday": []}, "2026-11-20T12:00Z", None),
        ({}, "2026-11-20T12:00Z", None),
    ],
)
def test_when_that_changes(week: dict[str, list[str]], moment: str, rest: timedelta | None) -> None:
    hours, here = Hours.read({"week": week}), datetime.fromisoformat(moment).astimezone(SANTIAGO)
    assert hours.changes(here) == rest


def test_an_exception_is_the_whole_of_its_day() -> None:
    hours = Hours.read(
        {"week": {"friday": ["09:00-18:00"]}, "exceptions": {"2026-12-25": [], "2026-12-26": ["10:00-12:00"]}}
    )
    assert hours.on(date(2026, 12, 18)) and not hours.on(date(2026, 12, 25))
    assert hours.now(datetime(2026, 12, 26, 11)) is not None
    found = hours.after(datetime(2026, 12, 24, 20))
    assert found is not None
    assert (found.days, found.opening.opens) == (2, "10:00")


def test_what_is_written_reads_the_same() -> None:
    written = {
        "week": {"monday": ["22:00-02:00"], "sunday": []},
        "exceptions": {"2026-12-25": ["00:00-24:00"]},
    }
    assert Hours.read(written).written() == written


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ({"lunes": []}, "lunes"),
        ({"week": {"lunes": []}}, "lunes"),
        ({"week": {"monday": ["9-18"]}}, "monday"),
        ({"week": {"monday": "09:00-18:00"}}, "monday"),
        ({"week": {"monday": ["09:00-09:00"]}}, "monday"),
        ({"exceptions": {"2026-02-30": []}}, "2026-02-30"),
        ({"exceptions": {"25-12": []}}, "25-12"),
        ({"exceptions": {f"2{n:03}-01-01": [] for n in range(401)}}, "401 exceptions"),
    ],
)
def test_wrong_hours_are_named(written: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Hours.read(written)
