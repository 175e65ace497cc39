"""The suggestion: what an assistant would say where a person answers; it is theirs to say, or not.

It is thought as a turn is, with what that may cost, but of no turn: nothing of it is stored or sent, and what
has an effect is not called. A contact may have written it for the assistant to read: it is words, no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile

from conserje.contract.assistant import Contact, Utterance
from conserje.conversations import summaries, transcript
from conserje.conversations.handling import Conversation
from conserje.conversations.paging import LAST_ID
from conserje.conversations.transcript import Message
from conserje.errors import OperatorError
from conserje.storage.scope import acting_for
from conserje.storage.text import clean
from conserje.tenants.entry import Entry
from conserje.turns import grading
from conserje.turns.lease import Claim
from conserje.turns.thinking import Thinking

LONGEST = 4000  # characters


class NothingToAnswer(OperatorError):
    """The contact has not written since they were answered."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Words, and whose; none where the assistant would be silent."""

    text: str
    assistant: str


async def suggest(thinking: Thinking, entry: Entry, conversation: Conversation) -> Suggestion:
    """What the tenant's assistant would answer now. Raises NothingToAnswer or NoReply."""
    thought = await thinking.ask_assistants(entry, await _claim(thinking, entry, conversation))
    return Suggestion(clean(grading.words(thought.reply))[:LONGEST].strip(), thought.assistant)


async def _claim(thinking: Thinking, entry: Entry, conversation: Conversation) -> Claim:
    """Of no turn, though what it costs is the conversation's. Raises NothingToAnswer."""
    place, context = (entry.tenant.id, conversation.id), entry.tenant.context
    async with acting_for(thinking.pool, entry.tenant.id) as scope:
        said, _ = await transcript.history(scope.connection, *place, LAST_ID, transcript.READ, context)
        summary = await summaries.read(scope.connection, *place, context)
    new = list(takewhile(lambda each: each.author == "contact", reversed(said)))[::-1]
    if not new:
        raise NothingToAnswer("They have not written since they were answered.")
    now = datetime.now(UTC)
    return Claim(
        epoch=0,
        turn_id=0,
        conversation_id=conversation.id,
        account_id=0,
        contact=Contact(conversation.contact_id, conversation.name),
        unanswered=_messages(new),
        history=said[: -len(new)],
        claimed_at=now,
        late=None,
        recent_turns=0,
        recent_since=now,
        summary=summary,
        may_act=False,
    )


def _messages(said: Sequence[Utterance]) -> tuple[Message, ...]:
    return tuple(Message(number, each.content, each.at, each.quoted) for number, each in enumerate(said, 1))
