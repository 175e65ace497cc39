"""Delivery: one outbound message after the other, `sending` committed before the provider is called."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import asyncpg

from conserje.contract.account import AnyAccount
from conserje.contract.channel import (
    AccountFault,
    AnyChannel,
    CannotTell,
    Receipt,
    Refused,
    TryLater,
    Uncertain,
    offers,
)
from conserje.contract.fit import linked
from conserje.contract.message import Buttons, Content, List, Media, OutboundMessage, Template, Unknown
from conserje.contract.short_ids import shortened
from conserje.conversations import charging, messages, sending
from conserje.conversations.sending import LONGEST_PAUSE, Free, Leave, Next, Sending, Sent
from conserje.costs import ledger
from conserje.costs.ledger import Charge
from conserje.costs.prices import Prices
from conserje.delivery.ailing import Ailing, attend, taken
from conserje.delivery.outcome import (
    Outcome,
    Step,
    absent,
    at_fault,
    later,
    of_both,
    refused,
    still_uncertain,
    unknown,
)
from conserje.files import outbound
from conserje.files.links import Links, kept_ids
from conserje.notices import table as notices
from conserje.plugins import given, guard, recording
from conserje.plugins.guard import PluginFailed
from conserje.plugins.plugins import PluginMissing, Plugins
from conserje.rules import budget, consent, window
from conserje.rules.budget import Bounds
from conserje.settings import Settings
from conserje.storage import jobs
from conserje.storage.database import CANNOT_ASK, Connection, Pool
from conserje.storage.jobs import Job
from conserje.storage.scope import Scope, acting_for
from conserje.storage.stillness import explained
from conserje.telemetry import clocks, metrics
from conserje.tenants.directory import Directory
from conserje.tenants.entry import AccountUnusable, Entry
from conserje.tenants.keyring import VaultError
from conserje.tenants.vault import Vault

log = logging.getLogger(__name__)

GRACE = timedelta(seconds=2)  # after the time limit of a sending, before it counts as nobody's
AGAIN_AFTER = 0.2  # seconds
FILES_LIMIT = 60.0  # seconds more for a message whose files the provider may be given as bytes

Found = Step | Ailing | timedelta | None


@dataclass
class Delivery:
    """The outbound messages of one conversation at a time, in this worker."""

    pool: Pool
    directory: Directory
    plugins: Plugins
    vault: Vault
    settings: Settings

    def __post_init__(self) -> None:
        self.prices = Prices(self.pool)
        self.bounds = Bounds.of(self.settings)

    async def deliver(self, job: Job) -> None:
        """Send what is to be sent, until nothing is left or the next one has to wait."""
        entry = await self.directory.by_id(job.tenant_id)
        if not entry.tenant.active:
            return
        await self._go_on(entry, job, await self._take(entry, job))

    def free(self, entry: Entry, account_id: int, content: Content) -> Free | None:
        if isinstance(content, Unknown) or entry.tenant.hold_over_month:
            return None
        account = entry.account(account_id)
        channel = self.plugins.channels.get(account.channel) if account else None
        if account is None or channel is None or isinstance(content, Template):
            return None
        with suppress(PluginFailed):
            return Free(guard.called(channel, entry.tenant.slug, "window", given.window, account.address))
        return None

    def leaving(self, entry: Entry, job: Job, message: Next, asked_at: float) -> Leave:
        step = self._step(entry, message, message.content, message.attempt, message.now)
        # Its time counts from before the question, as for others it does from when its transaction began.
        waited = step.taken_at - asked_at
        step = replace(step, taken_at=asked_at, taken_on=step.taken_on - waited)
        return partial(self._go_on, entry, job, step)

    async def take_first(self, connection: Connection, entry: Entry, job: Job) -> Leave | None:
        found = await self._take_next(connection, entry, job)
        if isinstance(found, Step) and not found.uncertain:
            return partial(self._go_on, entry, job, found)
        return None

    async def _go_on(self, entry: Entry, job: Job, step: Found) -> None:
        """Send what is in hand, and what is next, until nothing is left or the next one has to wait."""
        while isinstance(step, Step | Ailing):
            if isinstance(step, Ailing):
                step = await self._attend(entry, job, step)
                continue
            outcome = await self._look(entry, step) if step.uncertain else await self._send(entry, step)
            step = await self._finish(entry, job, step, outcome)
        if step is not None:
            await self._come_back(job, step)

    async def _take(self, entry: Entry, job: Job) -> Found:
        """Take the next message in hand, in a transaction of its own."""
        async with acting_for(self.pool, job.tenant_id, impatient=True, aside=_is_send(job)) as scope:
            return await self._take_next(scope.connection, entry, job)

    async def _charge(self, entry: Entry, step: Step, receipt: Receipt) -> Charge | None:
        """What the message costs that the provider has taken; None: nothing."""
        account = entry.account(step.account_id)
        category = receipt.category or (
            "utility" if isinstance(step.message.content, Template) else ledger.SERVICE
        )
        return ledger.charge(
            await self.prices.current(),
            account.channel if account else "",
            category,
            step.message.to,
            receipt.units,
            datetime.now(UTC).date(),
        )

    def _sent(self, entry: Entry, job: Job, step: Step, receipt: Receipt, charge: Charge | None) -> Sent:
        tenant = entry.tenant
        ended = Sending(job.tenant_id, job.conversation_id, step.message.id, step.attempt)
        bound = self.bounds.over(tenant).micros_of_month
        return Sent(ended, receipt.provider_id, charge, tenant.time_zone, bound)

    async def _write_down(
        self, scope: Scope, entry: Entry, job: Job, step: Step, outcome: Outcome, charge: Charge | None
    ) -> None:
        """Keep what a message came to, and what it cost."""
        tenant, message_id = entry.tenant, step.message.id
        if outcome.receipt is None:
            await _write_end(scope.connection, job, message_id, step.attempt, outcome)
            return
        sent = self._sent(entry, job, step, outcome.receipt, charge)
        noted = await sending.note_sent(scope.connection, sent)
        if noted.account:
            place = (job.tenant_id, noted.account, sent.provider_id)
            await messages.report_before(scope.connection, *place)
            await charging.correct_before(scope.connection, self.prices, *place, message_id)
        if noted.warning:
            bounds = self.bounds.over(tenant)
            scope.due.extend(
                await notices.note_bound(
                    scope.connection, tenant, job.conversation_id, bounds.usd_of_month, noted.warning
                )
            )

    async def _attend(self, entry: Entry, job: Job, ailing: Ailing) -> Found:
        """Do what the account's illness asks for, in a transaction that has locked nothing before."""
        async with acting_for(self.pool, job.tenant_id, aside=_is_send(job)) as scope:
            await attend(scope, entry, job, ailing)
            return None if ailing.why == "spent" else await self._take_next(scope.connection, entry, job)

    async def _finish(self, entry: Entry, job: Job, step: Step, outcome: Outcome) -> Found:
        """Write down what the step came to, and take the next one.

        It waits for Postgres: nobody else knows how the step ended.
        """
        account = entry.account(step.account_id)
        outcome = of_both(outcome) if step.resent else outcome
        is_uncertain = outcome.state == "uncertain"
        if is_uncertain and not step.uncertain:
            place = (step.message.id, entry.tenant.slug)
            log.warning("Nobody knows whether message m%s of %s was sent: %s", *place, outcome.cause)
        if not (step.uncertain and is_uncertain):  # a look that found nothing new
            metrics.delivery(account.channel if account else "", outcome.state, step.waited)
        charge = await self._charge(entry, step, outcome.receipt) if outcome.receipt else None
        while True:
            try:
                return await self._end(entry, job, step, outcome, charge)
            except (*CANNOT_ASK, asyncpg.DeadlockDetectedError) as error:
                why = explained(error, type(error).__name__)
                log.warning("Postgres does not take the end of a sending: %s", why)
                await asyncio.sleep(AGAIN_AFTER)

    async def _end(
        self, entry: Entry, job: Job, step: Step, outcome: Outcome, charge: Charge | None
    ) -> Found:
        if outcome.receipt and not step.tries:
            sent = self._sent(entry, job, step, outcome.receipt, charge)
            noted = await sending.note_sent_at_once(self.pool, sent, aside=_is_send(job))
            if noted.done:  # as nearly always
                return await self._take(entry, job) if noted.more else None
        async with acting_for(self.pool, job.tenant_id, aside=_is_send(job)) as scope:
            if step.tries and outcome.receipt:
                await taken(scope, entry, step.account_id)
            await self._write_down(scope, entry, job, step, outcome, charge)
            spent = step.account_id if step.tries and outcome.final else None
            return outcome.pause or await self._take_next(scope.connection, entry, job, spent)

    async def _take_next(
        self, connection: Connection, entry: Entry, job: Job, spent: int | None = None
    ) -> Found:
        """Take the next message in hand; a time to wait, or None where there is nothing to do.

        `sending` is committed before the step is made, so whoever finds it knows that the provider
        may have been called. `spent` is the account for which the last message was to try in vain.
        """
        place = (job.tenant_id, job.conversation_id)
        while message := await sending.find_next(connection, *place):
            queued = message.state == "queued"
            if queued and (why := _refusal(message, message.content)):
                leaving: Content | Outcome = Outcome(state="refused", cause=why)
            elif queued and (ailing := Ailing.of(message)):
                return ailing
            elif rest := self._rest(message):
                return rest
            elif not queued:
                assert message.attempted_at
                return self._step(entry, message, message.content, message.attempt, message.attempted_at)
            else:
                leaving = await self._leaving(connection, entry, job, message)
            if not isinstance(leaving, Outcome):
                changed = None if leaving is message.content else leaving
                started = await sending.start(connection, *place, message.id, changed)
                return self._step(entry, message, leaving, *started)
            leaving = of_both(leaving) if message.resent_at else leaving
            await _write_end(connection, job, message.id, message.attempt, leaving)
            spent = message.account_id if message.health == "tried" else spent
        return Ailing(spent, "spent") if spent else None

    def _rest(self, message: Next) -> timedelta | None:
        """How long the message has to wait; None: its time has come."""
        if message.state == "sending" and message.attempted_at:
            return self._call_may_last(message, message.attempted_at)
        rest = message.due_at - message.now if message.due_at else timedelta(0)
        # Nothing is put off for longer: the clock was set back since.
        return rest if timedelta(0) < rest <= LONGEST_PAUSE else None

    async def _leaving(
        self, connection: Connection, entry: Entry, job: Job, message: Next
    ) -> Content | Outcome:
        """What leaves of a queued message: outside the window a template, or nothing."""
        content = message.content
        if isinstance(content, Unknown):
            return Outcome(state="refused", cause="What was stored of it cannot be read.")
        if entry.tenant.hold_over_month:
            bounds = self.bounds.over(entry.tenant)
            if why := await budget.month_is_spent(connection, entry.tenant, bounds):
                return Outcome(state="held", cause=why)
        account = entry.account(message.account_id)
        channel = self.plugins.channels.get(account.channel) if account else None
        if account is None or channel is None or isinstance(content, Template):
            return content
        try:
            limit = guard.called(channel, entry.tenant.slug, "window", given.window, account.address)
        except PluginFailed as error:
            return Outcome(state="held", cause=f"The channel {channel.name} knows no window ({error}).")
        if await window.is_open(connection, job.tenant_id, job.conversation_id, message, limit):
            return content
        template = window.way_out(content, account)
        if template is None:
            return Outcome(state="held", cause=window.cause(limit, entry.tenant.slug, account))
        why = _refusal(message, template)
        return Outcome(state="refused", cause=why) if why else template

    def _step(
        self, entry: Entry, message: Next, content: Content, attempt: int, attempted_at: datetime
    ) -> Step:
        return Step(
            OutboundMessage(
                id=message.id,
                to=message.contact_address,
                content=content,
                status_url=self._status_url(entry, message.account_id, message.id),
                attempted_at=attempted_at,
                owned=message.owned,
                quotes=message.quotes or "",
            ),
            account_id=message.account_id,
            attempt=attempt,
            uncertain=message.state != "queued",
            outside=message.outside_as is not None,
            tries=message.health == "tried",
            resent=message.resent_at is not None,
            created_at=message.created_at,
            now=message.now,
        )

    def _call_may_last(self, message: Next, attempted_at: datetime) -> timedelta | None:
        """How long another's call to the provider may still last; None: it is over, or its worker is."""
        rest = attempted_at + timedelta(seconds=self._limit(message.content)) + GRACE - message.now
        return rest if rest > timedelta(0) else None

    def _limit(self, content: Content) -> float:
        """The seconds that a call to the provider may take."""
        return self.settings.send_limit + (FILES_LIMIT if kept_ids(content) else 0.0)

    def _status_url(self, entry: Entry, account_id: int, message_id: int) -> str:
        channel = next((each.channel for each in entry.accounts if each.id == account_id), "")
        return f"{self.settings.tenant_url(entry.tenant.slug)}/bot/{channel}/status?message={message_id}"

    async def _send(self, entry: Entry, step: Step) -> Outcome:
        try:
            channel, account = entry.at_provider(step.account_id, self.plugins, self.vault)
        except (AccountUnusable, PluginMissing) as error:
            return Outcome(state="held", cause=str(error))
        slug = entry.tenant.slug
        limit = self._limit(step.message.content)
        if step.slept > limit:
            return unknown("the worker was stopped before it sent")  # others may have taken it over
        try:
            async with asyncio.timeout(limit):
                message = await self._as_it_leaves(entry, step, channel, account)
                return Outcome(await _sent(channel, slug, message, account))
        except Refused as error:
            return refused(step, error)
        except AccountFault as error:
            return at_fault(error)
        except TryLater as error:
            return later(step, error)
        except Uncertain as error:
            return unknown(str(error))
        except TimeoutError:
            return unknown(f"no answer within {limit:g} s")
        except PluginFailed as error:
            log.warning("Sending by %s for %s ended with %s", channel.name, slug, error.place)
            return unknown(str(error))

    async def _as_it_leaves(
        self, entry: Entry, step: Step, channel: AnyChannel, account: AnyAccount
    ) -> OutboundMessage:
        """The message with addresses for the files that are kept here, and ids that the channel carries.

        Raises Refused or TryLater.
        """
        content = step.message.content
        if not isinstance(content, Media | Buttons | List):
            return step.message
        limits = guard.limits_of(channel, entry.tenant.slug, account.address)
        if not isinstance(content, Media):
            return replace(step.message, content=shortened(content, limits))
        links = Links(self.pool, self.vault, self.settings)
        try:
            addressed = await links.put(entry.tenant, content, step.message)
        except (*CANNOT_ASK, VaultError) as error:
            raise TryLater(f"The message's files have no addresses yet ({type(error).__name__}).") from None
        opener = outbound.opener(self.settings.files, entry.tenant.id, content, addressed)
        return replace(step.message, content=linked(addressed, limits), opener=opener)

    async def _look(self, entry: Entry, step: Step) -> Outcome:
        """Find out what became of a sending that nobody saw the end of."""
        try:
            channel, account = entry.at_provider(step.account_id, self.plugins, self.vault)
            async with asyncio.timeout(self.settings.send_limit):
                message = await self._as_it_leaves(entry, step, channel, account)
                asked = (entry.tenant.slug, "find", given.found, message, account)
                with clocks.listening() as providers:
                    receipt = await guard.awaited(channel, *asked)
        except CannotTell as error:
            return still_uncertain(step, str(error), resends=self._resends(entry, step.account_id))
        except (AccountUnusable, PluginMissing, PluginFailed) as error:
            return still_uncertain(step, str(error))
        except (TimeoutError, Refused, TryLater) as error:  # what is sent again could not be made either
            return still_uncertain(step, type(error).__name__)
        return Outcome(receipt) if receipt else absent(step, providers)

    def _resends(self, entry: Entry, account_id: int) -> bool:
        """Whether the tenant wants the account's messages sent once more that nobody can ask for."""
        account = entry.account(account_id)
        channel = self.plugins.channels.get(account.channel) if account else None
        cannot_find = channel is not None and not offers(channel, "find")
        return cannot_find and account is not None and account.uncertain == "resend"

    async def _come_back(self, job: Job, after: timedelta) -> None:
        async with self.pool.acquire() as connection:
            await _enqueue(connection, job, after)


async def _sent(channel: AnyChannel, slug: str, message: OutboundMessage, account: AnyAccount) -> Receipt:
    """What the provider says, kept where somebody records it. Raises what `send` does, or PluginFailed."""

    def send() -> Coroutine[Any, Any, Receipt]:
        return guard.awaited(channel, slug, "send", given.receipt, message, account)

    if recorder := recording.of(slug, channel.name):
        return await recorder.send(channel, message, account, send)
    return await send()


def _is_send(job: Job) -> bool:
    """Whether nobody waits for what it delivers."""
    return job.entrypoint == jobs.SEND


def _refusal(message: Next, content: Content) -> str | None:
    """Why the message must not leave as `content` for the contact's sake; that of an opt-out itself may."""
    return consent.refusal(message.contact_address, None if message.confirms else message.opted_out, content)


async def _write_end(
    connection: Connection, job: Job, message_id: int, attempt: int, outcome: Outcome
) -> None:
    """Keep what that says of the contact, whose conversation is locked first, and what a message came to that
    the provider does not have."""
    if outcome.sign:
        await consent.record(connection, job.tenant_id, job.conversation_id, outcome.sign)
    if outcome.state != "sent":
        ended = Sending(job.tenant_id, job.conversation_id, message_id, attempt)
        ending = (outcome.state, outcome.cause, outcome.pause, outcome.outside, outcome.fault, outcome.resend)
        await sending.note_end(connection, ended, *ending)


async def _enqueue(connection: Connection, job: Job, after: timedelta) -> None:
    again = replace(job, message_id=0, delay=after)
    await jobs.enqueue(connection, [again])
