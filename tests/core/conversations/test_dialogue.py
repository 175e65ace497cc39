"""The dialogue: what was said in a conversation part by part, with what came to pass between."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from scene import Scene
from staff import say

from conserje import Edit, InboundMessage, Revocation, Text
from conserje.contract.plain import plain
from conserje.conversations import dialogue, handling, notes
from conserje.conversations.dialogue import Event, Line
from conserje.conversations.notes import Note
from conserje.storage.scope import acting_for


async def place_of(scene: Scene) -> tuple[int, int]:
    id: int = await scene.pool.fetchval("SELECT id FROM conversations")
    return (await scene.entry()).tenant.id, id


async def part(scene: Scene, before: int | None = None) -> dialogue.Part:
    place = await place_of(scene)
    async with acting_for(scene.pool, place[0]) as scope:
        return await dialogue.part(scope.connection, *place, *([before] if before else []))


def told(items: Sequence[Line | Event | Note]) -> list[str]:
    return [
        f"{item.message.direction} {plain(item.message.content)}{' (edited)' if item.edited else ''}"
        if isinstance(item, Line)
        else f"note {item.text}"
        if isinstance(item, Note)
        else f"{item.kind} {item.person or ''}".strip()
        for item in items
    ]


async def answered(scene: Scene, *texts: str) -> None:
    async with scene.working():
        for text in texts:
            await scene.write(text)
            await scene.settled()


async def test_what_is_said_stands_with_who_said_it_and_what_came_to_pass(scene: Scene) -> None:
    await answered(scene, "hola")
    entry, place = await scene.entry(), await place_of(scene)
    await handling.take(scene.pool, entry.tenant, place[1], "Ana")
    await say(scene.pool, entry.tenant, place[1], [Text("soy Ana")])
    async with acting_for(scene.pool, place[0]) as scope:
        await notes.add(scope.connection, *place, "Ana", "paga el lunes")
    await handling.give(scene.pool, entry.tenant, place[1])
    found = await part(scene)
    assert found.older is None
    assert told(found.items) == [
        "in hola", "out hola", "taken Ana", "out soy Ana", "note paga el lunes", "given_back"
    ]  # fmt: skip
    lines = [item for item in found.items if isinstance(item, Line)]
    assert [(line.assistant, line.person) for line in lines] == [
        ("parrot", None), ("parrot", None), ("person", "Ana")
    ]  # fmt: skip


async def test_a_long_talk_is_read_back_without_a_gap_or_a_double(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialogue, "PAGE", 3)
    entry = await scene.entry()
    await answered(scene, "uno")
    place = await place_of(scene)
    for text in ("dos", "tres"):
        await handling.take(scene.pool, entry.tenant, place[1], text)
        async with acting_for(scene.pool, place[0]) as scope:
            await notes.add(scope.connection, *place, "", text)
        await handling.give(scene.pool, entry.tenant, place[1])
        await answered(scene, text)
    whole: list[str] = []
    parts, before = 0, None
    while True:
        found = await part(scene, before)
        whole = told(found.items) + whole
        parts, before = parts + 1, found.older
        if before is None:
            break
    assert parts == 2
    assert whole == [
        "in uno", "out uno", "taken dos", "note dos", "given_back", "in dos", "out dos",
        "taken tres", "note tres", "given_back", "in tres", "out tres",
    ]  # fmt: skip


async def test_what_is_edited_or_taken_back_shows_so_in_its_place(scene: Scene) -> None:
    entry = await scene.entry()
    account = entry.accounts[0]
    await scene.write("hola", key="a")
    await scene.write("secreto", key="b")
    for key, content in (("c", Edit("a", Text("buenas"))), ("d", Revocation("b"))):
        event = InboundMessage(account.address, key, "ana", content)
        await scene.intake.take(entry.tenant, [(account, event)])
    assert told((await part(scene)).items) == ["in buenas (edited)", "in [deleted]"]


async def test_nothing_said_is_an_empty_part(scene: Scene) -> None:
    await scene.write("hola")
    await scene.pool.execute("DELETE FROM messages")
    found = await part(scene)
    assert (list(found.items), found.older) == ([], None)
