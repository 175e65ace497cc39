"""The overview: how each tenant of the installation is, in one line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from conserje.conversations import backlog, illness
from conserje.costs import ledger
from conserje.costs.prices import usd
from conserje.storage.database import Connection
from conserje.tenants import tenants
from conserje.tenants.tenants import Tenant

TOO_LONG = timedelta(minutes=10)  # that a message waits for a turn


@dataclass(frozen=True, slots=True)
class Line:
    """How a tenant is; what waits is messages for the assistant, conversations for a person."""

    tenant: Tenant
    ill: int  # accounts
    held: int
    waiting: int
    longest: timedelta  # that the oldest of these has waited
    for_persons: int
    usd_of_month: Decimal
    last_at: datetime | None


async def lines(
    connection: Connection, *, like: str = "", in_trouble: bool = False, after: str = "", limit: int
) -> list[Line]:
    """The next tenants by their slugs; `in_trouble`: where something is ill, held, or not answered."""
    ill, held = dict(await illness.count(connection)), dict(await backlog.held(connection))
    waiting = {each.slug: each for each in await backlog.waiting(connection)}
    slugs = _in_trouble(ill, held, waiting) if in_trouble else None
    found = await tenants.page(connection, after, limit, slugs=slugs, like=like)
    ids = [each.id for each in found]
    for_persons = await backlog.for_persons(connection, ids)
    spent, last = await ledger.of_months(connection, ids), await backlog.last(connection, ids)
    none = backlog.Waiting("", 0, 0.0)
    return [
        Line(
            tenant=each,
            ill=ill.get(each.slug, 0),
            held=held.get(each.slug, 0),
            waiting=waiting.get(each.slug, none).messages,
            longest=timedelta(seconds=waiting.get(each.slug, none).oldest),
            for_persons=for_persons.get(each.id, 0),
            usd_of_month=usd(spent[each.id]),
            last_at=last.get(each.id),
        )
        for each in found
    ]


def _in_trouble(
    ill: Mapping[str, int], held: Mapping[str, int], waiting: Mapping[str, backlog.Waiting]
) -> set[str]:
    late = {slug for slug, each in waiting.items() if each.oldest > TOO_LONG.total_seconds()}
    return late | ill.keys() | held.keys()
