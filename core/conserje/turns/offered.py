"""What tools offer in their own place: asked of each seldom, kept, and noted where something is withheld."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from math import inf

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
REST = 60.0  # seconds until one is asked again that did not answer; twice as long each time, up to KEPT
MOST = 10_000  # tenants

Place = tuple[int, str]


@dataclass(slots=True)
class _Asked:
    account: AnyAccount
    answer: asyncio.Task[tuple[Offer, ...] | None]
    failures: int  # in a row
    until: float = inf  # when it is asked again, once it has answered or not

    def note(self, answer: asyncio.Task[tuple[Offer, ...] | None]) -> None:
        failed = answer.cancelled() or answer.exception() is not None or answer.result() is None
        self.failures = self.failures + 1 if failed else 0
        rest = min(REST * 2 ** min(self.failures - 1, 10), KEPT) if failed else KEPT
        self.until = time.monotonic() + rest


@dataclass
class Offered:
    """What this process knows of it."""

    pool: Pool
    _asked: LRUCache[Place, _Asked] = field(default_factory=lambda: LRUCache(MOST), repr=False)

    async def of(
        self, tenant: Tenant, tool: AnyTool, account: AnyAccount, *, patient: bool = False
    ) -> tuple[Offer, ...] | None:
        """What the tool offers the tenant; None: it could not be asked.

        One that did not answer is asked again beside those who want to know, of whom only the patient wait.
        """
        place = (tenant.id, tool.name)
        asked = self._asked.get(place)
        if asked is None or asked.account != account:
            asked = self._asked[place] = self._asking(tenant, tool, account, 0)
        elif asked.until < time.monotonic():
            asked = self._asked[place] = self._asking(tenant, tool, account, asked.failures)
        if asked.failures and not asked.answer.done() and not patient:
            return None
        return await asyncio.shield(asked.answer)  # others may wait for it, too

    def _asking(self, tenant: Tenant, tool: AnyTool, account: AnyAccount, failures: int) -> _Asked:
        asked = _Asked(account, asyncio.create_task(self._ask(tenant, tool, account)), failures)
        asked.answer.add_done_callback(asked.note)
        return asked

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
