"""Promise 13: whoever of the tenant writes by whatever way, the assistant is silent."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from album import Album, contents, rows
from scene import Scene
from waiting import until

from conserje import (
    BusinessMessage,
    Content,
    Event,
    File,
    InboundMessage,
    Media,
    Reaction,
    StatusUpdate,
    Text,
)
from conserje.conversations import handling
from conserje.conversations.rows import prepare
from conserje.intake.intake import Intake
from conserje.intake.packing import pack, unpack
from conserje.intake.spool import Spool
from conserje.storage import jobs
from conserje.storage.jobs import Job

_ids = itertools.count()

STATE = "SELECT state FROM conversations WHERE peer = $1"
LISTED = "SELECT content::json ->> 'text' FROM messages WHERE direction = 'out' AND state = 'sent'"


async def take(scene: Scene, *events: Event) -> None:
    entry = await scene.entry()
    await scene.intake.take(entry.tenant, [(entry.accounts[0], each) for each in events])


async def said(
    scene: Scene, content: Content, contact: str = "ana", id: str = "", at: datetime | None = None
) -> BusinessMessage:
    address = (await scene.entry()).accounts[0].address
    return BusinessMessage(address, id or f"echo {next(_ids)}", contact, content, at=at)


async def state(scene: Scene, contact: str = "ana") -> str:
    found: str = await scene.pool.fetchval(STATE, contact)
    return found


async def answer(scene: Scene, contact: str = "ana") -> None:
    row = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations WHERE peer = $1", contact)
    assert row is not None
    await scene.conversation.converse(Job(jobs.CONVERSE, *row))
    await scene.delivery.deliver(Job(jobs.DELIVER, *row))


@pytest.mark.parametrize("content", [Text("yo te atiendo"), Media((File("p", "image/jpeg"),))])
@pytest.mark.parametrize("together", [True, False])
async def test_the_assistant_is_silent_once_the_business_has_spoken(
    scene: Scene, content: Content, together: bool
) -> None:
    spoken = await said(scene, content)
    hello = InboundMessage(spoken.address, "k", "ana", Text("hola"))
    batches: list[list[Event]] = [[spoken, hello]] if together else [[spoken], [hello]]
    for batch in batches:
        await take(scene, *batch)
    await answer(scene)
    assert (scene.post.sent, scene.parrot.heard, await state(scene)) == ([], [], "person")


async def test_what_waits_or_is_thought_is_left_to_whoever_spoke(scene: Scene) -> None:
    await scene.write("hola")
    await scene.pool.execute("UPDATE messages SET created_at = now() - interval '1 minute'")
    scene.parrot.ready.clear()
    thinking = asyncio.create_task(answer(scene))
    await until(lambda: bool(scene.parrot.heard))
    await take(scene, await said(scene, Text("yo te atiendo")))
    scene.parrot.ready.set()
    await thinking
    await answer(scene)
    assert (scene.post.sent, await scene.pool.fetchval(LISTED)) == ([], "yo te atiendo")


async def test_the_assistant_answers_again_once_the_business_was_silent_for_long(scene: Scene) -> None:
    await take(scene, await said(scene, Text("yo te atiendo")))
    await scene.pool.execute("UPDATE conversations SET hand_back_at = now() - interval '1 second'")
    await scene.write("hola")
    await answer(scene)
    assert scene.post.texts == ["hola"]


async def test_each_further_word_of_the_business_s_puts_that_off(scene: Scene) -> None:
    entry = await scene.entry()
    await scene.write("hola")
    place = await scene.pool.fetchval("SELECT id FROM conversations")
    await handling.take(scene.pool, entry.tenant, place)
    await scene.pool.execute("UPDATE conversations SET hand_back_at = now() + interval '1 second'")
    await scene.pool.execute("UPDATE messages SET created_at = now() - interval '1 minute'")
    await take(scene, await said(scene, Text("yo te atiendo")))
    left = await scene.pool.fetchval("SELECT hand_back_at - now() FROM conversations")
    assert left > entry.tenant.hand_back_after - timedelta(minutes=1)


async def test_an_automatic_greeting_silences_nobody(scene: Scene) -> None:
    """It comes within 5 s of what the contact wrote, or says what was said before."""
    await scene.write("hola")
    await take(scene, await said(scene, Text("Gracias por escribir")))
    await answer(scene)
    await take(scene, await said(scene, Text("Gracias por escribir"), "eva"))
    assert (scene.post.texts, await state(scene), await state(scene, "eva")) == (["hola"], "open", "open")
    assert await scene.pool.fetchval("SELECT count(*) FROM messages WHERE direction = 'out'") == 3


async def test_of_one_batch_the_same_words_to_many_are_said_by_a_person_once(scene: Scene) -> None:
    await take(scene, *[await said(scene, Text("Oferta"), contact) for contact in ("ana", "eva", "ema")])
    assert [await state(scene, contact) for contact in ("ana", "eva", "ema")] == ["person", "open", "open"]


async def test_a_reaction_of_the_business_s_is_listed_and_silences_nobody(scene: Scene) -> None:
    await take(scene, await said(scene, Reaction("w", "👍")))
    assert await state(scene) == "open"


async def test_an_account_s_channel_may_say_that_it_is_not_silenced(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(scene.post), "silenced", lambda self, settings: False)
    await take(scene, await said(scene, Text("yo te atiendo")))
    assert (await state(scene), await scene.pool.fetchval(LISTED)) == ("open", "yo te atiendo")


async def test_what_the_business_said_is_taken_once_and_never_sent(scene: Scene) -> None:
    spoken = await said(scene, Text("yo te atiendo"), id="E1")
    await take(scene, spoken)
    await take(scene, spoken)
    await take(scene, StatusUpdate(spoken.address, "s", "read", "E1"))
    await answer(scene)
    rows = await scene.pool.fetch("SELECT state, provider_id FROM messages")
    assert ([tuple(row) for row in rows], scene.post.sent) == ([("read", "E1")], [])


async def test_what_was_said_so_long_ago_that_it_is_over_is_only_listed(scene: Scene) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=1)
    await take(scene, await said(scene, Text("yo te atiendo"), at=long_ago))
    assert (await state(scene), await scene.pool.fetchval(LISTED)) == ("open", "yo te atiendo")


async def test_a_picture_that_the_business_sent_is_kept_as_a_contact_s_is(scene: Scene) -> None:
    scene.post = album = Album()
    scene.collector.plugins.channels["post"] = album
    echo = await said(scene, Media((File("p1", "image/jpeg", "foto.jpg"),), "mira"), id="E")
    await take(scene, echo)
    await take(scene, echo)
    job = await scene.pool.fetchrow("SELECT tenant_id, conversation_id, id FROM messages")
    assert job is not None
    await scene.collector.collect(Job(jobs.COLLECT, *job))
    [(state, file_id)] = await rows(scene, "state, id")
    [content] = await contents(scene, "out")
    assert state == "kept"
    assert content == Media((File(f"kept:{file_id}", "image/jpeg", "foto.jpg"),), "mira")
    assert unpack(pack(row := prepare(1, (await scene.entry()).accounts[0], echo))) == row


async def test_what_was_spooled_silences_too(scene: Scene, tmp_path: Path) -> None:
    entry = await scene.entry()
    row = prepare(entry.tenant.id, entry.accounts[0], await said(scene, Text("yo te atiendo")))
    async with Spool(tmp_path / "spool", 1 << 20) as spool:
        await spool.keep([pack(row)])
        async with Intake(scene.pool, scene.intake.plugins, spool) as intake:
            draining = asyncio.create_task(intake.drain(spool))
            await until(lambda: not spool.busy)
            draining.cancel()
    assert await state(scene) == "person"
