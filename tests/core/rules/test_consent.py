"""Consent: which words are heard, what they change, and what the contact is told."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scene import Post, Scene
from waiting import until

from conserje import (
    Content,
    Edit,
    InboundMessage,
    Media,
    Note,
    Nothing,
    Pressed,
    Reaction,
    StatusUpdate,
    Text,
)
from conserje.contract.message import Consent, File
from conserje.contract.opt_out import OPT_IN_WORDS, OPT_OUT_WORDS, folded, wish
from conserje.intake.priority import Flight, Loads
from conserje.intake.writing import Item, write
from conserje.net.client import client
from conserje.rules import consent as consents
from conserje.rules.consent import Sign, state_after
from conserje.storage import jobs
from conserje.storage.database import Connection
from conserje.storage.jobs import Job
from conserje.storage.scope import acting_for
from conserje.tenants.words import OPTED_IN, OPTED_OUT

WORDS: list[tuple[Content, str]] = [
    (Text("STOP"), "out"),
    (Text("  ¡Baja! "), "out"),
    (Text("Stop 🙏"), "out"),
    (Text("no   MOLESTAR."), "out"),
    (Text("Cancelar suscripción"), "out"),
    (Text("NÃO QUERO MAIS MENSAGENS"), "out"),
    (Text("Quiero darme de baja"), "out"),
    (Text("Unsubscribe"), "out"),
    (Text("ｓｔｏｐ"), "out"),
    (Pressed("p1", "Dar de baja"), "out"),
    (Edit("k", Text("stop")), "out"),
    (Text("ALTA"), "in"),
    (Text("Start!"), "in"),
    (Text("voltar"), "in"),
    # A shop's own words, and a word among others.
    (Text("CANCELAR"), ""),
    (Text("cancel"), ""),
    (Text("fin"), ""),
    (Text("quiero darme de baja por favor"), ""),
    (Text("¿la temporada baja cuándo es?"), ""),
    (Text("una bota de caña alta"), ""),
    (Text("non-stop"), ""),
    (Text("stop" * 50), ""),
    (Text(""), ""),
    (Text("!?"), ""),
    (Pressed("stop", "Seguir"), ""),
    (Media((File("r"),), "stop"), ""),
    (Reaction("P1", "🛑"), ""),
    (Note("stop"), ""),
]


@pytest.mark.parametrize(("content", "heard"), WORDS, ids=str)
def test_a_whole_message_is_a_word_or_none(content: Content, heard: str) -> None:
    assert wish(content, OPT_OUT_WORDS, OPT_IN_WORDS) == heard


@given(
    st.sampled_from(sorted(OPT_OUT_WORDS | OPT_IN_WORDS)),
    st.text("¡!.,;:¿? \n\t👍-—'\"", max_size=20),
    st.text("¡!.,;:¿? \n\t👍-—'\"", max_size=20),
    st.sampled_from([str.upper, str.title, str.lower]),
)
def test_signs_and_case_around_a_word_change_nothing(word: str, before: str, after: str, case: Any) -> None:
    expected = "out" if word in OPT_OUT_WORDS else "in"
    assert wish(Text(before + case(word) + after), OPT_OUT_WORDS, OPT_IN_WORDS) == expected


@given(st.sampled_from(sorted(OPT_OUT_WORDS | OPT_IN_WORDS)), st.text(max_size=20), st.text(max_size=20))
def test_words_around_a_word_make_it_another_message(word: str, before: str, after: str) -> None:
    written = f"{before} {word} {after}"
    heard = wish(Text(written), OPT_OUT_WORDS, OPT_IN_WORDS)
    assert bool(heard) == (folded(written) in OPT_OUT_WORDS | OPT_IN_WORDS)


def test_the_words_are_written_as_they_are_compared() -> None:
    assert {folded(word) for word in OPT_OUT_WORDS | OPT_IN_WORDS} == OPT_OUT_WORDS | OPT_IN_WORDS
    assert not OPT_OUT_WORDS & OPT_IN_WORDS


TRANSITIONS = [
    (None, "out", "contact", "all"),
    ("all", "out", "provider", "all"),
    ("marketing", "out", "contact", "all"),
    ("all", "in", "contact", None),
    (None, "in", "contact", None),
    ("marketing", "in", "contact", "marketing"),  # ALTA is a shop's word, and replies were never stopped
    ("marketing", "in", "provider", None),
    ("all", "in", "operator", None),
    (None, "marketing out", "provider", "marketing"),
    ("all", "marketing out", "provider", "all"),
    ("marketing", "marketing in", "provider", None),
    ("all", "marketing in", "provider", "all"),
    (None, "marketing in", "provider", None),
]


@pytest.mark.parametrize(("before", "change", "source", "after"), TRANSITIONS)
def test_a_sign_changes_what_is_wanted(before: Any, change: Any, source: Any, after: Any) -> None:
    assert state_after(before, change, source) == after


@pytest.mark.parametrize("change", ["out", "in"])
@pytest.mark.parametrize("locale", ["es-CL", "pt-BR", "en", "fr"])
def test_a_confirmation_names_the_way_back_only_where_it_is_one(change: Any, locale: str) -> None:
    language = "en" if locale == "fr" else locale[:2]
    done, way_back, word = (OPTED_OUT if change == "out" else OPTED_IN)[language]
    assert word in folded(way_back).split()
    channel = Post()
    assert consents.confirmation(change, channel, locale) == Text(done + way_back)
    assert consents.confirmation(change, Deaf(Nothing(), client()), locale) == Text(done)


class Deaf(Post):
    """A channel whose contacts have no words for it."""

    opt_out_words = opt_in_words = frozenset()

    def __init__(self, *_: object) -> None:
        super().__init__()


async def place(scene: Scene) -> tuple[int, int]:
    row = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations")
    assert row is not None
    return row["tenant_id"], row["id"]


async def run(scene: Scene) -> list[str]:
    """Think what is unanswered, deliver, and say what was sent until now."""
    await scene.conversation.converse(Job(jobs.CONVERSE, *await place(scene)))
    await scene.delivery.deliver(Job(jobs.DELIVER, *await place(scene)))
    return scene.post.texts


async def post(scene: Scene, content: Content, key: str, consent: Consent = "") -> None:
    entry = await scene.entry()
    account = entry.accounts[0]
    event = InboundMessage(account.address, key, "ana", content, consent=consent)
    await scene.intake.take(entry.tenant, [(account, event)])


async def trail(scene: Scene) -> list[tuple[str, str, str, bool]]:
    rows = await scene.pool.fetch(
        "SELECT change, source, cause, confirmation_id IS NOT NULL AS told FROM consents ORDER BY id"
    )
    return [tuple(row) for row in rows]


async def wanted(scene: Scene) -> str | None:
    state: str | None = await scene.pool.fetchval("SELECT opted_out FROM conversations")
    return state


def told(change: Any, language: str = "es") -> str:
    return "".join((OPTED_OUT if change == "out" else OPTED_IN)[language][:2])


async def nothing_waits(scene: Scene) -> bool:
    return not await scene.pool.fetchval(
        "SELECT count(*) FROM messages WHERE direction = 'in' AND turn_id IS NULL"
    )


async def test_out_and_in_again_by_the_contact_s_words(scene: Scene) -> None:
    await scene.write("¡Stop!")
    assert await run(scene) == [told("out")]
    await scene.write("¿hola?")
    assert await run(scene) == [told("out")]
    assert await nothing_waits(scene)
    await scene.write("alta")
    assert await run(scene) == [told("out"), told("in")]
    await scene.write("hola")
    assert await run(scene) == [told("out"), told("in"), "hola"]
    assert len(scene.parrot.heard) == 1
    assert await trail(scene) == [("out", "contact", "¡Stop!", True), ("in", "contact", "alta", True)]


async def test_an_opt_in_word_is_a_word_like_any_until_there_was_an_opt_out(scene: Scene) -> None:
    await scene.write("alta")
    assert await run(scene) == ["alta"]
    assert await trail(scene) == []


async def test_a_word_in_a_burst_counts_and_nothing_of_the_burst_is_answered(scene: Scene) -> None:
    for text in ("hola", "STOP", "¿están?"):
        await scene.write(text)
    assert await run(scene) == [told("out")]
    assert not scene.parrot.heard
    assert await nothing_waits(scene)


async def test_a_burst_taken_at_once_is_followed_in_its_order(scene: Scene) -> None:
    entry = await scene.entry()
    account = entry.accounts[0]
    burst = [
        (account, InboundMessage(account.address, str(n), sender, Text(text)))
        for n, (sender, text) in enumerate(
            [
                ("eva", "alta"),
                ("ana", "stop"),
                ("eva", "stop"),
                ("ana", "alta"),
                ("eva", "alta"),
                ("ana", "baja"),
            ]
        )
    ]
    await scene.intake.take(entry.tenant, burst)
    rows = await scene.pool.fetch("SELECT peer, opted_out FROM conversations ORDER BY peer")
    assert [tuple(row) for row in rows] == [("ana", "all"), ("eva", None)]


async def test_the_same_word_again_is_confirmed_once(scene: Scene) -> None:
    await asyncio.gather(*(scene.write("STOP", key="SM1") for _ in range(20)))
    await scene.write("stop")
    await scene.write("STOP", key="SM1")
    assert await run(scene) == [told("out")]
    assert len(await trail(scene)) == 1
    await scene.write("ALTA")
    await scene.write("STOP", key="SM1")  # the first one, posted once more
    assert await wanted(scene) is None


async def test_the_confirmation_is_of_the_turn_that_answers_the_word(scene: Scene) -> None:
    await scene.write("stop")
    rows = await scene.pool.fetch("SELECT turn_id FROM messages ORDER BY id")
    [turn] = await scene.pool.fetch("SELECT id, assistant, cause FROM turns")
    assert [row["turn_id"] for row in rows] == [turn["id"]] * 2
    assert (turn["assistant"], turn["cause"]) == ("consent", "The contact wants no more messages.")


async def test_the_confirmation_leaves_by_itself(scene: Scene) -> None:
    async with scene.working():
        await scene.write("stop")
        await until(lambda: scene.post.texts)
    assert scene.post.texts == [told("out")]


@pytest.mark.parametrize(("locale", "language"), [("pt-BR", "pt"), ("en", "en"), ("fr", "en")])
async def test_the_confirmation_is_in_the_tenant_s_language(scene: Scene, locale: str, language: str) -> None:
    entry = await scene.entry()
    tenant, account = replace(entry.tenant, locale=locale), entry.accounts[0]
    await scene.intake.take(tenant, [(account, InboundMessage(account.address, "k", "ana", Text("stop")))])
    assert await run(scene) == [told("out", language)]


async def test_where_the_provider_has_told_the_contact_nothing_is_said(scene: Scene) -> None:
    await scene.write("hola")
    await post(scene, Text("STOP"), "1", "out")
    assert await run(scene) == []
    await post(scene, Text("START"), "2", "in")
    await post(scene, Text("START"), "3", "in")
    assert await run(scene) == []
    assert await nothing_waits(scene)
    assert not scene.parrot.heard
    assert await trail(scene) == [("out", "provider", "STOP", False), ("in", "provider", "START", False)]


async def test_a_stop_of_marketing_leaves_the_conversation_as_it_is(scene: Scene) -> None:
    await scene.write("hola")
    scene.parrot.ready.clear()
    thinking = asyncio.create_task(scene.conversation.converse(Job(jobs.CONVERSE, *await place(scene))))
    await until(lambda: scene.parrot.heard)
    await post(scene, Note("The contact stopped marketing."), "1", "marketing out")
    scene.parrot.ready.set()
    await thinking
    assert await wanted(scene) == "marketing"
    assert await run(scene) == ["hola"]
    await post(scene, Note("The contact resumed marketing."), "2", "marketing in")
    assert await wanted(scene) is None
    assert [change for change, *_ in await trail(scene)] == ["marketing out", "marketing in"]


async def test_a_report_may_be_the_sign_and_counts_once(scene: Scene) -> None:
    await scene.write("hola")
    await run(scene)
    entry = await scene.entry()
    account, sent = entry.accounts[0], scene.post.sent[0]
    failed = StatusUpdate(
        account.address, "s1", "failed", f"P{sent.id}", cause="21610: opted out", consent="out"
    )
    await scene.intake.take(entry.tenant, [(account, failed)])
    assert await trail(scene) == [("out", "provider", "21610: opted out", False)]
    await scene.write("alta")
    await scene.intake.take(entry.tenant, [(account, replace(failed, message_id=sent.id))])
    assert await wanted(scene) is None


async def test_the_operator_s_word_counts_without_a_word_to_the_contact(scene: Scene) -> None:
    await scene.write("hola")
    tenant_id, conversation_id = await place(scene)
    out = Sign("out", "operator", "by telephone")
    for changed in (True, False):
        async with acting_for(scene.pool, tenant_id) as scope:
            assert await consents.record(scope.connection, tenant_id, conversation_id, out) is changed
    assert await run(scene) == []
    assert await trail(scene) == [("out", "operator", "by telephone", False)]


@pytest.mark.parametrize("state", ["held", "person"])
async def test_an_opt_out_counts_whoever_has_the_conversation(scene: Scene, state: str) -> None:
    await scene.write("hola")
    await scene.pool.execute("UPDATE conversations SET state = $1, cause = 'why', starts = 3", state)
    await scene.write("stop")
    assert await run(scene) == [told("out")]
    row = await scene.pool.fetchrow("SELECT state, cause, starts FROM conversations")
    assert row and tuple(row) == ("open" if state == "held" else state, None, 0)
    assert await nothing_waits(scene)


async def test_the_trail_is_only_added_to(scene: Scene) -> None:
    await scene.write("stop")
    for role in ("conserje_core", "conserje_tenant"):
        for right in ("UPDATE", "DELETE", "TRUNCATE"):
            assert not await scene.pool.fetchval(
                "SELECT has_table_privilege($1::name, 'consents', $2)", role, right
            )
    await scene.pool.execute("DELETE FROM tenants")
    assert await trail(scene) == []


async def test_a_channel_without_words_hears_none(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene.post, "opt_out_words", frozenset())
    await scene.write("stop")
    assert await run(scene) == ["stop"]


async def test_intake_asks_no_more_of_postgres_where_there_is_no_sign(scene: Scene) -> None:
    async def statements(connection: Connection, text: str) -> int:
        count = 0

        def see(_: object) -> None:
            nonlocal count
            count += 1

        connection.add_query_logger(see)
        item = Item(scene.intake._row(entry.tenant, account, event(text)))
        await write(
            connection, [item], Flight(Loads()), scene.intake.prices
        )  # which always asks how many wait
        connection.remove_query_logger(see)
        return count

    entry = await scene.entry()
    account = entry.accounts[0]

    def event(text: str) -> InboundMessage:
        return InboundMessage(account.address, text, "ana", Text(text))

    await scene.write("hola")  # who writes is known
    async with scene.pool.acquire() as connection:
        await statements(connection, "buenas")  # on its first, a connection asks for types
        plain = await statements(connection, "hola")
        assert await statements(connection, "¿qué tal?") == plain
        assert await statements(connection, "stop") > plain
