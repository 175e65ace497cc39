"""What a tenant says about itself, changed as a whole: facts, questions, and the hours, which are its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from conserje.shop import asked, written
from conserje.shop import knowledge as known
from conserje.shop.knowledge import FACTS, KnowledgeError, NothingSaid, Question, Told
from conserje.shop.written import Written
from conserje.storage.database import Connection
from conserje.tenants import tenants


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken of a list, and how much was removed that it has not."""

    facts: int
    questions: int
    removed: int


async def take(connection: Connection, slug: str, listed: Written, *, replace: bool) -> Taken:
    """Let the tenant say what is listed, in the caller's transaction; `replace`: and nothing else.

    Raises TenantError or KnowledgeError.
    """
    tenant = await tenants.get(connection, slug)
    gone = await known.remove_others(connection, tenant.id, listed.told) if replace else 0
    await known.take(connection, tenant.id, listed.told)
    if listed.hours is not None:
        await tenants.set_hours(connection, slug, listed.hours)
    elif replace and tenant.hours:
        gone += 1
        await tenants.change(connection, slug, hours=None)
    await _remove_answered(connection, slug)
    return Taken(len(listed.told.facts) + (listed.hours is not None), len(listed.told.questions), gone)


async def say(
    connection: Connection, slug: str, about: str, answer: str, wordings: tuple[str, ...] = ()
) -> str | None:
    """Let the tenant say this of a topic or a question, in the caller's transaction; the topic, if it is one.

    Of hours, the days stay that are not named. Raises TenantError or KnowledgeError.
    """
    tenant = await tenants.get(connection, slug)
    topic = written.topic_of(about)
    if topic and wordings:
        raise KnowledgeError(f"{about} is a topic: other wordings are for questions.", "wordings")
    if topic == "hours":
        await tenants.change_hours(connection, slug, written.opening_hours(answer))
    elif topic:
        await known.take(connection, tenant.id, Told({topic: written.fact(topic, answer)}))
    else:
        await known.take(connection, tenant.id, Told({}, [written.one_question(about, answer, wordings)]))
    await _remove_answered(connection, slug)
    return topic


async def say_facts(connection: Connection, slug: str, facts: Mapping[str, str], tag: str) -> None:
    """Let the tenant say these facts, and no more of those that are empty, where its own have this tag.

    Raises TenantError, KnowledgeError or ChangedMeanwhile.
    """
    tenant = await tenants.get(connection, slug)
    there = await known.lock_facts(connection, tenant.id, tag)
    said = {name: written.fact(name, text) for name, text in facts.items() if text}
    for name in there.keys() & (facts.keys() - said.keys()):
        await known.remove(connection, tenant.id, name)
    await known.take(connection, tenant.id, Told(said))
    await _remove_answered(connection, slug)


async def reword(connection: Connection, slug: str, before: str, tag: str, question: Question) -> None:
    """Let the tenant answer this question in the place of one, where that has this tag.

    Raises TenantError, KnowledgeError or ChangedMeanwhile.
    """
    tenant = await tenants.get(connection, slug)
    await known.lock_question(connection, tenant.id, before, tag)
    if question.question != before:
        await _refuse_known(connection, tenant.id, question.question)
        await known.remove(connection, tenant.id, before)
    await known.take(connection, tenant.id, Told({}, [question]))
    await _remove_answered(connection, slug)


async def add(connection: Connection, slug: str, question: Question, answered: str = "") -> None:
    """Let the tenant answer a new question, which is what people asked under the key `answered`.

    Raises TenantError or KnowledgeError.
    """
    tenant = await tenants.get(connection, slug)
    await _refuse_known(connection, tenant.id, question.question)
    await known.take(connection, tenant.id, Told({}, [question]))
    if answered:
        await asked.dismiss(connection, tenant.id, answered)
    await _remove_answered(connection, slug)


async def _refuse_known(connection: Connection, tenant_id: int, question: str) -> None:
    told = await known.read(connection, tenant_id)
    if question in [each.question for each in told.questions]:
        raise KnowledgeError(f"The question {question!r} is there already: change its answer.", "question")


async def unsay(connection: Connection, slug: str, about: str) -> None:
    """Let the tenant say no more of a topic or a question. Raises TenantError or KnowledgeError."""
    tenant = await tenants.get(connection, slug)
    is_topic = about in FACTS or about == "delivery"
    name = about if is_topic else written.topic_of(about) or about
    if name == "hours" and tenant.hours:
        await tenants.change(connection, slug, hours=None)
    elif not await known.remove(connection, tenant.id, name):
        raise NothingSaid(f"{slug} says nothing of {about!r}: `conserje knowledge list {slug}`.", "about")


async def _remove_answered(connection: Connection, slug: str) -> None:
    """Take from what was asked what the tenant says now."""
    tenant = await tenants.get(connection, slug)
    await asked.remove_answered(connection, tenant.id, tenant.seen)
