"""The tables costs, daily_costs, contact_costs and cost_warnings: a line for each spending, and the sums.

The database itself keeps the sums by day with each line that comes or changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from conserje.costs.countries import country_of
from conserje.costs.prices import Key, Kind, PriceList, Usage, usd
from conserje.storage.database import Connection

WARNED_AT = (80, 100)  # percent of a month's bound
SERVICE, SMS = "service", "sms"
ESTIMATED = "estimated"  # the category of a model's call that was cut off

_TODAY = "(now() AT TIME ZONE {zone}::text)::date"

# A call of a model: its line, and what it is of the contact's day. A contact may be gone by then.
SPEND = f"""
WITH line AS (
    INSERT INTO costs (tenant_id, day, kind, name, conversation_id, turn_id, input, cached, output, seconds,
                       micros, category)
    VALUES ($1, {_TODAY.format(zone="$2")}, 'model', $3, $4, $5, $6, $7, $8, $9, $10, $13)
), of_contact AS (
    INSERT INTO contact_costs AS known (tenant_id, contact_id, day, tokens, micros)
    SELECT $1, contacts.id, {_TODAY.format(zone="$2")}, $6::bigint + $8::bigint, coalesce($10::bigint, 0)
    FROM contacts WHERE tenant_id = $1 AND contacts.id = $11
    ON CONFLICT (tenant_id, contact_id, day) DO UPDATE
    SET tokens = known.tokens + excluded.tokens, micros = known.micros + excluded.micros
)
SELECT CASE WHEN $12::bigint > 0 THEN share_reached($1, {_TODAY.format(zone="$2")}, $12, $10) END
"""  # noqa: S608 - of our own

WARN = """
INSERT INTO cost_warnings (tenant_id, month, percent)
SELECT $1, date_trunc('month', now() AT TIME ZONE $2)::date, percent
FROM unnest($3::int[]) AS level (percent) WHERE percent <= $4
ON CONFLICT DO NOTHING RETURNING percent
"""

SPENT = f"""
WITH today AS MATERIALIZED (SELECT {_TODAY.format(zone="$2")} AS day)
SELECT coalesce((SELECT tokens FROM contact_costs WHERE tenant_id = $1 AND contact_id = $3
                  AND day = (SELECT day FROM today)), 0) AS tokens_of_contact,
       coalesce((SELECT micros FROM contact_costs WHERE tenant_id = $1 AND contact_id = $3
                  AND day = (SELECT day FROM today)), 0) AS usd_of_contact,
       coalesce(sum(input + output) FILTER (WHERE day = (SELECT day FROM today)), 0)::bigint AS tokens_of_day,
       coalesce(sum(micros) FILTER (WHERE kind = 'model' AND day = (SELECT day FROM today)), 0)::bigint
           AS usd_of_day,
       coalesce(sum(input + output), 0)::bigint AS tokens_of_month,
       coalesce(sum(micros), 0)::bigint AS usd_of_month
FROM daily_costs
WHERE tenant_id = $1 AND day >= (SELECT date_trunc('month', day)::date FROM today)
  AND day < (SELECT (date_trunc('month', day) + interval '1 month')::date FROM today)
"""  # noqa: S608 - of our own

OF_MONTH = f"""
SELECT coalesce(sum(micros), 0)::bigint FROM daily_costs
WHERE tenant_id = $1 AND day >= date_trunc('month', {_TODAY.format(zone="$2")})::date
  AND day < (date_trunc('month', {_TODAY.format(zone="$2")}) + interval '1 month')::date
"""  # noqa: S608 - of our own

OF_MONTHS = f"""
SELECT tenants.id AS tenant_id, (
    SELECT coalesce(sum(micros), 0)::bigint FROM daily_costs
    WHERE tenant_id = tenants.id AND day >= date_trunc('month', {_TODAY.format(zone="time_zone")})::date
      AND day < (date_trunc('month', {_TODAY.format(zone="time_zone")}) + interval '1 month')::date) AS micros
FROM tenants WHERE id = ANY ($1::bigint[])
"""  # noqa: S608 - of our own

CORRECT = "UPDATE costs SET category = $3, micros = $4 WHERE tenant_id = $1 AND id = $2"

SUMS = """
SELECT slug, kind, daily_costs.name, category, country, sum(lines)::bigint AS lines,
       sum(unknown)::bigint AS unknown, sum(units)::bigint AS units, sum(input)::bigint AS input,
       sum(cached)::bigint AS cached, sum(output)::bigint AS output, sum(seconds)::bigint AS seconds,
       sum(micros)::bigint AS micros
FROM daily_costs JOIN tenants ON tenants.id = tenant_id
WHERE day >= $1 AND day < ($1 + interval '1 month')::date AND ($2::bigint IS NULL OR tenant_id = $2)
GROUP BY slug, kind, daily_costs.name, category, country HAVING sum(lines) > 0
ORDER BY slug, kind DESC, sum(micros) DESC, daily_costs.name, category, country
"""

DAYS = """
SELECT day, sum(micros)::bigint AS micros FROM daily_costs
WHERE tenant_id = $1 AND day BETWEEN $2 AND $3 GROUP BY day
"""

OF_TURN = """
SELECT at, kind, name, category, country, message_id, units, input, cached, output, seconds, micros
FROM costs WHERE tenant_id = $1 AND conversation_id = $2 AND (turn_id = $3 OR message_id = $4) ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class Charge:
    """What a message costs that the provider has taken; `micros` None: unknown."""

    name: str  # the channel
    category: str
    country: str
    units: int
    micros: int | None


class Correction(NamedTuple):
    """What the provider says of a message's line; `micros` None: unknown."""

    tenant_id: int
    line_id: int
    category: str
    micros: int | None


@dataclass(frozen=True, slots=True)
class Sum:
    """What one tenant's spendings of one kind come to."""

    slug: str
    kind: Kind
    name: str
    category: str
    country: str
    lines: int
    unknown: int
    units: int
    input: int
    cached: int
    output: int
    seconds: int
    micros: int

    @property
    def usd(self) -> Decimal | None:
        """None: nothing of it has a price."""
        return None if self.unknown == self.lines else usd(self.micros)


@dataclass(frozen=True, slots=True)
class Line:
    """One spending."""

    at: datetime
    kind: Kind
    name: str
    category: str
    country: str
    message_id: int | None
    units: int
    input: int
    cached: int
    output: int
    seconds: int
    micros: int | None

    @property
    def usd(self) -> Decimal | None:
        return None if self.micros is None else usd(self.micros)


def charge(prices: PriceList, channel: str, category: str, to: str, units: int, day: date) -> Charge | None:
    """What a message costs; None: nothing, as on one's own page."""
    key = Key("message", channel, category, country_of(to))
    cost = prices.of_messages(key, units, day)
    return None if cost == 0 else Charge(channel, category, key.country, units, cost)


async def spend(
    connection: Connection,
    tenant_id: int,
    zone: str,
    call: tuple[str, str, Usage, int | None],
    place: tuple[int | None, int | None, int],
    bound: int | None,
) -> int | None:
    """Count a call of a model (its name, category, usage and cost) of the conversation, turn and contact at
    `place`; the share of the month's bound of which somebody is to be told."""
    (model, category, usage, cost), (conversation_id, turn_id, contact_id) = call, place
    told: int | None = await connection.fetchval(
        SPEND, tenant_id, zone, model, conversation_id, turn_id, *usage, cost, contact_id, bound, category
    )
    return told


async def warn(connection: Connection, tenant_id: int, zone: str, percent: int) -> bool:
    """Note that somebody is told of that share of this month's bound; False where another has."""
    noted = await connection.fetch(WARN, tenant_id, zone, list(WARNED_AT), percent)
    return percent in {row["percent"] for row in noted}


async def of_month(connection: Connection, tenant_id: int, zone: str) -> int:
    """What this month has cost until now, in millionths of a USD."""
    spent: int = await connection.fetchval(OF_MONTH, tenant_id, zone)
    return spent


async def of_months(connection: Connection, tenant_ids: Sequence[int]) -> dict[int, int]:
    """The same of each of these tenants, by its own clock."""
    return {row["tenant_id"]: row["micros"] for row in await connection.fetch(OF_MONTHS, tenant_ids)}


async def correct(connection: Connection, corrections: Iterable[Correction]) -> None:
    """Put what the provider says in the place of what was thought, line by line in this order."""
    await connection.executemany(CORRECT, corrections)


def total(spent: Iterable[Sum]) -> Decimal:
    """What has a price, together."""
    return usd(sum(each.micros for each in spent))


async def sums(connection: Connection, month: date, tenant_id: int | None = None) -> list[Sum]:
    """What a month cost, of one tenant or all, the dearest first; each by its own tenant's clock."""
    return [Sum(**row) for row in await connection.fetch(SUMS, month, tenant_id)]


async def of_days(connection: Connection, tenant_id: int, first: date, last: date) -> dict[date, int]:
    """What each day cost that cost anything, in millionths of a USD."""
    return {row["day"]: row["micros"] for row in await connection.fetch(DAYS, tenant_id, first, last)}


async def of_turn(
    connection: Connection, tenant_id: int, conversation_id: int, turn_id: int | None, message_id: int
) -> list[Line]:
    """What a turn cost, with the messages that it said, or the one message."""
    rows: Sequence[Iterable[object]] = await connection.fetch(
        OF_TURN, tenant_id, conversation_id, turn_id, message_id
    )
    return [Line(*row) for row in rows]  # type: ignore[arg-type]
