"""What a tenant has said about itself: facts and questions, as the tables hold them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

from conserje.contract.assistant import Topic
from conserje.errors import NotThere, OperatorError
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
