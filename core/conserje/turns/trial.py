"""The trial: an assistant is asked as a tenant's turns ask it; nothing is stored, and nothing is sent."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from conserje.contract.assistant import Contact, Reply, Utterance
from conserje.contract.message import Text
from conserje.conversations.effects import Proposed
from conserje.conversations.transcript import Message
from conserje.costs.prices import Usage
from conserje.tenants.entry import Entry
from conserje.turns.grading import fault
from conserje.turns.lease import Claim, Thought
from conserje.turns.phrases import Phrase
from conserje.turns.thinking import NoReply, Thinking


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a phrase; `fault` is what is wrong with its last answer, and empty where it is right."""

    phrase: Phrase
    reply: Reply
    assistant: str  # who gave the last answer; empty: nobody
    fault: str
    took: timedelta  # of the last answer
    usage: dict[str, int]  # of all answers
    effects: tuple[Proposed, ...]  # that the answers would have brought with them
    micros: int | None  # millionths of a USD that these cost; None: nothing is known of it


@dataclass
class Trial:
    """Asks a tenant's assistant, or another one in its place."""

    thinking: Thinking
    entry: Entry
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(-1, -1))  # of no contact and no turn

    @classmethod
    def of(cls, thinking: Thinking, entry: Entry, assistant: str | None) -> Trial:
        """Raises PluginMissing or AccountUnusable where that one cannot be asked."""
        tenant = replace(entry.tenant, assistant=assistant) if assistant else entry.tenant
        trial = cls(thinking, Entry(tenant, entry.accounts))
        trial.entry.assistant(thinking.plugins.assistant(tenant.assistant), thinking.vault)
        return trial

    @property
    def assistant(self) -> str:
        return self.entry.tenant.assistant

    async def ask_all(
        self, phrases: Sequence[Phrase], at_once: int, tell: Callable[[int], None]
    ) -> list[Tried]:
        """What came of each, of so many at once; `tell` is called with how many are done."""
        slots, done = asyncio.Semaphore(at_once), itertools.count(1)

        async def ask(phrase: Phrase) -> Tried:
            async with slots:
                tried = await self.ask(phrase)
            tell(next(done))
            return tried

        return await asyncio.gather(*map(ask, phrases))

    async def ask(self, phrase: Phrase) -> Tried:
        """What is answered to a contact who has never written before."""
        contact, history = Contact(next(self._ids), ""), list(phrase.history)
        usage: dict[str, int] = {}
        costs: list[int] = []
        effects: list[Proposed] = []
        for text in phrase.texts:
            started = time.monotonic()
            thought = await self._think(contact, history, text)
            took = timedelta(seconds=time.monotonic() - started)
            for what, number in thought.reply.usage.items():
                usage[what] = usage.get(what, 0) + number
            costs += await self._cost(thought)
            effects += thought.effects
            now = datetime.now(UTC)
            history += [Utterance("contact", Text(text), now)]
            history += [Utterance("assistant", said, now) for said in thought.reply.messages]
        reply = thought.reply
        # What the fallback says is not the answer of the one that is tried.
        why = thought.cause or fault(phrase, reply)
        cost = sum(costs) if costs else None
        return Tried(phrase, reply, thought.assistant, why, took, usage, tuple(effects), cost)

    async def _cost(self, thought: Thought) -> list[int]:
        """What the answer cost, where one model gave it, whose price is known."""
        models = {each.name for each in thought.called if each.kind == "model"}
        if len(models) != 1:
            return []
        prices, used = await self.thinking.prices.current(), Usage.of(thought.reply.usage)
        cost = prices.of_call(models.pop(), used, datetime.now(UTC).date())
        return [] if cost is None else [cost]

    async def _think(self, contact: Contact, history: Sequence[Utterance], text: str) -> Thought:
        now = datetime.now(UTC)
        claim = Claim(
            epoch=0,
            turn_id=next(self._ids),
            conversation_id=0,
            account_id=0,
            contact=contact,
            unanswered=(Message(1, Text(text), now),),
            history=tuple(history),
            claimed_at=now,
            late=None,
            recent_turns=0,
            recent_since=now,
        )
        try:
            return await self.thinking.think(self.entry, claim)
        except NoReply as why:
            return Thought(Reply(), "", timedelta(0), str(why))
