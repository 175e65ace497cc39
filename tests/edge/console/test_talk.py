"""One conversation at the console: read, taken, answered once, noted upon, given back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from leaf import Leaf
from people import Browser, House
from talking import JPEG, Talk, open_talk

from conserje import Edit, File, Media, Revocation, Text
from conserje.conversations import dialogue, prepared
from conserje.storage.scope import acting_for


@pytest_asyncio.fixture
async def talk(console: House) -> AsyncIterator[Talk]:
    async with open_talk(console) as talk:
        yield talk


STATE_OUT = "SELECT state FROM messages WHERE direction = 'out'"


def desk(conversation: int, *more: object) -> str:
    return "/".join(["", "t", "acme", "desk", str(conversation), *map(str, more)])


async def said(talk: Talk) -> list[str]:
    """The words that were said to contacts."""
    rows = await talk.house.pool.fetch("SELECT content FROM messages WHERE direction = 'out' ORDER BY id")
    return [row["content"] for row in rows]


def once_of(page: Leaf) -> str:
    return next(form.fields["once"] for form in page.forms if "once" in form.fields)


async def test_a_talk_is_read_with_who_said_what(talk: Talk) -> None:
    id = await talk.answered("¿abren <b>hoy</b>?")
    page = await (await talk.house.as_("reader")).get(desk(id))
    assert "Ana Soto" in page.title and page.text.count("¿abren <b>hoy</b>?") == 2
    assert "With the assistant" in page.text and "Assistant · " in page.text and "Sent" in page.text
    assert not [form for form in page.forms if form.action.startswith(desk(id))]  # who reads does nothing


async def test_who_writes_takes_over_and_says_it_once_however_often_it_is_posted(talk: Talk) -> None:
    id = await talk.answered()
    agent = await talk.house.as_("agent")
    page = await agent.get(desk(id))
    once = once_of(page)
    await asyncio.gather(*(agent.post(desk(id, "say"), once=once, text="soy una persona") for _ in range(3)))
    assert len(await said(talk)) == 2
    found = await talk.found(id)
    assert (found.state, found.login_id) == ("person", agent.login_id)
    await agent.post(desk(id, "say"), once=once, text="y otra cosa")  # out of the browser's memory
    await talk.deliver(id)
    assert talk.post.texts[1:] == ["soy una persona", "y otra cosa"]
    acts = await talk.house.pool.fetch("SELECT act, of FROM audit WHERE act = 'conversation.say'")
    assert [tuple(row) for row in acts] == [("conversation.say", f"conversation {id}")] * 2


async def test_nothing_of_the_assistant_is_sent_after_somebody_wrote(talk: Talk) -> None:
    id = await talk.write("hola")
    parrot = talk.house.context.plugins.assistants["parrot"]
    parrot.ready.clear()  # type: ignore[attr-defined]
    thinking = asyncio.create_task(talk.think(id))
    while not parrot.heard:  # type: ignore[attr-defined]
        await asyncio.sleep(0.01)
    agent = await talk.house.as_("agent")
    await agent.post(desk(id, "say"), text="ya te atiendo")
    parrot.ready.set()  # type: ignore[attr-defined]
    await thinking
    await talk.deliver(id)
    assert talk.post.texts == ["ya te atiendo"]


async def test_of_two_who_take_it_at_once_one_is_told_who_has_it(talk: Talk) -> None:
    id = await talk.answered()
    first, second = await talk.house.as_("agent"), await talk.house.as_("agent")
    answers = await asyncio.gather(*(each.post(desk(id, "take"), None) for each in (first, second)))
    assert sorted(answer.status for answer in answers) == [303, 409]
    has = (await talk.found(id)).person
    [told] = [answer for answer in answers if answer.status == 409]
    assert f"{has} has this conversation now." in told.text


async def test_who_does_not_have_it_writes_notes_and_takes_it_on_purpose(talk: Talk) -> None:
    id = await talk.answered()
    first, second = await talk.house.as_("agent"), await talk.house.as_("agent")
    await first.post(desk(id, "take"))
    has = (await talk.found(id)).person
    page = await second.get(desk(id))
    assert f"With {has}" in page.text and f"{has} writes to them" in page.text
    refused = await second.post(desk(id, "say"), 409, text="¿me oyes?")
    assert "¿me oyes?" in refused.form("/note").fields["text"] and len(await said(talk)) == 1
    await second.post(desk(id, "note"), text="paga <i>mañana</i>", once=once_of(page))
    assert "paga <i>mañana</i>" in (await first.get(desk(id))).text
    taken = await second.post(desk(id, "take"), None, **page.form("/take").fields)
    assert "You have it now." in (await second.follow(taken)).text
    await first.post(desk(id, "take"), 409, **page.form("/take").fields)  # it is another's by now


async def test_a_note_is_kept_once_and_never_said(talk: Talk) -> None:
    id = await talk.answered()
    agent = await talk.house.as_("agent")
    once = once_of(await agent.get(desk(id)))
    for _ in range(2):
        await agent.post(desk(id, "note"), once=once, text="llamar el lunes")
    assert (await agent.get(desk(id))).text.count("llamar el lunes") == 1
    assert (await talk.found(id)).state == "open" and len(await said(talk)) == 1
    empty = await agent.post(desk(id, "note"), 422, text=" ")
    assert "Write something." in empty.text
    file = {"file": ("foto.jpg", JPEG, "image/jpeg")}
    assert "A note is words alone" in (await agent.post(desk(id, "note"), 422, text="x", files=file)).text


async def test_it_is_given_back_and_the_assistant_answers_what_was_left(talk: Talk) -> None:
    id = await talk.answered()
    agent = await talk.house.as_("agent")
    await agent.post(desk(id, "take"))
    await talk.write("¿sigues?")
    await talk.think(id)
    done = await agent.post(desk(id, "give"))
    assert "The assistant has it again." in (await agent.follow(done)).text
    await talk.think(id)
    await talk.deliver(id)
    assert talk.post.texts == ["hola", "¿sigues?"]
    page = await agent.get(desk(id))
    assert "took over" in page.text and "Given back to the assistant" in page.text


async def test_a_picture_from_the_phone_is_sent_and_shown_from_the_tenants_own_host(talk: Talk) -> None:
    id = await talk.answered()
    agent = await talk.house.as_("agent")
    once = once_of(await agent.get(desk(id)))
    for _ in range(2):
        await agent.post(
            desk(id, "say"), once=once, text="mira", files={"file": ("foto.jpg", JPEG, "image/jpeg")}
        )
    await talk.deliver(id)
    [_, message] = talk.post.sent
    assert isinstance(message.content, Media) and message.content.caption == "mira"
    page = await agent.get(desk(id))
    [picture] = [given for tag, given in page.tags if tag == "img"]
    assert picture["src"].startswith("http://acme.localhost:8080/files/") and picture["alt"] == "foto.jpg"
    assert len(list(talk.house.context.settings.files.glob("[0-9]*/*"))) == 1
    refused = await agent.post(
        desk(id, "say"), 422, text="lee", files={"file": ("a.svg", b"<svg/>", "image/svg+xml")}
    )
    assert "a.svg cannot be sent: it is text" in refused.text and refused.form("/say").fields["text"] == "lee"


async def test_strangers_files_are_links_and_what_is_missing_says_so(talk: Talk) -> None:
    id = await talk.write(Media((File("https://x.example/a.svg", "image/svg+xml", "<x>.svg"), File("p:1"))))
    page = await (await talk.house.as_("agent")).get(desk(id))
    assert page.links["<x>.svg"] == "https://x.example/a.svg"
    assert not [tag for tag, _ in page.tags if tag in ("img", "iframe", "object")]
    assert "A file is on its way." in page.text


async def test_a_prepared_answer_is_said_with_their_name(talk: Talk) -> None:
    id = await talk.answered()
    tenant_id = (await talk.entry()).tenant.id
    async with acting_for(talk.house.pool, tenant_id) as scope:
        answer = await prepared.add(scope.connection, tenant_id, "Horario", "Hola {name}, abrimos a las 9.")
    agent = await talk.house.as_("agent")
    page = await agent.get(desk(id))
    assert "Horario" in page.text
    words = await agent.http.get(f"/t/acme/prepared/{answer}/to/{id}")
    assert (words.text, words.headers["content-type"]) == (
        "Hola Ana, abrimos a las 9.", "text/plain; charset=utf-8"
    )  # fmt: skip
    await agent.post(desk(id, "say"), prepared=str(answer), text="¿Vienes?")
    await talk.deliver(id)
    assert talk.post.texts[-1] == "Hola Ana, abrimos a las 9.\n¿Vienes?"


async def test_after_the_window_only_a_template_is_sent(talk: Talk) -> None:
    id = await talk.answered()
    await talk.house.pool.execute("UPDATE messages SET created_at = now() - interval '30 hours'")
    agent = await talk.house.as_("agent")
    assert "by now only a template may be sent" in (await agent.get(desk(id))).text
    refused = await agent.post(desk(id, "say"), 422, text="hola")
    assert refused.form("/note").fields["text"] == "hola" and (await talk.found(id)).state == "open"
    await talk.house.pool.execute(
        """UPDATE accounts SET window_template = '{"name": "aviso", "values": ["{text}"]}'"""
    )
    entry = await talk.entry()
    talk.house.context.directory.changed(entry.tenant.id)
    assert "your words go out in the template aviso" in (await agent.get(desk(id))).text
    await agent.post(desk(id, "say"), text="hola")
    await talk.deliver(id)
    assert talk.post.sent[-1].content.type == "template"


async def test_who_else_is_here_is_seen_and_who_writes(talk: Talk) -> None:
    id = await talk.answered()
    first, second = await talk.house.as_("agent"), await talk.house.as_("agent")
    await first.get(desk(id))
    assert "is looking at it, too" in (await second.get(desk(id))).text
    await first.get(desk(id, "here?writes=1"))
    fragment = await second.get(desk(id, "here"))
    assert "is writing" in fragment.text and not fragment.title
    assert "is writing" not in (await first.get(desk(id, "here"))).text  # oneself


async def test_what_was_not_sent_says_why_and_is_tried_again(talk: Talk) -> None:
    id = await talk.answered()
    await talk.house.pool.execute(
        "UPDATE messages SET state = 'held', cause = 'outside the 24-hour window: `conserje account set`'"
        " WHERE direction = 'out'"
    )
    reader, agent = await talk.house.as_("reader"), await talk.house.as_("agent")
    page = await agent.get(desk(id))
    assert "takes only templates" in page.text and "Wait until they write" in page.text
    assert "conserje" not in page.text
    [again] = [form.action for form in page.forms if "/messages/" in form.action]
    await reader.post(again, 403)
    for told in ("It is tried again.", ""):
        assert told in (await agent.follow(await agent.post(again))).text
        assert (await talk.house.pool.fetchval(STATE_OUT)) == "queued"


async def test_a_providers_own_words_are_shown_as_they_are(talk: Talk) -> None:
    id = await talk.answered()
    await talk.house.pool.execute(
        "UPDATE messages SET state = 'failed', cause = 'Not on <WhatsApp>.' WHERE direction = 'out'"
    )
    page = await (await talk.house.as_("agent")).get(desk(id))
    assert "Not delivered" in page.text and "The provider says: Not on <WhatsApp>." in page.text


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        ("131026: the contact cannot be reached", "Su número no se puede alcanzar"),
        ("The contact cannot be reached now: 63014: blocked", "Bloqueó tu número."),
        ("The contact cannot be reached now: Forbidden", "te bloqueó, se fue o ya no está"),
        ("The contact cannot be reached now.", "Espera a que escriba"),
        ("63016: the contact wrote more than 24 h ago", "por ahora WhatsApp solo acepta plantillas"),
        ("21610: the contact has opted out", "No quiere más mensajes."),
        ("Nobody knows whether it was sent: no answer", "Nadie sabe si llegó."),
    ],
)
async def test_what_providers_say_most_is_said_in_the_persons_language(
    talk: Talk, cause: str, told: str
) -> None:
    id = await talk.answered()
    await talk.house.pool.execute(
        "UPDATE messages SET state = 'failed', cause = $1 WHERE direction = 'out'", cause
    )
    page = await (await talk.house.as_("agent", language="es")).get(desk(id))
    assert told in page.text and cause not in page.text


async def test_a_held_conversation_is_tried_again_by_the_assistant(talk: Talk) -> None:
    id = await talk.write("hola")
    await talk.house.pool.execute("UPDATE conversations SET state = 'held', cause = 'x'")
    agent = await talk.house.as_("agent")
    assert "The assistant could not answer." in (await agent.get(desk(id))).text
    done = await agent.post(desk(id, "again"))
    assert "The assistant tries again." in (await agent.follow(done)).text
    assert (await talk.found(id)).state == "open"


async def test_what_was_edited_or_deleted_shows_so(talk: Talk) -> None:
    id = await talk.write("hola", key="a")
    await talk.write("secreto", key="b")
    await talk.write(Edit("a", Text("buenas")))
    await talk.write(Revocation("b"))
    page = await (await talk.house.as_("agent")).get(desk(id))
    assert "buenas" in page.text and "· edited" in page.text and "Deleted" in page.text
    assert "secreto" not in page.answer.text and "hola" not in page.text


async def test_why_it_was_said(talk: Talk) -> None:
    id = await talk.answered()
    agent = await talk.house.as_("agent")
    page = await agent.get(desk(id))
    why = await agent.get(page.links["Why"])
    assert "parrot" in why.text and "parroted" in why.text and "100%" in why.text
    await agent.get(desk(id, "why", 999999), 404)
    await agent.get(desk(id + 1, "why", page.links["Why"].rpartition("/")[2]), 404)


async def test_a_long_talk_is_read_back(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogue, "PAGE", 3)
    id = 0
    for n in range(4):
        id = await talk.answered(f"mensaje {n}")
    agent = await talk.house.as_("agent")
    last = await agent.get(desk(id))
    assert "mensaje 3" in last.text and "mensaje 1" not in last.text
    before = await agent.get(last.links["What was said before"])
    assert "mensaje 1" in before.text and "mensaje 3" not in before.text
    assert before.links["To the last messages"] == desk(id)
    assert not [form for form in before.forms if form.action.endswith("/say")]


async def test_another_tenants_and_what_is_not_there_is_not_found(talk: Talk) -> None:
    id = await talk.answered()
    other = await talk.house.as_("owner", "bravo")
    await other.get(desk(id), 404)
    await other.get(f"/t/bravo/desk/{id}", 404)
    await talk.house.pool.execute("UPDATE messages SET state = 'held' WHERE direction = 'out'")
    message = await talk.house.pool.fetchval("SELECT id FROM messages WHERE direction = 'out'")
    for what in ("take", "give", "say", "note", "again", f"messages/{message}/again"):
        await other.post(f"/t/bravo/desk/{id}/{what}", None, text="x")
    assert (await talk.found(id)).state == "open" and len(await said(talk)) == 1
    assert await talk.house.pool.fetchval(STATE_OUT) == "held"


async def test_an_operator_who_reads_it_is_kept(talk: Talk) -> None:
    id = await talk.answered()
    operator = await talk.house.as_operator("reader")
    await operator.get(desk(id))
    rows = await talk.house.pool.fetch("SELECT of, of_operator FROM audit WHERE act = 'conversation.read'")
    assert [tuple(row) for row in rows] == [(f"conversation {id}", True)]
    await operator.post(desk(id, "take"), 403)


@pytest.mark.parametrize("role", ["owner", "agent", "reader"])
async def test_who_may_do_what(talk: Talk, role: str) -> None:
    id = await talk.answered()
    person: Browser = await talk.house.as_(role)  # type: ignore[arg-type]
    expected = 403 if role == "reader" else 303
    for what in ("take", "note", "say", "give"):
        await person.post(desk(id, what), expected, text="hola")


async def test_a_page_of_fifty_messages_is_small(talk: Talk) -> None:
    id = 0
    for n in range(60):
        id = await talk.write(f"¿tienen la maceta número {n}, y cuánto cuesta con despacho a mi casa?")
    await talk.think(id)
    page = await (await talk.house.as_("agent")).get(desk(id))
    assert page.answer.text.count('class="talk-line ') == 50
    assert len(page.answer.content) < 40_000
