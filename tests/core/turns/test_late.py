"""Late messages: the tenant's rule says whether they are answered, excused, handed over or parked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from scene import Scene
from terminal import Terminal
from waiting import until

from conserje import InboundMessage, Text
from conserje.conversations import overdue
from conserje.conversations.sending import OUTCOME_UNKNOWN
from conserje.storage import jobs
from conserje.storage.jobs import Job
from conserje.tenants.words import LATE, LATE_PASSED_ON

HOUR = timedelta(hours=1)


async def rule(scene: Scene, **columns: Any) -> None:
    """Change acme's rule, and wait until the directory has heard of it."""
    for name, value in columns.items():
        await scene.pool.execute(f"UPDATE tenants SET {name} = $1 WHERE slug = 'acme'", value)
    await scene.heard()


async def write_late(scene: Scene, text: str = "¿tienen pan?", ago: timedelta = HOUR) -> None:
    entry = await scene.entry()
    account = entry.accounts[0]
    at = datetime.now(UTC) - ago
    event = InboundMessage(account.address, f"{text} {ago}", "ana", Text(text), at=at)
    await scene.intake.take(entry.tenant, [(account, event)])


async def place(scene: Scene) -> tuple[int, int]:
    row = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations")
    assert row is not None
    return row["tenant_id"], row["id"]


async def converse(scene: Scene) -> list[str]:
    """Run the turn, deliver, and say what was said until now."""
    await scene.conversation.converse(Job(jobs.CONVERSE, *await place(scene)))
    await scene.delivery.deliver(Job(jobs.DELIVER, *await place(scene)))
    return scene.post.texts


async def conversation(scene: Scene) -> dict[str, Any]:
    row = await scene.pool.fetchrow(
        "SELECT state, cause, starts, hand_back_at - now() AS hand_back FROM conversations"
    )
    assert row is not None
    return dict(row)


async def test_by_default_a_late_message_is_answered_as_any_and_its_age_known(scene: Scene) -> None:
    await write_late(scene)
    assert await converse(scene) == ["¿tienen pan?"]
    age = datetime.now(UTC) - scene.parrot.heard[0].messages[0].at
    assert HOUR <= age < HOUR + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("es-CL", LATE["es"]),
        ("pt-BR", LATE["pt"]),
        ("en", LATE["en"]),
        ("fr", LATE["en"]),
    ],
)
async def test_an_apology_comes_before_the_answer_in_the_tenant_s_language(
    scene: Scene, locale: str, said: str
) -> None:
    await rule(scene, late_rule="apologise", locale=locale)
    await write_late(scene)
    assert await converse(scene) == [said, "¿tienen pan?"]


async def test_an_apology_may_be_the_tenant_s_own(scene: Scene) -> None:
    await rule(scene, late_rule="apologise", late_text="Uy, perdón.")
    await write_late(scene)
    assert await converse(scene) == ["Uy, perdón.", "¿tienen pan?"]


@pytest.mark.parametrize("late_rule", ["apologise", "hand_over", "park"])
async def test_a_message_in_time_is_no_matter_of_the_rule(scene: Scene, late_rule: str) -> None:
    await rule(scene, late_rule=late_rule, late_after=2 * HOUR)
    await write_late(scene)
    assert await converse(scene) == ["¿tienen pan?"]


async def test_who_is_waited_for_because_they_write_on_is_not_late(scene: Scene) -> None:
    await rule(scene, late_rule="park", late_after=timedelta(seconds=1), longest_wait=timedelta(minutes=10))
    await write_late(scene, ago=timedelta(minutes=5))
    assert await converse(scene) == ["¿tienen pan?"]


async def test_a_message_that_was_taken_in_time_and_waited_is_late_as_well(scene: Scene) -> None:
    """The workers were down, not the provider."""
    await rule(scene, late_rule="apologise")
    await scene.write("hola")
    await scene.pool.execute("UPDATE messages SET created_at = now() - interval '1 hour'")
    assert await converse(scene) == [LATE["es"], "hola"]


async def test_the_oldest_message_counts_also_if_it_was_taken_last(scene: Scene) -> None:
    await rule(scene, late_rule="apologise")
    await scene.write("¿hola?")
    await write_late(scene)
    assert await converse(scene) == [LATE["es"], "¿hola? / ¿tienen pan?"]
    assert await scene.pool.fetchval("SELECT waited FROM turns") >= HOUR


async def test_a_late_conversation_is_handed_over_without_an_assistant(
    scene: Scene, terminal: Terminal
) -> None:
    await rule(scene, late_rule="hand_over")
    await write_late(scene)
    assert await converse(scene) == [LATE_PASSED_ON["es"]]
    assert not scene.parrot.heard
    found = await conversation(scene)
    assert found["state"] == "person"
    assert timedelta(hours=3) < found["hand_back"] <= timedelta(hours=4)
    turn = await scene.pool.fetchrow("SELECT assistant, cause FROM turns")
    assert turn is not None
    assert turn["assistant"] == "late rule"
    assert turn["cause"] == "The oldest message is 1:00:00 old: the tenant's late rule is hand_over."
    await write_late(scene, "¿y leche?", 2 * HOUR)
    assert await converse(scene) == [LATE_PASSED_ON["es"]]  # it is the person's
    shown = await terminal.read("message", "list", "acme", "--json")
    assert [item["state"] for item in shown if item.get("direction") == "in"] == ["with a person", "answered"]


async def test_a_late_conversation_is_parked_until_an_operator_lets_it_be_answered(
    scene: Scene, terminal: Terminal
) -> None:
    await rule(scene, late_rule="park", held_text="Ya te respondemos.")
    await write_late(scene)
    assert await converse(scene) == []
    found = await conversation(scene)
    assert (found["state"], found["starts"]) == ("held", 0)
    [held] = await terminal.read("held", "list", "--json")
    assert held["cause"] == "The oldest message is 1:00:00 old: the tenant's late rule is park."
    await write_late(scene, "¿y leche?", 2 * HOUR)  # fetched while it is parked
    await terminal.type("held", "retry", held["id"])
    assert await converse(scene) == ["¿tienen pan? / ¿y leche?"]
    await write_late(scene, "¿están?", timedelta(0))
    await scene.pool.execute("UPDATE conversations SET unparked_at = now() - interval '1 day'")
    await write_late(scene, "¿hola?", 3 * HOUR)
    assert len(await converse(scene)) == 1  # what comes late after the operator's word is parked again
    assert (await conversation(scene))["state"] == "held"


async def fail_three_times(scene: Scene) -> None:
    scene.parrot.fails.extend(ValueError("a secret") for _ in range(3))
    for _ in range(4):
        await scene.conversation.converse(Job(jobs.CONVERSE, *await place(scene)))


async def test_a_contact_whose_turn_is_held_is_told_so_once_and_in_order(
    scene: Scene, terminal: Terminal
) -> None:
    await rule(scene, held_text="Te escribimos pronto.")
    await scene.write("uno")
    assert await converse(scene) == ["uno"]
    await scene.write("dos")
    await fail_three_times(scene)
    await fail_three_times(scene)
    assert await converse(scene) == ["uno", "Te escribimos pronto."]
    found = await conversation(scene)
    assert (found["state"], found["cause"]) == ("held", "parrot: ValueError")
    scene.parrot.fails.clear()
    await terminal.type("held", "retry", f"t{(await place(scene))[1]}")
    assert await converse(scene) == ["uno", "Te escribimos pronto.", "dos"]


async def test_the_text_for_the_held_leaves_by_itself(scene: Scene) -> None:
    await rule(scene, held_text="Te escribimos pronto.")
    await scene.write("hola")
    await fail_three_times(scene)
    async with scene.working():
        await until(lambda: scene.post.texts)
    assert scene.post.texts == ["Te escribimos pronto."]


async def test_without_a_text_a_held_turn_says_nothing(scene: Scene) -> None:
    await scene.write("hola")
    await fail_three_times(scene)
    assert await converse(scene) == []
    assert (await conversation(scene))["state"] == "held"


async def test_a_held_conversation_is_shown_as_waiting_for_a_person(scene: Scene, terminal: Terminal) -> None:
    await scene.write("hola")
    await fail_three_times(scene)
    held = f"t{(await place(scene))[1]}"
    waits = f"It waits for a person: see `conserje held show {held}`."
    assert waits in (await terminal.type("message", "list", "acme")).stdout
    shown = (await terminal.type("held", "show", held)).stdout
    assert f"waits for  a person: write to ana, or `conserje held retry {held}`" in shown


async def test_only_an_operator_s_word_sends_what_is_held(scene: Scene, terminal: Terminal) -> None:
    """Promise 3: not a job, not the sweep, not the next message, not a look at the provider."""
    await scene.write("hola")
    await scene.conversation.converse(Job(jobs.CONVERSE, *await place(scene)))
    held = await scene.pool.fetchval(
        "UPDATE messages SET state = 'held', cause = $1, attempt = 1, attempted_at = now() - $2::interval,"
        " created_at = now() - $2::interval WHERE direction = 'out' RETURNING id",
        f"{OUTCOME_UNKNOWN}: TimeoutError",
        24 * HOUR,
    )
    scene.post.found = None
    async with scene.working():
        await scene.write("¿están?")
        await until(lambda: scene.post.texts)
        await scene.pool.execute("UPDATE conversations SET swept_at = NULL")
        await overdue.sweep(scene.pool)
        await scene.delivery.deliver(Job(jobs.DELIVER, *await place(scene)))
        await scene.write("¿hola?")
        await until(lambda: len(scene.post.texts) == 2)
        assert scene.post.texts == ["¿están?", "¿hola?"]
        await terminal.type("held", "retry", f"m{held}")
        await until(lambda: "hola" in scene.post.texts)
