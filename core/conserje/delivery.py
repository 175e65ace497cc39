"""Delivery: one outbound message after the other, `sending` committed before the provider is called."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from conserje import jobs, messages, metrics
from conserje.channel import (
    AnyAccount,
    AnyChannel,
    CannotTell,
    Receipt,
    Refused,
    TryLater,
    Uncertain,
)
from conserje.database import CANNOT_ASK, Connection, Pool, acting_for
from conserje.directory import AccountUnusable, Directory, Entry
from conserje.jobs import Job
from conserje.message import OutboundMessage, from_json
from conserje.plugins import PluginMissing, Plugins
from conserje.settings import Settings
from conserje.vault import Vault

log = logging.getLogger(__name__)

GRACE = timedelta(seconds=2)  # after the time limit of a sending, before it counts as nobody's
UNCERTAIN_FOR = timedelta(minutes=2)
LOOK_EVERY = timedelta(seconds=10)
AGAIN_AFTER = 0.2  # seconds
PATIENCE = timedelta(hours=1)
LONGEST_PAUSE = 300.0
FATE_UNKNOWN = "Nobody knows whether it was sent"


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done about the next message: send it, or look whether it was sent."""

    message: OutboundMessage
    account_id: int
    attempt: int
    uncertain: bool
    created_at: datetime
    now: datetime  # by the database's clock
    taken_at: float = field(default_factory=time.monotonic)
    taken_on: float = field(default_factory=time.time)

    @property
    def slept(self) -> float:
        """Seconds since the step was taken, also those in which the machine stood still."""
        return max(time.monotonic() - self.taken_at, time.time() - self.taken_on)

    @property
    def waited(self) -> float:
        """Seconds since the message was stored."""
        return messages.age(self.created_at, self.now) + time.monotonic() - self.taken_at


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step came to: a Receipt, or the state to keep with its cause, and when to look again."""

    receipt: Receipt | None = None
    state: str = "sent"
    cause: str | None = None
    pause: timedelta | None = None


@dataclass
class Delivery:
    """The outbound messages of one conversation at a time, in this worker."""

    pool: Pool
    directory: Directory
    plugins: Plugins
    vault: Vault
    settings: Settings

    async def deliver(self, job: Job) -> None:
        """Send what is to be sent, until nothing is left or the next one has to wait."""
        entry = await self.directory.by_id(job.tenant_id)
        if not entry.tenant.active:
            return
        async with acting_for(self.pool, job.tenant_id) as connection:
            step = await self._take_next(connection, entry, job)
        while isinstance(step, Step):
            outcome = await self._look(entry, step) if step.uncertain else await self._send(entry, step)
            step = await self._finish(entry, job, step, outcome)
        if step is not None:
            await self._come_back(job, step)

    async def _finish(self, entry: Entry, job: Job, step: Step, outcome: Outcome) -> Step | timedelta | None:
        """Write down what the step came to, and take the next one.

        It waits for Postgres: nobody else knows how the step ended.
        """
        account = entry.account(step.account_id)
        if not (step.uncertain and outcome.state == "uncertain"):  # a look that found nothing new
            metrics.delivery(account.channel if account else "", outcome.state, step.waited)
        while True:
            try:
                async with acting_for(self.pool, job.tenant_id) as connection:
                    await _write_down(connection, job, step, outcome)
                    return outcome.pause or await self._take_next(connection, entry, job)
            except CANNOT_ASK as error:
                log.warning("Postgres does not take the end of a sending: %s", type(error).__name__)
                await asyncio.sleep(AGAIN_AFTER)

    async def _take_next(self, connection: Connection, entry: Entry, job: Job) -> Step | timedelta | None:
        """Take the next message in hand; a time to wait, or None where there is nothing to do.

        `sending` is committed before the step is made, so whoever finds it knows that the provider
        may have been called.
        """
        row = await connection.fetchrow(messages.NEXT, job.tenant_id, job.conversation_id)
        if row is None:
            return None
        attempt, attempted_at = row["attempt"], row["attempted_at"]
        if row["state"] != "sending" and row["due_at"] and row["due_at"] > row["now"]:
            return row["due_at"] - row["now"]  # type: ignore[no-any-return]
        if row["state"] == "queued":
            started = await connection.fetchrow(messages.START, job.tenant_id, job.conversation_id, row["id"])
            assert started is not None  # the row is locked
            attempt, attempted_at = started
        elif row["state"] == "sending" and (rest := self._call_may_last(attempted_at, row["now"])):
            return rest
        return Step(
            OutboundMessage(
                id=row["id"],
                to=row["peer"],
                content=from_json(row["content"]),
                status_url=self._status_url(entry, row["account_id"], row["id"]),
                attempted_at=attempted_at,
                owned=frozenset(row["owned"]),
            ),
            account_id=row["account_id"],
            attempt=attempt,
            uncertain=row["state"] != "queued",
            created_at=row["created_at"],
            now=row["now"],
        )

    def _call_may_last(self, attempted_at: datetime, now: datetime) -> timedelta | None:
        """How long another's call to the provider may still last; None: it is over, or its worker is."""
        rest = attempted_at + timedelta(seconds=self.settings.send_limit) + GRACE - now
        return rest if rest > timedelta(0) else None

    def _status_url(self, entry: Entry, account_id: int, message_id: int) -> str:
        channel = next((each.channel for each in entry.accounts if each.id == account_id), "")
        return f"{self.settings.tenant_url(entry.tenant.slug)}/bot/{channel}/status?message={message_id}"

    def _at_provider(self, entry: Entry, account_id: int) -> tuple[AnyChannel, AnyAccount]:
        """Raises AccountUnusable or PluginMissing."""
        for account in entry.accounts:
            if account.id == account_id and account.active:
                channel = self.plugins.channel(account.channel)
                return channel, entry.opened(account, channel, self.vault)
        raise AccountUnusable(f"The account of {entry.tenant.slug} is suspended or gone.")

    async def _send(self, entry: Entry, step: Step) -> Outcome:
        try:
            channel, account = self._at_provider(entry, step.account_id)
        except (AccountUnusable, PluginMissing) as error:
            return Outcome(state="held", cause=str(error))
        if step.slept > self.settings.send_limit:
            return _unknown("the worker was stopped before it sent")  # others may have taken it over
        try:
            async with asyncio.timeout(self.settings.send_limit):
                return Outcome(await channel.send(step.message, account))
        except Refused as error:
            return Outcome(state="refused", cause=str(error))
        except TryLater as error:
            return _later(step, error)
        except Uncertain as error:
            return _unknown(str(error))
        except TimeoutError:
            return _unknown(f"no answer within {self.settings.send_limit:g} s")
        except Exception as error:  # its text may hold what was sent, or a key
            log.warning("Sending by %s ended with %s", channel.name, type(error).__name__)
            return _unknown(type(error).__name__)

    async def _look(self, entry: Entry, step: Step) -> Outcome:
        """Find out what became of a sending that nobody saw the end of."""
        try:
            channel, account = self._at_provider(entry, step.account_id)
            async with asyncio.timeout(self.settings.send_limit):
                receipt = await channel.find(step.message, account)
        except (CannotTell, AccountUnusable, PluginMissing) as error:
            return _still_uncertain(step, str(error))
        except Exception as error:  # also the time limit
            return _still_uncertain(step, type(error).__name__)
        if receipt:
            return Outcome(receipt)
        return Outcome(state="queued", cause="The provider does not have it: sent again.")

    async def _come_back(self, job: Job, after: timedelta) -> None:
        async with self.pool.acquire() as connection:
            await _enqueue(connection, job, after)


async def _write_down(connection: Connection, job: Job, step: Step, outcome: Outcome) -> None:
    """Keep what the step came to."""
    key = (job.tenant_id, job.conversation_id, step.message.id, step.attempt)
    if outcome.receipt:
        await connection.execute(messages.SENT, *key, outcome.receipt.provider_id)
    else:
        await connection.execute(messages.END, *key, outcome.state, outcome.cause, outcome.pause)


async def _enqueue(connection: Connection, job: Job, after: timedelta) -> None:
    again = Job(jobs.DELIVER, job.tenant_id, job.conversation_id, priority=job.priority, delay=after)
    await jobs.enqueue(connection, [again])


def _unknown(cause: str) -> Outcome:
    return Outcome(state="uncertain", cause=cause)


def _later(step: Step, error: TryLater) -> Outcome:
    """The message keeps its place and is tried again, for an hour."""
    elapsed = step.message.attempted_at - step.created_at
    if elapsed > PATIENCE:
        return Outcome(state="held", cause=f"Tried for {PATIENCE}: {error}")
    pause = min(max(error.after, 2.0 ** min(step.attempt, 8) / 2), LONGEST_PAUSE)
    return Outcome(state="queued", cause=str(error), pause=timedelta(seconds=pause))


def _still_uncertain(step: Step, cause: str) -> Outcome:
    if step.now - step.message.attempted_at > UNCERTAIN_FOR:
        return Outcome(state="held", cause=f"{FATE_UNKNOWN}: {cause}")
    return Outcome(state="uncertain", cause=cause, pause=LOOK_EVERY)
