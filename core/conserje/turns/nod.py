"""The nod: a thumb or a heart alone, which says yes to what was asked, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

from conserje.contract.assistant import Utterance
from conserje.contract.choices import offers
from conserje.contract.language import in_language
from conserje.contract.message import Content, Text, is_wordless
from conserje.contract.plain import plain
from conserje.conversations import transcript
from conserje.conversations.transcript import Message
from conserje.storage.database import Connection
from conserje.tenants import words

LOOKED_AT = 10  # messages before a nod among which is what it answers

_THUMB = "\U0001f44d[\U0001f3fb-\U0001f3ff]?"
_HEART = (
    "[\u2764\u2665\u2763\U0001f493-\U0001f49f\U0001f5a4\U0001f90d\U0001f90e\U0001f9e1\U0001fa75-\U0001fa77]"
)
_NOD = re.compile(rf"\s?(?:{_THUMB}|{_HEART})\ufe0f?\s?")
_QUESTION = re.compile(r"\?(?=[\s\"'»)*_~!?]|$)")  # not that of an address


def is_nod(content: Content) -> bool:
    return isinstance(content, Text) and bool(_NOD.fullmatch(content.text))


def yes(locale: str) -> Text:
    """What a nod says, in the tenant's language."""
    return Text(in_language(words.YES, locale))


def was_asked(said: Sequence[Utterance], quoted: Content | None) -> bool:
    """Whether the message that a nod points at asks something, else what was said last to the contact."""
    if quoted is not None:
        return _asks(quoted)
    for each in reversed(said):
        if each.author == "assistant" and _asks(each.content):
            return True
        if each.author == "contact" and not is_wordless(each.content):
            return False
    return False


def _asks(content: Content) -> bool:
    return offers(content) or bool(_QUESTION.search(plain(content)))


async def are_mere(
    connection: Connection,
    tenant_id: int,
    conversation_id: int,
    unanswered: Sequence[Message],
    context: timedelta,
) -> bool:
    """Whether these are nods and nothing else, and nobody asked for one within `context`."""
    if not all(is_nod(each.content) for each in unanswered):
        return False
    place = (tenant_id, conversation_id, unanswered[0].id)
    said, _ = await transcript.history(connection, *place, LOOKED_AT, context)
    return not any(was_asked(said, each.quoted) for each in unanswered)
