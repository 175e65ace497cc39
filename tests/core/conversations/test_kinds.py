"""On its way through core: what is chosen, quoted, edited, taken back, and what nobody answers by itself."""

from __future__ import annotations

import itertools

import pytest
from scene import Scene
from waiting import until

from conserje import (
    Button,
    Buttons,
    Content,
    Edit,
    InboundMessage,
    Note,
    Nothing,
    Pressed,
    Reaction,
    Reply,
    Revocation,
    Text,
    Turn,
    Unknown,
    Utterance,
)
from conserje.contract.message import StatusUpdate, from_json

_keys = itertools.count()


async def take(scene: Scene, content: Content, key: str = "", **more: str) -> None:
    entry = await scene.entry()
    account = entry.accounts[0]
    event = InboundMessage(
        account.address,
        key or f"kind {next(_keys)}",
        "ana",
        content,
        provider_id=more.get("provider_id", ""),
        quotes=more.get("quotes", ""),
    )
    await scene.intake.take(entry.tenant, [(account, event)])


async def stored(scene: Scene) -> list[Content]:
    """What contacts wrote, without the places of what has not come."""
    rows = await scene.pool.fetch(
        "SELECT content FROM messages WHERE direction = 'in' AND turn_id IS DISTINCT FROM -1 ORDER BY id"
    )
    return [from_json(row["content"]) for row in rows]


def heard(scene: Scene) -> list[list[Content]]:
    return [[said.content for said in turn.messages] for turn in scene.parrot.heard]


def answering(*replies: Reply, scene: Scene) -> None:
    """The assistant gives these replies, and then says nothing."""
    waiting = list(replies)

    async def reply(turn: Turn[Nothing, Nothing]) -> Reply:
        scene.parrot.heard.append(turn)
        return waiting.pop(0) if waiting else Reply()

    scene.parrot.reply = reply  # type: ignore[method-assign]


@pytest.mark.parametrize("content", [Reaction("m1", "👍"), Note("wants no marketing"), Revocation("none")])
async def test_what_has_no_words_is_kept_and_starts_no_turn(scene: Scene, content: Content) -> None:
    await take(scene, content)
    assert await stored(scene) == [content]
    assert await scene.pool.fetchval("SELECT count(*) FROM pgqueuer.pgqueuer") == 0
    async with scene.working():
        await scene.write("hola")
        await until(lambda: scene.post.texts == ["hola"])
    assert heard(scene) == [[Text("hola")]]
    assert [said.content for said in scene.parrot.heard[0].history] == [content]


async def test_an_edit_is_read_in_place_of_what_it_replaces(scene: Scene) -> None:
    await take(scene, Text("quiero 1"), key="k1")
    await take(scene, Edit("k1", Text("quiero 2")))
    async with scene.working():
        await until(lambda: scene.post.texts == ["quiero 2"])
    assert heard(scene) == [[Text("quiero 2")]]


async def test_the_last_of_two_edits_counts_also_within_one_batch(scene: Scene) -> None:
    entry = await scene.entry()
    account = entry.accounts[0]
    edits = [
        InboundMessage(account.address, f"e{n}", "ana", Edit("k1", Text(f"quiero {n}"))) for n in range(9, 12)
    ]
    await take(scene, Text("quiero"), key="k1")
    await scene.intake.take(entry.tenant, [(account, edit) for edit in edits])
    assert (await stored(scene))[0] == Text("quiero 11")


async def test_what_was_taken_back_is_gone_and_nobody_else_s_is_touched(scene: Scene) -> None:
    await scene.add("bravo")
    await scene.write("hola", key="k1", slug="bravo")
    await take(scene, Text("mi clave es 1234"), key="k1")
    await take(scene, Revocation("k1"))
    assert await stored(scene) == [Text("hola"), Revocation("k1"), Revocation("k1")]


async def test_a_number_comes_to_the_assistant_as_the_choice(scene: Scene) -> None:
    which = Buttons("¿Cuál?", (Button("a", "Aceite"), Button("b", "Brownie")))
    answering(Reply([which]), scene=scene)
    async with scene.working():
        await scene.write("hola")
        await until(lambda: scene.post.texts == ["¿Cuál?\n1. Aceite\n2. Brownie"])
        await scene.write("2")
        await scene.settled()  # or both would be answered as one
        await scene.write("gracias")
        await until(lambda: len(scene.parrot.heard) == 3)
    assert heard(scene)[1:] == [[Pressed("b", "Brownie")], [Text("gracias")]]
    assert [said.content for said in scene.parrot.heard[2].history if said.author == "contact"] == [
        Text("hola"),
        Pressed("b", "Brownie"),
    ]


async def test_an_offer_is_over_once_something_else_was_said(scene: Scene) -> None:
    which = Buttons("¿Cuál?", (Button("a", "Aceite"), Button("b", "Brownie")))
    answering(Reply([which]), Reply([Text("Abrimos a las 9.")]), scene=scene)
    async with scene.working():
        for n, text in enumerate(("hola", "¿a qué hora abren?", "2"), 1):
            await scene.write(text)
            await until(lambda n=n: len(scene.parrot.heard) == n)  # type: ignore[misc]
            await until(lambda n=n: len(scene.post.sent) == min(n, 2))  # type: ignore[misc]
    assert heard(scene)[2] == [Text("2")]


async def test_an_assistant_sees_what_a_message_points_at_and_may_point_back(scene: Scene) -> None:
    answering(Reply([Text("Tenemos aceite.")]), Reply([Text("A ese."), Text("Sí.")], quote=True), scene=scene)
    async with scene.working():
        await scene.write("hola")
        await scene.settled()  # the provider's id of what is quoted is known
        await take(scene, Text("¿cuánto vale?"), provider_id="in-2", quotes=f"P{scene.post.sent[0].id}")
        await until(lambda: len(scene.post.sent) == 3)
    said: Utterance = scene.parrot.heard[1].messages[0]
    assert said.quoted == Text("Tenemos aceite.")
    assert [message.quotes for message in scene.post.sent] == ["", "in-2", ""]


async def test_what_a_message_cost_is_kept(scene: Scene) -> None:
    entry = await scene.entry()
    account = entry.accounts[0]
    update = StatusUpdate(
        account.address, "s1", "delivered", "P1", message_id=1, billable=True, category="service"
    )
    await scene.intake.take(entry.tenant, [(account, update)])
    row = await scene.pool.fetchrow("SELECT billable, category FROM statuses")
    assert row is not None
    assert tuple(row) == (True, "service")


async def test_a_further_name_of_a_known_contact_is_learnt_with_the_next_message(scene: Scene) -> None:
    """So that somebody whose phone is hidden later is still the same person."""
    entry = await scene.entry()
    account = entry.accounts[0]

    async def write(key: str, sender: str, *others: str) -> None:
        event = InboundMessage(account.address, key, sender, Text("hola"), identities=others)
        await scene.intake.take(entry.tenant, [(account, event)])

    await write("1", "+569")
    await write("2", "+569", "CL.abc")
    await write("3", "CL.abc")
    await write("4", "other", "CL.abc", "+569")  # whose they are stays as it is
    assert await scene.pool.fetchval("SELECT count(*) FROM contacts") == 1
    assert await scene.pool.fetchval("SELECT count(*) FROM messages") == 4
    assert await scene.pool.fetchval("SELECT peer FROM conversations") == "other"


async def test_what_is_nested_too_deeply_is_kept_by_its_kind(scene: Scene) -> None:
    raw: dict[str, object] = {}
    for _ in range(5000):
        raw = {"a": raw}
    await take(scene, Unknown("odd", raw))
    kept = (await stored(scene))[0]
    assert isinstance(kept, Unknown)
    assert kept.kind == "odd"
