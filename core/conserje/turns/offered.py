"""What tools offer in their own place: asked of each seldom, kept, and noted where something is withheld."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field

from cachetools import LRUCache

from conserje.contract.account import AnyAccount, NotOffered
from conserje.contract.assistant import Offer
from conserje.contract.channel import CannotTell
from conserje.contract.tool import AnyTool, Offering
from conserje.plugins import given, guard
from conserje.plugins.guard import PluginFailed
from conserje.storage.database import CANNOT_ASK, Pool, describe
from conserje.tenants import accounts
from conserje.tenants.tenants import Tenant

log = logging.getLogger(__name__)

LIMIT = 10.0  # seconds
KEPT = 300.0  # seconds that an answer is good
REST = 60.0  # seconds until one is asked again that did not answer
MOST = 10_000  # tenants

Place = tuple[int, str]


@dataclass(frozen=True, slots=True)
class _Asked:
    account: AnyAccount
    until: float
    answer: asyncio.Task[tuple[Offer, ...] | None]


@dataclass
class Offered:
    """What this process knows of it."""

    pool: Pool
    _asked: LRUCache[Place, _Asked] = field(default_factory=lambda: LRUCache(MOST), repr=False)

    async def of(self, tenant: Tenant, tool: AnyTool, account: AnyAccount) -> tuple[Offer, ...] | None:
        """What the tool offers the tenant; None: it could not be asked."""
        place, now = (tenant.id, tool.name), time.monotonic()
        asked = self._asked.get(place)
        if asked is None or asked.until < now or asked.account != account:
            answer = asyncio.create_task(self._ask(tenant, tool, account))
            asked = self._asked[place] = _Asked(account, now + KEPT, answer)
        found = await asyncio.shield(asked.answer)  # others may wait for it, too
        if found is None and asked.until > now + REST:
            self._asked[place] = _Asked(account, now + REST, asked.answer)
        return found

    async def _ask(self, tenant: Tenant, tool: AnyTool, account: AnyAccount) -> tuple[Offer, ...] | None:
        try:
            return tuple((await ask(self.pool, tenant, tool, account)).offers)
        except CannotTell as error:
            log.warning("%s offers %s nothing: %s", tool.name, tenant.slug, error)
        except PluginFailed as error:
            log.warning("%s offers %s nothing: %s", tool.name, tenant.slug, error.place)
        return None


async def ask(pool: Pool, tenant: Tenant, tool: AnyTool, account: AnyAccount) -> Offering:
    """What the tool offers the tenant now; what is withheld is noted with its account.

    Raises CannotTell or PluginFailed.
    """
    try:
        async with asyncio.timeout(LIMIT):
            check = given.offering(tool.name)
            offering = await guard.awaited(tool, tenant.slug, "offer", check, account)
    except TimeoutError:
        raise CannotTell(f"It gave no answer within {LIMIT:g} s.") from None
    except NotOffered as error:
        raise CannotTell(str(error)) from None
    try:
        place = (tenant.id, tool.name, account.address)
        if await accounts.note_withheld(pool, *place, offering.withheld) and offering.withheld:
            log.warning("%s of %s: %s", tool.name, tenant.slug, offering.withheld)
    except CANNOT_ASK as error:
        log.warning("What %s withholds from %s is not noted: %s", tool.name, tenant.slug, describe(error))
    return offering
