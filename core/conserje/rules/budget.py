"""The budget: what may be spent on models by contact and day, by day and month, and on messages."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Protocol

from conserje.costs import ledger
from conserje.costs.prices import micros, usd
from conserje.storage.database import Connection, Pool
from conserje.tenants.tenants import Tenant

_WHOSE = {"contact": "this contact today", "day": "today", "month": "this month"}


class _Bounded(Protocol):
    """The operator's settings, or a tenant."""

    @property
    def tokens_of_contact(self) -> int | None: ...
    @property
    def usd_of_contact(self) -> Decimal | None: ...
    @property
    def tokens_of_day(self) -> int | None: ...
    @property
    def usd_of_day(self) -> Decimal | None: ...
    @property
    def tokens_of_month(self) -> int | None: ...
    @property
    def usd_of_month(self) -> Decimal | None: ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """What may be spent at most; 0: without bound. A month's money is that of messages, too."""

    tokens_of_contact: int = 0
    usd_of_contact: Decimal = Decimal()
    tokens_of_day: int = 0
    usd_of_day: Decimal = Decimal()
    tokens_of_month: int = 0
    usd_of_month: Decimal = Decimal()

    @classmethod
    def of(cls, *given: _Bounded) -> Bounds:
        """Each as the first one says it that says something."""
        said = {
            each.name: next((value for one in given if (value := getattr(one, each.name)) is not None), None)
            for each in fields(cls)
        }
        return cls(**{name: value for name, value in said.items() if value is not None})

    def over(self, tenant: Tenant) -> Bounds:
        """The tenant's, where it has its own."""
        return Bounds.of(tenant, self)

    @property
    def any(self) -> bool:
        return any(getattr(self, each.name) for each in fields(self))

    @property
    def micros_of_month(self) -> int | None:
        """The month's money in millionths of a USD; None: without bound."""
        return micros(self.usd_of_month) or None


NONE = Bounds()


async def spent(pool: Pool, tenant: Tenant) -> dict[str, int | Decimal]:
    """What is spent of each bound that is not a contact's."""
    row = await pool.fetchrow(ledger.SPENT, tenant.id, tenant.time_zone, 0)
    assert row is not None  # it sums
    return {name: usd(row[name]) if name.startswith("usd") else row[name] for name in dict(row)}


async def reached(connection: Connection, tenant: Tenant, contact_id: int, bounds: Bounds) -> str | None:
    """The sentence on the first bound that is reached; None: there is something left of each."""
    spent = await connection.fetchrow(ledger.SPENT, tenant.id, tenant.time_zone, contact_id)
    assert spent is not None  # it sums
    for each in fields(bounds):
        bound, of_money = getattr(bounds, each.name), each.name.startswith("usd")
        if bound and spent[each.name] >= (micros(bound) if of_money else bound):
            written = f"USD {bound:f}" if of_money else f"{bound} tokens"
            whose = _WHOSE[each.name.rpartition("_")[2]]
            return f"The bound of {written} for {whose} is reached ({each.name})."
    return None


async def month_is_spent(connection: Connection, tenant: Tenant, bounds: Bounds) -> str | None:
    """Why a message waits for an operator; None: it may leave. For tenants that want that alone."""
    bound = bounds.micros_of_month
    if bound is None or await ledger.of_month(connection, tenant.id, tenant.time_zone) < bound:
        return None
    return (
        f"The bound of USD {usd(bound):f} for this month is reached: raise it (`conserje tenant set"
        f" {tenant.slug} --usd-of-month`), then `conserje held retry`."
    )
