"""Times as operators write and read them: 15m, 2 h 5 min, 3 days, or a date with or without an hour."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

if TYPE_CHECKING:
    from conserje.tenants.tenants import Tenant

_DURATION = re.compile(r"(?: ?[0-9]{1,5} ?(?:ms|s|min|m|h|days?|d|weeks?|w)(?![a-z])){1,5}", re.ASCII)
_PART = re.compile(r"([0-9]{1,5}) ?([a-z]{1,5})", re.ASCII)
_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


def read_duration(text: str) -> timedelta | None:
    """What people write, like 90s, 2h or 2 h 5 min; None for what is none."""
    if not _DURATION.fullmatch(text.strip()):
        return None
    parts = _PART.findall(text)
    return sum((int(count) * _UNITS.get(unit, _UNITS[unit[0]]) for count, unit in parts), timedelta())


def written(duration: timedelta) -> str:
    """As people write it, like 350 ms, 1.2 s, 2 h 5 min or 3 days."""
    seconds = duration.total_seconds()
    if seconds and abs(seconds) < 1:
        return f"{seconds * 1000:.0f} ms"
    if abs(seconds) < 60:
        return f"{seconds:.2f}".rstrip("0").rstrip(".") + " s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "day" if days == 1 else "days"), (hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def ago(moment: datetime) -> str:
    """How long ago that was, in the two units that say it best."""
    age = max(datetime.now(UTC) - moment, timedelta())
    unit = _UNITS["h"] if age >= _UNITS["d"] else _UNITS["m"] if age >= _UNITS["h"] else _UNITS["s"]
    return f"{written(age // unit * unit)} ago"


class Duration(click.ParamType[timedelta]):
    """A time span; `zero` may be one, too."""

    name = "duration"

    def __init__(self, *, zero: bool = False) -> None:
        self._zero = zero

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if self._zero and value in ("0", "0s"):
            return timedelta()
        if duration := read_duration(str(value)):
            return duration
        self.fail(f"{value!r} is no duration like 90s, 15m, 2h or 3d.", param, ctx)


EVER = timedelta(days=36500)  # the longest that is told from no term


class Term(Duration):
    """How long something is kept; `ever` is a hundred years."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        return EVER if value == "ever" else super().convert(value, param, ctx)


def term(kept: timedelta | None, without: str) -> str:
    """A term as operators write it; `without` is said of none."""
    if kept is None:
        return without
    return "ever" if kept >= EVER else f"{kept / timedelta(days=1):g}d"


class Moment(click.ParamType[datetime]):
    """A point in time: so long ago, or a date by this machine's clock unless it names a zone."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            if duration := read_duration(str(value)):
                return datetime.now(UTC) - duration
            return datetime.fromisoformat(str(value)).astimezone()
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time like 2h (ago), 2026-03-01 or 2026-03-01T12:30.", param, ctx)


def zone(tenant: Tenant) -> tzinfo:
    """The tenant's time zone."""
    try:
        return ZoneInfo(tenant.time_zone)
    except (ZoneInfoNotFoundError, ValueError):  # Postgres knows more names
        click.echo(f"The time zone {tenant.time_zone} is not known here: times are UTC.", err=True)
        return UTC
