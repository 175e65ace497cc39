"""The period before, beside the one that is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from conserje.conversations.statistics import Count
from conserje.costs.prices import usd
from conserje_edge.console import formats
from conserje_edge.console.asked import Asked
from conserje_edge.console.numbers.counting import Counted

ENOUGH = 10  # of fewer a change in per cent says nothing


@dataclass(frozen=True, slots=True)
class Days:
    """From the first day to the last; `span`: the number of days until today, if that is what they are."""

    first: date
    last: date
    span: int | None

    @classmethod
    def until(cls, today: date, span: int) -> Days:
        return cls(today - timedelta(days=span - 1), today, span)

    @property
    def before(self) -> Days:
        """As many days that end where these begin."""
        length = self.last - self.first + timedelta(days=1)
        return Days(self.first - length, self.last - length, None)


@dataclass(frozen=True, slots=True)
class Line:
    """A day: what happened in it, and its cost."""

    day: date
    count: Count
    cost: Decimal

    @property
    def messages(self) -> int:
        return self.count.received + self.count.sent


def lines(counted: Counted) -> list[Line]:
    return [Line(day, count, usd(counted.spent.get(day, 0))) for day, count in counted.found.days.items()]


def total_cost(counted: Counted) -> Decimal:
    return usd(sum(counted.spent.values()))


def changes(asked: Asked, now: Counted, before: Counted) -> dict[str, str]:
    """How the figures have changed, in sentences."""
    told = {
        name: _change(asked, value, earlier, formats.number(asked.speech, earlier))
        for name, value, earlier in _pairs(now.found.total, before.found.total)
    }
    cost, earlier = total_cost(now), total_cost(before)
    shown = formats.money(asked.speech, earlier, "USD")
    return told | {"cost": _change(asked, float(cost), float(earlier), shown, enough=1)}


def _pairs(now: Count, before: Count) -> Sequence[tuple[str, int, int]]:
    return [(name, getattr(now, name), getattr(before, name)) for name in ("received", "conversations")]


def _change(asked: Asked, now: float, before: float, shown: str, *, enough: float = ENOUGH) -> str:
    if before < enough:
        return asked._("%(before)s before", before=shown)
    share = round((now - before) / before, 2)
    change = ("+" if share > 0 else "") + formats.percent(asked.speech, share)
    return asked._("%(change)s against %(before)s before", change=change, before=shown)
