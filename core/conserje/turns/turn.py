"""The turn: claim a conversation, think, settle; what makes a reply one is `turn_id`."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from conserje.contract.assistant import AnyAssistant, NoAnswer, Reply, Turn
from conserje.contract.channel import AnyChannel, Channel
from conserje.contract.fit import fit
from conserje.contract.limits import Limits
from conserje.contract.message import Text
from conserje.conversations import feed, messages, state
from conserje.conversations.rows import stored
from conserje.notices import table as notices
from conserje.plugins import PluginMissing, Plugins
from conserje.shop.products import TenantProducts
from conserje.storage import jobs
from conserje.storage.database import CANNOT_ASK, Connection, Pool
from conserje.storage.jobs import Job
from conserje.storage.scope import Scope, acting_for
from conserje.telemetry import metrics
from conserje.telemetry.log import place
from conserje.tenants.directory import Directory
from conserje.tenants.entry import AccountUnusable, Entry
from conserje.tenants.vault import Vault
from conserje.turns import late, lease, wish
from conserje.turns.lease import Claim, LostLease, Message, Thought

log = logging.getLogger(__name__)

RENEWAL = 0.6
ATTENTION = 5.0  # seconds that a provider gets to show a message as read
STARTS = 3


class NoReply(Exception):
    """No assistant could answer. The text is the cause shown."""


@dataclass
class Conversation:
    """One conversation at work, in this worker."""

    pool: Pool
    directory: Directory
    plugins: Plugins
    vault: Vault
    turn_limit: float  # seconds

    async def converse(self, job: Job) -> None:
        """Answer what is unanswered, or find that it is not this job's to answer."""
        entry = await self.directory.by_id(job.tenant_id)
        if not entry.tenant.active:
            return
        claim = await self._claim(entry, job)
        try:
            while claim is not None:
                thought = await self._think_under_lease(entry, job, claim)
                claim = await self._settle(entry, job, claim, thought)
        except LostLease:
            log.info("Conversation %s went to another worker; its reply is thrown away", job.conversation_id)
        except NoReply as why:
            assert claim is not None  # thinking needs one
            await self._give_up(job, claim, str(why))

    async def _claim(self, entry: Entry, job: Job) -> Claim | None:
        async with acting_for(self.pool, job.tenant_id) as scope:
            row = await scope.connection.fetchrow(state.LOCK, job.tenant_id, job.conversation_id)
            if row is None or row["state"] == "held":
                return None
            if not (unanswered := await self._unanswered(scope.connection, entry, job, row)):
                return None
            # Also after the end of another's lease: its holder may be dead.
            if rest := _lease_left(row) or _still_quiet(entry, row["account_id"], unanswered, row["now"]):
                if job.message_id in (0, unanswered[-1].id):  # nobody else's job comes later
                    scope.due.append(_again(job, rest))
                return None
            tenant = entry.tenant
            if row["starts"] >= STARTS:
                cause = row["cause"] or f"The turn was started {STARTS} times without an end."
                await self._hold(scope, entry, job, row["account_id"], cause, tenant.held_text)
                return None
            written = [message.created_at for message in unanswered]
            age = late.late(tenant, written, row["unparked_at"], row["now"])
            if age and tenant.late_rule == "park":
                await self._hold(scope, entry, job, row["account_id"], late.cause(tenant, age))
                return None
            return await lease.lease_out(scope.connection, job, row, unanswered, age)

    async def _unanswered(
        self, connection: Connection, entry: Entry, job: Job, row: asyncpg.Record
    ) -> tuple[Message, ...]:
        """What is the assistant's to answer, and not a person's, nor a contact's who wants no answers."""
        unanswered = await lease.unanswered(connection, job)
        opted_out = row["opted_out"] == "all"
        if not unanswered or not (opted_out or row["state"] == "person"):
            return unanswered
        leave = state.leave if opted_out else state.leave_to_person
        await leave(connection, job.tenant_id, job.conversation_id)
        await self._wake(connection, entry, job, row["account_id"])
        return () if opted_out else await lease.unanswered(connection, job)

    async def _hold(
        self,
        scope: Scope,
        entry: Entry,
        job: Job,
        account_id: int,
        cause: str,
        text: str | None = None,
    ) -> None:
        """Leave the conversation to an operator; `text` is what its contact is told."""
        said = fit(Text(text), self._limits(entry, account_id)) if text else []
        told = [stored(content) for content in said]
        await scope.connection.execute(state.HOLD, job.tenant_id, job.conversation_id, cause, told)
        await self._wake(scope.connection, entry, job, account_id)
        log.error("Conversation %s of %s is held", job.conversation_id, entry.tenant.slug)
        if told:
            scope.due.append(Job(jobs.DELIVER, job.tenant_id, job.conversation_id))

    async def _think_under_lease(self, entry: Entry, job: Job, claim: Claim) -> Thought:
        """Think while the lease is renewed. Raises LostLease as soon as it is lost, or NoReply."""
        thinking = asyncio.create_task(self._think(entry, claim))
        renewal = asyncio.create_task(self._renew(job, claim))
        attending = asyncio.create_task(self._attend(entry, claim))
        try:
            await asyncio.wait({thinking, renewal}, return_when=asyncio.FIRST_COMPLETED)
            if not thinking.done():
                raise LostLease
            return thinking.result()
        finally:
            thinking.cancel()
            renewal.cancel()
            attending.cancel()

    async def _attend(self, entry: Entry, claim: Claim) -> None:
        """Show the contact that somebody reads, where the channel can; nothing rests on it."""
        channel, account = self._channel(entry, claim.account_id), entry.account(claim.account_id)
        read = claim.unanswered[-1].provider_id
        if channel is None or account is None or not read or type(channel).attend is Channel.attend:
            return
        try:
            async with asyncio.timeout(ATTENTION):
                await channel.attend(read, entry.opened(account, channel, self.vault))
        except Exception as error:
            log.debug(
                "%s could not show %s as read: %s", channel.name, entry.tenant.slug, type(error).__name__
            )

    async def _think(self, entry: Entry, claim: Claim) -> Thought:
        """What the tenant's late rule asks for, else what an assistant says. Raises NoReply."""
        tenant = entry.tenant
        if claim.late is None:
            return await self._ask(entry, claim)
        if tenant.late_rule == "hand_over":
            reply = Reply([late.notice(tenant)], hand_over=True)
            return Thought(reply, "late rule", timedelta(0), late.cause(tenant, claim.late))
        thought = await self._ask(entry, claim)
        if tenant.late_rule == "apologise" and thought.reply.messages:
            said = [late.apology(tenant), *thought.reply.messages]
            return replace(thought, reply=replace(thought.reply, messages=said))
        return thought

    async def _ask(self, entry: Entry, claim: Claim) -> Thought:
        """The reply of the tenant's assistant, else of its fallback; none is asked for a person.

        Raises NoReply.
        """
        started = time.monotonic()
        tenant = entry.tenant
        if wish.wished(said.content for said in lease.read(claim)[0]):
            return Thought(wish.reply(tenant.locale), wish.ASSISTANT, timedelta(0))
        cause = None
        for name in dict.fromkeys((tenant.assistant, tenant.fallback_assistant)):
            try:
                assistant = self.plugins.assistant(name)
                turn = self._turn(entry, claim, assistant)
                async with asyncio.timeout(self.turn_limit):
                    reply = await assistant.reply(turn)
            except TimeoutError:
                cause = f"{name}: no answer within {self.turn_limit:g} s"
            except (PluginMissing, AccountUnusable) as error:
                cause = str(error)
            except NoAnswer as error:
                cause = f"{name}: {error}"
            except Exception as error:
                # Its text may hold what a contact wrote or a key: the type says enough.
                cause = f"{name}: {type(error).__name__}"
                log.warning("Assistant %s of %s failed: %s", name, tenant.slug, place(error))
            else:
                return Thought(reply, name, timedelta(seconds=time.monotonic() - started), cause)
        raise NoReply(cause)

    def _turn(self, entry: Entry, claim: Claim, assistant: AnyAssistant) -> Turn[Any, Any]:
        """Raises AccountUnusable."""
        tenant = entry.tenant
        own = [account for account in entry.accounts_of(assistant.name) if account.active]
        account = entry.opened(own[0] if own else None, assistant, self.vault)
        said, past = lease.read(claim)
        return Turn(
            id=claim.turn_id,
            tenant=tenant.seen,
            contact=claim.contact,
            messages=said,
            history=past,
            products=TenantProducts(self.pool, tenant.id),
            credentials=account.credentials,
            settings=account.settings,
        )

    async def _settle(self, entry: Entry, job: Job, claim: Claim, thought: Thought) -> Claim | None:
        """Store the reply; the claim to think again with, if newer messages came in time.

        Raises LostLease.
        """
        limits = self._limits(entry, claim.account_id)
        said = [part for content in thought.reply.messages for part in fit(content, limits)]
        async with acting_for(self.pool, job.tenant_id) as scope:
            row = await scope.connection.fetchrow(state.LOCK, job.tenant_id, job.conversation_id)
            if row is None or row["epoch"] != claim.epoch:
                raise LostLease
            unanswered = await lease.unanswered(scope.connection, job)
            read = {each.id for each in claim.unanswered}
            newer = [each for each in unanswered if each.id not in read]
            oldest = lease.oldest(claim.unanswered)
            waiting = messages.age(oldest, row["now"])
            if newer and waiting < entry.tenant.longest_wait.total_seconds():
                return replace(claim, unanswered=unanswered)
            waited = claim.claimed_at - oldest
            await lease.store(scope.connection, entry, job, claim, thought, said, waited)
            await self._wake(scope.connection, entry, job, claim.account_id)
            if thought.reply.hand_over:
                notified = await notices.note(
                    scope.connection, entry.tenant, job.conversation_id, claim.turn_id
                )
                scope.due.extend(notified)
            for kind, wanted in ((jobs.DELIVER, said), (jobs.CONVERSE, newer)):
                if wanted:
                    scope.due.append(Job(kind, job.tenant_id, job.conversation_id, priority=job.priority))
        metrics.turn(thought.assistant, waiting)
        return None

    def _limits(self, entry: Entry, account_id: int) -> Limits:
        channel, account = self._channel(entry, account_id), entry.account(account_id)
        return channel.limits_of(account.address) if channel and account else Limits()

    def _channel(self, entry: Entry, account_id: int) -> AnyChannel | None:
        account = entry.account(account_id)
        return self.plugins.channels.get(account.channel) if account else None

    async def _wake(self, connection: Connection, entry: Entry, job: Job, account_id: int) -> None:
        """Let those look who follow the conversation on a page."""
        channel = self._channel(entry, account_id)
        if channel and channel.per_tenant:
            await feed.wake(connection, job.tenant_id, job.conversation_id)

    async def _renew(self, job: Job, claim: Claim) -> None:
        """Keep the lease; return when it is lost."""
        held = True
        while held:
            await asyncio.sleep(RENEWAL)
            with suppress(*CANNOT_ASK):  # settling finds out whether the lease outlived it
                async with acting_for(self.pool, job.tenant_id) as scope:
                    done = await scope.connection.execute(
                        state.RENEW, job.tenant_id, job.conversation_id, claim.epoch, state.LEASE
                    )
                    held = done != "UPDATE 0"

    async def _give_up(self, job: Job, claim: Claim, cause: str) -> None:
        """End this start without a reply; the next one comes later, or the turn is held."""
        log.warning("Conversation %s has no reply: %s", job.conversation_id, cause)
        async with acting_for(self.pool, job.tenant_id) as scope:
            await scope.connection.execute(
                state.GIVE_UP, job.tenant_id, job.conversation_id, claim.epoch, cause
            )
            scope.due.append(_again(job, timedelta(seconds=2)))


def _lease_left(row: asyncpg.Record) -> timedelta | None:
    """How long another worker may still think this turn; None: nobody does."""
    left: timedelta | None = row["lease_left"]
    return left if left is not None and left > timedelta(0) else None


def _still_quiet(
    entry: Entry, account_id: int, unanswered: Sequence[Message], now: datetime
) -> timedelta | None:
    """How long the contact may still be writing; None: the turn is due."""
    newest = max(message.created_at for message in unanswered)
    account = entry.account(account_id)
    rest = newest + (account.quiet_period_of(entry.tenant) if account else entry.tenant.quiet_period) - now
    over = lease.oldest(unanswered) + entry.tenant.longest_wait <= now
    return None if over or rest <= timedelta(0) else rest


def _again(job: Job, delay: timedelta) -> Job:
    return Job(jobs.CONVERSE, job.tenant_id, job.conversation_id, job.message_id, job.priority, delay)
