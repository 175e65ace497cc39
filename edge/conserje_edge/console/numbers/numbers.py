"""The numbers of a tenant: what its conversations came to in a period, and what they cost."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from babel import dates
from starlette.responses import Response

from conserje.conversations import outcomes, statistics
from conserje.conversations.statistics import LONGEST, PeriodError, Statistics
from conserje.costs import ledger
from conserje.costs.prices import usd
from conserje.rules.budget import Bounds
from conserje_edge.console import formats
from conserje_edge.console.asked import Asked
from conserje_edge.console.numbers import charts
from conserje_edge.console.place import Place, Seen, view

SPANS = (7, 30, 90)  # days, of which the second one is shown first
CSV = "text/csv; charset=utf-8"
BOM = "\ufeff"  # by which Excel knows UTF-8


@dataclass(frozen=True, slots=True)
class Days:
    """From the first day to the last; `span`: the number of days until today, if that is what they are."""

    first: date
    last: date
    span: int | None


@view("statistics.read", transaction="tenant")
async def numbers(asked: Asked) -> Seen:
    days, wrong = await _days(asked)
    found = await _statistics(asked, days)
    place = (asked.connection, asked.tenant.id)
    became = await outcomes.of_period(*place, asked.tenant.time_zone, days.first, days.last)
    spent = await ledger.of_days(*place, days.first, days.last)
    bound = Bounds.of(asked.context.settings).over(asked.tenant)
    values = {
        "days": days,
        "wrong": wrong,
        "spans": SPANS,
        "found": found,
        "became": became,
        "talks": charts.stacked(
            list(found.days),
            {day: count.received for day, count in found.days.items()},
            {day: count.sent for day, count in found.days.items()},
        ),
        "costs": charts.stacked(list(found.days), {day: float(usd(each)) for day, each in spent.items()}),
        "spent": {day: usd(each) for day, each in spent.items()},
        "total_cost": usd(sum(spent.values())),
        "month": usd(await ledger.of_month(*place, asked.tenant.time_zone)),
        "bound": bound.usd_of_month,
        "intents": [(each.intent, each.turns, _sure(asked, each.confidence)) for each in found.intents],
        "reasons": [(each.intent or asked._("Not said"), each.conversations, "") for each in became.reasons],
        "products": [(each.name, each.times, _of(asked, each.conversations)) for each in became.products],
        "heat": charts.heat(became.hours),
        "weekdays": dates.get_day_names("abbreviated", locale=asked.speech.locale),
    }
    return Seen("numbers/numbers.html", values)


def _sure(asked: Asked, confidence: float | None) -> str:
    """How sure assistants were, on average."""
    return (
        ""
        if confidence is None
        else asked._("%(share)s sure", share=formats.percent(asked.speech, confidence))
    )


def _of(asked: Asked, conversations: int) -> str:
    return asked.ngettext("in %(num)s conversation", "in %(num)s conversations", conversations)


@view("statistics.read", transaction="tenant")
async def table(asked: Asked) -> Response:
    """The same by day, for a spreadsheet."""
    days, _ = await _days(asked)
    found = await _statistics(asked, days)
    spent = await ledger.of_days(asked.connection, asked.tenant.id, days.first, days.last)
    name = f"{asked.tenant.slug}-{days.first}-{days.last}.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(BOM + _written(found, spent), headers=headers, media_type=CSV)


def _written(found: Statistics, spent: Mapping[date, int]) -> str:
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(("day", "received", "sent", "conversations", "answered", "handed_over", "usd"))
    for day, count in found.days.items():
        each = (count.received, count.sent, count.conversations, count.answered, count.handed_over)
        writer.writerow((day, *each, usd(spent.get(day, 0))))
    return written.getvalue()


async def _statistics(asked: Asked, days: Days) -> Statistics:
    tenant = asked.tenant
    return await statistics.of_period(asked.connection, tenant.id, tenant.time_zone, days.first, days.last)


async def _days(asked: Asked) -> tuple[Days, str]:
    """The days that the address asks for; what is wrong with it, where others are shown."""
    today = await statistics.today(asked.connection, asked.tenant.time_zone)
    given: dict[str, Any] = asked.query
    try:
        if "since" in given or "until" in given:
            first, last = date.fromisoformat(given["since"]), date.fromisoformat(given["until"])
            await statistics.locate(asked.connection, asked.tenant.id, asked.tenant.time_zone, first, last)
            return Days(first, last, None), ""
        span = int(given.get("days", SPANS[1]))
        if span in SPANS:
            return Days(today - timedelta(days=span - 1), today, span), ""
    except (KeyError, ValueError, PeriodError):
        span = 0
    wrong = asked._("Choose two days, the first one first, at most %(num)s days apart.", num=LONGEST.days)
    return Days(today - timedelta(days=SPANS[1] - 1), today, SPANS[1]), wrong


PLACES = (Place("/t/{slug}/numbers", numbers), Place("/t/{slug}/numbers.csv", table))
