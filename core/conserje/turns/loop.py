"""The loop-breaker: two machines that answer each other are not let go on, for each reply costs money."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby

from conserje.contract.assistant import Reply, Utterance
from conserje.contract.message import Text
from conserje.turns.lease import Claim, Thought

ASSISTANT = "loop-breaker"  # in whose name the turn is kept

SAME = 3  # times that a contact may write the same, and the last one is not answered
LETTERS = 12  # of a text that a person may well write again: "gracias", "hola hola"
TURNS = 40  # of a contact within state.RECENT, in all its conversations

REPEATED = f"The contact wrote the same {SAME} times, each time after an answer."
TOO_MANY = f"The contact had {TURNS} answers within 10 minutes."


def found(claim: Claim) -> str | None:
    """Why the conversation looks like one of two machines; None: it does not."""
    if claim.recent_turns >= TURNS:
        return TOO_MANY
    return REPEATED if _repeats([*claim.history, *_written(claim)], claim) else None


def silence(cause: str) -> Thought:
    """Nothing is said, and a person looks after the contact."""
    return Thought(Reply(hand_over=True), ASSISTANT, timedelta(0), cause)


def _written(claim: Claim) -> list[Utterance]:
    return [Utterance("contact", each.content, each.created_at) for each in claim.unanswered]


def _repeats(said: Sequence[Utterance], claim: Claim) -> bool:
    recent = [each for each in said if each.at > claim.recent_since]
    rounds = [
        {_letters(each) for each in written}
        for author, written in groupby(recent, lambda each: each.author)
        if author == "contact"
    ][-SAME:]
    same = len(rounds) == SAME and all(each == rounds[0] for each in rounds)
    return same and sum(map(len, rounds[0])) > LETTERS


def _letters(said: Utterance) -> str:
    """The text's letters alone: the number and the hour in it may change. Nothing of a choice or a file."""
    text = said.content.text if isinstance(said.content, Text) else ""
    return "".join(filter(str.isalpha, text.casefold()))
