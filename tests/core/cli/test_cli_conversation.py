"""`conserje conversation` and `message send`: a person takes over, writes, and gives back."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from scene import Scene
from terminal import Terminal
from waiting import until

from conserje import InboundMessage, Refused, Text, TryLater
from conserje.conversations.state import WANTS_NONE
from conserje.storage import jobs
from conserje.storage.jobs import Job
from conserje.turns.lease import LostLease

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _post_is_installed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands find the scene's channel as they find any that is installed."""
    monkeypatch.setattr("conserje.plugins.plugins.load", lambda *_: scene.conversation.plugins)


async def place(scene: Scene) -> tuple[int, int]:
    row = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations")
    assert row is not None
    return row["tenant_id"], row["id"]


async def number(scene: Scene) -> str:
    return str((await place(scene))[1])


async def converse(scene: Scene) -> list[str]:
    """Run the turn that is due, deliver, and say what was said until now."""
    await scene.conversation.converse(Job(jobs.CONVERSE, *await place(scene)))
    await scene.delivery.deliver(Job(jobs.DELIVER, *await place(scene)))
    return scene.post.texts


async def take(scene: Scene, terminal: Terminal) -> str:
    """Ana has been answered, and a person takes her conversation over; its id."""
    await scene.write("hola")
    await converse(scene)
    id = await number(scene)
    await terminal.type("conversation", "take", "acme", id)
    return id


async def row(scene: Scene) -> dict[str, Any]:
    found = await scene.pool.fetchrow("SELECT *, hand_back_at - now() AS hand_back FROM conversations")
    assert found is not None
    return dict(found)


async def states(terminal: Terminal, id: str) -> list[str]:
    """What became of each of the contact's messages."""
    said = (await terminal.read("conversation", "show", "acme", id, "--json"))["said"]
    return [item["state"] for item in said if item.get("direction") == "in"]


async def test_what_is_being_thought_while_somebody_takes_over_is_never_said(
    scene: Scene, terminal: Terminal
) -> None:
    scene.parrot.ready.clear()
    async with scene.working():
        await scene.write("hola")
        await until(lambda: scene.parrot.heard)
        id = await number(scene)
        taken = await terminal.type("conversation", "take", "acme", id)
        assert "is with a person until" in taken.stdout
        scene.parrot.ready.set()
        await scene.write("¿están?")
        await terminal.type("message", "send", "acme", id, "Hola, soy Eva.")
        await scene.settled()
    assert scene.post.texts == ["Hola, soy Eva."]
    assert len(scene.parrot.heard) == 1
    assert await states(terminal, id) == ["with a person", "with a person"]
    turns = await scene.pool.fetch("SELECT assistant, intent FROM turns ORDER BY id")
    assert [tuple(turn) for turn in turns] == [("person", "take"), ("person", "message")]


async def test_a_reply_that_is_ready_a_moment_after_the_take_is_thrown_away(
    scene: Scene, terminal: Terminal
) -> None:
    await scene.write("hola")
    entry, job = await scene.entry(), Job(jobs.CONVERSE, *await place(scene))
    claim = await scene.conversation._claim(entry, job)
    assert claim is not None
    thought = await scene.conversation.thinking.think(entry, claim)
    await terminal.type("conversation", "take", "acme", await number(scene))
    await terminal.type("conversation", "give", "acme", await number(scene))  # and its message waits again
    with pytest.raises(LostLease):
        await scene.conversation._settle(entry, job, claim, thought)
    assert await converse(scene) == ["hola"]
    assert scene.parrot.heard[0].id != scene.parrot.heard[1].id


async def test_a_reply_that_was_ready_before_still_leaves_and_before_the_person_s(
    scene: Scene, terminal: Terminal
) -> None:
    await scene.write("hola")
    await scene.conversation.converse(Job(jobs.CONVERSE, *await place(scene)))  # settled, and not delivered
    id = await number(scene)
    await terminal.type("conversation", "take", "acme", id)
    async with scene.working():
        assert (
            await terminal.type("message", "send", "acme", id, "Soy Eva.")
        ).stdout == "The message is sent.\n"
    assert scene.post.texts == ["hola", "Soy Eva."]


async def test_the_assistant_is_silent_until_the_person_has_been_for_long(
    scene: Scene, terminal: Terminal
) -> None:
    await terminal.type("tenant", "set", "acme", "--hand-back-after", "10m")
    id = await take(scene, terminal)
    assert 9 * MINUTE < (await row(scene))["hand_back"] <= 10 * MINUTE
    await scene.write("¿están?")
    assert await converse(scene) == ["hola"]
    await scene.pool.execute("UPDATE conversations SET hand_back_at = now() + interval '1 minute'")
    await terminal.type("message", "send", "acme", id, "Sí.", "--no-wait")
    assert 9 * MINUTE < (await row(scene))["hand_back"] <= 10 * MINUTE
    await scene.pool.execute("UPDATE conversations SET hand_back_at = now()")
    await scene.write("¿y ahora?")
    assert await converse(scene) == ["hola", "Sí.", "¿y ahora?"]
    assert await states(terminal, id) == ["answered", "with a person", "answered"]


async def test_after_the_hand_back_only_what_came_after_it_is_answered(
    scene: Scene, terminal: Terminal
) -> None:
    """Whatever the worker's delay: one was written to the person, one no more."""
    id = await take(scene, terminal)
    await scene.write("¿me oyes?")
    await scene.pool.execute("UPDATE conversations SET hand_back_at = clock_timestamp()")
    await scene.write("¿hay pan?")
    assert await converse(scene) == ["hola", "¿hay pan?"]
    assert await states(terminal, id) == ["answered", "with a person", "answered"]


async def test_given_back_what_was_left_unanswered_is_answered_at_once(
    scene: Scene, terminal: Terminal
) -> None:
    id = await take(scene, terminal)
    await scene.write("¿hay pan?")
    await converse(scene)
    await terminal.type("message", "send", "acme", id, "Un momento.", "--no-wait")
    for text in ("¿y leche?", "¿y té?"):
        await scene.write(text)
        await converse(scene)
    await scene.pool.execute("UPDATE messages SET created_at = created_at - interval '2 hours'")
    await scene.pool.execute("UPDATE turns SET settled_at = settled_at - interval '2 hours'")
    await scene.pool.execute("UPDATE tenants SET late_rule = 'park'")  # a person has looked after these
    async with scene.working():
        given = await terminal.type("conversation", "give", "acme", id)
        assert given.stdout == f"Conversation {id} is with the assistant; it answers 2 messages.\n"
        await until(lambda: "¿y leche? / ¿y té?" in scene.post.texts)
    assert scene.post.texts == ["hola", "Un momento.", "¿y leche? / ¿y té?"]
    assert await states(terminal, id) == ["answered", "with a person", "answered", "answered"]
    again = await terminal.type("conversation", "give", "acme", id, code=1)
    assert "is with the assistant already" in again.stderr


async def test_what_the_hand_over_itself_answered_is_not_answered_again(
    scene: Scene, terminal: Terminal
) -> None:
    scene.parrot.hand_over = True
    await scene.write("hola")
    await converse(scene)
    id = await number(scene)
    given = await terminal.type("conversation", "give", "acme", id)
    assert given.stdout == f"Conversation {id} is with the assistant.\n"
    assert await converse(scene) == ["hola"]


async def test_what_was_waiting_when_a_person_took_over_is_answered_once_it_is_given_back(
    scene: Scene, terminal: Terminal
) -> None:
    await scene.write("hola")
    id = await number(scene)
    await terminal.type("conversation", "take", "acme", id)
    assert await converse(scene) == []
    assert await states(terminal, id) == ["with a person"]
    await terminal.type("conversation", "give", "acme", id)
    assert await converse(scene) == ["hola"]


async def test_who_takes_a_second_time_is_told_so_and_has_it_longer(scene: Scene, terminal: Terminal) -> None:
    id = await take(scene, terminal)
    before = await row(scene)
    await scene.pool.execute("UPDATE conversations SET hand_back_at = now() + interval '1 minute'")
    again = await terminal.type("conversation", "take", "acme", id)
    assert "was with a person already: it stays so until" in again.stdout
    after = await row(scene)
    assert after["hand_back"] > timedelta(hours=3)
    assert (after["turn_id"], after["epoch"]) == (before["turn_id"], before["epoch"])
    await scene.pool.execute("UPDATE conversations SET hand_back_at = now()")
    assert "Next:" in (await terminal.type("conversation", "take", "acme", id)).stdout


async def test_a_held_conversation_may_be_taken_and_is_held_no_more(scene: Scene, terminal: Terminal) -> None:
    await scene.write("hola")
    id = await number(scene)
    await scene.pool.execute("UPDATE conversations SET state = 'held', starts = 3, cause = 'no answer'")
    refused = await terminal.type("conversation", "give", "acme", id, code=1)
    assert f"conserje held retry t{id}" in refused.stderr
    [listed] = await terminal.read("conversation", "list", "acme", "--held", "--json")
    assert listed["id"] == int(id)
    await terminal.type("conversation", "take", "acme", id)
    assert await terminal.read("held", "list", "--json") == []
    await terminal.type("conversation", "give", "acme", id)
    assert await converse(scene) == ["hola"]


async def test_who_writes_without_having_taken_over_is_told_how_to(scene: Scene, terminal: Terminal) -> None:
    await scene.write("hola")
    id = await number(scene)
    refused = await terminal.type("message", "send", "acme", id, "Hola", code=1)
    assert f"conserje conversation take acme {id}" in refused.stderr
    await terminal.type("conversation", "take", "acme", id)
    await scene.pool.execute("UPDATE conversations SET hand_back_at = now()")
    await terminal.type("message", "send", "acme", id, "Hola", code=1)
    assert await scene.pool.fetchval("SELECT count(*) FROM messages WHERE direction = 'out'") == 0
    await terminal.type("message", "send", "acme", id, " ", code=2)


async def test_a_refused_message_ends_with_its_cause(scene: Scene, terminal: Terminal) -> None:
    id = await take(scene, terminal)
    scene.post.does.extend([Refused("63003: not a WhatsApp user"), Refused("again")])
    async with scene.working():
        refused = await terminal.type("message", "send", "acme", id, "Hola", code=1)
        assert "The message is refused: 63003: not a WhatsApp user" in refused.stderr
        [told] = json.loads(
            (await terminal.type("message", "send", "acme", id, "x", "--json", code=1)).stdout
        )
    assert (told["state"], told["cause"]) == ("refused", "again")


async def test_a_message_that_has_to_wait_is_said_to(
    scene: Scene, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conserje.cli.send.PATIENCE", 0.5)
    id = await take(scene, terminal)
    scene.post.does.append(TryLater("20429: too many", 60))
    async with scene.working():
        waits = await terminal.type("message", "send", "acme", id, "Hola")
    assert f"see `conserje conversation show acme {id}`" in waits.stdout
    assert "queued" in waits.stdout


async def test_a_long_text_leaves_in_parts_and_in_order(scene: Scene, terminal: Terminal) -> None:
    id = await take(scene, terminal)
    text = "Uno dos tres. " * 400
    async with scene.working():
        sent = await terminal.read("message", "send", "acme", id, text, "--json")
    assert [each["state"] for each in sent] == ["sent", "sent"]
    assert " ".join(scene.post.texts[1:]).split() == text.split()


async def test_a_person_writes_to_nobody_who_wants_no_messages(scene: Scene, terminal: Terminal) -> None:
    """Promise 9."""
    id = await take(scene, terminal)
    out = await terminal.type("conversation", "consent", "acme", id, "out")
    assert out.stdout == "ana wants no more messages.\n"
    async with scene.working():
        refused = await terminal.type("message", "send", "acme", id, "Hola", code=1)
        assert WANTS_NONE in refused.stderr
        shown = (await terminal.type("conversation", "show", "acme", id)).stdout
        assert "contact wants        nothing\n" in shown
        assert (
            "already wants no more"
            in (await terminal.type("conversation", "consent", "acme", id, "out")).stdout
        )
        await terminal.type("conversation", "consent", "acme", id, "in")
        await terminal.type("message", "send", "acme", id, "Hola")
    assert scene.post.texts == ["hola", "Hola"]


async def test_a_suspended_tenant_writes_to_nobody(scene: Scene, terminal: Terminal) -> None:
    id = await take(scene, terminal)
    await terminal.type("tenant", "suspend", "acme")
    refused = await terminal.type("message", "send", "acme", id, "Hola", code=1)
    assert "conserje tenant resume acme" in refused.stderr


async def test_conversations_are_listed_with_their_ids_and_states(scene: Scene, terminal: Terminal) -> None:
    id = await take(scene, terminal)
    await scene.write("¿hay\n\x1bpan?", sender="eva")
    await scene.add("bravo")
    await scene.write("de otro", slug="bravo")
    eva, ana = await terminal.read("conversation", "list", "acme", "--json")
    assert (ana["id"], ana["contact"], ana["state"]) == (int(id), "ana Ana", "person")
    assert (eva["state"], eva["last_message"]) == ("open", "¿hay pan?")
    [with_person] = await terminal.read("conversation", "list", "acme", "--with-person", "--json")
    assert with_person["id"] == int(id)
    listed = (await terminal.type("conversation", "list", "acme")).stdout
    assert "with a person" in listed and "with the assistant" in listed and "\x1b" not in listed
    assert len(await terminal.read("conversation", "list", "acme", "--limit", "1", "--json")) == 1
    assert "no such" in (await terminal.type("conversation", "list", "acme", "--held")).stderr


async def test_show_tells_all_by_the_tenant_s_clock(scene: Scene, terminal: Terminal) -> None:
    await scene.pool.execute("UPDATE tenants SET time_zone = 'Pacific/Easter'")
    id = await take(scene, terminal)
    await terminal.type("message", "send", "acme", id, "Soy Eva.", "--no-wait")
    await scene.pool.execute("UPDATE turns SET settled_at = '2026-07-01T12:00:00Z' WHERE intent = 'take'")
    shown = (await terminal.type("conversation", "show", "acme", id)).stdout
    assert "with a person since  2026-07-01 06:00:00" in shown
    assert "contact wants        everything" in shown
    assert [line.split()[4] for line in shown.splitlines() if " ana Ana " in line].count("turn") == 3
    found = await terminal.read("conversation", "show", "acme", id, "--json", "--limit", "1")
    assert (found["state"], found["channel"], found["account"]) == ("person", "post", "+56 acme")
    assert [item["content"] for item in found["said"]] == ["Soy Eva."]


@pytest.mark.parametrize(
    "command", [("show",), ("take",), ("give",), ("consent", "in"), ("send",)], ids=lambda words: words[0]
)
async def test_a_conversation_that_is_not_the_tenant_s_is_an_error(
    scene: Scene, terminal: Terminal, command: tuple[str, ...]
) -> None:
    """Promise 6: also where another tenant has it."""
    await scene.add("bravo")
    await scene.write("hola", slug="bravo")
    id = await number(scene)
    group, more = ("message", ["hola"]) if command == ("send",) else ("conversation", command[1:])
    refused = await terminal.type(group, command[0], "acme", id, *more, code=1)
    assert f"acme has no conversation {id}: see `conserje conversation list acme`" in refused.stderr
    assert (await row(scene))["state"] == "open"


async def test_a_late_message_of_the_person_s_time_is_the_person_s(scene: Scene, terminal: Terminal) -> None:
    """It was written before the take and is taken after it."""
    await take(scene, terminal)
    entry = await scene.entry()
    account = entry.accounts[0]
    at = (await row(scene))["created_at"]
    late = InboundMessage(account.address, "late", "ana", Text("¿hay pan?"), at=at)
    await scene.intake.take(entry.tenant, [(account, late)])
    assert await converse(scene) == ["hola"]


async def test_taking_giving_and_thinking_at_once_answer_each_message_once(
    scene: Scene, terminal: Terminal
) -> None:
    """Promise 3, whatever the order in which they come."""
    scene.parrot.thinking = 0.02
    await scene.write("0")
    id = await number(scene)

    async def meddle() -> None:
        for _ in range(4):
            await terminal.type("conversation", "take", "acme", id)
            await asyncio.sleep(0.03)
            await terminal.type("conversation", "give", "acme", id)

    async def write() -> None:
        for n in range(1, 12):
            await scene.write(f"{n}")
            await asyncio.sleep(0.05)

    async with scene.working():
        await asyncio.gather(meddle(), write())
        said = [str(n) for n in range(12)]
        await until(lambda: sorted(" / ".join(scene.post.texts).split(" / ")) == sorted(said))
