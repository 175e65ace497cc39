"""What everyday customers write, graded: with what the shop has said of itself, and without it.

The phrases are as `conserje assistant try` reads them, and graded by it, but for four fields. `topic`: the
shop's knowledge answers it. `person`: only a person can. `may_deny`: there is no such thing. `locale`: the
shop's.
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
from asking import DEMO, ask, what_it_says

from conserje import Knowledge, format_price
from conserje.tenants.entry import Entry
from conserje.testing import GivenKnowledge
from conserje.turns.grading import words
from conserje.turns.lease import Claim, Thought
from conserje.turns.phrases import Phrase, from_row
from conserje.turns.thinking import Thinking
from conserje.turns.trial import Trial, Tried

PHRASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "phrases.json").read_text("utf-8"))
GOAL = 0.97
HANDED_OVER = 0.1  # at most, of those that need no person
DENIALS = "no tengo eso|no encontre justo eso|no te entendi|solo leo texto"
HONEST = "no (?:tengo|manejo|se) (?:ese|esa|el|la) (?:dato|informacion)"
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
    if row.get("person"):
        held["hand_over"] = True
    return from_row({"phrase": row["phrase"], **held}, str(row["phrase"]), "CLP")


@pytest.mark.parametrize("knows", [True, False], ids=["knows", "knows nothing"])
async def test_everyday_phrases_are_answered(knows: bool) -> None:
    faults, handed_over = [], []
    for row in PHRASES:
        each = await tried(row, knows=knows)
        if each.fault:
            faults.append(f"{row['tenant']}, {row['phrase']}: {each.fault}: {words(each.reply)}")
        if each.reply.hand_over and not row.get("person"):
            handed_over.append(row["phrase"])
    assert len(faults) <= (1 - GOAL) * len(PHRASES), "\n".join(faults)
    assert not knows or len(handed_over) <= HANDED_OVER * len(PHRASES), handed_over


async def test_no_price_is_made_up() -> None:
    for row in PHRASES:
        prices = {format_price(product.price, "CLP") for product in DEMO[row["tenant"]][1]}
        told = words((await tried(row, knows=False)).reply)
        for line in told.splitlines():
            found = PRICE.findall(line)
            if ": $" in line and not line.startswith("Total: "):
                assert found[0] in prices, (row["phrase"], line)


def sentences() -> Sequence[str]:
    return [str(row["phrase"]) for row in PHRASES]


def test_each_phrase_is_written_once() -> None:
    assert len(set(sentences())) == len(PHRASES)
