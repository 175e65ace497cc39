"""How far the clocks of Postgres and of the providers are from this machine's.

Times of two clocks are compared at many places; what cannot be undone asks here first whether they agree.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal

TOLERANCE = timedelta(seconds=5)

Clock = Literal["postgres", "provider"]

_heard: ContextVar[list[timedelta] | None] = ContextVar("heard", default=None)
_postgres = timedelta(0)


def note_postgres(now: datetime) -> timedelta:
    """Postgres has just told its time; how far it is ahead."""
    global _postgres
    _postgres = _ahead("postgres", now)
    return _postgres


def postgres() -> timedelta:
    """How far Postgres' clock was from this machine's when it was last heard, never less than 0."""
    return abs(_postgres)


def note_date(date: str | None) -> None:
    """A provider has just answered with the header `Date` (RFC 9110, 6.6.1), which is to the second."""
    try:
        now = parsedate_to_datetime(date) if date else None
    except ValueError:  # what nobody can read says nothing of the clock
        now = None
    if now and now.tzinfo:
        skew = _ahead("provider", now)
        if (heard := _heard.get()) is not None:
            heard.append(skew)


@contextmanager
def listening() -> Iterator[list[timedelta]]:
    """How far the providers' clocks are ahead that this task hears meanwhile."""
    heard: list[timedelta] = []
    token = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(token)


def apart(one: timedelta, others: Sequence[timedelta]) -> timedelta:
    """How far a clock is from the farthest of `others`, or from this machine's where there are none."""
    return max(abs(one - other) for other in others or [timedelta(0)])


def _ahead(clock: Clock, now: datetime) -> timedelta:
    from conserje.telemetry import metrics  # commands that hear no clock do without

    skew = timedelta(seconds=now.timestamp() - time.time())
    metrics.clock(clock, skew.total_seconds())
    return skew
