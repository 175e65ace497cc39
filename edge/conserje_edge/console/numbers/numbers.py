"""The numbers of a tenant: what its conversations came to in a period, and what they cost."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from http import HTTPStatus

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
from conserje_edge.console.numbers import charts, counting
from conserje_edge.console.numbers.counting import Counted, TooMuch, Wanted
from conserje_edge.console.place import Place, Seen, view
from conserje_edge.console.refusal import Refusal, Said

SPANS = (7, 30, 90)  # days, of which the second one is shown first
CSV = "text/csv; charset=utf-8"
BOM = "\ufeff"  # by which Excel knows UTF-8
PATIENCE_FOR_FILE = 60.0  # seconds
MUCH = Said(N_("That is too much to count at once"), N_("Go back, and choose fewer days."))
COMING = Said(N_("It is still being counted"), N_("Try again in a moment."))


@dataclass(frozen=True, slots=True)
class Days:
    """From the first day to the last; `span`: the number of days until today, if that is what they are."""

    first: date
    last: date
    span: int | None

    @classmethod
    def until(cls, today: date, span: int) -> Days:
        return cls(today - timedelta(days=span - 1), today, span)


@view("statistics.read")
async def numbers(asked: Asked) -> Seen:
    days, wrong, month = await _now(asked)
    frame = {"days": days, "wrong": wrong, "spans": SPANS}
    counted = await _counted(asked, days)
    if counted is None:
        return Seen("numbers/counting.html", frame)
    found, became = counted.found, counted.became
    spent = {day: usd(each) for day, each in counted.spent.items()}
    bound = Bounds.of(asked.context.settings).over(asked.tenant)
    values = frame | {
        "found": found,
        "became": became,
        "talks": charts.stacked(
            list(found.days),
            {day: count.received for day, count in found.days.items()},
            {day: count.sent for day, count in found.days.items()},
        ),
        "costs": charts.stacked(list(found.days), {day: float(each) for day, each in spent.items()}),
        "spent": spent,
        "total_cost": sum(spent.values(), Decimal(0)),
        "month": usd(month),
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


@view("statistics.read")
async def table(asked: Asked) -> Response:
    """The same by day, for a spreadsheet."""
    days, _, _ = await _now(asked)
    counted = await _counted(asked, days, PATIENCE_FOR_FILE)
    if counted is None:
        raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, COMING, retry_after=5)
    name = f"{asked.tenant.slug}-{days.first}-{days.last}.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(BOM + _written(counted), headers=headers, media_type=CSV)


def _written(counted: Counted) -> str:
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(("day", "received", "sent", "conversations", "answered", "handed_over", "usd"))
    for day, count in counted.found.days.items():
        each = (count.received, count.sent, count.conversations, count.answered, count.handed_over)
        writer.writerow((day, *each, usd(counted.spent.get(day, 0))))
    return written.getvalue()


async def _counted(asked: Asked, days: Days, patience: float | None = None) -> Counted | None:
    """None: it is still being counted. Raises Refusal."""
    tenant = asked.tenant
    wanted = Wanted(asked.context.pool, tenant.id, tenant.time_zone, days.first, days.last)
    try:
        return await counting.counted(wanted, patience or counting.PATIENCE)
    except TooMuch:
        raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, MUCH) from None


async def _now(asked: Asked) -> tuple[Days, str, int]:
    """The days that the address asks for, what is wrong with it where others are shown, and what this month
    has cost."""
    tenant = asked.tenant
    async with acting_for(asked.context.pool, tenant.id) as scope:
        today = await statistics.today(scope.connection, tenant.time_zone)
        month = await ledger.of_month(scope.connection, tenant.id, tenant.time_zone)
    days = _days(asked.query, today)
    if days is not None:
        return days, "", month
    wrong = asked._("Choose two days, the first one first, at most %(num)s days apart.", num=LONGEST.days)
    return Days.until(today, SPANS[1]), wrong, month


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
