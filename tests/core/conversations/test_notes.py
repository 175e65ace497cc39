"""Notes about a conversation: kept for the tenant's people, and gone with what they are about."""

from __future__ import annotations

import pytest
from scene import Scene
from terminal import Terminal

from conserje.conversations import notes
from conserje.conversations.notes import NoteError
from conserje.storage.scope import acting_for


async def conversation_of(scene: Scene) -> tuple[int, int]:
    await scene.write("hola")
    id: int = await scene.pool.fetchval("SELECT id FROM conversations")
    return (await scene.entry()).tenant.id, id


async def test_a_note_is_kept_and_shown_newest_first(scene: Scene) -> None:
    place = await conversation_of(scene)
    async with acting_for(scene.pool, place[0]) as scope:
        for text in ("uno", "dos", "tres"):
            await notes.add(scope.connection, *place, "  Ana   Soto ", f" {text}\n")
        found = await notes.latest(scope.connection, *place, 2)
        older = await notes.latest(scope.connection, *place, 2, found[-1].id)
    assert [(each.author, each.text) for each in found] == [("Ana Soto", "tres"), ("Ana Soto", "dos")]
    assert [each.text for each in older] == ["uno"]


@pytest.mark.parametrize(("text", "author"), [(" ", ""), ("x" * 4001, ""), ("x", "y" * 101)])
async def test_a_note_that_cannot_be_kept_is_refused_in_a_sentence(
    scene: Scene, text: str, author: str
) -> None:
    place = await conversation_of(scene)
    async with acting_for(scene.pool, place[0]) as scope:
        with pytest.raises(NoteError, match="characters"):
            await notes.add(scope.connection, *place, author, text)


async def test_of_a_conversation_that_is_not_there_or_forgotten_no_note_is_kept(scene: Scene) -> None:
    tenant_id, id = await conversation_of(scene)
    await scene.pool.execute("UPDATE conversations SET peer = '' WHERE id = $1", id)
    for conversation in (id, id + 1):
        async with acting_for(scene.pool, tenant_id) as scope:
            with pytest.raises(NoteError, match=f"no conversation {conversation}"):
                await notes.add(scope.connection, tenant_id, conversation, "", "hola")


async def test_the_command_notes_and_shows(scene: Scene, terminal: Terminal) -> None:
    _, id = await conversation_of(scene)
    await terminal.type("conversation", "note", "acme", str(id), "Paga el lunes.", "--as", "Ana")
    shown = await terminal.read("conversation", "show", "acme", str(id), "--json")
    assert [(each["author"], each["text"]) for each in shown["notes"]] == [("Ana", "Paga el lunes.")]
