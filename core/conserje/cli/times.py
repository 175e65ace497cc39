"""Times as operators write them: 15m, 2h, 3d, or a date with or without an hour."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from conserje.tenants.tenants import Tenant

_DURATION = re.compile(r"([1-9][0-9]{0,4})([smhdw])")
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


class Duration(click.ParamType[timedelta]):
    """A time span; `zero` may be one, too."""

    name = "duration"

    def __init__(self, *, zero: bool = False) -> None:
        self._zero = zero

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if self._zero and value in ("0", "0s"):
            return timedelta()
        if match := _DURATION.fullmatch(str(value)):
            return int(match[1]) * _UNITS[match[2]]
        self.fail(f"{value!r} is no duration like 90s, 15m, 2h or 3d.", param, ctx)


class Moment(click.ParamType[datetime]):
    """A point in time: so long ago, or a date by this machine's clock unless it names a zone."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if match := _DURATION.fullmatch(str(value)):
            return datetime.now(UTC) - int(match[1]) * _UNITS[match[2]]
        try:
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
