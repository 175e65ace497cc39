"""The turn: claim a conversation, think, settle; what makes a reply one is `turn_id`."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from conserje.contract.fit import fit
from conserje.contract.message import Content, Text
from conserje.conversations import effects, feed, recovery, state, summaries, transcript
from conserje.conversations.rows import stored
from conserje.conversations.sending import Leave, Sender
from conserje.conversations.state import Locked
from conserje.conversations.transcript import Message
from conserje.costs.prices import Prices
from conserje.files.folder import Folder
from conserje.notices import table as notices
from conserje.plugins.plugins import Plugins
from conserje.rules import budget, consent
from conserje.rules.budget import Bounds
from conserje.shop.catalogues import Catalogues
from conserje.shop.lore import Lore
from conserje.storage import jobs, notifications
from conserje.storage.database import CANNOT_ASK, Connection, Pool
from conserje.storage.jobs import Job
from conserje.storage.scope import Scope, acting_for
from conserje.storage.text import clean
from conserje.telemetry import metrics, pulse
from conserje.tenants.directory import Directory
from conserje.tenants.entry import Entry
from conserje.tenants.vault import Vault
from conserje.turns import lease, loop, nod
from conserje.turns.claim import Hold, Think, Wait, decide, still_quiet, turn_of
from conserje.turns.hearing import Hearing
from conserje.turns.lease import Claim, LostLease, Thought
from conserje.turns.offered import Offered
from conserje.turns.pictures import Pictures
from conserje.turns.thinking import NoReply, Thinking, channel_of, is_automatic, limits_of

log = logging.getLogger(__name__)

RENEWAL = 0.6  # seconds from one to the next
ATTEND_AFTER = 0.5  # seconds of thinking: the answer to what takes less says that it was read


@dataclass
class Conversation:
    """One conversation at work, in this worker."""

    pool: Pool
    directory: Directory
    plugins: Plugins
    vault: Vault
    turn_limit: float  # seconds
    folder: Folder
    bounds: Bounds = budget.NONE
    sender: Sender | None = None  # of replies that may leave at once; None: a job delivers them

    def __post_init__(self) -> None:
        catalogues = Catalogues(self.pool, self.directory.changes)
        lore = Lore(self.pool, self.directory.changes)
        able, prices = (self.plugins, self.vault, self.turn_limit), Prices(self.pool)
        shown = (Offered(self.pool), Pictures(self.pool, self.folder, self.plugins, self.vault))
        self.thinking = Thinking(self.pool, catalogues, lore, *able, prices, *shown, self.bounds)
        self.hearing = Hearing(self.pool, self.folder, catalogues, *able, prices, self.bounds)

    async def converse(self, job: Job) -> None:
        """Answer what is unanswered, or find that it is not this job's to answer."""
        entry = await self.directory.by_id(job.tenant_id)
        if not entry.tenant.active:
            return
        pulse.turn.set(turn_of(job))  # each job is a task
        claim = await self._claim(entry, job)
        try:
            while claim is not None:
                claim, thought = await self._think_under_lease(entry, job, claim)
                claim = await self._settle(entry, job, claim, thought)
        except LostLease:
            log.info("Conversation %s went to another worker; its reply is thrown away", job.conversation_id)
        except NoReply as why:
            assert claim is not None  # thinking needs one
            await self._give_up(job, claim, str(why))

    async def _claim(self, entry: Entry, job: Job) -> Claim | None:
        """The right to think, if there is something to be thought now and by an assistant."""
        return await self._claim_at_once(entry, job) or await self._look_and_claim(entry, job)

    async def _claim_at_once(self, entry: Entry, job: Job) -> Claim | None:
        """Where the message whose quiet period ends is the last one, and all is plain; else None."""
        claim = await lease.lease_at_once(self.pool, entry, job, loop.TURNS)
        if claim is None or self._is_plain(entry, claim):
            return claim
        async with acting_for(self.pool, job.tenant_id) as scope:
            place = (job.tenant_id, job.conversation_id)
            conversation = await state.lock(scope.connection, *place)
            if conversation and conversation.epoch == claim.epoch:
                await scope.connection.execute(state.RELEASE, *place)
        return None

    def _is_plain(self, entry: Entry, claim: Claim) -> bool:
        """Whether nothing in it asks for more than an answer now, and somebody can give it."""
        channel = channel_of(self.plugins, entry, claim.account_id)
        return not (
            (channel and is_automatic(channel, entry.tenant.slug, claim.contact_address))
            or still_quiet(entry, claim.account_id, claim.unanswered, claim.claimed_at)
            or all(nod.is_nod(each.content) for each in claim.unanswered)
            or self.thinking.fenced(entry, claim.unanswered)
            or loop.found(claim)
        )

    async def _look_and_claim(self, entry: Entry, job: Job) -> Claim | None:
        async with acting_for(self.pool, job.tenant_id, impatient=True) as scope:
            conversation = await state.lock(scope.connection, job.tenant_id, job.conversation_id)
            if conversation is None or conversation.state == "held":
                return None
            if not (unanswered := await self._unanswered(scope.connection, entry, job, conversation)):
                await self._deliver_what_is_left(scope, job)
                return None
            if await self._is_ill(scope.connection, job, conversation):
                await state.wait(scope.connection, job.tenant_id, job.conversation_id)
                return None
            if conversation.health == "recovers":  # what was said before leaves before the answer
                await state.let_go(scope.connection, job.tenant_id, [job.conversation_id])
                scope.due.append(Job(jobs.DELIVER, job.tenant_id, job.conversation_id))
            fenced = partial(self.thinking.fenced, entry, unanswered)
            match decide(entry, job, conversation, unanswered, fenced):
                case Wait(rest):
                    scope.due.append(_again(job, rest))
                case Hold(cause, text):
                    await self._hold(scope, entry, job, conversation.account_id, cause, text)
                case Think(late):
                    claim = await lease.lease_out(
                        scope.connection, entry, job, conversation, unanswered, late, loop.TURNS
                    )
                    if not (why := loop.found(claim)):
                        return claim
                    await self._break_loop(scope, entry, job, claim, why)
            return None

    async def _deliver_what_is_left(self, scope: Scope, job: Job) -> None:
        """Whoever had this job before may have died while it sent the reply."""
        if await recovery.has_replies(scope.connection, job.tenant_id, job.conversation_id):
            scope.due.append(Job(jobs.DELIVER, job.tenant_id, job.conversation_id))

    async def _is_ill(self, connection: Connection, job: Job, conversation: Locked) -> bool:
        """Whether nothing is to be thought for the account; where a reply tries, it alone does."""
        if conversation.health == "tried":
            return await recovery.has_replies(connection, job.tenant_id, job.conversation_id)
        return conversation.health == "ill"

    async def _break_loop(self, scope: Scope, entry: Entry, job: Job, claim: Claim, cause: str) -> None:
        """Say nothing, and let a person look after the contact."""
        place = (job.conversation_id, entry.tenant.slug)
        log.warning("Conversation %s of %s goes to a person: %s", *place, cause)
        await self._store(scope, entry, job, claim, loop.silence(cause), [])
        metrics.turn(loop.ASSISTANT, (claim.claimed_at - lease.oldest(claim.unanswered)).total_seconds())

    async def _unanswered(
        self, connection: Connection, entry: Entry, job: Job, conversation: Locked
    ) -> tuple[Message, ...]:
        """What is the assistant's to answer, and not a person's, nor of a contact who gets no answers."""
        place = (job.tenant_id, job.conversation_id)
        unanswered = await transcript.unanswered(connection, *place)
        if not unanswered:
            return ()
        channel = channel_of(self.plugins, entry, conversation.account_id)
        if not conversation.contact_address:
            await state.empty(connection, *place)
        elif conversation.opted_out == "all":
            await state.leave(connection, *place)
        elif channel and is_automatic(channel, entry.tenant.slug, conversation.contact_address):
            await state.leave_to_nobody(connection, *place)
            metrics.turn("machine", (conversation.now - lease.oldest(unanswered)).total_seconds())
        elif conversation.state == "person":
            await state.leave_to_person(connection, *place)
        elif await nod.are_mere(connection, *place, unanswered, entry.tenant.context):
            await state.let_be(connection, *place, [message.id for message in unanswered])
        else:
            return unanswered
        await self._wake(connection, entry, job, conversation.account_id)
        return await transcript.unanswered(connection, *place)

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
        limits = limits_of(self.plugins, entry, account_id)
        said = fit(Text(text), limits, entry.tenant.locale) if text else []
        told = [stored(content) for content in said]
        await scope.connection.execute(state.HOLD, job.tenant_id, job.conversation_id, cause, told)
        await notifications.record(
            scope.connection, job.tenant_id, "turn.held", job.conversation_id, cause=cause
        )
        await self._wake(scope.connection, entry, job, account_id)
        log.error("Conversation %s of %s is held", job.conversation_id, entry.tenant.slug)
        if told:
            scope.due.append(Job(jobs.DELIVER, job.tenant_id, job.conversation_id))

    async def _think(self, entry: Entry, claim: Claim) -> tuple[Claim, Thought]:
        """With what was heard in its voice notes, and its pictures. Raises NoReply."""
        claim = await self.hearing.hear(entry, claim)
        claim = await self.thinking.pictures.come(entry, claim)
        return claim, await self.thinking.think(entry, claim)

    async def _think_under_lease(self, entry: Entry, job: Job, claim: Claim) -> tuple[Claim, Thought]:
        """Think while the lease is renewed. Raises LostLease as soon as it is lost, or NoReply."""
        thinking = asyncio.create_task(self._think(entry, claim))
        beside = set[asyncio.Task[None]]()
        try:
            await asyncio.wait({thinking}, timeout=ATTEND_AFTER)  # by when it nearly always is over
            if not thinking.done():
                beside.add(asyncio.create_task(self.thinking.attend(entry, claim)))
                beside.add(renewal := asyncio.create_task(self._renew(job, claim)))
                await asyncio.wait({thinking, renewal}, return_when=asyncio.FIRST_COMPLETED)
            if not thinking.done():
                raise LostLease
            return thinking.result()
        finally:
            thinking.cancel()
            for task in beside:
                task.cancel()

    async def _settle(self, entry: Entry, job: Job, claim: Claim, thought: Thought) -> Claim | None:
        """Store the reply; the claim to think again with, if newer messages came in time, one was edited in
        time, or one was taken back.

        Raises LostLease.
        """
        limits = limits_of(self.plugins, entry, claim.account_id)
        locale = entry.tenant.locale
        said = [part for content in thought.reply.messages for part in fit(content, limits, locale)]
        if await self._settle_at_once(entry, job, claim, thought, said):
            return None
        async with acting_for(self.pool, job.tenant_id) as scope:
            place = (job.tenant_id, job.conversation_id)
            conversation = await state.lock(scope.connection, *place)
            if conversation is None or conversation.epoch != claim.epoch:
                raise LostLease
            unanswered = await transcript.unanswered(scope.connection, *place, locked=True)
            read = {each.id: each.content for each in claim.unanswered}
            gone = read.keys() - {each.id for each in unanswered}
            if gone and not await transcript.are_let_be(scope.connection, *place, list(gone)):
                raise LostLease
            if not unanswered:
                await scope.connection.execute(state.RELEASE, *place)
                await self._wake(scope.connection, entry, job, claim.account_id)
                return None
            newer = [each for each in unanswered if each.id not in read]
            other = any(read.get(each.id) != each.content for each in unanswered)  # newer, or edited
            waiting = (conversation.now - lease.oldest(claim.unanswered)).total_seconds()
            if gone or (other and waiting < entry.tenant.longest_wait.total_seconds()):
                return replace(claim, unanswered=unanswered)
            await self._store(scope, entry, job, claim, thought, said)
            leave = await self._take_first(scope, entry, job) if said else None
            if newer:
                scope.due.append(Job(jobs.CONVERSE, *place, priority=job.priority))
            if await self._is_to_be_summed_up(scope.connection, entry, job, claim):
                scope.due.append(Job(jobs.SUMMARISE, *place, priority=jobs.LAST))
        metrics.turn(thought.assistant, waiting)
        await _send(leave)
        return None

    async def _settle_at_once(
        self, entry: Entry, job: Job, claim: Claim, thought: Thought, said: Sequence[Content]
    ) -> bool:
        """Store a reply of which no more follows than the database does itself, and send it; False: all is as
        it was."""
        if not (said and self.sender and thought.is_plain):
            return False
        if len(claim.history) >= transcript.READ and self.thinking.sums_up(entry):
            return False
        if not (free := self.sender.free(entry, claim.account_id, said[0])):
            return False
        channel = channel_of(self.plugins, entry, claim.account_id)
        followed = channel is not None and channel.has_feed
        asked_at = time.monotonic()
        first = await lease.settle_at_once(
            self.pool, entry, job, claim, thought, said, since=free.since, followed=followed
        )
        if not first:
            return False
        metrics.turn(thought.assistant, (first.now - lease.oldest(claim.unanswered)).total_seconds())
        due = Job(jobs.DELIVER, job.tenant_id, job.conversation_id, priority=job.priority)
        await _send(self.sender.leaving(entry, due, first, asked_at))
        return True

    async def _take_first(self, scope: Scope, entry: Entry, job: Job) -> Leave | None:
        """Take what is said in hand where it may leave at once; else a job delivers it."""
        due = Job(jobs.DELIVER, job.tenant_id, job.conversation_id, priority=job.priority)
        leave = await self.sender.take_first(scope.connection, entry, due) if self.sender else None
        if leave is None:
            scope.due.append(due)
        return leave

    async def _is_to_be_summed_up(self, connection: Connection, entry: Entry, job: Job, claim: Claim) -> bool:
        """Whether a turn reads no further back than this, and the assistant makes summaries of the rest."""
        if len(claim.history) < transcript.READ or not self.thinking.sums_up(entry):
            return False
        place = (job.tenant_id, job.conversation_id)
        return await summaries.ask(connection, *place, claim.oldest_read, entry.tenant.context)

    async def _store(
        self, scope: Scope, entry: Entry, job: Job, claim: Claim, thought: Thought, said: Sequence[Content]
    ) -> None:
        """Raises LostLease."""
        await lease.store(scope.connection, entry, job, claim, thought, said)
        place = (job.tenant_id, job.conversation_id, claim.turn_id)
        scope.due.extend(await effects.propose(scope.connection, *place, thought.effects))
        if thought.sign and await consent.record(scope.connection, *place[:2], thought.sign):
            scope.due.append(Job(jobs.DELIVER, *place[:2], priority=job.priority))
        await self._wake(scope.connection, entry, job, claim.account_id)
        if thought.reply.hand_over:
            told = await notices.note(scope.connection, entry.tenant, job.conversation_id, claim.turn_id)
            scope.due.extend(told)
            await notifications.record(
                scope.connection,
                job.tenant_id,
                "conversation.handed_over",
                job.conversation_id,
                turn=claim.turn_id,
                assistant=thought.assistant,
                intent=thought.reply.intent and clean(thought.reply.intent),
            )

    async def _wake(self, connection: Connection, entry: Entry, job: Job, account_id: int) -> None:
        """Let those look who follow the conversation on a page."""
        channel = channel_of(self.plugins, entry, account_id)
        if channel and channel.has_feed:
            await feed.wake(connection, job.tenant_id, job.conversation_id)

    async def _renew(self, job: Job, claim: Claim) -> None:
        """Keep the lease; return when it is lost."""
        held, pause = True, RENEWAL - ATTEND_AFTER
        while held:
            await asyncio.sleep(pause)
            pause = RENEWAL
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


async def _send(leave: Leave | None) -> None:
    """Send what was taken in hand, if anything was; the turn itself is over."""
    if leave:
        pulse.turn.set("")
        await leave()


def _again(job: Job, delay: timedelta) -> Job:
    return Job(jobs.CONVERSE, job.tenant_id, job.conversation_id, job.message_id, job.priority, delay)
