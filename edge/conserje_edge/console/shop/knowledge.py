"""What a shop says about itself, and what people asked that nobody could answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conserje.contract.opt_out import bare
from conserje.errors import ChangedMeanwhile
from conserje.operations import lore
from conserje.shop import asked as unanswered
from conserje.shop import knowledge, written
from conserje.shop.knowledge import FACTS, KnowledgeError, NothingSaid, Question, Told, tag_of
from conserje_edge.console.asked import Asked
from conserje_edge.console.languages import N_
from conserje_edge.console.place import Place, See, Seen, deed, view

ON_A_PAGE = 25
TABS = ("asked", "questions", "facts")


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact as it is asked for."""

    name: str
    label: str
    help: str


FORM = (
    Fact("address", N_("Address"), N_("Where people find you, as you would tell them.")),
    Fact("address.place", N_("Place on the map"), N_("Latitude and longitude, like -33.4372,-70.6506.")),
    Fact("delivery.where", N_("Delivery: where to"), N_("The districts or towns that you deliver to.")),
    Fact("delivery.cost", N_("Delivery: what it costs"), N_("Also from which amount on it is free.")),
    Fact("delivery.time", N_("Delivery: how long it takes"), N_("For example: the same day before 14:00.")),
    Fact("payment", N_("Payment"), N_("How people can pay: cash, cards, transfer ...")),
    Fact("returns", N_("Returns and exchanges"), N_("Within how many days, and how.")),
    Fact("wholesale", N_("Wholesale"), N_("From how many, and at which price.")),
    Fact("invoices", N_("Receipts and invoices"), N_("Which ones you give, and what you need for them.")),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A question as it is in its form, and what is wrong with that."""

    before: str
    tag: str
    question: str
    answer: str
    wordings: str
    wrong: str = ""

    @classmethod
    def of(cls, each: Question, wrong: str = "") -> Entry:
        wordings = "\n".join(each.wordings)
        return cls(each.question, tag_of(each), each.question, each.answer, wordings, wrong)

    @classmethod
    def typed(cls, asked: Asked, wrong: str) -> Entry:
        before, tag, question = asked.given("before"), asked.given("tag"), asked.given("question")
        return cls(before, tag, question, asked.given("answer"), asked.given("wordings"), wrong)


@view("knowledge.read", transaction="tenant")
async def look(asked: Asked) -> Seen:
    """The page."""
    return await _page(asked)


async def _page(
    asked: Asked,
    tab: str = "",
    entry: Entry | None = None,
    facts: Mapping[str, str] | None = None,
    wrong: Mapping[str, str] | None = None,
) -> Seen:
    """`entry`, or `facts`, are what was typed and not kept; `wrong` says why."""
    tenant_id, query = asked.tenant.id, asked.query
    told = await knowledge.read(asked.connection, tenant_id)
    open_ones = await unanswered.listed(asked.connection, tenant_id)
    tab = tab or query.get("tab", "")
    if tab not in TABS:
        tab = "asked" if open_ones else "questions" if told.questions else "facts"
    page = int(query["page"]) if query.get("page", "").isdecimal() and len(query["page"]) < 6 else 1
    found = _found(told, query.get("q", ""))
    pages = max(1, -(-len(found) // ON_A_PAGE))
    page = min(max(page, 1), pages)
    shown = found[(page - 1) * ON_A_PAGE : page * ON_A_PAGE]
    values: dict[str, Any] = {
        "tab": tab, "told": told, "form": FORM, "facts": told.facts if facts is None else facts,
        "facts_tag": tag_of(told.facts), "unanswered": open_ones, "questions": _entries(shown, entry),
        "page": page, "number_of_pages": pages, "words": query.get("q", ""), "wrong": wrong or {},
        "entry": entry,
    }  # fmt: skip
    return Seen("shop/knowledge.html", values, 422 if entry or wrong else 200)


def _entries(shown: Sequence[Question], typed: Entry | None) -> list[Entry]:
    entries = [Entry.of(each) for each in shown]
    if typed is None or not typed.before:
        return entries
    others = [each for each in entries if each.before != typed.before]
    return [typed, *others]


def _found(told: Told, words: str) -> list[Question]:
    """The questions that have these words."""
    wanted = bare(words).lower()
    return [
        each
        for each in told.questions
        if wanted in bare("\n".join((each.question, each.answer, *each.wordings))).lower()
    ]


@deed("knowledge.change", transaction="core")
async def say(asked: Asked) -> See | Seen:
    """Keep all facts."""
    typed = {name: asked.given(name) for name in FACTS}
    before = (await knowledge.read(asked.connection, asked.tenant.id)).facts
    if wrong := _wrong_facts(asked, typed):
        return await _page(asked, "facts", facts=typed, wrong=wrong)
    try:
        await lore.say_facts(asked.connection, asked.tenant.slug, typed, asked.given("tag"))
    except ChangedMeanwhile:
        return await _page(asked, "facts", wrong={"": _meanwhile(asked)})
    asked.of = "facts"
    asked.before, asked.after = before, {name: said for name, said in typed.items() if said}
    asked.flash(asked._("What you say about your business is kept."))
    return See(asked.to("knowledge", tab="facts"))


def _wrong_facts(asked: Asked, typed: Mapping[str, str]) -> dict[str, str]:
    wrong = {}
    for name, said in typed.items():
        try:
            if said:
                written.fact(name, said)
        except KnowledgeError:
            is_place = name == "address.place" and len(said) <= knowledge.LONGEST_ANSWER
            wrong[name] = (
                asked._("This is no place: write latitude and longitude, like -33.4372,-70.6506.")
                if is_place
                else asked._("This is too long: it may have 2,000 characters.")
            )
    return wrong


@deed("knowledge.change", transaction="core")
async def add(asked: Asked) -> See | Seen:
    """Answer a new question; also one that people asked, whose key is given then."""
    key = asked.given("key")
    tab = "asked" if key else "questions"
    try:
        question = _question(asked)
        await lore.add(asked.connection, asked.tenant.slug, question, key)
    except KnowledgeError:
        return await _page(asked, tab, Entry.typed(asked, _wrong(asked)), wrong={key: _wrong(asked)})
    asked.of, asked.after = f"question {question.question}", {"answer": question.answer}
    asked.flash(asked._("From now on this is answered."))
    return See(asked.to("knowledge", tab=tab))


@deed("knowledge.change", transaction="core")
async def change(asked: Asked) -> See | Seen:
    """Change a question where it stands."""
    before = asked.given("before")
    try:
        question = _question(asked)
        await lore.reword(asked.connection, asked.tenant.slug, before, asked.given("tag"), question)
    except ChangedMeanwhile:
        told = await knowledge.read(asked.connection, asked.tenant.id)
        now = [each for each in told.questions if each.question == before]
        return await _page(asked, "questions", Entry.of(now[0], _meanwhile(asked)))
    except NothingSaid:
        told_gone = asked._("The question is there no more: somebody removed it.")
        return await _page(asked, "questions", wrong={"": told_gone})
    except KnowledgeError:
        return await _page(asked, "questions", Entry.typed(asked, _wrong(asked)))
    asked.of = f"question {before}"
    asked.after = {"question": question.question, "answer": question.answer}
    asked.flash(asked._("The answer is kept."))
    return See(asked.to("knowledge", **{**asked.query, "tab": "questions"}))


@deed("knowledge.change", transaction="core")
async def remove(asked: Asked) -> See:
    """Answer a question no more."""
    before = asked.given("before")
    if await knowledge.remove(asked.connection, asked.tenant.id, before):
        asked.of = f"question {before}"
        asked.flash(asked._("The question is removed."))
    return See(asked.to("knowledge", tab="questions"))


@deed("knowledge.change", transaction="core")
async def dismiss(asked: Asked) -> See:
    """Take away what nobody is going to answer."""
    await unanswered.dismiss(asked.connection, asked.tenant.id, asked.given("key"))
    asked.of = f"asked {asked.given('key')}"
    asked.flash(asked._("It is dismissed."))
    return See(asked.to("knowledge", tab="asked"))


def _question(asked: Asked) -> Question:
    """What was typed; what people asked is another wording of it. Raises KnowledgeError."""
    wordings = [each.strip() for each in asked.given("wordings").split("\n")]
    question = written.one_question(asked.given("question"), asked.given("answer"), wordings)
    heard = " ".join(asked.given("heard").split())[: knowledge.LONGEST_QUESTION]
    if not heard or heard in (question.question, *question.wordings):
        return question
    return Question(question.question, question.answer, (*question.wordings, heard))


def _wrong(asked: Asked) -> str:
    """Why what was typed is no question with an answer."""
    question, answer = asked.given("question"), asked.given("answer")
    wordings = [each for each in asked.given("wordings").split("\n") if each.strip()]
    if not question or not answer:
        return asked._("Write a question and its answer.")
    if len(question) > knowledge.LONGEST_QUESTION or any(len(each) > 300 for each in wordings):
        return asked._("A question, and each other way to ask it, may have 300 characters.")
    if len(answer) > knowledge.LONGEST_ANSWER:
        return asked._("An answer may have 2,000 characters.")
    if len(wordings) > knowledge.MOST_WORDINGS:
        return asked._("There may be 20 other ways to ask it.")
    return asked._("This question is there already, or there are 1,000: change one that is there.")


def _meanwhile(asked: Asked) -> str:
    return asked._("Somebody else has changed it meanwhile. This is how it is now: change it again.")


PLACES = (
    Place("/t/{slug}/knowledge", look),
    Place("/t/{slug}/knowledge/facts", post=say),
    Place("/t/{slug}/knowledge/questions", post=add),
    Place("/t/{slug}/knowledge/questions/change", post=change),
    Place("/t/{slug}/knowledge/questions/remove", post=remove),
    Place("/t/{slug}/knowledge/dismiss", post=dismiss),
)
