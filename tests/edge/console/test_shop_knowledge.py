"""What a shop says is kept where it stands, and what people asked is answered there."""

from __future__ import annotations

from typing import Any

import pytest
from people import Browser, House

from conserje.shop import asked, knowledge
from conserje.shop.knowledge import Question, Told

PAGE = "/t/acme/knowledge"
WIFI = Question("¿Tienen wifi?", "Sí.", ("¿Hay internet?",))


async def said(console: House) -> Told:
    async with console.pool.acquire() as connection:
        return await knowledge.read(connection, await console.tenant())


async def tell(console: House, *questions: Question, heard: tuple[str, ...] = (), **facts: str) -> None:
    tenant_id = await console.tenant()
    async with console.pool.acquire() as connection:
        await knowledge.take(connection, tenant_id, Told(facts, questions))
        for each in heard:
            await asked.note(connection, tenant_id, [each], "")


async def heard(console: House) -> list[str]:
    async with console.pool.acquire() as connection:
        return [each.question for each in await asked.listed(connection, await console.tenant())]


async def test_an_empty_page_asks_for_what_everybody_asks(console: House) -> None:
    owner, agent = await console.as_("owner"), await console.as_("agent")
    page = await owner.get(PAGE)
    assert {"address", "payment", "delivery.cost"} <= page.form("/facts").fields.keys()
    assert "Nothing is said yet" in (await agent.get(PAGE)).text
    assert "Nothing is open" in (await owner.get(f"{PAGE}?tab=asked")).text
    assert (await owner.get(f"{PAGE}?tab=questions")).form("/questions").fields["question"] == ""


async def test_facts_are_kept_together(console: House) -> None:
    await tell(console, payment="Efectivo.")
    owner, other = await console.as_("owner"), await console.as_("owner")
    fields: dict[str, Any] = (await owner.get(f"{PAGE}?tab=facts")).form("/facts").fields
    assert fields["payment"] == "Efectivo."
    changed = fields | {"payment": "", "address": "Rosas 12\nlocal 3"}
    done = await owner.post(f"{PAGE}/facts", **changed)
    assert "What you say about your business is kept." in (await owner.follow(done)).text
    assert (await said(console)).facts == {"address": "Rosas 12\nlocal 3"}
    late = await other.post(f"{PAGE}/facts", 422, **fields | {"returns": "10 días"})
    assert "Somebody else has changed it meanwhile." in late.text
    assert late.form("/facts").fields["address"] == "Rosas 12\nlocal 3"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"address.place": "aquí"}, "This is no place"),
        ({"payment": "x" * 2001}, "This is too long"),
        ({"address.place": "1" * 2001}, "This is too long"),
    ],
)
async def test_a_wrong_fact_is_told_beside_what_was_typed(
    console: House, wrong: dict[str, str], told: str
) -> None:
    owner = await console.as_("owner")
    fields: dict[str, Any] = (await owner.get(PAGE)).form("/facts").fields | {"returns": "10 días"} | wrong
    page = await owner.post(f"{PAGE}/facts", 422, **fields)
    assert told in page.text and page.form("/facts").fields["returns"] == "10 días"
    assert (await said(console)).facts == {}


async def change(console: House, owner: Browser) -> dict[str, Any]:
    return (await owner.get(f"{PAGE}?tab=questions")).form("questions/change").fields


async def test_a_question_is_changed_where_it_stands(console: House) -> None:
    await tell(console, WIFI)
    owner, other = await console.as_("owner"), await console.as_("owner")
    fields = await change(console, owner)
    assert fields["wordings"] == "¿Hay internet?"
    await owner.post(f"{PAGE}/questions/change", **fields | {"question": "¿Hay wifi?", "wordings": "a\n\nb"})
    assert (await said(console)).questions == [Question("¿Hay wifi?", "Sí.", ("a", "b"))]
    late = await other.post(f"{PAGE}/questions/change", 422, **fields)
    assert "The question is there no more" in late.text
    now = await change(console, other)
    await owner.post(f"{PAGE}/questions/change", **now | {"answer": "No."})
    late = await other.post(f"{PAGE}/questions/change", 422, **now | {"answer": "Sí, gratis."})
    assert "Somebody else has changed it meanwhile." in late.text
    assert late.form("questions/change").fields["answer"] == "No."
    await other.post(f"{PAGE}/questions/remove", before="¿Hay wifi?")
    assert (await said(console)).questions == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"answer": ""}, "Write a question and its answer."),
        ({"question": "x" * 301}, "may have 300 characters"),
        ({"answer": "x" * 2001}, "may have 2,000 characters"),
        ({"wordings": "\n".join(map(str, range(21)))}, "20 other ways"),
        ({"question": "¿Tienen wifi?"}, "This question is there already"),
    ],
)
async def test_a_wrong_question_is_told(console: House, wrong: dict[str, str], told: str) -> None:
    await tell(console, WIFI)
    owner = await console.as_("owner")
    typed: dict[str, Any] = {"question": "¿Abren el domingo?", "answer": "No.", "wordings": ""} | wrong
    page = await owner.post(f"{PAGE}/questions", 422, **typed)
    [form] = [each for each in page.forms if each.action.endswith("/questions")]
    assert told in page.text and form.fields["answer"] == typed["answer"]
    assert (await said(console)).questions == [WIFI]


async def test_what_people_asked_is_answered_there(console: House) -> None:
    await tell(console, heard=("¿arriendan carpas??", "¿Arriendan carpas?", "<script>x</script> globos"))
    owner, agent = await console.as_("owner"), await console.as_("agent")
    page = await owner.get(PAGE)
    assert "asked 2 times" in page.text and "<script>x" not in page.answer.text
    [first, _] = [each for each in page.forms if each.action.endswith("/questions")]
    assert first.fields["question"] == "¿arriendan carpas??"
    wrong = await owner.post(f"{PAGE}/questions", 422, **dict[str, Any](first.fields))
    assert "Write a question and its answer." in wrong.text
    typed: dict[str, Any] = first.fields | {"question": "¿Arriendan carpas?", "answer": "Sí, desde $5.000."}
    assert (
        "From now on this is answered."
        in (await owner.follow(await owner.post(f"{PAGE}/questions", **typed))).text
    )
    [question] = (await said(console)).questions
    assert question == Question("¿Arriendan carpas?", "Sí, desde $5.000.", ("¿arriendan carpas??",))
    [left] = await heard(console)
    assert "globos" in left
    [form] = [each for each in (await owner.get(PAGE)).forms if each.action.endswith("/dismiss")]
    await agent.post(f"{PAGE}/dismiss", 403, **dict[str, Any](form.fields))
    await owner.post(f"{PAGE}/dismiss", **dict[str, Any](form.fields))
    assert await heard(console) == []


async def test_a_thousand_questions_come_on_pages(console: House) -> None:
    await tell(console, *(Question(f"Pregunta {n:04}", "x" * 300) for n in range(1000)))
    reader = await console.as_("owner")
    page = await reader.get(f"{PAGE}?tab=questions")
    assert len(page.answer.content) < 60_000 and "Page 1 of 40" in page.text
    assert "Pregunta 0025" in (await reader.get(page.links["Next page"])).text
    assert "Pregunta 0777" in (await reader.get(f"{PAGE}?tab=questions&q=0777&page=nine")).text


async def test_who_only_reads_changes_nothing(console: House) -> None:
    await tell(console, WIFI, payment="Efectivo.")
    reader, stranger = await console.as_("reader"), await console.as_("owner", "bravo")
    assert "Efectivo." in (await reader.get(f"{PAGE}?tab=facts")).text
    assert "Sí." in (await reader.get(f"{PAGE}?tab=questions")).text
    for path in ("facts", "questions", "questions/change", "questions/remove", "dismiss"):
        await reader.post(f"{PAGE}/{path}", 403)
        await stranger.post(f"{PAGE}/{path}", 404)
