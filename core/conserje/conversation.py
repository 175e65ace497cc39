"""The turn: claim a conversation, think, settle; what makes a reply one is `turn_id`."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from conserje import feed, jobs, late, messages, metrics
from conserje.assistant import AnyAssistant, Contact, NoAnswer, Reply, Turn, Utterance
from conserje.channel import AnyChannel
from conserje.database import CANNOT_ASK, Connection, Pool, acting_for
from conserje.directory import AccountUnusable, Directory, Entry
from conserje.jobs import Job
from conserje.log import place
from conserje.message import Content, Limits, Text, fit, from_json
from conserje.plugins import PluginMissing, Plugins
from conserje.products import TenantProducts
from conserje.vault import Vault

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=2)  # that long a turn waits whose worker died, or whose claim was lost on the way
RENEWAL = 0.6
STARTS = 3
HISTORY = 30

LOCK = """
SELECT account_id, contact_id, state, epoch, turn_id, starts, cause, unparked_at, now() AS now,
       leased_until - now() AS lease_left, hand_back_at <= now() AS handed_back,
       (SELECT name FROM contacts WHERE tenant_id = $1 AND id = contact_id) AS contact_name
FROM conversations WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE
"""

LEASE_OUT = """
UPDATE conversations SET epoch = epoch + 1, leased_until = now() + $3, starts = starts + 1,
    turn_id = CASE WHEN state = 'person' OR turn_id IS NULL THEN nextval('turn_ids') ELSE turn_id END,
    state = 'open', hand_back_at = NULL
WHERE tenant_id = $1 AND id = $2
RETURNING epoch, turn_id
"""

RENEW = """
UPDATE conversations SET leased_until = now() + $4 WHERE tenant_id = $1 AND id = $2 AND epoch = $3
"""

GIVE_UP = """
UPDATE conversations SET leased_until = NULL, cause = $4 WHERE tenant_id = $1 AND id = $2 AND epoch = $3
"""

# With what the contact is told, in its place behind what was said before.
HOLD = """
WITH held AS (
    UPDATE conversations SET state = 'held', leased_until = NULL, cause = $3,
        next_sequence = next_sequence + cardinality($4::text[])
    WHERE tenant_id = $1 AND id = $2
    RETURNING account_id, next_sequence - cardinality($4::text[]) AS sequence
)
INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, sequence, state)
SELECT $1, $2, account_id, 'out', told.content, sequence + told.n - 1, 'queued'
FROM held, unnest($4::text[]) WITH ORDINALITY AS told (content, n)
"""

LEAVE_TO_PERSON = """
UPDATE messages SET turn_id = $3
WHERE tenant_id = $1 AND conversation_id = $2 AND direction = 'in' AND turn_id IS NULL
"""

# All of a turn's end in one statement; the number of messages it marked as answered comes back.
SETTLE = """
WITH answered AS (
    UPDATE messages SET turn_id = $3
    WHERE tenant_id = $1 AND conversation_id = $2 AND id = ANY ($4::bigint[]) AND turn_id IS NULL
    RETURNING id
), turn AS (
    INSERT INTO turns (tenant_id, conversation_id, id, assistant, intent, confidence, usage, cause,
                       waited, thought)
    VALUES ($1, $2, $3, $5, $6, $7, $8::jsonb, $9, $10, $11)
), spoken AS (
    INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, turn_id,
                          sequence, state)
    SELECT $1, $2, account_id, 'out', said.content, $3, conversations.next_sequence + said.n - 1, 'queued'
    FROM conversations, unnest($12::text[]) WITH ORDINALITY AS said (content, n)
    WHERE conversations.tenant_id = $1 AND conversations.id = $2
), released AS (
    UPDATE conversations SET leased_until = NULL, starts = 0, cause = NULL,
        next_sequence = next_sequence + cardinality($12::text[]),
        turn_id = CASE WHEN $13::interval IS NULL THEN NULL ELSE $3 END,
        state = CASE WHEN $13::interval IS NULL THEN 'open' ELSE 'person' END,
        hand_back_at = now() + $13::interval
    WHERE tenant_id = $1 AND id = $2
)
SELECT count(*) FROM answered
"""


@dataclass(frozen=True, slots=True)
class Message:
    """An unanswered message, as read at a claim."""

    id: int
    content: Content
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to think one turn, until the lease ends or is renewed."""

    epoch: int
    turn_id: int
    account_id: int
    contact: Contact
    unanswered: tuple[Message, ...]
    history: tuple[Utterance, ...]
    claimed_at: datetime
    late: timedelta | None  # the age of the oldest message, where it is too old for the tenant


@dataclass(frozen=True, slots=True)
class Thought:
    """A reply, who gave it, how long it took, and why the first choice did not give it."""

    reply: Reply
    assistant: str
    took: timedelta
    cause: str | None = None


class LostLease(Exception):
    """Another worker has the conversation now; what was thought is thrown away."""


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
        async with acting_for(self.pool, job.tenant_id) as connection:
            row = await connection.fetchrow(LOCK, job.tenant_id, job.conversation_id)
            if row is None or row["state"] == "held":
                return None
            unanswered = await _unanswered(connection, job)
            if not unanswered:
                return None
            if row["state"] == "person" and not row["handed_back"]:
                await connection.execute(LEAVE_TO_PERSON, job.tenant_id, job.conversation_id, row["turn_id"])
                await self._wake(connection, entry, job, row["account_id"])
                return None
            # Also after the end of another's lease: its holder may be dead.
            if rest := _lease_left(row) or _still_quiet(entry, row["account_id"], unanswered, row["now"]):
                if job.message_id in (0, unanswered[-1].id):  # nobody else's job comes later
                    await _enqueue(connection, job, delay=rest)
                return None
            tenant = entry.tenant
            if row["starts"] >= STARTS:
                cause = row["cause"] or f"The turn was started {STARTS} times without an end."
                await self._hold(connection, entry, job, row["account_id"], cause, tenant.held_text)
                return None
            written = [message.created_at for message in unanswered]
            age = late.late(tenant, written, row["unparked_at"], row["now"])
            if age and tenant.late_rule == "park":
                await self._hold(connection, entry, job, row["account_id"], late.cause(tenant, age))
                return None
            return await _lease_out(connection, job, row, unanswered, age)

    async def _hold(
        self,
        connection: Connection,
        entry: Entry,
        job: Job,
        account_id: int,
        cause: str,
        text: str | None = None,
    ) -> None:
        """Leave the conversation to an operator; `text` is what its contact is told."""
        said = fit(Text(text), self._limits(entry, account_id)) if text else []
        told = [messages.stored(content) for content in said]
        await connection.execute(HOLD, job.tenant_id, job.conversation_id, cause, told)
        await self._wake(connection, entry, job, account_id)
        log.error("Conversation %s of %s is held", job.conversation_id, entry.tenant.slug)
        if told:
            await connection.execute("RESET ROLE")  # the queue is conserje_core's
            await jobs.enqueue(connection, [Job(jobs.DELIVER, job.tenant_id, job.conversation_id)])

    async def _think_under_lease(self, entry: Entry, job: Job, claim: Claim) -> Thought:
        """Think while the lease is renewed. Raises LostLease as soon as it is lost, or NoReply."""
        thinking = asyncio.create_task(self._think(entry, claim))
        renewal = asyncio.create_task(self._renew(job, claim))
        try:
            await asyncio.wait({thinking, renewal}, return_when=asyncio.FIRST_COMPLETED)
            if not thinking.done():
                raise LostLease
            return thinking.result()
        finally:
            thinking.cancel()
            renewal.cancel()

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
        """The reply of the tenant's assistant, else of its fallback. Raises NoReply."""
        started = time.monotonic()
        tenant = entry.tenant
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
        return Turn(
            id=claim.turn_id,
            tenant=tenant.seen,
            contact=claim.contact,
            messages=[Utterance("contact", each.content, each.created_at) for each in claim.unanswered],
            history=claim.history,
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
        async with acting_for(self.pool, job.tenant_id) as connection:
            row = await connection.fetchrow(LOCK, job.tenant_id, job.conversation_id)
            if row is None or row["epoch"] != claim.epoch:
                raise LostLease
            unanswered = await _unanswered(connection, job)
            read = {each.id for each in claim.unanswered}
            newer = [each for each in unanswered if each.id not in read]
            oldest = _oldest(claim.unanswered)
            waiting = messages.age(oldest, row["now"])
            if newer and waiting < entry.tenant.longest_wait.total_seconds():
                return replace(claim, unanswered=unanswered)
            waited = claim.claimed_at - oldest
            await _store_turn(connection, entry, job, claim, thought, said, waited)
            await self._wake(connection, entry, job, claim.account_id)
            await connection.execute("RESET ROLE")  # the queue is conserje_core's
            due = (
                [Job(jobs.DELIVER, job.tenant_id, job.conversation_id, priority=job.priority)] if said else []
            )
            if newer:
                due.append(Job(jobs.CONVERSE, job.tenant_id, job.conversation_id, priority=job.priority))
            await jobs.enqueue(connection, due)
        metrics.turn(thought.assistant, waiting)
        return None

    def _limits(self, entry: Entry, account_id: int) -> Limits:
        channel = self._channel(entry, account_id)
        return channel.limits if channel else Limits()

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
                async with acting_for(self.pool, job.tenant_id) as connection:
                    done = await connection.execute(
                        RENEW, job.tenant_id, job.conversation_id, claim.epoch, LEASE
                    )
                    held = done != "UPDATE 0"

    async def _give_up(self, job: Job, claim: Claim, cause: str) -> None:
        """End this start without a reply; the next one comes later, or the turn is held."""
        log.warning("Conversation %s has no reply: %s", job.conversation_id, cause)
        async with acting_for(self.pool, job.tenant_id) as connection:
            await connection.execute(GIVE_UP, job.tenant_id, job.conversation_id, claim.epoch, cause)
            await _enqueue(connection, job, delay=timedelta(seconds=2))


async def _unanswered(connection: Connection, job: Job) -> tuple[Message, ...]:
    rows = await connection.fetch(messages.UNANSWERED, job.tenant_id, job.conversation_id)
    return tuple(Message(row["id"], from_json(row["content"]), row["created_at"]) for row in rows)


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
    over = _oldest(unanswered) + entry.tenant.longest_wait <= now
    return None if over or rest <= timedelta(0) else rest


def _oldest(unanswered: Sequence[Message]) -> datetime:
    """Not that of the first one taken: another may have come late."""
    return min(message.created_at for message in unanswered)


async def _lease_out(
    connection: Connection,
    job: Job,
    row: asyncpg.Record,
    unanswered: tuple[Message, ...],
    age: timedelta | None,
) -> Claim:
    history = await connection.fetch(
        messages.HISTORY, job.tenant_id, job.conversation_id, unanswered[0].id, HISTORY
    )
    lease = await connection.fetchrow(LEASE_OUT, job.tenant_id, job.conversation_id, LEASE)
    assert lease is not None  # the row is locked
    return Claim(
        epoch=lease["epoch"],
        turn_id=lease["turn_id"],
        account_id=row["account_id"],
        contact=Contact(row["contact_id"], row["contact_name"]),
        unanswered=unanswered,
        history=tuple(
            Utterance(
                "contact" if past["direction"] == "in" else "assistant",
                from_json(past["content"]),
                past["created_at"],
            )
            for past in history
        ),
        claimed_at=row["now"],
        late=age,
    )


async def _store_turn(
    connection: Connection,
    entry: Entry,
    job: Job,
    claim: Claim,
    thought: Thought,
    said: Sequence[Content],
    waited: timedelta,
) -> None:
    reply = thought.reply
    answered = await connection.fetchval(
        SETTLE,
        job.tenant_id,
        job.conversation_id,
        claim.turn_id,
        [message.id for message in claim.unanswered],
        thought.assistant,
        reply.intent,
        reply.confidence,
        json.dumps(reply.usage),
        thought.cause,
        waited,
        thought.took,
        [messages.stored(content) for content in said],
        entry.tenant.hand_back_after if reply.hand_over else None,
    )
    if answered != len(claim.unanswered):
        raise LostLease


async def _enqueue(connection: Connection, job: Job, delay: timedelta) -> None:
    await connection.execute("RESET ROLE")  # the queue is conserje_core's
    again = Job(jobs.CONVERSE, job.tenant_id, job.conversation_id, job.message_id, job.priority, delay)
    await jobs.enqueue(connection, [again])
