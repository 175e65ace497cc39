"""Tells subscriptions what happened: reads it for them, posts it, and tries again what was not taken."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import takewhile
from ssl import SSLContext
from typing import Any

from conserje.errors import UnknownTenant
from conserje.notices import reader, tellings
from conserje.notices.posting import KEPT, Answer, Receiver, receiver_of
from conserje.notices.subscriptions import Subscription
from conserje.notices.tellings import Outcome, Stand, Telling
from conserje.settings import Settings
from conserje.storage import jobs
from conserje.storage.database import Connection, Pool
from conserje.storage.jobs import Job
from conserje.storage.notifications import Horizon, Position
from conserje.tenants.directory import Directory
from conserje.tenants.vault import Vault

log = logging.getLogger(__name__)

LOOKS_EVERY = 1.0  # seconds
AT_ONCE = 8  # of a subscription
PAUSES = tuple(timedelta(seconds=s) for s in (5, 300, 1800, 7200, 18_000, 36_000, 36_000))
OFF_AFTER = timedelta(days=5)  # of which nothing was taken
LOST = 20  # failures in a row after which one is tried at a time, and less and less often
FIRST_REST, LONGEST_REST = 5.0, 300.0  # seconds until the next of these
LONGEST = 10.0  # seconds that a job goes on: others of its tenant wait
TENANTS = 1000  # of an operator's subscription in a look
SELDOM = 10.0  # seconds between two rounds through all tenants while nothing happens to any
ROUNDS = 20  # of reading in a look
FORGOTTEN = "It is kept no longer."


@dataclass
class Teller:
    """Tells, in this worker."""

    pool: Pool
    directory: Directory
    vault: Vault
    settings: Settings
    trust: SSLContext | None = None  # None: the certificates that this machine trusts
    _horizon: Horizon = field(default_factory=Horizon)
    _tenant: int = 0  # behind which the operator's subscriptions look next; 0: their round has ended
    _round: Position | None = None  # up to which all was known when that round began; None: it left something
    _again: float = 0.0  # when there is another round although nothing has happened

    async def look(self) -> None:
        """Keep what is to be told since the last look, and call those who tell it."""
        async with self.pool.acquire() as connection:
            if not await tellings.are_wanted(connection):
                return
            until = await self._horizon.advance(connection)
            after, last = await self._next_tenants(connection, until)
            for _ in range(ROUNDS):
                news = await tellings.news(connection, until, after, last)
                more = [await tellings.add(connection, *each, until) for each in news]
                if not any(more):
                    break
            else:
                self._round = None
            async with connection.transaction():
                await jobs.enqueue(connection, await tellings.call(connection))

    async def _next_tenants(self, connection: Connection, until: Position) -> tuple[int, int]:
        """Behind which and up to which the operator's subscriptions look now: in turns at all, and at none
        where nothing has happened since the last round."""
        after = self._tenant
        last = await tellings.next_tenants(connection, after, TENANTS) if after else None
        if last is None and (until != self._round or time.monotonic() > self._again):
            self._round, self._again = until, time.monotonic() + SELDOM
            after, last = 0, await tellings.next_tenants(connection, 0, TENANTS)
        self._tenant = last or 0
        return after, self._tenant

    async def tell(self, job: Job) -> None:
        """Tell the subscription of the job what is due, for a while; what is left is called for again."""
        ends = time.monotonic() + LONGEST
        while True:
            async with self.pool.acquire() as connection:
                subscription = await tellings.take(connection, job.conversation_id, job.message_id)
                if subscription is None:
                    return
                most = 1 if subscription.failures >= LOST else AT_ONCE
                due = await tellings.find_next(connection, subscription, most)
                receiver = (
                    await receiver_of(connection, self.vault, self.settings, subscription, self.trust)
                    if due
                    else None
                )
                contents = await self._contents(connection, due)
            posts = [self._tell(receiver, each, contents.get(each.id)) for each in due]
            outcomes = await asyncio.gather(*posts)
            goes_on = len(due) == most and time.monotonic() < ends
            if not await self._note(subscription, job.message_id, outcomes, goes_on=goes_on) or not goes_on:
                return

    async def _contents(self, connection: Connection, due: Sequence[Telling]) -> dict[int, dict[str, Any]]:
        """What is told by each, by its id; nothing of what is kept no longer."""
        found: dict[int, dict[str, Any]] = {}
        for tenant_id in {each.tenant_id for each in due}:
            theirs = [each for each in due if each.tenant_id == tenant_id]
            with suppress(UnknownTenant):
                tenant = (await self.directory.by_id(tenant_id)).tenant
                contents = await reader.contents(connection, tenant, [each.happened for each in theirs])
                found |= {each.id: contents[each.happened] for each in theirs if each.happened in contents}
        return found

    async def _tell(
        self, receiver: Receiver | str | None, telling: Telling, told: dict[str, Any] | None
    ) -> Outcome:
        place = (telling.tenant_id, telling.id)
        if told is None:
            return Outcome(*place, told=False, cause=FORGOTTEN)
        assert receiver is not None  # there is something to tell
        answer = (
            Answer(cause=receiver) if isinstance(receiver, str) else await receiver.post(telling.name, told)
        )
        pause = None
        if answer.cause and telling.tries < len(PAUSES):
            pause = max(PAUSES[telling.tries], answer.wait or timedelta())
        said = answer.said and answer.said[:KEPT]
        return Outcome(
            *place,
            answer.cause is None,
            pause,
            answer.status,
            said,
            answer.cause,
            final=answer.final,
            conversation_id=telling.conversation_id,
        )

    async def _note(
        self, subscription: Subscription, epoch: int, outcomes: Sequence[Outcome], *, goes_on: bool
    ) -> bool:
        """Keep what became of them; whether the next ones may be told at once."""
        tried = [each for each in outcomes if each.cause != FORGOTTEN]
        failed = list(takewhile(lambda each: not each.told, reversed(tried)))
        afresh = len(failed) < len(tried)  # something was taken
        failures = len(failed) + (0 if afresh else subscription.failures)
        rest = timedelta()
        if failures >= LOST:
            rest = timedelta(seconds=min(FIRST_REST * 2 ** min(failures - LOST, 10), LONGEST_REST))
        final = next((each.cause for each in tried if each.final), None)
        async with self.pool.acquire() as connection, connection.transaction():
            await tellings.note(connection, subscription, outcomes)
            stand = Stand(
                failed[0].cause if failed else None if tried else subscription.cause,
                failures,
                afresh=afresh,
                rest=rest or (tellings.LEASE if goes_on else timedelta()),
            )
            lost = await tellings.stand(connection, subscription.id, epoch, stand, OFF_AFTER)
            if final or lost:
                why = final or f"Nothing was taken for {OFF_AFTER.days} days: {stand.cause}"
                await tellings.put_off(connection, subscription.id, epoch, why)
                log.error("Subscription %s is off: %s", subscription.id, why)
        return not (rest or final or lost)
