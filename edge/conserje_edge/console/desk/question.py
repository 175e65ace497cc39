"""What the address of the list asks for; what makes no sense there is not asked."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, TypeVar

from pydantic import Field

from conserje.conversations.desk import FIND, Place, Side, Tab, Wanted
from conserje.conversations.paging import LAST_ID
from conserje_edge.console.asked import Asked

T = TypeVar("T")
Id = Annotated[int, Field(ge=0, le=LAST_ID)]  # in a path
SIDES: dict[str, Side] = {"contact": "in", "us": "out"}
LONGEST = 200  # characters of a search
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Question:
    """A tab, or a search through all; `after` and `before` are where its page begins."""

    text: str
    tab: Tab
    wanted: Wanted
    after: Place | None
    before: int | None  # a message


def question(asked: Asked) -> Question:
    """What is asked for."""
    given = asked.query
    return Question(
        text=given.get("q", "").strip()[:LONGEST],
        tab=next((tab for tab in FIND if tab == given.get("tab")), "waiting"),
        wanted=Wanted(
            account_id=_read(given.get("account"), _id),
            wrote_last=SIDES.get(given.get("last", "")),
            since=_read(given.get("since"), lambda text: _midnight(asked, text)),
            unread="unread" in given,
        ),
        after=_read(given.get("after"), _place),
        before=_read(given.get("before"), _id),
    )


def written(place: Place | None) -> str | None:
    """The place as it stands in an address."""
    return f"{(place.moment - _EPOCH) // _MICROSECOND}.{place.id}" if place else None


def _place(text: str) -> Place:
    moment, _, id = text.partition(".")
    return Place(_EPOCH + int(moment) * _MICROSECOND, _id(id))


def _id(text: str) -> int:
    number = int(text[:20])
    if not 0 <= number <= LAST_ID:
        raise ValueError
    return number


def _midnight(asked: Asked, text: str) -> datetime:
    """The beginning of that day where the tenant is."""
    return datetime.combine(date.fromisoformat(text), time(), asked.zone)


def _read(text: str | None, read: Callable[[str], T]) -> T | None:
    """None for what cannot be read."""
    if text:
        with suppress(ValueError, OverflowError):
            return read(text)
    return None
