"""Statistics and costs: what a tenant's conversations come to, by its own clock."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from conserje.conversations import statistics
from conserje.conversations.statistics import Count, Statistics
from conserje.costs import ledger
from conserje.costs.ledger import Sum
from conserje.costs.prices import Kind
from conserje.storage.scope import acting_for
from conserje_edge.api.asked import Asked
from conserje_edge.api.models import Given, Shown
from conserje_edge.api.operation import Place, operation


class Period(Given):
    """From the first day to the last, both included."""

    since: datetime.date
    until: datetime.date


class CountShown(Shown):
    """What happened in a day, or on all days together."""

    received: int = Field(description="Messages of contacts.")
    sent: int = Field(description="Messages that a provider has taken.")
    conversations: int = Field(description="In which somebody said something.")
    turns: int
    answered: int = Field(description="Turns in which an assistant answered.")
    handed_over: int = Field(description="Conversations in which a person was called.")


class DayShown(CountShown):
    """What happened in a day."""

    day: datetime.date


class IntentShown(Shown):
    """What contacts wanted, as assistants understood it."""

    intent: str
    turns: int
    conversations: int
    confidence: float | None


class AnswersShown(Shown):
    """How soon somebody has answered, in seconds."""

    by: str = Field(description="An assistant's name, or `person`.")
    turns: int
    confidence: float | None
    median: float
    slow: float = Field(description="Of 100 answers 95 came sooner.")
    mean: float


class StatisticsShown(Shown):
    """A period of a tenant's, by its own clock."""

    time_zone: str
    since: datetime.date
    until: datetime.date
    total: CountShown
    days: list[DayShown]
    intents: list[IntentShown]
    answers: list[AnswersShown]


class Month(Given):
    """A month."""

    month: Annotated[str, Field(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", examples=["2026-11"])]


class SpentShown(Shown):
    """What spendings of one kind come to."""

    kind: Kind
    name: str
    category: str
    country: str
    times: int
    units: int
    input: int
    cached: int
    output: int
    seconds: int
    usd: str | None = Field(description="None: nothing of it has a price.")
    unknown: int = Field(description="How many of them have no price, and are in no total.")


class CostShown(Shown):
    """What a month has cost, by the tenant's own clock."""

    month: str
    time_zone: str
    currency: str
    total: str
    unknown: int
    costs: list[SpentShown]


@operation(scope="read", errors=("refused",))
async def show_statistics(asked: Asked, query: Period) -> StatisticsShown:
    """Count a tenant's messages, conversations, turns and answers, by day and by intent."""
    tenant = asked.tenant
    async with acting_for(asked.context.pool, tenant.id) as scope:
        found = await statistics.of_period(
            scope.connection, tenant.id, tenant.time_zone, query.since, query.until
        )
    return _statistics(found)


def _statistics(found: Statistics) -> StatisticsShown:
    return StatisticsShown(
        time_zone=found.time_zone,
        since=found.first,
        until=found.last,
        total=_count(found.total),
        days=[DayShown(day=day, **_count(count).model_dump()) for day, count in found.days.items()],
        intents=[IntentShown.model_validate(each) for each in found.intents],
        answers=[AnswersShown.model_validate(each) for each in found.answers],
    )


def _count(count: Count) -> CountShown:
    return CountShown.model_validate(count)


@operation(scope="read")
async def show_cost(asked: Asked, query: Month) -> CostShown:
    """Show what models and messages have cost in a month, in USD."""
    first = datetime.date.fromisoformat(f"{query.month}-01")
    async with asked.context.pool.acquire() as connection:
        sums = await ledger.sums(connection, first, asked.tenant.id)
    return CostShown(
        month=query.month,
        time_zone=asked.tenant.time_zone,
        currency="USD",
        total=_usd(ledger.total(sums)),
        unknown=sum(each.unknown for each in sums),
        costs=_spent(sums),
    )


def _spent(sums: Sequence[Sum]) -> list[SpentShown]:
    return [
        SpentShown(
            kind=each.kind,
            name=each.name,
            category=each.category,
            country=each.country,
            times=each.lines,
            units=each.units,
            input=each.input,
            cached=each.cached,
            output=each.output,
            seconds=each.seconds,
            usd=None if each.usd is None else _usd(each.usd),
            unknown=each.unknown,
        )
        for each in sums
    ]


def _usd(amount: Decimal) -> str:
    return f"{amount:.6f}"


PLACES = (
    Place("/tenants/{slug}/statistics", {"GET": show_statistics}),
    Place("/tenants/{slug}/cost", {"GET": show_cost}),
)
