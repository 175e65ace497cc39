"""What everyday customers write, graded: with what the shop has said of itself, and without it.

The phrases are as `conserje assistant try` reads them, and graded by it, but for five fields. `topic`: the
shop's knowledge answers it, `question` one of its own questions. `person`: only a person can. `may_deny`:
there is no such thing. `unknown`: nothing of it is told, which is said, and a person may be told. `locale`:
the shop's. An answer with two facts that were not asked for is wrong.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from asking import OTHERS, SHOPS, ask, demo, what_it_says

from conserje import Knowledge, format_price
from conserje.tenants.entry import Entry
from conserje.testing import GivenKnowledge
from conserje.turns.grading import words
from conserje.turns.lease import Claim, Thought
from conserje.turns.phrases import Phrase, from_row
from conserje.turns.thinking import Thinking
from conserje.turns.trial import Trial, Tried

PHRASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "phrases.json").read_text("utf-8"))
OF_OTHERS: list[dict[str, Any]] = [
    {"tenant": slug, **phrase} for slug in OTHERS for phrase in demo(slug)["phrases"]
]
GOAL, GOAL_OF_OTHERS = 0.97, 0.95
HANDED_OVER = 0.1  # at most, of those that need no person
DENIALS = "no tengo eso|no encontre justo eso|no te entendi|solo leo texto"
HONEST = "no (?:tengo|manejo|se) (?:ese|esa|el|la) (?:dato|informacion)"
UNKNOWN = "no tengo el dato"
PRICE = re.compile(r"\$[0-9.]+[0-9]")


@dataclass
class Shop:
    """Thinks with `catalog` alone, about the demo's products."""

    slug: str
    locale: str
    knowledge: Knowledge

    async def think(self, entry: Entry, claim: Claim) -> Thought:
        (message,) = claim.unanswered
        reply = await ask(
            self.slug,
            message.content,
            history=claim.history,
            locale=self.locale,
            knowledge=self.knowledge,
        )
        return Thought(reply, "catalog", timedelta(0))


async def tried(row: Mapping[str, Any], *, knows: bool) -> Tried:
    slug, locale = row["tenant"], row.get("locale", "es-CL")
    shop = Shop(slug, locale, what_it_says(slug, locale) if knows else GivenKnowledge())
    trial = Trial(cast(Thinking, shop), cast(Entry, None))  # of which the shop asks nothing
    return await trial.ask(phrase(row, knows=knows))


def phrase(row: Mapping[str, Any], *, knows: bool) -> Phrase:
    """With what is right where the shop's knowledge is there, or is not."""
    held: dict[str, Any] = {"any": row["any"], "none": row.get("none", []), "hand_over": False}
    if not row.get("may_deny"):
        held["none"] = [*held["none"], DENIALS]
    if row.get("topic") and not knows:
        held = {"any": HONEST, "hand_over": "or"}
    if row.get("unknown"):
        held = {"all": [*held["any"], UNKNOWN], "none": held["none"], "hand_over": "or"}
    if row.get("person"):
        held["hand_over"] = True
    return from_row({"phrase": row["phrase"], **held}, str(row["phrase"]), "CLP")


def fault(row: Mapping[str, Any], each: Tried) -> str:
    """What is wrong with the answer; empty: it is right."""
    return each.fault or ("says what was not asked for" if len(unasked(row, words(each.reply))) > 1 else "")


def unasked(row: Mapping[str, Any], told: str) -> list[str]:
    """What the shop says of itself that is in the answer, but what was asked for."""
    topic, said = row.get("topic", ""), demo(row["tenant"])["knowledge"]
    facts = [
        answer
        for name, answer in said.items()
        if isinstance(answer, str) and topic != name.split(".")[0] and name != "address.place"
    ]
    answers = [each["answer"] for each in said.get("questions", ()) if each["answer"] in told]
    return [fact for fact in facts if fact in told] + answers[topic == "question" :]


@pytest.mark.parametrize("knows", [True, False], ids=["knows", "knows nothing"])
@pytest.mark.parametrize(
    ("rows", "goal"), [(PHRASES, GOAL), (OF_OTHERS, GOAL_OF_OTHERS)], ids=["demo", "others"]
)
async def test_everyday_phrases_are_answered(
    rows: Sequence[Mapping[str, Any]], goal: float, knows: bool
) -> None:
    faults, handed_over = [], []
    for row in rows:
        each = await tried(row, knows=knows)
        if found := fault(row, each):
            faults.append(f"{row['tenant']}, {row['phrase']}: {found}: {words(each.reply)}")
        if each.reply.hand_over and not (row.get("person") or row.get("unknown")):
            handed_over.append(row["phrase"])
    assert len(faults) <= (1 - goal) * len(rows), "\n".join(faults)
    assert not knows or len(handed_over) <= HANDED_OVER * len(rows), handed_over


async def test_no_price_is_made_up() -> None:
    for row in (*PHRASES, *OF_OTHERS):
        prices = {format_price(product.price, "CLP") for product in SHOPS[row["tenant"]][1]}
        told = words((await tried(row, knows=False)).reply)
        for line in told.splitlines():
            found = PRICE.findall(line)
            if ": $" in line and not line.startswith("Total: "):
                assert found[0] in prices, (row["phrase"], line)


async def test_who_needs_a_person_is_offered_no_product() -> None:
    for row in (row for row in (*PHRASES, *OF_OTHERS) if row.get("person")):
        for knows in (True, False):
            reply = (await tried(row, knows=knows)).reply
            assert reply.hand_over or not PRICE.search(words(reply)), row["phrase"]


def sentences() -> Sequence[str]:
    return [f"{row['tenant']}: {row['phrase']}" for row in (*PHRASES, *OF_OTHERS)]


def test_each_phrase_is_written_once() -> None:
    assert len(set(sentences())) == len(PHRASES) + len(OF_OTHERS)
