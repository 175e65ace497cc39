"""Opening hours: a week with its exceptions, in the tenant's time zone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MOST_EXCEPTIONS = 400
MOST_OPENINGS = 6  # of a day

_DAY = 24 * 60  # minutes
_LOOKED_AHEAD = 30  # days
_RANGE = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


class Opening(NamedTuple):
    """From when to when, in minutes after midnight; an end that is not later is on the next day."""

    begin: int
    end: int

    @classmethod
    def read(cls, written: object) -> Self:
        """Raises ValueError."""
        found = _RANGE.fullmatch(written) if isinstance(written, str) else None
        if not found:
            raise ValueError('write hours like "09:00-18:30"')
        begin = int(found[1]) * 60 + int(found[2])
        end = int(found[3]) * 60 + int(found[4]) if found[3] else _DAY
        if begin == end:
            raise ValueError('the hours end when they begin; write "00:00-24:00" for the whole day')
        return cls(begin, end)

    @property
    def opens(self) -> str:
        return _clock(self.begin)

    @property
    def closes(self) -> str:
        return _clock(self.end)

    def __str__(self) -> str:
        return f"{self.opens}–{self.closes}"


Openings = tuple[Opening, ...]


class Next(NamedTuple):
    """When it opens next, and in how many days."""

    days: int
    opening: Opening


@dataclass(frozen=True, slots=True)
class Hours:
    """When a tenant is open; moments are given in its time zone. A day that is not named is closed."""

    week: Mapping[str, Openings] = field(default_factory=dict, hash=False)
    exceptions: Mapping[date, Openings] = field(default_factory=dict, hash=False)

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> Self:
        """From {"week": {"monday": ["09:00-13:00"]}, "exceptions": {"2026-12-25": []}}. Raises ValueError."""
        week, exceptions = written.get("week") or {}, written.get("exceptions") or {}
        if strange := [name for name in (*written, *week) if name not in ("week", "exceptions", *DAYS)]:
            raise ValueError(f"{strange[0]}: hours have week and exceptions, and a week {', '.join(DAYS)}")
        if len(exceptions) > MOST_EXCEPTIONS:
            raise ValueError(f"there are {len(exceptions)} exceptions, and at most {MOST_EXCEPTIONS}")
        return cls(
            {day: _openings(day, week[day]) for day in DAYS if day in week},
            {_date(day): _openings(day, listed) for day, listed in sorted(exceptions.items())},
        )

    def written(self) -> dict[str, Any]:
        """As `read` takes it."""
        return {
            "week": {day: _written(listed) for day, listed in self.week.items()},
            "exceptions": {str(day): _written(listed) for day, listed in self.exceptions.items()},
        }

    def days(self) -> list[Openings]:
        """The week's, Monday first."""
        return [self.week.get(day, ()) for day in DAYS]

    def on(self, day: date) -> Openings:
        """The hours of that day, in their order; none: closed."""
        if (exception := self.exceptions.get(day)) is not None:
            return exception
        return self.week.get(DAYS[day.weekday()], ())

    def now(self, moment: datetime) -> Opening | None:
        """The hours within which that moment is; None: closed. Of an hour that the clocks show twice, hours
        begin and end in the first."""
        at, today = _instant(moment), moment.date()
        for days in (0, -1):
            for opening in self.on(today + timedelta(days=days)):
                begin, end = _span(days, opening)
                if _instant(_by_clock(moment, begin)) <= at < _instant(_by_clock(moment, end)):
                    return opening
        return None

    def after(self, moment: datetime) -> Next | None:
        """The next to begin; None where it does not open within a month."""
        minute, today = moment.hour * 60 + moment.minute, moment.date()
        for days in range(_LOOKED_AHEAD):
            for opening in self.on(today + timedelta(days=days)):
                if days or opening.begin > minute:
                    return Next(days, opening)
        return None

    def changes(self, moment: datetime) -> timedelta | None:
        """How long it stays open, or closed, from that moment on; None: for a month at least."""
        begun, was = _instant(moment), self.now(moment) is None
        for edge in sorted(_instant(_by_clock(moment, minute)) for minute in self._edges(moment.date())):
            if edge > begun and (self.now(edge.astimezone(moment.tzinfo)) is None) is not was:
                return edge - begun
        return None

    def _edges(self, today: date) -> set[int]:
        """When hours begin and end from yesterday on, in minutes after today's midnight."""
        return {
            edge
            for days in range(-1, _LOOKED_AHEAD)
            for opening in self.on(today + timedelta(days=days))
            for edge in _span(days, opening)
        }


def _span(days: int, opening: Opening) -> tuple[int, int]:
    """From when to when that day's hours are, in minutes after today's midnight."""
    begin, end = opening
    return days * _DAY + begin, days * _DAY + (end if end > begin else end + _DAY)


def _by_clock(moment: datetime, minutes: int) -> datetime:
    """What the clocks show so long after that day's midnight, whatever they are put forward or back."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0, fold=0) + timedelta(minutes=minutes)


def _instant(moment: datetime) -> datetime:
    """The moment as it is compared: clocks that are put back show some hours twice."""
    return moment.astimezone(UTC) if moment.tzinfo else moment


def here(moment: datetime, time_zone: str) -> datetime:
    """The moment by the clocks of that zone; UTC where Python does not know it, as Postgres may."""
    try:
        return moment.astimezone(ZoneInfo(time_zone))
    except (ZoneInfoNotFoundError, ValueError):
        return moment.astimezone(UTC)


def _openings(day: str, listed: object) -> Openings:
    if not isinstance(listed, list) or len(listed) > MOST_OPENINGS:
        raise ValueError(f'{day}: write a list like ["09:00-13:00", "15:00-19:00"], [] for closed')
    try:
        return tuple(sorted(Opening.read(each) for each in listed))
    except ValueError as error:
        raise ValueError(f"{day}: {error}") from None


def _date(written: str) -> date:
    try:
        if not _DATE.fullmatch(written):
            raise ValueError
        return date.fromisoformat(written)
    except ValueError:
        raise ValueError(f"{written}: write the date of an exception like 2026-12-25") from None


def _written(listed: Openings) -> list[str]:
    return [f"{opening.opens}-{opening.closes}" for opening in listed]


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
