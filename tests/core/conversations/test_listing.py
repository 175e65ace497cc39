"""What operators read: every message and turn as it stands, one tenant's alone, newest last."""

from __future__ import annotations

import asyncio

from scene import Scene
from waiting import until

from conserje import Refused, Text, Unreadable
from conserje.conversations import listing
from conserje.conversations.listing import Exchange, Item, Message, Reject, Turn
from conserje.conversations.rows import digest
from conserje.storage import jobs
from conserje.storage.jobs import Job
from conserje.storage.scope import acting_for


async def latest(scene: Scene, slug: str = "acme", limit: int = 50, contact: str = "") -> list[Item]:
    tenant = (await scene.entry(slug)).tenant
    async with acting_for(scene.pool, tenant.id) as scope:
        return await listing.latest(scope.connection, tenant.id, limit, contact)


async def converse(scene: Scene, sender: str = "ana") -> Job:
    """Let the assistant answer what the sender wrote, and the job by which the answer leaves."""
    row = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations WHERE peer = $1", sender)
    assert row is not None
    await scene.conversation.converse(Job(jobs.CONVERSE, *row))
    return Job(jobs.DELIVER, *row)


async def messages(scene: Scene) -> list[tuple[str, str, str]]:
    return [
        (item.direction, item.content.text, item.state)
        for item in await latest(scene)
        if isinstance(item, Message) and isinstance(item.content, Text)
    ]


async def test_a_message_waits_then_is_answered_by_a_turn_whose_reply_leaves(scene: Scene) -> None:
    await scene.write("hola")
    assert await messages(scene) == [("in", "hola", "waiting")]
    job = await converse(scene)
    assert await messages(scene) == [("in", "hola", "answered"), ("out", "hola", "queued")]
    await scene.delivery.deliver(job)
    asked, turn, said = await latest(scene)
    assert isinstance(asked, Message) and isinstance(turn, Turn) and isinstance(said, Message)
    assert (turn.assistant, turn.intent, turn.confidence) == ("parrot", "parroted", 1.0)
    assert said.state == "sent" and said.took is not None and said.took.total_seconds() > 0
    assert asked.turn_id == turn.id == said.turn_id
    assert (said.contact, said.name) == ("ana", "Ana")


async def test_a_refused_reply_shows_its_cause(scene: Scene) -> None:
    await scene.write("hola")
    scene.post.does.append(Refused("21610: opted out"))
    await scene.delivery.deliver(await converse(scene))
    said = (await latest(scene))[-1]
    assert isinstance(said, Message)
    assert (said.state, said.cause, said.took) == ("refused", "21610: opted out", None)


async def test_what_comes_after_a_hand_over_is_with_a_person(scene: Scene) -> None:
    scene.parrot.hand_over = True
    await scene.write("una persona, por favor")
    await converse(scene)
    await scene.write("hola?")
    await converse(scene)
    assert [state for _, _, state in await messages(scene)] == ["answered", "queued", "with a person"]


async def test_a_held_conversation_holds_its_messages_with_the_cause(scene: Scene) -> None:
    await scene.write("hola")
    await scene.pool.execute("UPDATE conversations SET state = 'held', cause = 'no model'")
    [item] = await latest(scene)
    assert isinstance(item, Message)
    assert (item.state, item.cause) == ("held", "no model")


async def test_while_an_assistant_thinks_its_message_says_so(scene: Scene) -> None:
    await scene.write("hola")
    scene.parrot.ready.clear()
    thinking = asyncio.create_task(converse(scene))
    await until(lambda: scene.parrot.heard)
    assert await messages(scene) == [("in", "hola", "thinking")]
    scene.parrot.ready.set()
    await thinking


async def test_the_last_ones_are_listed_of_all_conversations_together(scene: Scene) -> None:
    for n in range(3):
        await scene.write(f"ana {n}", sender="ana")
        await scene.write(f"eva {n}", sender="eva")
    found = await latest(scene, limit=3)
    assert [item.content for item in found if isinstance(item, Message)] == [
        Text("eva 1"),
        Text("ana 2"),
        Text("eva 2"),
    ]


async def test_contacts_are_found_by_a_part_of_name_or_address(scene: Scene) -> None:
    await scene.write("uno", sender="ana")
    await scene.write("dos", sender="eva_%")
    for part, expected in (("AN", 1), ("eva_%", 1), ("_", 1), ("a", 2), ("pedro", 0)):
        assert len(await latest(scene, contact=part)) == expected, part


async def test_what_could_not_be_read_is_listed_as_it_came(scene: Scene) -> None:
    entry = await scene.entry()
    account = entry.accounts[0]
    odd = Unreadable(account.address, "k", "To=%00", "no MessageSid")
    await scene.intake.take(entry.tenant, [(account, odd)])
    [item] = await latest(scene)
    assert isinstance(item, Reject)
    assert (item.channel, item.address, item.raw, item.cause) == (
        "post",
        "+56 acme",
        "To=%00",
        "no MessageSid",
    )
    assert not await latest(scene, contact="ana")


async def test_a_tenant_s_list_has_nothing_of_another_s(scene: Scene) -> None:
    await scene.add("bravo")
    await scene.write("de acme")
    await scene.write("de bravo", slug="bravo")
    await converse(scene)
    assert [item.content for item in await latest(scene, "bravo") if isinstance(item, Message)] == [
        Text("de bravo")
    ]


async def exchange(scene: Scene, key: str) -> Exchange | None:
    entry = await scene.entry()
    async with acting_for(scene.pool, entry.tenant.id) as scope:
        return await listing.exchange(scope.connection, entry.tenant.id, entry.accounts[0].id, digest(key))


async def test_an_exchange_is_the_message_with_its_own_turn_s_replies(scene: Scene) -> None:
    assert await exchange(scene, "first") is None
    await scene.write("uno", key="first")
    waiting = await exchange(scene, "first")
    assert waiting and (waiting.message.state, waiting.turn, waiting.replies) == ("waiting", None, ())
    await converse(scene)
    await scene.write("dos", key="second")
    await converse(scene)
    found = await exchange(scene, "second")
    assert found and found.turn
    assert [reply.content for reply in found.replies] == [Text("dos")]
    assert found.turn.id == found.message.turn_id
