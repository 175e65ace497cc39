"""What a tenant has said about itself: facts and questions, as the tables hold them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

from conserje.contract.assistant import Topic
from conserje.errors import ChangedMeanwhile, NotThere, OperatorError
from conserje.storage.database import Connection

FACTS = (
    "address",
    "address.place",
    "delivery.where",
    "delivery.cost",
    "delivery.time",
    "payment",
    "returns",
    "wholesale",
    "invoices",
)
TOPICS = tuple(filter(None, get_args(Topic)))
MOST_QUESTIONS = 1000
LONGEST_QUESTION, LONGEST_ANSWER, MOST_WORDINGS = 300, 2000, 20

READ_FACTS = "SELECT name, said FROM facts WHERE tenant_id = $1 ORDER BY name"
READ_QUESTIONS = """
SELECT question, answer, wordings FROM questions WHERE tenant_id = $1 ORDER BY question LIMIT $2
"""
SET_FACT = """
INSERT INTO facts (tenant_id, name, said) VALUES ($1, $2, $3)
ON CONFLICT (tenant_id, name) DO UPDATE SET said = excluded.said
"""
SET_QUESTION = """
INSERT INTO questions (tenant_id, question, answer, wordings) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, question) DO UPDATE SET (answer, wordings) = (excluded.answer, excluded.wordings)
"""
ANY = """
SELECT EXISTS (SELECT FROM facts WHERE tenant_id = $1) OR EXISTS (SELECT FROM questions WHERE tenant_id = $1)
"""
LOCK_FACTS = "SELECT name, said FROM facts WHERE tenant_id = $1 ORDER BY name FOR UPDATE"
LOCK_QUESTION = """
SELECT question, answer, wordings FROM questions WHERE tenant_id = $1 AND question = $2 FOR UPDATE
"""
COUNT_QUESTIONS = "SELECT count(*) FROM questions WHERE tenant_id = $1"
REMOVE_FACTS = "DELETE FROM facts WHERE tenant_id = $1 AND (name = $2 OR starts_with(name, $2 || '.'))"
REMOVE_QUESTION = "DELETE FROM questions WHERE tenant_id = $1 AND question = $2"
REMOVE_OTHER_FACTS = "DELETE FROM facts WHERE tenant_id = $1 AND name <> ALL ($2::text[])"
REMOVE_OTHER_QUESTIONS = "DELETE FROM questions WHERE tenant_id = $1 AND question <> ALL ($2::text[])"


class KnowledgeError(OperatorError):
    """Something cannot be known as it is written; the text names it and says what to do."""


class NothingSaid(KnowledgeError, NotThere):
    """The tenant says nothing of that."""


@dataclass(frozen=True, slots=True)
class Question:
    """What people ask, in several wordings, and what they are told."""

    question: str
    answer: str
    wordings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """All that a tenant has said, but its hours, which are the tenant's own."""

    facts: Mapping[str, str] = field(default_factory=dict)
    questions: Sequence[Question] = ()


async def read(connection: Connection, tenant_id: int) -> Told:
    facts = {row["name"]: row["said"] for row in await connection.fetch(READ_FACTS, tenant_id)}
    rows = await connection.fetch(READ_QUESTIONS, tenant_id, MOST_QUESTIONS)
    questions = [Question(row["question"], row["answer"], tuple(row["wordings"])) for row in rows]
    return Told(facts, questions)


async def has_any(connection: Connection, tenant_id: int) -> bool:
    """Whether it has said anything of itself but its hours."""
    return bool(await connection.fetchval(ANY, tenant_id))


def tag_of(said: Question | Mapping[str, str]) -> str:
    """The same as long as nobody changes it."""
    written = repr(sorted(said.items()) if isinstance(said, Mapping) else said)
    return hashlib.sha256(written.encode(errors="replace")).hexdigest()[:32]


async def lock_facts(connection: Connection, tenant_id: int, tag: str) -> Mapping[str, str]:
    """The tenant's facts, which have this tag, locked for the transaction. Raises ChangedMeanwhile."""
    facts = {row["name"]: row["said"] for row in await connection.fetch(LOCK_FACTS, tenant_id)}
    if tag_of(facts) != tag:
        raise _changed()
    return facts


async def lock_question(connection: Connection, tenant_id: int, asked: str, tag: str) -> Question:
    """The question, which has this tag, locked for the transaction.

    Raises NothingSaid or ChangedMeanwhile.
    """
    row = await connection.fetchrow(LOCK_QUESTION, tenant_id, asked)
    if row is None:
        raise NothingSaid(f"The question {asked!r} is there no more: somebody removed it.")
    question = Question(row["question"], row["answer"], tuple(row["wordings"]))
    if tag_of(question) != tag:
        raise _changed()
    return question


def _changed() -> ChangedMeanwhile:
    return ChangedMeanwhile("Somebody else has changed it meanwhile: look at it, and change it again.")


async def take(connection: Connection, tenant_id: int, told: Told) -> None:
    """Store what is told, in a transaction; what is there of the same name is replaced.

    Raises KnowledgeError.
    """
    for name, said in told.facts.items():
        await connection.execute(SET_FACT, tenant_id, name, said)
    await connection.executemany(
        SET_QUESTION,
        [(tenant_id, each.question, each.answer, list(each.wordings)) for each in told.questions],
    )
    if (there := await connection.fetchval(COUNT_QUESTIONS, tenant_id)) > MOST_QUESTIONS:
        raise KnowledgeError(f"A tenant has at most {MOST_QUESTIONS} questions, and these would be {there}.")


async def remove(connection: Connection, tenant_id: int, name: str) -> bool:
    """Take away a fact, a topic's facts, or a question; False where there is none."""
    done = [
        await connection.execute(statement, tenant_id, name) for statement in (REMOVE_FACTS, REMOVE_QUESTION)
    ]
    return done != ["DELETE 0", "DELETE 0"]


async def remove_others(connection: Connection, tenant_id: int, told: Told) -> int:
    """Take away what is not told; how many."""
    facts = await connection.execute(REMOVE_OTHER_FACTS, tenant_id, list(told.facts))
    questions = await connection.execute(REMOVE_OTHER_QUESTIONS, tenant_id, _names(told.questions))
    return sum(int(done.rpartition(" ")[2]) for done in (facts, questions))


def _names(questions: Iterable[Question]) -> list[str]:
    return [each.question for each in questions]
