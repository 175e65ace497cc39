"""Knowledge: what a tenant says about itself, and what people asked that it has not said."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue

from conserje.operations import lore
from conserje.shop import asked as asked_for
from conserje.shop import knowledge as known
from conserje.shop import written
from conserje.shop.knowledge import LONGEST_ANSWER, LONGEST_QUESTION, MOST_WORDINGS
from conserje.tenants import tenants
from conserje_edge.api.asked import Asked
from conserje_edge.api.models import Given, Shown, Time
from conserje_edge.api.operation import Place, operation

About = Annotated[str, Field(min_length=1, max_length=LONGEST_QUESTION)]


class QuestionGiven(Given):
    """What people ask, in several wordings, and what they are told."""

    question: About
    answer: Annotated[str, Field(min_length=1, max_length=LONGEST_ANSWER)]
    wordings: Annotated[tuple[About, ...], Field(max_length=MOST_WORDINGS)] = ()


class KnowledgeGiven(Given):
    """What a tenant is to say, as `conserje knowledge export` prints it."""

    facts: Annotated[
        dict[str, JsonValue],
        Field(
            default_factory=dict,
            description="By topic: `hours`, `address`, `delivery.cost` and so on; `hours` by day.",
        ),
    ]
    questions: tuple[QuestionGiven, ...] = ()
    replace: Annotated[bool, Field(description="Remove what is not listed.")] = False


class QuestionShown(Shown):
    """What people ask, in several wordings, and what they are told."""

    question: str
    answer: str
    wordings: list[str]


class KnowledgeShown(Shown):
    """What a tenant says about itself."""

    facts: dict[str, JsonValue]
    questions: list[QuestionShown]


class KnowledgeTaken(Shown):
    """What came of a list of knowledge."""

    facts: int
    questions: int
    removed: int


class Saying(Given):
    """What is said of a topic, or a question."""

    about: Annotated[About, Field(description="A topic, such as `hours` or `delivery.cost`, or a question.")]
    answer: Annotated[str, Field(min_length=1, max_length=LONGEST_ANSWER)]
    wordings: Annotated[tuple[About, ...], Field(max_length=MOST_WORDINGS)] = ()


class Unsaying(Given):
    """Of what nothing is to be said any more."""

    about: About


class AskedShown(Shown):
    """What people asked and nobody could answer, without names, phones and addresses."""

    question: str
    times: int
    last_at: Time


class AskedList(Shown):
    """All of that, the most asked first."""

    items: list[AskedShown]


@operation(scope="read", tagged=True)
async def show_knowledge(asked: Asked) -> KnowledgeShown:
    """Show what the tenant says about itself."""
    async with asked.context.pool.acquire() as connection:
        tenant = await tenants.get(connection, asked.tenant.slug)  # whose hours may have just been changed
        told = await known.read(connection, tenant.id)
    facts = written.as_json(told, tenant.hours)
    return KnowledgeShown(questions=facts.pop("questions"), facts=facts)


@operation(scope="write", transaction="core", errors=("refused",))
async def take_knowledge(asked: Asked, body: KnowledgeGiven) -> KnowledgeTaken:
    """Let the tenant say all of this, or nothing: what is there is replaced, what is not listed stays."""
    given = body.model_dump(mode="json")
    listed = written.from_json({**given["facts"], "questions": given["questions"]})
    taken = await lore.take(asked.connection, asked.tenant.slug, listed, replace=body.replace)
    return KnowledgeTaken.model_validate(taken)


@operation(scope="write", transaction="core", errors=("refused",))
async def say_knowledge(asked: Asked, body: Saying) -> None:
    """Let the tenant say this of a topic or a question; of hours, the days stay that are not named."""
    await lore.say(asked.connection, asked.tenant.slug, body.about, body.answer, body.wordings)


@operation(scope="write", transaction="core", errors=("refused",))
async def unsay_knowledge(asked: Asked, body: Unsaying) -> None:
    """Let the tenant say no more of a topic or a question; `delivery` is all of delivery."""
    await lore.unsay(asked.connection, asked.tenant.slug, body.about)


@operation(scope="read")
async def list_asked(asked: Asked) -> AskedList:
    """List what people asked and the tenant has not said, the most asked first."""
    async with asked.context.pool.acquire() as connection:
        found = await asked_for.listed(connection, asked.tenant.id)
    return AskedList(items=[AskedShown.model_validate(each) for each in found])


PLACES = (
    Place("/tenants/{slug}/knowledge", {"GET": show_knowledge, "POST": take_knowledge}),
    Place("/tenants/{slug}/knowledge/say", {"POST": say_knowledge}),
    Place("/tenants/{slug}/knowledge/unsay", {"POST": unsay_knowledge}),
    Place("/tenants/{slug}/knowledge/asked", {"GET": list_asked}),
)
