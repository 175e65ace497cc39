"""`conserje held`: what was given up on is shown with its cause, tried again, or dropped."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from scene import Scene
from terminal import Terminal
from waiting import until

from conserje import Unreadable
from conserje.contract.message import OutboundMessage, Text
from conserje.conversations.sending import OUTCOME_UNKNOWN
from conserje.delivery.outcome import Step, still_uncertain
from conserje.storage import jobs
from conserje.storage.jobs import Job


async def hold_turn(scene: Scene, slug: str = "acme") -> str:
    """A turn that was started three times without an end."""
    await scene.write("hola", slug=slug)
    await scene.write("¿están?", slug=slug)
    row = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations ORDER BY id DESC LIMIT 1")
    assert row is not None
    await scene.pool.execute("UPDATE conversations SET starts = 3 WHERE id = $1", row["id"])
    await scene.conversation.converse(Job(jobs.CONVERSE, *row))
    return f"t{row['id']}"


async def hold_message(scene: Scene, cause: str = "Tried for 1:00:00: 20429") -> str:
    await scene.write("hola")
    row = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations")
    assert row is not None
    await scene.conversation.converse(Job(jobs.CONVERSE, *row))
    held: int = await scene.pool.fetchval(
        "UPDATE messages SET state = 'held', cause = $1, attempt = 1, attempted_at = now()"
        " WHERE direction = 'out' RETURNING id",
        cause,
    )
    return f"m{held}"


async def hold_reject(scene: Scene) -> str:
    entry = await scene.entry()
    account = entry.accounts[0]
    odd = Unreadable(account.address, "k", "To=%00\x1b[2J", "no MessageSid")
    await scene.intake.take(entry.tenant, [(account, odd)])
    return f"r{await scene.pool.fetchval('SELECT id FROM rejects')}"


async def due(scene: Scene, entrypoint: str) -> int:
    count: int = await scene.pool.fetchval(
        "SELECT count(*) FROM pgqueuer.pgqueuer WHERE entrypoint = $1 AND execute_after <= now()", entrypoint
    )
    return count


async def row_of(scene: Scene, sql: str) -> tuple[Any, ...]:
    row = await scene.pool.fetchrow(sql)
    assert row is not None
    return tuple(row)


async def test_all_that_is_held_is_listed_with_its_cause(scene: Scene, terminal: Terminal) -> None:
    message, reject = await hold_message(scene), await hold_reject(scene)
    await scene.add("bravo")
    turn = await hold_turn(scene, "bravo")
    listed = (await terminal.type("held", "list")).stdout
    assert all(held in listed for held in (message, reject, turn))
    assert "\x1b" not in listed
    found = {each["id"]: each for each in await terminal.read("held", "list", "--json")}
    assert found[turn]["tenant"] == "bravo"
    assert found[turn]["cause"] == "The turn was started 3 times without an end."
    assert found[turn]["texts"] == ["hola", "¿están?"]
    assert found[message]["contact"] == "ana Ana"
    assert found[reject]["contact"] == "post +56 acme"


async def test_a_tenant_s_list_has_its_own_only(scene: Scene, terminal: Terminal) -> None:
    message = await hold_message(scene)
    await scene.add("bravo")
    await hold_turn(scene, "bravo")
    [its_own] = await terminal.read("held", "list", "--tenant", "acme", "--json")
    assert its_own["id"] == message
    assert "no tenant nadie" in (await terminal.type("held", "list", "--tenant", "nadie", code=1)).stderr


async def held_ids(terminal: Terminal, *filters: str) -> list[str]:
    return [each["id"] for each in await terminal.read("held", "list", *filters, "--json")]


async def test_the_list_is_filtered_by_cause_and_time(scene: Scene, terminal: Terminal) -> None:
    message = await hold_message(scene, "Tried for 1:00:00: 20429")
    await scene.pool.execute("UPDATE messages SET attempted_at = now() - interval '3 hours'")
    await scene.add("bravo")
    turn = await hold_turn(scene, "bravo")
    assert await held_ids(terminal, "--cause", "TRIED FOR") == [message]
    assert await held_ids(terminal, "--cause", "%") == []
    assert await held_ids(terminal, "--since", "2h") == [turn]
    assert await held_ids(terminal, "--before", "2h") == [message]
    assert await held_ids(terminal, "--before", "2026-01-01T12:30") == []
    assert await held_ids(terminal, "--since", "4h", "--cause", "times", "--tenant", "bravo") == [turn]
    odd = await terminal.type("held", "list", "--since", "yesterday", code=2)
    assert "no time like 2h" in odd.stderr


async def test_all_that_match_are_retried_once_the_operator_agrees(scene: Scene, terminal: Terminal) -> None:
    await hold_message(scene, f"{OUTCOME_UNKNOWN}: TimeoutError")
    await hold_reject(scene)
    await scene.add("bravo")
    turn = await hold_turn(scene, "bravo")
    asked = await terminal.type("held", "retry", "--all-matching", code=1)  # nobody there to be asked
    assert "Retry 2? Contacts may receive 1 of them twice." in asked.stderr
    assert len(await held_ids(terminal)) == 3
    done = await terminal.type("held", "retry", "--all-matching", "--tenant", "bravo", "--yes")
    assert done.stdout == "1 are tried again.\n"
    assert turn not in await held_ids(terminal)
    async with scene.working():
        await answered(scene, "hola / ¿están?")
        assert scene.post.texts == ["hola / ¿están?"]  # the other tenant's is still held


async def test_no_more_than_so_many_are_dropped_at_once(
    scene: Scene, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conserje.conversations.held.LARGEST", 2)
    entry = await scene.entry()
    account = entry.accounts[0]
    for n in range(3):
        odd = Unreadable(account.address, f"{n}", "To=", "no MessageSid")
        await scene.intake.take(entry.tenant, [(account, odd)])
    asked = await terminal.type("held", "drop", "--all-matching", "--cause", "no Message", code=1)
    assert "Drop the 2 longest held of 3?" in asked.stderr
    done = await terminal.type("held", "drop", "--all-matching", "--cause", "no Message", "--yes")
    assert done.stdout == "2 are dropped.\n"
    assert len(await held_ids(terminal)) == 1


@pytest.mark.parametrize(
    "words", [[], ["m1", "--all-matching"], ["m1", "--tenant", "acme"], ["--cause", "x"]]
)
@pytest.mark.parametrize("command", ["retry", "drop"])
async def test_one_or_all_that_match_but_never_by_accident(
    terminal: Terminal, command: str, words: list[str]
) -> None:
    assert "--all-matching" in (await terminal.type("held", command, *words, code=2)).stderr


async def test_show_tells_the_texts(scene: Scene, terminal: Terminal) -> None:
    turn = await hold_turn(scene)
    shown = (await terminal.type("held", "show", turn)).stdout
    assert "hola" in shown and "¿están?" in shown and "3 times" in shown


async def test_a_turn_retried_is_thought_and_answered(scene: Scene, terminal: Terminal) -> None:
    turn = await hold_turn(scene)
    before = await due(scene, jobs.CONVERSE)
    await terminal.type("held", "retry", turn)
    assert await row_of(scene, "SELECT state, starts, cause FROM conversations") == ("open", 0, None)
    assert await due(scene, jobs.CONVERSE) == before + 1
    async with scene.working():
        await answered(scene, "hola / ¿están?")


async def answered(scene: Scene, text: str) -> None:
    await until(lambda: text in scene.post.texts)


async def test_a_message_retried_is_sent(scene: Scene, terminal: Terminal) -> None:
    message = await hold_message(scene)
    quiet = await terminal.type("held", "retry", message)
    assert "twice" not in quiet.stderr
    assert await row_of(scene, "SELECT state, attempt, cause FROM messages WHERE direction = 'out'") == (
        "queued",
        1,
        None,
    )
    async with scene.working():
        await answered(scene, "hola")


async def test_a_message_of_unknown_fate_is_retried_with_a_warning(scene: Scene, terminal: Terminal) -> None:
    now = await scene.pool.fetchval("SELECT now()")
    sent = OutboundMessage(1, "ana", Text("hola"), "", now - timedelta(minutes=3))
    outcome = still_uncertain(Step(sent, 1, 1, True, False, sent.attempted_at, now), "TimeoutError")
    assert outcome.state == "held" and outcome.cause
    message = await hold_message(scene, outcome.cause)
    assert "may receive it twice" in (await terminal.type("held", "retry", message)).stderr


async def test_a_reject_cannot_be_retried(scene: Scene, terminal: Terminal) -> None:
    reject = await hold_reject(scene)
    assert (
        "could not be read: its sender must send it again."
        in (await terminal.type("held", "retry", reject, code=1)).stderr
    )
    assert await row_of(scene, "SELECT count(*) FROM rejects") == (1,)


async def test_a_turn_dropped_leaves_its_messages_unanswered_and_the_next_one_is(
    scene: Scene, terminal: Terminal
) -> None:
    turn = await hold_turn(scene)
    await terminal.type("held", "drop", turn)
    assert await row_of(scene, "SELECT state, starts, cause, turn_id FROM conversations") == (
        "open",
        0,
        None,
        None,
    )
    assert await row_of(
        scene, "SELECT count(*), count(DISTINCT turn_id) FROM messages WHERE turn_id > 0"
    ) == (2, 1)
    states = [item["state"] for item in await terminal.read("message", "list", "acme", "--json")]
    assert states == ["dropped", "dropped"]
    await scene.write("¿y ahora?")
    async with scene.working():
        await answered(scene, "¿y ahora?")


async def test_a_message_dropped_is_never_sent(scene: Scene, terminal: Terminal) -> None:
    message = await hold_message(scene)
    await terminal.type("held", "drop", message)
    assert await row_of(scene, "SELECT state, cause FROM messages WHERE direction = 'out'") == (
        "refused",
        "dropped by the operator",
    )


async def test_a_reject_dropped_is_gone(scene: Scene, terminal: Terminal) -> None:
    reject = await hold_reject(scene)
    await terminal.type("held", "drop", reject)
    assert await row_of(scene, "SELECT raw FROM rejects") == ("",)
    assert await terminal.read("held", "list", "--json") == []


@pytest.mark.parametrize("command", ["show", "retry", "drop"])
@pytest.mark.parametrize("held_id", ["t999999", "m999999", "999", "x1", "t1;", "t99999999999999999999"])
async def test_what_is_not_held_is_an_error(terminal: Terminal, command: str, held_id: str) -> None:
    assert (
        f"Nothing held is called {held_id}" in (await terminal.type("held", command, held_id, code=1)).stderr
    )


async def test_what_is_under_way_is_not_released(scene: Scene, terminal: Terminal) -> None:
    await scene.write("hola")
    conversation = await scene.pool.fetchval("SELECT id FROM conversations")
    await terminal.type("held", "drop", f"t{conversation}", code=1)
    assert await row_of(scene, "SELECT turn_id FROM messages") == (None,)
