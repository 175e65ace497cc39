"""The turns' tables: who may think one, what was unanswered, what the reply was."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from conserje.contract.assistant import Contact, Reply, Utterance
from conserje.contract.choices import chosen, offers
from conserje.contract.message import Content, Text
from conserje.contract.plain import spoken
from conserje.conversations import claiming, settling, state, transcript
from conserje.conversations.effects import Proposed
from conserje.conversations.rows import stored
from conserje.conversations.sending import Next
from conserje.conversations.settling import Settled
from conserje.conversations.state import Locked
from conserje.conversations.transcript import Message
from conserje.notices import table as notices
from conserje.rules.consent import Sign
from conserje.shop import asked
from conserje.storage import notifications
from conserje.storage.database import Connection, Pool
from conserje.storage.jobs import Job
from conserje.storage.text import clean
from conserje.turns import called, late, nod
from conserje.turns.called import Called

if TYPE_CHECKING:
    from conserje.tenants.entry import Entry

LONGEST_TOLD = 16_000  # characters


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to think one turn, until the lease ends or is renewed."""

    epoch: int
    turn_id: int
    conversation_id: int  # 0: none, nothing may be done for it
    account_id: int
    contact: Contact
    unanswered: tuple[Message, ...]
    history: tuple[Utterance, ...]
    claimed_at: datetime
    late: timedelta | None  # the age of the oldest message, where it is too old for the tenant
    recent_turns: int  # that the contact has had since `recent_since`
    recent_since: datetime
    summary: str = ""  # of what was said before the history
    oldest_read: int = 0  # the id of the oldest message of the history
    may_act: bool = True  # else what has an effect is not called
    contact_address: str = ""


@dataclass(frozen=True, slots=True)
class Thought:
    """A reply, who gave it, how long it took, what was called, and why the first choice did not give it."""

    reply: Reply
    assistant: str
    took: timedelta
    cause: str | None = None
    called: Sequence[Called] = ()
    effects: Sequence[Proposed] = ()  # that it brings with it
    sign: Sign | None = None  # of the contact's will, which is followed with it

    @property
    def is_plain(self) -> bool:
        """Whether nothing follows of it but what it says, and that people are called or asked."""
        return not (self.effects or self.sign)


class LostLease(Exception):
    """Another worker has the conversation now; what was thought is thrown away."""


def read(claim: Claim, locale: str) -> tuple[list[Utterance], list[Utterance]]:
    """What is to be answered, and what was said before.

    What a contact wrote to choose is the choice, a nod to what was asked is a yes, and a voice note is what
    was heard in it.
    """
    new = [Utterance("contact", each.content, each.created_at, each.quoted) for each in claim.unanswered]
    past = len(claim.history)
    all_said, offered, before = list(map(_heard, (*claim.history, *new))), None, "contact"
    for n, said in enumerate(all_said):
        if said.author == "contact":
            if isinstance(said.content, Text) and (choice := chosen(said.content.text, offered)):
                all_said[n] = replace(said, content=choice)
            elif nod.is_nod(said.content) and nod.was_asked(all_said[:n], said.quoted):
                all_said[n] = replace(said, content=nod.yes(locale))
        elif offers(said.content) or before == "contact":
            offered = said.content
        before = said.author
    return all_said[past:], all_said[:past]


def _heard(said: Utterance) -> Utterance:
    text = spoken(said.content)
    return said if text is None else replace(said, content=text, heard=True)


def oldest(unanswered: Sequence[Message]) -> datetime:
    """Not that of the first one taken: another may have come late."""
    return min(message.created_at for message in unanswered)


async def lease_at_once(pool: Pool, entry: Entry, job: Job, most_turns: int) -> Claim | None:
    """The right to think, in one round trip, where nothing that is stored stands in its way."""
    claimed = await claiming.claim(
        pool, job.tenant_id, job.conversation_id, job.message_id,
        most_turns=most_turns, context=entry.tenant.context, late_after=late.after(entry.tenant),
    )  # fmt: skip
    if claimed is None:
        return None
    return Claim(
        epoch=claimed.epoch,
        turn_id=claimed.turn_id,
        conversation_id=job.conversation_id,
        account_id=claimed.account_id,
        contact=Contact(claimed.contact_id, claimed.contact_name),
        unanswered=claimed.unanswered,
        history=claimed.history,
        claimed_at=claimed.claimed_at,
        late=None,
        recent_turns=claimed.recent_turns,
        recent_since=claimed.recent_since,
        summary=claimed.summary,
        oldest_read=claimed.oldest_read,
        contact_address=claimed.contact_address,
    )


async def lease_out(
    connection: Connection,
    entry: Entry,
    job: Job,
    conversation: Locked,
    unanswered: tuple[Message, ...],
    age: timedelta | None,
    most_turns: int,
) -> Claim:
    """The right to think; of the contact's recent turns at most so many are counted."""
    place = (job.tenant_id, job.conversation_id)
    history, oldest_read = await transcript.history(
        connection, *place, unanswered[0].id, transcript.READ, entry.tenant.context
    )
    leased = await connection.fetchrow(
        state.LEASE_OUT, *place, state.LEASE, state.RECENT, most_turns, entry.tenant.context
    )
    assert leased is not None  # the row is locked
    if conversation.state == "person":  # whose time is over
        await notifications.record(connection, job.tenant_id, "conversation.given_back", job.conversation_id)
    return Claim(
        conversation_id=job.conversation_id,
        account_id=conversation.account_id,
        contact=Contact(conversation.contact_id, conversation.contact_name),
        unanswered=unanswered,
        history=history,
        oldest_read=oldest_read,
        claimed_at=conversation.now,
        late=age,
        contact_address=conversation.contact_address,
        **leased,
    )


async def settle_at_once(
    pool: Pool,
    entry: Entry,
    job: Job,
    claim: Claim,
    thought: Thought,
    said: Sequence[Content],
    *,
    since: timedelta | None,
    followed: bool,
) -> Next | None:
    """The first message of the reply, in hand, where all is plain; the contact has written `since`."""
    turn = settled(entry, claim, thought, said)
    place = (job.tenant_id, job.conversation_id, claim.epoch)
    return await settling.settle(pool, *place, claim.unanswered, turn, since=since, followed=followed)


def settled(entry: Entry, claim: Claim, thought: Thought, said: Sequence[Content]) -> Settled:
    """The turn as it is stored."""
    reply = thought.reply
    unknown = asked.noted(reply.unanswered, claim.contact.name)
    return Settled(
        turn_id=claim.turn_id,
        assistant=thought.assistant,
        intent=reply.intent and clean(reply.intent),
        confidence=reply.confidence,
        usage=json.dumps({clean(what): number for what, number in reply.usage.items()}),
        cause=thought.cause,
        waited=claim.claimed_at - oldest(claim.unanswered),
        thought=thought.took,
        said=[stored(content) for content in said],
        quotes=claim.unanswered[-1].provider_id if reply.quote else None,
        told=clean(reply.told)[:LONGEST_TOLD] or None,
        calls=called.stored(thought.called),
        handed=entry.tenant.hand_back_after if reply.hand_over else None,
        ways=notices.kinds_for(entry.tenant) if reply.hand_over else (),
        meant=list(unknown),
        questions=list(unknown.values()),
        kept=asked.KEPT,
    )


async def store(
    connection: Connection, entry: Entry, job: Job, claim: Claim, thought: Thought, said: Sequence[Content]
) -> None:
    """Raises LostLease."""
    turn = settled(entry, claim, thought, said)
    answered = await connection.fetchval(
        state.SETTLE,
        job.tenant_id,
        job.conversation_id,
        turn.turn_id,
        [message.id for message in claim.unanswered],
        turn.assistant,
        turn.intent,
        turn.confidence,
        turn.usage,
        turn.cause,
        turn.waited,
        turn.thought,
        turn.said,
        turn.handed,
        turn.quotes,
        turn.told,
        turn.calls,
    )
    if answered != len(claim.unanswered):
        raise LostLease
    if questions := thought.reply.unanswered:
        await asked.note(connection, job.tenant_id, questions, claim.contact.name)
