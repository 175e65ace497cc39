"""The table prices: what models and messages cost from which day on; the operator's before the shipped."""

from __future__ import annotations

import csv
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from importlib.resources import files
from math import isfinite
from typing import Literal, NamedTuple

from conserje.errors import OperatorError
from conserje.storage.database import CANNOT_ASK, Connection, Pool

Kind = Literal["model", "message"]
READ_EVERY = 30.0  # seconds: that late a price counts in processes that run
MILLION = 1_000_000
AMOUNTS = ("input", "cached", "output", "minute", "each")
YOURS = "yours"

LIST = f"""
SELECT kind, name, category, country, since, above, {", ".join(AMOUNTS)} FROM prices
ORDER BY kind, name, category, country, since, above
"""  # noqa: S608 - of our own
SET = """
INSERT INTO prices (kind, name, category, country, since, above, input, cached, output, minute, each)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (kind, name, category, country, since, above) DO UPDATE
SET (input, cached, output, minute, each)
  = (excluded.input, excluded.cached, excluded.output, excluded.minute, excluded.each)
"""
REMOVE = """
DELETE FROM prices WHERE kind = $1 AND name = $2 AND category = $3 AND country = $4
  AND ($5::date IS NULL OR since = $5) AND ($6::bigint IS NULL OR above = $6)
"""

_DATED = re.compile(r"-[0-9]{4}-?[0-9]{2}-?[0-9]{2}\Z", re.ASCII)  # how providers call a model's build


class PriceError(OperatorError):
    """A price is not there; the text says what to do."""


class Key(NamedTuple):
    """What has a price: a model, or a channel's messages of a category to a country; empty: any country."""

    kind: Kind
    name: str
    category: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class Price:
    """What costs how much from a day on, in USD; None: unknown.

    `above`: for calls that read more tokens than that.
    """

    key: Key
    since: date
    above: int = 0
    input: Decimal | None = None  # for a million tokens
    cached: Decimal | None = None
    output: Decimal | None = None
    minute: Decimal | None = None  # of sound
    each: Decimal | None = None  # message, or segment of one
    source: str = YOURS


class Usage(NamedTuple):
    """What a call of a model has used; `cached` is a part of `input`."""

    input: int = 0
    cached: int = 0
    output: int = 0
    seconds: int = 0

    @classmethod
    def of(cls, told: Mapping[str, int]) -> Usage:
        """As an assistant tells it; what is no number of anything counts as nothing."""
        names = ("input_tokens", "cached_tokens", "output_tokens", "seconds")
        numbers = (told.get(name, 0) for name in names)
        read, cached, *rest = (
            min(max(round(n), 0), 2**40) if isinstance(n, int | float) and isfinite(n) else 0 for n in numbers
        )
        return cls(read, min(cached, read), *rest)


class PriceList:
    """All prices that are known."""

    def __init__(self, own: Iterable[Price], shipped: Iterable[Price]) -> None:
        self._books = (_by_key(own), _by_key(shipped))

    def find(self, key: Key, day: date, tokens: int = 0) -> Price | None:
        """The operator's price of that day, else the shipped one, else those for any country or category."""
        plain = key._replace(category="")
        for each in dict.fromkeys((key, key._replace(country=""), plain, plain._replace(country=""))):
            for book in self._books:
                there = [price for price in book[each] if price.since <= day and price.above <= tokens]
                if there:
                    return max(there, key=lambda price: (price.since, price.above))
        return None

    def of_call(self, model: str, usage: Usage, day: date) -> int | None:
        """What a call of a model cost in millionths of a USD; None: unknown."""
        reads = max(usage.input - 1, 0)  # a price above so many tokens begins with one more
        price = self.find(Key("model", model), day, reads) or self.find(
            Key("model", _DATED.sub("", model)), day, reads
        )
        if price is None:
            return None
        parts = (
            (usage.input - usage.cached, price.input, MILLION),
            (usage.cached, price.cached if price.cached is not None else price.input, MILLION),
            (usage.output, price.output, MILLION),
            (usage.seconds, price.minute, 60),
        )
        if any(units and amount is None for units, amount, _ in parts):
            return None
        return micros(sum((units * amount / per for units, amount, per in parts if amount), Decimal()))

    def of_messages(self, key: Key, units: int, day: date) -> int | None:
        """What so many messages, or segments of one, cost in millionths of a USD; None: unknown."""
        price = self.find(key, day)
        return None if price is None or price.each is None else micros(units * price.each)


@dataclass
class Prices:
    """The prices as this process knows them."""

    pool: Pool
    _known: PriceList | None = None
    _read_at: float | None = None

    async def current(self, within: Connection | None = None) -> PriceList:
        """Read again now and then, `within` a transaction if one is given; those known last, where Postgres
        cannot answer."""
        if self._read_at is None or time.monotonic() - self._read_at > READ_EVERY:
            with suppress(*(() if within else CANNOT_ASK)):  # a transaction in which it fails is over
                self._known = PriceList(await (own(within) if within else self._own()), shipped())
                self._read_at = time.monotonic()
        return self._known or PriceList((), shipped())

    async def _own(self) -> list[Price]:
        async with self.pool.acquire() as connection:
            return await own(connection)


def micros(usd: Decimal) -> int:
    """In millionths of a USD."""
    return int((usd * MILLION).quantize(Decimal(1), ROUND_HALF_UP))


def usd(micros: int) -> Decimal:
    return Decimal(micros) / MILLION


@cache
def shipped() -> tuple[Price, ...]:
    """The prices of this release."""
    text = files("conserje.costs").joinpath("prices.csv").read_text(encoding="utf-8")
    return tuple(map(_shipped, csv.DictReader(text.splitlines())))


def _shipped(row: Mapping[str, str]) -> Price:
    kind: Kind = "model" if row["kind"] == "model" else "message"
    amounts = {name: Decimal(row[name]) if row[name] else None for name in AMOUNTS}
    return Price(
        Key(kind, row["name"], row["category"], row["country"]),
        date.fromisoformat(row["since"]),
        int(row["above"]),
        input=amounts["input"],
        cached=amounts["cached"],
        output=amounts["output"],
        minute=amounts["minute"],
        each=amounts["each"],
        source=row["source"],
    )


def _by_key(prices: Iterable[Price]) -> defaultdict[Key, list[Price]]:
    found: defaultdict[Key, list[Price]] = defaultdict(list)
    for price in prices:
        found[price.key].append(price)
    return found


async def own(connection: Connection) -> list[Price]:
    """The operator's own."""
    return [Price(Key(*row[:4]), *tuple(row)[4:]) for row in await connection.fetch(LIST)]


async def put(connection: Connection, price: Price) -> None:
    """Set a price of the operator's, in the place of that of the same day."""
    amounts = (price.input, price.cached, price.output, price.minute, price.each)
    await connection.execute(SET, *price.key, price.since, price.above, *amounts)


async def remove(connection: Connection, key: Key, since: date | None, above: int | None) -> int:
    """Take away the operator's own: that of one day, or all; how many. Raises PriceError for none."""
    done = await connection.execute(REMOVE, *key, since, above)
    if count := int(done.split()[1]):
        return count
    if any(price.key == key for price in shipped()):
        raise PriceError(
            f"The price of {key.name} is shipped with the release: `conserje price set` puts yours before it."
        )
    raise PriceError(f"You have set no such price of {key.name}: see `conserje price list`.")
