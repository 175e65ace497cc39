"""The verdict: what the contacts were told and sent, compared. Conserje's own tables have no say in it.

The count, for each contact: every text is unique, and the assistant says back what it heard, a burst as
one message of several lines. So each line that a provider received answers one text, and
- a text that was acknowledged has one line, or is among the held messages and has at most one;
- a text that was not acknowledged has at most one;
- a line answers a text of this very contact;
- the lines of acknowledged texts come in the order in which they were written;
- a text is stamped at most once, and once if it was answered, unless the stamp is held as uncertain.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crash.contacts import Contact
from crash.machine import Death

SEND_LIMIT = 3.0  # seconds, as the machine has it
SLACK = 2.0  # seconds: the list of what is held says whole ones
UNCERTAIN = "Nobody knows whether it was sent"
UNDONE = "Nobody knows whether it was done"
EXPLAINED = {"m": UNCERTAIN, "e": UNDONE}
_UNANSWERED = re.compile(r"Nobody knows whether message (m\d+) of \S+ was sent: no answer within")


@dataclass
class Verdict:
    """What was counted, and a line for everything that is wrong."""

    acknowledged: int = 0
    unacknowledged: int = 0
    replies: int = 0
    held: int = 0  # texts, of replies whose sending was cut
    uncertain: int = 0  # stamps
    wrong: list[str] = field(default_factory=list)


def judge(
    received: Sequence[tuple[Contact, Sequence[str]]],
    held: Sequence[Mapping[str, Any]],
    deaths: Sequence[Death],
    unanswered: Collection[str] = (),
    stamps: Mapping[str, int] | None = None,
) -> Verdict:
    """`received`: what each contact was sent, in order; `held`: as the operator's list shows it;
    `unanswered`: the messages whose sending took longer than its limit, on a machine that was too busy;
    `stamps`: how often each text was stamped."""
    verdict = Verdict()
    acted = [item for item in held if item["id"].startswith("e")]
    replies_held = [item for item in held if item not in acted]
    held_texts = {line for item in replies_held for text in item["texts"] for line in text.split("\n")}
    for contact, replies in received:
        verdict.acknowledged += len(contact.acknowledged)
        verdict.unacknowledged += len(contact.written) - len(contact.acknowledged)
        verdict.replies += len(replies)
        lines = [line for reply in replies for line in reply.split("\n")]
        verdict.held += len(held_texts.intersection(contact.acknowledged).difference(lines))
        verdict.wrong += _faults(contact, lines, held_texts)
        if stamps is not None:
            answered = {text for text in contact.written if text in held_texts or text in lines}
            verdict.wrong += _misstamped(contact, answered, stamps, _uncertain(acted))
    verdict.uncertain = len(acted)
    verdict.wrong += _unexplained([item for item in held if item["id"] not in unanswered], deaths)
    return verdict


def _faults(contact: Contact, lines: list[str], held: Collection[str]) -> Iterator[str]:
    counts = Counter(lines)
    where = f"{contact.channel} {contact.slug}"
    for text in contact.acknowledged:
        if not counts[text] and text not in held:
            yield f"lost: {text} ({where}) was acknowledged and never answered"
    for line, count in counts.items():
        if count > 1:
            yield f"twice: {line} ({where}) was answered {count} times"
        if line not in contact.written:
            yield f"strange: {line!r} was sent to {contact.name} ({where}), who did not write it"
    taken = set(contact.acknowledged)
    answered = [line for line in dict.fromkeys(lines) if line in taken]
    if answered != [text for text in contact.acknowledged if text in counts]:
        yield f"out of order: {contact.name} ({where}) was answered {' '.join(answered)}"


def _uncertain(acted: Sequence[Mapping[str, Any]]) -> set[str]:
    """The texts whose stamps are held."""
    return {json.loads(text.partition(" ")[2])["text"] for item in acted for text in item["texts"]}


def _misstamped(
    contact: Contact, answered: Collection[str], stamps: Mapping[str, int], uncertain: Collection[str]
) -> Iterator[str]:
    for text in contact.written:
        count = stamps.get(text, 0)
        if count > 1:
            yield f"stamped twice: {text} was stamped {count} times"
        if count and text not in answered:
            yield f"stamped for nothing: {text} was not answered"
        if not count and text in answered and text not in uncertain:
            yield f"not stamped: {text} was answered"


def unanswered(log: str) -> list[str]:
    """The messages of whose sending a worker wrote that the provider did not answer in time."""
    return _UNANSWERED.findall(log)


def _unexplained(held: Sequence[Mapping[str, Any]], deaths: Sequence[Death]) -> Iterator[str]:
    """A message may be held where a worker died, or stood still, while it was being sent."""
    ends = [death.at for death in deaths if death.program == "work"]
    for item in held:
        began = datetime.fromisoformat(item["since"]).timestamp()
        cut = any(began - SLACK <= end <= began + SEND_LIMIT + SLACK for end in ends)
        if not (item["cause"].startswith(EXPLAINED.get(item["id"][0], "!")) and cut):
            yield f"held without a reason: {item}"


def undelivered(delivered: Collection[str], shown: Sequence[Mapping[str, Any]]) -> list[str]:
    """A reply whose last status was acknowledged is shown as delivered; `shown`: the operator's list."""
    return [
        f"a status was lost: {item['content']!r} is {item['state']}"
        for item in shown
        if item.get("direction") == "out" and item["content"] in delivered and item["state"] != "delivered"
    ]
