"""What a turn spends on models: asked before each call, and counted after it, in a transaction of its own."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from conserje.contract.assistant import NoAnswer
from conserje.costs import ledger
from conserje.costs.prices import Prices, Usage
from conserje.notices import table as notices
from conserje.rules import budget
from conserje.rules.budget import Bounds
from conserje.storage.database import CANNOT_ASK, describe
from conserje.storage.scope import acting_for
from conserje.storage.text import clean
from conserje.tenants.tenants import Tenant
from conserje.turns.called import Called
from conserje.turns.lease import Claim

log = logging.getLogger(__name__)

LONGEST_NAME = 200

_counting: set[asyncio.Task[None]] = set()  # also of turns that were ended meanwhile


@dataclass
class Spending:
    """A turn's budget. `called` is which models it called, and how long each took."""

    prices: Prices
    bounds: Bounds
    tenant: Tenant
    claim: Claim
    called: list[Called] = field(default_factory=list)
    _asked_at: float | None = None

    async def check(self) -> None:
        """Raises NoAnswer."""
        if self.bounds.any and (why := await self._reached()):
            raise NoAnswer(why)
        self._asked_at = time.monotonic()

    async def _reached(self) -> str | None:
        try:
            async with acting_for(self.prices.pool, self.tenant.id) as scope:
                return await budget.reached(scope.connection, self.tenant, self.claim.contact.id, self.bounds)
        except CANNOT_ASK:
            return "Postgres does not say what may still be spent."

    async def spend(self, model: str, usage: Mapping[str, int], *, estimated: bool = False) -> None:
        """The counting goes on where the turn is ended meanwhile."""
        name, used = clean(model)[:LONGEST_NAME], Usage.of(usage)
        took = timedelta(seconds=time.monotonic() - self._asked_at if self._asked_at else 0)
        self.called.append(Called("model", name, took=took))
        counting = asyncio.create_task(self._count(name, used, ledger.ESTIMATED if estimated else ""))
        _counting.add(counting)
        counting.add_done_callback(_counting.discard)
        await asyncio.shield(counting)

    async def _count(self, model: str, usage: Usage, category: str) -> None:
        try:
            prices = await self.prices.current()
            cost = prices.of_call(model, usage, datetime.now(UTC).date())
            async with acting_for(self.prices.pool, self.tenant.id) as scope:
                warning = await ledger.spend(
                    scope.connection,
                    self.tenant.id,
                    self.tenant.time_zone,
                    (model, category, usage, cost),
                    (
                        self.claim.conversation_id or None,
                        max(self.claim.turn_id, 0) or None,
                        self.claim.contact.id,
                    ),
                    self.bounds.micros_of_month,
                )
                if warning and self.claim.conversation_id:  # else the next one tells
                    place = (self.tenant, self.claim.conversation_id, self.bounds.usd_of_month)
                    scope.due.extend(await notices.note_bound(scope.connection, *place, warning))
        except CANNOT_ASK as error:
            told = (self.tenant.slug, model, usage.input, usage.output, describe(error))
            log.error("A call of %s is not counted (%s: %d tokens read, %d written): %s", *told)
