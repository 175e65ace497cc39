"""Formats: times, durations, numbers and money, as a person and a country write them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from babel import dates, numbers

from conserje_edge.console.languages import Speech

SMALL = Decimal("0.01")


def clock(speech: Speech, moment: datetime) -> str:
    """The time of day; all 24 hours."""
    return dates.format_skeleton("Hm", _there(speech, moment), locale=speech.locale)


def day(speech: Speech, moment: datetime | date) -> str:
    """The day, with its year where that is another one."""
    there = _there(speech, moment) if isinstance(moment, datetime) else moment
    same = there.year == datetime.now(speech.zone).year
    return dates.format_skeleton("MMMd" if same else "yMMMd", there, locale=speech.locale)


def when(speech: Speech, moment: datetime) -> str:
    """As short as it can be: today's the time of day, others' the day."""
    today = datetime.now(speech.zone).date()
    return clock(speech, moment) if _there(speech, moment).date() == today else day(speech, moment)


def full(speech: Speech, moment: datetime) -> str:
    """The day and the time, with the zone."""
    there = _there(speech, moment)
    said = dates.format_date(there, "full", locale=speech.locale)
    return f"{said}, {clock(speech, moment)} ({dates.get_timezone_gmt(there, locale=speech.locale)})"


def lasting(speech: Speech, length: timedelta) -> str:
    """A duration in its largest unit: 5 min, 3 h, 2 d."""
    return dates.format_timedelta(
        length, granularity="minute", format="short", threshold=1, locale=speech.locale
    )


def since(speech: Speech, moment: datetime) -> str:
    """How long ago it was."""
    return lasting(speech, datetime.now(UTC) - moment)


def number(speech: Speech, value: float | Decimal) -> str:
    return numbers.format_decimal(value, locale=speech.country)


def percent(speech: Speech, share: float) -> str:
    """A share of one, in whole percents."""
    return numbers.format_percent(share, locale=speech.country)


def money(speech: Speech, amount: Decimal | int, currency: str) -> str:
    """As the country writes it; less than a cent with four digits."""
    value = Decimal(amount)
    if 0 < abs(value) < SMALL:
        return numbers.format_currency(
            value, currency, "¤#,##0.0000", locale=speech.country, currency_digits=False
        )
    return numbers.format_currency(value, currency, locale=speech.country)


def machine(moment: datetime) -> str:
    """For the attribute of <time>."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _there(speech: Speech, moment: datetime) -> datetime:
    return moment.astimezone(speech.zone)
