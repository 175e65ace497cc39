"""The numbers of a tenant: what its conversations came to in a period, and what they cost."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from itertools import zip_longest
from typing import Any

from babel import dates
from starlette.responses import Response

from conserje.conversations import statistics
from conserje.conversations.statistics import LONGEST, PeriodError
from conserje.costs import ledger
from conserje.costs.prices import usd
from conserje.rules.budget import Bounds
from conserje.storage.scope import acting_for
from conserje_edge.console import formats
from conserje_edge.console.asked import Asked
from conserje_edge.console.languages import N_
from conserje_edge.console.numbers import charts, comparison, counting
from conserje_edge.console.numbers.comparison import Days, Line
from conserje_edge.console.numbers.counting import Counted, TooMuch, Wanted
from conserje_edge.console.place import Place, Seen, view
from conserje_edge.console.refusal import Refusal, Said

SPANS = (7, 30, 90)  # days, of which the second one is shown first
CSV = "text/csv; charset=utf-8"
BOM = "\ufeff"  # by which Excel knows UTF-8
COLUMNS = ("day", "received", "sent", "conversations", "answered", "handed_over", "usd")
PATIENCE_FOR_FILE = 60.0  # seconds
MUCH = Said(N_("That is too much to count at once"), N_("Go back, and choose fewer days."))
COMING = Said(N_("It is still being counted"), N_("Try again in a moment."))


@dataclass(frozen=True, slots=True)
class Now:
    """What is asked for, on the day that it is asked."""

    today: date
    days: Days
    wrong: str  # with the days that the address has; others are shown
    month_cost: int  # until now, in millionths of a USD
    beginning: date | None  # of what is kept

    @property
    def before(self) -> Days | None:
        """The days that these are compared with; None: not all of them are kept."""
        before = self.days.before
        return before if self.beginning and self.beginning <= before.first else None


@view("statistics.read")
async def numbers(asked: Asked) -> Seen:
    now = await _now(asked)
    frame = {"days": now.days, "wrong": now.wrong, "spans": SPANS, "now": now}
    both = await _both(asked, now)
    if both is None:
        return Seen("numbers/counting.html", frame)
    counted, before = both
    bound = Bounds.of(asked.context.settings).over(asked.tenant)
    values = frame | {
        "found": counted.found,
        "became": counted.became,
        "before": before,
        "changes": comparison.changes(asked, counted, before) if before else {},
        "total_cost": comparison.total_cost(counted),
        "month": usd(now.month_cost),
        "bound": bound.usd_of_month,
    }
    return Seen("numbers/numbers.html", values | _charts(counted, before) | _rankings(asked, counted))


def _charts(counted: Counted, before: Counted | None) -> dict[str, Any]:
    days, earlier = comparison.lines(counted), comparison.lines(before) if before else []
    shown = [each.day for each in days]
    return {
        "lines": list(zip_longest(days, earlier)),
        "talks": charts.stacked(
            shown,
            {each.day: each.count.received for each in days},
            {each.day: each.count.sent for each in days},
            before=[each.messages for each in earlier],
        ),
        "costs": charts.stacked(
            shown,
            {each.day: float(each.cost) for each in days},
            before=[float(each.cost) for each in earlier],
        ),
        "heat": charts.heat(counted.became.hours),
    }


def _rankings(asked: Asked, counted: Counted) -> dict[str, Any]:
    found, became = counted.found, counted.became
    return {
        "intents": [(each.intent, each.turns, _sure(asked, each.confidence)) for each in found.intents],
        "reasons": [(each.intent or asked._("Not said"), each.conversations, "") for each in became.reasons],
        "products": [(each.name, each.times, _of(asked, each.conversations)) for each in became.products],
        "weekdays": dates.get_day_names("abbreviated", locale=asked.speech.locale),
    }


def _sure(asked: Asked, confidence: float | None) -> str:
    """How sure assistants were, on average."""
    return (
        ""
        if confidence is None
        else asked._("%(share)s sure", share=formats.percent(asked.speech, confidence))
    )


def _of(asked: Asked, conversations: int) -> str:
    return asked.ngettext("in %(num)s conversation", "in %(num)s conversations", conversations)


@view("statistics.read")
async def table(asked: Asked) -> Response:
    """The same by day, with the days before, for a spreadsheet."""
    now = await _now(asked)
    both = await _both(asked, now, PATIENCE_FOR_FILE)
    if both is None:
        raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, COMING, retry_after=5)
    name = f"{asked.tenant.slug}-{now.days.first}-{now.days.last}.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(BOM + _written(*both), headers=headers, media_type=CSV)


def _written(counted: Counted, before: Counted | None) -> str:
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow((*COLUMNS, *(f"before_{name}" for name in COLUMNS)))
    for day, earlier in zip_longest(comparison.lines(counted), comparison.lines(before) if before else []):
        writer.writerow((*_cells(day), *(_cells(earlier) if earlier else [""] * len(COLUMNS))))
    return written.getvalue()


def _cells(line: Line) -> tuple[object, ...]:
    count = line.count
    return (
        line.day,
        count.received,
        count.sent,
        count.conversations,
        count.answered,
        count.handed_over,
        line.cost,
    )


async def _both(
    asked: Asked, now: Now, patience: float | None = None
) -> tuple[Counted, Counted | None] | None:
    """The days that are shown, and those that they are compared with. None: they are still being counted.

    Raises Refusal.
    """
    counted = await _counted(asked, now.days, patience)
    if counted is None:
        return None
    if now.before is None:
        return counted, None
    before = await _counted(asked, now.before, patience)
    return None if before is None else (counted, before)


async def _counted(asked: Asked, days: Days, patience: float | None) -> Counted | None:
    """None: it is still being counted. Raises Refusal."""
    tenant = asked.tenant
    wanted = Wanted(asked.context.pool, tenant.id, tenant.time_zone, days.first, days.last)
    try:
        return await counting.counted(wanted, patience or counting.PATIENCE)
    except TooMuch:
        raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, MUCH) from None


async def _now(asked: Asked) -> Now:
    tenant, wrong = asked.tenant, ""
    async with acting_for(asked.context.pool, tenant.id) as scope:
        place = (scope.connection, tenant.id, tenant.time_zone)
        today = await statistics.today(scope.connection, tenant.time_zone)
        month, beginning = await ledger.of_month(*place), await statistics.beginning(*place)
    days = _days(asked.query, today)
    if days is None:
        days = Days.until(today, SPANS[1])
        wrong = asked._("Choose two days, the first one first, at most %(num)s days apart.", num=LONGEST.days)
    return Now(today, days, wrong, month, beginning)


def _days(given: Mapping[str, str], today: date) -> Days | None:
    """None: they are none."""
    with suppress(KeyError, ValueError, PeriodError):
        if "since" in given or "until" in given:
            first, last = date.fromisoformat(given["since"]), date.fromisoformat(given["until"])
            statistics.check(first, last)
            return Days(first, last, None)
        span = int(given.get("days", SPANS[1]))
        return Days.until(today, span) if span in SPANS else None
    return None


PLACES = (Place("/t/{slug}/numbers", numbers), Place("/t/{slug}/numbers.csv", table))
