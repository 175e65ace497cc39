"""Hours: the week as a table with several spans a day, and the days that are otherwise, without scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from babel import dates

from conserje.contract.hours import DAYS, MOST_EXCEPTIONS, MOST_OPENINGS, Hours, Opening, Openings, here
from conserje.operations import tenant_change
from conserje.operations.tenant_change import Changes
from conserje_edge.console.asked import Asked
from conserje_edge.console.languages import Speech
from conserje_edge.console.place import See, Seen, deed, view

SPANS = 2  # offered at least
NEW_DAYS = 2  # rows for exceptions that are not there yet
_WHOLE, _MIDNIGHT = "00:00-24:00", "00:00"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: its day, and what is typed of each span."""

    name: str  # of its inputs
    label: str
    spans: Sequence[tuple[str, str]]
    error: str = ""
    day: str = ""  # of an exception: its date


class _Wrong(Exception):
    """Something that was typed is no time, or no date; what is wrong, by row."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__()
        self.errors = errors


@view("tenant.read")
async def show(asked: Asked) -> Seen:
    hours = asked.tenant.hours or Hours()
    week = [_row(day, _label(asked.speech, day), hours.week.get(day, ())) for day in DAYS]
    today = here(datetime.now(UTC), asked.tenant.time_zone).date()
    there = sorted((day, spans) for day, spans in hours.exceptions.items() if day >= today)
    exceptions = [_row(f"day-{n}", "", spans, day) for n, (day, spans) in enumerate(there)]
    exceptions += [_row(f"day-{len(there) + n}", "", ()) for n in range(NEW_DAYS)]
    return _page(asked, week, exceptions)


def _page(asked: Asked, week: Sequence[Row], exceptions: Sequence[Row], error: str = "") -> Seen:
    wrong = bool(error or any(each.error for each in (*week, *exceptions)))
    values = {"week": week, "exceptions": exceptions, "error": error, "now": datetime.now(UTC)}
    return Seen("start/hours.html", values, 422 if wrong else 200)


def _row(name: str, label: str, openings: Openings, day: date | None = None) -> Row:
    spans = [(each.opens, each.closes.replace("24:00", _MIDNIGHT)) for each in openings]
    more = min(max(SPANS, len(spans) + 1), MOST_OPENINGS)
    return Row(name, label, [*spans, *[("", "")] * (more - len(spans))], day=str(day or ""))


def _label(speech: Speech, day: str) -> str:
    names = dates.get_day_names("wide", "stand-alone", speech.locale)
    shown = str(names[DAYS.index(day)])
    return shown[:1].upper() + shown[1:]


@deed("tenant.change", transaction="core")
async def change(asked: Asked) -> See | Seen:
    """The whole week and all exceptions that are shown; those of days that have gone are dropped."""
    try:
        week = _week(asked)
        exceptions = _exceptions(asked)
    except _Wrong as wrong:
        return _again(asked, wrong.errors)
    if not any(week.values()) and not exceptions:
        return _again(asked, {}, asked._("Write the hours of one day at least."))
    there = asked.tenant.hours.written() if asked.tenant.hours else {"week": {}, "exceptions": {}}
    gone: dict[str, list[str] | None] = dict.fromkeys(there["exceptions"])
    changes = Changes(hours={"week": week, "exceptions": gone | exceptions})
    await tenant_change.change(asked.context, asked.connection, asked.tenant.slug, changes)
    asked.before, asked.after = {"hours": there}, {"hours": {"week": week, "exceptions": exceptions}}
    asked.flash(asked._("Your hours are kept."))
    return See(asked.to("start", "hours"))


def _again(asked: Asked, errors: Mapping[str, str], error: str = "") -> Seen:
    """The form as it was typed."""
    week = [Row(day, _label(asked.speech, day), _typed(asked, day), errors.get(day, "")) for day in DAYS]
    exceptions = [
        Row(name, "", _typed(asked, name), errors.get(name, ""), asked.given(name)) for name in _days(asked)
    ]
    return _page(asked, week, exceptions, error)


def _week(asked: Asked) -> dict[str, list[str]]:
    """Raises _Wrong."""
    week, errors = {}, {}
    first = "monday" if asked.given("same") else ""
    for day in DAYS:
        try:
            week[day] = _read(asked, first if first and day in DAYS[1:5] else day)
        except ValueError:
            errors[day] = asked._("Write when it opens and when it closes, or leave both empty.")
    if errors:
        raise _Wrong(errors)
    return week


def _exceptions(asked: Asked) -> dict[str, list[str] | None]:
    """By date; a row without a date is none. Raises _Wrong."""
    found: dict[str, list[str] | None] = {}
    errors = {}
    for name in _days(asked):
        written = asked.given(name)
        try:
            spans = _read(asked, name)
            if written:
                found[str(date.fromisoformat(written))] = spans
            elif spans:
                errors[name] = asked._("Say which day it is.")
        except ValueError:
            errors[name] = asked._("Write when it opens and when it closes, or leave both empty.")
    if errors:
        raise _Wrong(errors)
    return found


def _days(asked: Asked) -> list[str]:
    """The rows of exceptions that were sent."""
    names = (f"day-{n}" for n in range(MOST_EXCEPTIONS))
    return [name for name in names if name in asked.form]


def _typed(asked: Asked, name: str) -> list[tuple[str, str]]:
    return [
        (asked.given(f"{name}-{n}-opens"), asked.given(f"{name}-{n}-closes"))
        for n in range(MOST_OPENINGS)
        if f"{name}-{n}-opens" in asked.form
    ]


def _read(asked: Asked, name: str) -> list[str]:
    """Midnight ends the day. Raises ValueError."""
    spans = [f"{opens}-{closes}" for opens, closes in _typed(asked, name) if opens or closes]
    whole = f"{_MIDNIGHT}-{_MIDNIGHT}"
    read = sorted(Opening.read(_WHOLE if each == whole else each) for each in spans)
    return [f"{each.opens}-{each.closes}" for each in read]
