"""What everyday customers write, graded: with what the shop has said of itself, and without it.

Of a right answer at least one of `any` is found in the folded text, and none of `none`. `topic`: the shop's
knowledge answers it. `person`: only a person can. `may_deny`: there is no such thing. A list is written one
after the other by one contact; the last answer counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from asking import DEMO, ask, what_it_says, words

from conserje import Knowledge, Reply, Utterance, format_price
from conserje.contract.opt_out import folded
from conserje.testing import GivenKnowledge, said

PHRASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "phrases.json").read_text("utf-8"))
GOAL = 0.97
HANDED_OVER = 0.1  # at most, of those that need no person
DENIALS = "no tengo eso|no encontre justo eso|no te entendi|solo leo texto"
HONEST = re.compile(r"no (?:tengo|manejo|se) (?:ese|esa|el|la) (?:dato|informacion)")
PRICE = re.compile(r"\$[0-9.]+[0-9]")


async def answer(phrase: Mapping[str, Any], known: Knowledge) -> Reply:
    history: list[Utterance] = []
    texts = [phrase["phrase"]] if isinstance(phrase["phrase"], str) else phrase["phrase"]
    for text in texts:
        locale = phrase.get("locale", "es-CL")
        reply = await ask(phrase["tenant"], text, history=history, locale=locale, knowledge=known)
        history += [said(text), *(Utterance("assistant", each, datetime.now(UTC)) for each in reply.messages)]
    return reply


def knowledge(phrase: Mapping[str, Any]) -> Knowledge:
    return what_it_says(phrase["tenant"], phrase.get("locale", "es-CL"))


def fault(phrase: Mapping[str, Any], reply: Reply, *, knows: bool) -> str:
    """What is wrong with the answer; empty: it is right."""
    told = folded_lines(words(reply))
    if phrase.get("person") and not reply.hand_over:
        return "no person is told"
    if not phrase.get("person") and reply.hand_over and (knows or not phrase.get("topic")):
        return "a person is told"
    if phrase.get("topic") and not knows:
        return "" if reply.hand_over or HONEST.search(told) else "neither known nor given to a person"
    if not any(re.search(right, told, re.DOTALL) for right in phrase["any"]):
        return "not what was asked"
    wrong = [*phrase.get("none", ()), *(() if phrase.get("may_deny") else (DENIALS,))]
    return next((f"says {each}" for each in wrong if re.search(each, told, re.DOTALL)), "")


def folded_lines(text: str) -> str:
    """In lower case, without accents, with its signs."""
    return "\n".join("".join(folded(sign) or sign for sign in line) for line in text.splitlines())


@pytest.mark.parametrize("knows", [True, False], ids=["knows", "knows nothing"])
async def test_everyday_phrases_are_answered(knows: bool) -> None:
    faults, handed_over = [], []
    for phrase in PHRASES:
        reply = await answer(phrase, knowledge(phrase) if knows else GivenKnowledge())
        if found := fault(phrase, reply, knows=knows):
            faults.append(f"{phrase['tenant']}, {phrase['phrase']}: {found}: {words(reply)}")
        if reply.hand_over and not phrase.get("person"):
            handed_over.append(phrase["phrase"])
    assert len(faults) <= (1 - GOAL) * len(PHRASES), "\n".join(faults)
    assert not knows or len(handed_over) <= HANDED_OVER * len(PHRASES), handed_over


async def test_no_price_is_made_up() -> None:
    for phrase in PHRASES:
        prices = {format_price(product.price, "CLP") for product in DEMO[phrase["tenant"]][1]}
        told = words(await answer(phrase, GivenKnowledge()))
        for line in told.splitlines():
            found = PRICE.findall(line)
            if ": $" in line and not line.startswith("Total: "):
                assert found[0] in prices, (phrase["phrase"], line)


def sentences() -> Sequence[str]:
    return [str(phrase["phrase"]) for phrase in PHRASES]


def test_each_phrase_is_written_once() -> None:
    assert len(set(sentences())) == len(PHRASES)
