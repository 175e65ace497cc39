"""What a message asks besides what is answered: nothing of it is dropped without a word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from conserje import Known
from conserje_catalog import lore, meaning, wishes
from conserje_catalog.asked import Asked
from conserje_catalog.names import AnyTurn

_QUESTION = re.compile(r"[^?\n]+\??")
_SENTENCE = re.compile(r"[.!;]\s|¿")
_MOST = 5  # sentences of a message


async def questions(turn: AnyTurn, text: str) -> list[str]:
    """Those of several questions that neither the shop's knowledge nor its products answer, as written."""
    sentences = list(_sentences(text))[:_MOST]
    if len(sentences) < 2:
        return []
    return [each for each in sentences if Asked(each).is_question and not await _is_known(turn, each)]


async def topics(turn: AnyTurn, asked: Asked, known: Sequence[Known]) -> list[str]:
    """The topics that are asked for beside those that are known, of which the shop has said nothing."""
    told: set[str] = {each.topic for each in known}
    if "wholesale" in told:
        told.add("haggling")  # what it says of the one is its answer to the other
    left: dict[str, None] = {}
    for topic, part in wishes.parts(asked):
        found = () if topic in told else await lore.known(turn, part, Asked(part))
        if topic not in told and not any(_tells(each, topic) for each in found):
            left[topic] = None
    return list(left)


def _tells(known: Known, topic: str) -> bool:
    """How to pay is no answer to who asks 10 % less for paying so."""
    return topic != "haggling" or known.kind == "question" or known.topic == "wholesale"


def _sentences(text: str) -> Iterator[str]:
    """Those that say something, each question with its sign."""
    for part in _QUESTION.findall(text):
        for sentence in _SENTENCE.split(part):
            asked = Asked(sentence)
            if asked.has_words and not asked.chats:
                yield sentence.strip()


async def _is_known(turn: AnyTurn, sentence: str) -> bool:
    asked = Asked(sentence)
    if asked.says_little or asked.says("catalogue") or asked.says("who"):
        return True
    return bool(await lore.known(turn, sentence, asked) or await meaning.find(turn, asked))
