"""The trial: a contact's phrases are asked one after the other, of so many contacts at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import cast

from conserje import Reply, Text, plain
from conserje.conversations.effects import Proposed
from conserje.tenants.entry import Entry
from conserje.turns.lease import Claim, Thought
from conserje.turns.phrases import Phrase, from_row
from conserje.turns.thinking import NoReply, Thinking
from conserje.turns.trial import Trial


class Mind:
    """Says what it heard, wants a lead of it, and keeps what it was asked; silent to "nada"."""

    def __init__(self) -> None:
        self.asked: list[Claim] = []
        self.at_work = self.most = 0

    async def think(self, entry: Entry, claim: Claim) -> Thought:
        self.asked.append(claim)
        self.at_work += 1
        self.most = max(self.most, self.at_work)
        await asyncio.sleep(0)
        self.at_work -= 1
        heard = plain(claim.unanswered[0].content)
        if heard == "nada":
            raise NoReply("mind: away")
        reply = Reply([Text(heard)], usage={"output_tokens": 2})
        return Thought(reply, "mind", timedelta(0), effects=[Proposed("lead", '{"what": "té"}')])


def phrase(*texts: str) -> Phrase:
    return from_row({"phrase": list(texts), "any": texts[-1]}, "Phrase", "CLP")


def trial(mind: Mind) -> Trial:
    return Trial(cast(Thinking, mind), cast(Entry, None))  # of which it asks nothing


async def test_what_was_said_before_is_the_history_of_the_next() -> None:
    mind = Mind()
    tried = await trial(mind).ask(phrase("hola", "té"))
    assert [plain(said.content) for said in mind.asked[1].history] == ["hola", "hola"]
    assert (tried.fault, tried.usage, tried.micros) == ("", {"output_tokens": 4}, None)
    assert [effect.tool for effect in tried.effects] == ["lead", "lead"]


async def test_each_phrase_is_of_a_contact_and_a_turn_that_are_nobody_s() -> None:
    mind = Mind()
    told: list[int] = []
    tried = await trial(mind).ask_all([phrase("a"), phrase("b"), phrase("c")], 2, told.append)
    assert [each.phrase.texts for each in tried] == [("a",), ("b",), ("c",)]
    assert (mind.most, told) == (2, [1, 2, 3])
    numbers = {number for claim in mind.asked for number in (claim.contact.id, claim.turn_id)}
    assert len(numbers) == 6 and max(numbers) < 0
    assert {claim.conversation_id for claim in mind.asked} == {0}


async def test_no_answer_is_wrong_and_says_why() -> None:
    tried = await trial(Mind()).ask(phrase("nada"))
    assert (tried.fault, tried.assistant, tried.reply.messages) == ("mind: away", "", ())
