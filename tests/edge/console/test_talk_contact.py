"""A contact at the console: who it is, what they want; handed out, forgotten. What people have prepared."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest_asyncio
from people import House
from talking import Talk, open_talk

from conserje.contract.tool import Lead
from conserje.conversations import notes, prepared
from conserje.leads import table as leads
from conserje.storage.scope import acting_for


@pytest_asyncio.fixture
async def talk(console: House) -> AsyncIterator[Talk]:
    async with open_talk(console) as talk:
        yield talk


async def contact_of(talk: Talk) -> tuple[int, str]:
    """Somebody has written; the conversation, and the contact's page."""
    id = await talk.answered()
    return id, f"/t/acme/contacts/{(await talk.found(id)).contact_id}"


async def test_a_contact_is_shown_with_all_that_is_known(talk: Talk) -> None:
    id, url = await contact_of(talk)
    tenant_id = (await talk.entry()).tenant.id
    async with acting_for(talk.house.pool, tenant_id) as scope:
        await notes.add(scope.connection, tenant_id, id, "Luis", "paga <b>tarde</b>")
        await leads.open_lead(scope.connection, tenant_id, id, "k", Lead("pan sin gluten"))
    page = await (await talk.house.as_("reader")).get(url)
    assert "Ana Soto" in page.title
    for words in ("post ana", "paga <b>tarde</b>", "pan sin gluten", "everything", "post +56"):
        assert words in page.text, words
    assert not [form for form in page.forms if "contacts" in form.action]


async def test_a_contact_is_called_as_people_call_them(talk: Talk) -> None:
    _, url = await contact_of(talk)
    agent = await talk.house.as_("agent")
    done = await agent.post(url, name="  Doña   Ana ")
    assert "Doña Ana" in (await agent.follow(done)).title
    kept = await talk.house.pool.fetchrow("SELECT before, after FROM audit WHERE act = 'contact.change'")
    assert kept is not None and "Ana" not in kept["before"] + kept["after"]


async def test_what_they_want_is_noted_with_its_history(talk: Talk) -> None:
    id, url = await contact_of(talk)
    agent = await talk.house.as_("agent")
    for wanted in ("out", "in", "out"):
        await agent.post(f"{url}/consent/{id}", wanted=wanted)
    page = await agent.get(url)
    assert page.text.count("wants no more messages (post, noted by one of you)") == 2
    assert "nothing any more" in page.text
    assert "They want no more messages. Once they write again" in (await agent.get(f"/t/acme/desk/{id}")).text
    await agent.post(f"{url}/consent/{id + 1}", wanted="in")  # another's
    assert (await talk.found(id)).opted_out == "all"


async def test_all_that_is_kept_is_handed_out_after_a_second_look(talk: Talk) -> None:
    _, url = await contact_of(talk)
    agent, owner = await talk.house.as_("agent"), await talk.house.as_("owner")
    await agent.post(f"{url}/export", 403)
    given = await owner.http.post(f"{url}/export", headers={"sec-fetch-site": "same-origin"})
    assert given.headers["content-disposition"].startswith("attachment;")
    assert [each["name"] for each in json.loads(given.text)["contact"]] == ["Ana Soto"]
    assert await talk.house.pool.fetchval("SELECT count(*) FROM audit WHERE act = 'contact.export'") == 1
    await talk.house.forget_step_up(owner)
    asked_again = await owner.post(f"{url}/export")
    assert asked_again.answer.headers["location"].startswith("/step-up?next=")


async def test_a_contact_is_forgotten_by_who_knows_that_nobody_brings_them_back(talk: Talk) -> None:
    id, url = await contact_of(talk)
    owner = await talk.house.as_("owner")
    page = await owner.get(f"{url}/forget")
    assert "Forget Ana Soto?" in page.text and "Nobody can bring them back" in page.text
    unsaid = await owner.post(f"{url}/forget", 422)
    assert "Tick that you know it." in unsaid.text
    await owner.post(f"{url}/forget", sure="on")
    assert (await talk.found(id)).name == ""
    left = await owner.get(f"/t/acme/desk/{id}")
    assert "This person was forgotten" in left.text and "Ana" not in left.text
    await owner.post(f"/t/acme/desk/{id}/say", 422, text="hola")


async def test_who_is_not_there_is_not_found(talk: Talk) -> None:
    owner = await talk.house.as_("owner")
    for more in ("", "/forget"):
        await owner.get(f"/t/acme/contacts/999{more}", 404)


async def test_answers_are_prepared_by_agents_and_read_by_all(talk: Talk) -> None:
    agent, reader = await talk.house.as_("agent"), await talk.house.as_("reader")
    assert "Nothing is prepared yet" in (await agent.get("/t/acme/prepared")).text
    await agent.post("/t/acme/prepared", title="Horario", text="Abrimos <a> las 9.")
    page = await reader.get("/t/acme/prepared")
    assert "Abrimos <a> las 9." in page.text and not [f for f in page.forms if "prepared" in f.action]
    await reader.post("/t/acme/prepared", 403, title="x", text="y")
    [change] = [
        form.action for form in (await agent.get("/t/acme/prepared")).forms if form.action[-1:].isdigit()
    ]
    await agent.post(change, title="Horario", text="Abrimos a las 10.")
    await agent.post(f"{change}/remove")
    tenant_id = (await talk.entry()).tenant.id
    async with acting_for(talk.house.pool, tenant_id) as scope:
        assert await prepared.list_all(scope.connection, tenant_id) == []
    told = await talk.house.pool.fetch(
        "SELECT of, before, after FROM audit WHERE act = 'prepared.change' ORDER BY id"
    )
    assert len(told) == 3 and "10" in told[1]["after"] and "10" in told[2]["before"]


async def test_what_cannot_be_prepared_comes_back_with_what_was_typed(talk: Talk) -> None:
    agent = await talk.house.as_("agent")
    await agent.post("/t/acme/prepared", title="Horario", text="x")
    for title, text, told in (
        ("", "palabras", "Write a title."),
        ("Pago", "", "Write the words."),
        ("horario", "palabras", "There is one of this title already"),
        ("x" * 61, "palabras", "It is too long."),
    ):
        page = await agent.post("/t/acme/prepared", 422, title=title, text=text)
        assert told in page.text and page.form("/prepared").fields == {"title": title, "text": text}
