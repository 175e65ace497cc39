"""What a message asks besides what is answered: nothing of it is dropped without a word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from conserje import Known
from conserje_catalog import lore, meaning, qualities, things, wishes
from conserje_catalog.asked import Asked, naming
from conserje_catalog.names import AnyTurn
from conserje_catalog.vocabulary import PATTERNS

_QUESTION = re.compile(r"[^?\n]+\??")
_SENTENCE = re.compile(r"[.!;]\s|¿")
_COST = re.compile(
    r"\$|\b(?:sin costo|gratis|cobramos|cuesta|valor|free|cost|custa|gr[aá]tis)\b", re.IGNORECASE
)
_STEM = 5  # letters by which words are held to be the same
_MOST = 5  # sentences of a message


async def questions(turn: AnyTurn, text: str, said: str) -> list[str]:
    """Those of several questions that neither the shop's knowledge nor its products answer, as written."""
    sentences = list(_sentences(text))[:_MOST]
    if len(sentences) < 2:
        return []
    left = []
    for before, each in pairwise(["", *sentences]):
        if (
            Asked(each).is_question
            and not _is_answered(each, said)
            and not await _is_known(turn, each)
            and not await _goes_on(turn, before, each)
        ):
            left.append(each)
    return left


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


async def _goes_on(turn: AnyTurn, before: str, sentence: str) -> bool:
    """Whether it asks more of what the shop has told: "atienden los sábados? hasta qué hora"."""
    if PATTERNS["its_cost"].search(" ".join(Asked(sentence).clauses)):
        told = await lore.known(turn, before, Asked(before))
        return any(_COST.search(each.answer) for each in told)
    if await things.timed(turn, Asked(f"{before}\n{sentence}")):
        return True
    topics = {topic for topic, _ in wishes.parts(Asked(before))}
    same = [topic for topic, _ in wishes.parts(Asked(sentence)) if topic in topics]
    both = f"{before} {sentence}"
    return bool(same) and bool(await lore.known(turn, both, Asked(both)))


def _is_answered(sentence: str, said: str) -> bool:
    """Whether what names something in it is in what is said: "le hacen baño a un poodle?"."""
    told = {word[:_STEM] for clause in Asked(said).clauses for word in clause.split()}
    words = [word[:_STEM] for clause in Asked(sentence).clauses for word in naming(clause)]
    return 0 < len(words) <= 2 * sum(word in told for word in words)


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
    if await lore.known(turn, sentence, asked):
        return True
    meant = await meaning.find(turn, asked)
    if meant is None and await things.alike(turn, list(asked.wanted())):
        return True
    return meant is not None and not qualities.unknown(meant.products, asked)


def is_one(text: str) -> bool:
    """Whether no more than one thing is said."""
    return len(list(_sentences(text))) == 1
