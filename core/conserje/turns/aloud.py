"""What was said aloud: an opt-out is asked back, and then counts; what was not heard is to be written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from conserje.contract.assistant import Reply, Tenant, Utterance
from conserje.contract.channel import AnyChannel
from conserje.contract.language import in_language
from conserje.contract.message import Media, Text
from conserje.contract.opt_out import LONGEST, folded, wish
from conserje.contract.plain import plain
from conserje.conversations.rows import stored
from conserje.rules import consent
from conserje.rules.consent import Sign
from conserje.tenants import words
from conserje.turns import wish as wishes
from conserje.turns.lease import Thought

ASSISTANT = "voice"  # in whose name the turn is kept

_YES = frozenset({"si", "sim", "yes", "si por favor", "sim por favor", "yes please"})
_FILLERS = frozenset(
    {"hola", "oi", "hello", "por", "favor", "please", "gracias", "obrigado", "obrigada", "thanks"}
)


def confirmed(
    said: Sequence[Utterance], past: Sequence[Utterance], channel: AnyChannel, locale: str
) -> Sign | None:
    """The sign of a contact who says yes to the question whether they want no more; None: there is none."""
    answers = [each for each in said if isinstance(each.content, Text)]
    if not any(folded(_text(each)[:LONGEST]) in _YES or _opts_out(each, channel) for each in answers):
        return None
    asked = next((each.content for each in reversed(past) if each.author == "assistant"), None)
    if not isinstance(asked, Text) or asked.text not in words.WANTS_NO_MORE.values():
        return None
    cause = "; ".join(plain(each.content) for each in said)[:200]
    return Sign("out", "contact", cause, stored(consent.confirmation("out", channel, locale)))


def asked_back(said: Sequence[Utterance], channel: AnyChannel, locale: str) -> Thought | None:
    """The question to who says aloud that they want no more messages: it may be misheard."""
    if not any(_opts_out(each, channel) for each in said):
        return None
    question = Text(in_language(words.WANTS_NO_MORE, locale))
    return Thought(Reply([question], intent="opt-out", confidence=1.0), ASSISTANT, timedelta(0))


def _opts_out(said: Utterance, channel: AnyChannel) -> bool:
    """Whether it was said aloud, and by one of the channel's words; who speaks is polite around it."""
    if not said.heard:
        return False
    spoken = " ".join(word for word in folded(_text(said)[:LONGEST]).split() if word not in _FILLERS)
    return wish(Text(spoken), channel.opt_out_words, frozenset()) == "out"


def _text(said: Utterance) -> str:
    return said.content.text if isinstance(said.content, Text) else ""


def is_unheard(said: Utterance) -> bool:
    """Whether it has a voice note of which nothing was heard."""
    return isinstance(said.content, Media) and any(each.unheard for each in said.content.files)


def asked_to_write(
    said: Sequence[Utterance], past: Sequence[Utterance], tenant: Tenant, now: datetime
) -> Thought:
    """What a contact is told whose voice note was not heard; of a second one in a row a person is told."""
    before = next((each for each in reversed(past) if each.author == "contact"), None)
    if before is not None and is_unheard(before):
        return Thought(wishes.reply(tenant, now), ASSISTANT, timedelta(0), "Two voice notes were not heard.")
    [*_, unheard] = filter(is_unheard, said)
    assert isinstance(unheard.content, Media)  # it has files
    is_long = any(each.unheard == "long" for each in unheard.content.files)
    told = in_language(words.TOO_LONG if is_long else words.UNCLEAR, tenant.locale)
    why = "The voice note is too long." if is_long else "The voice note is not clear."
    return Thought(Reply([Text(told)], intent="unheard", confidence=1.0), ASSISTANT, timedelta(0), why)
