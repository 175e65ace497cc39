"""Claim, think, settle: one turn at a time, one reply for each message, whoever dies meanwhile."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from scene import Scene
from waiting import until

from conserje.conversations.state import LEASE
from conserje.storage import jobs
from conserje.storage.jobs import Job
from conserje.turns.lease import LostLease


async def due(scene: Scene, entrypoint: str = jobs.CONVERSE) -> list[Job]:
    rows = await scene.pool.fetch(
        "SELECT payload, priority, execute_after - now() AS delay FROM pgqueuer.pgqueuer"
        " WHERE entrypoint = $1 ORDER BY id",
        entrypoint,
    )
    return [
        Job(entrypoint, *jobs.read_payload(row["payload"]), row["priority"], row["delay"]) for row in rows
    ]


async def column(scene: Scene, sql: str) -> list[Any]:
    return [row[0] for row in await scene.pool.fetch(sql)]


async def test_nothing_unanswered_is_nothing_to_do(scene: Scene) -> None:
    await scene.write("hola")
    [job] = await due(scene)
    await scene.conversation.converse(job)
    await scene.conversation.converse(job)
    assert len(scene.parrot.heard) == 1


async def test_a_job_that_comes_before_the_last_words_leaves_them_to_theirs(scene: Scene) -> None:
    await scene.add("bravo", quiet="5 seconds")
    await scene.write("uno", slug="bravo")
    await scene.write("dos", slug="bravo")
    first, _ = await due(scene)
    await scene.conversation.converse(first)
    assert not scene.parrot.heard
    assert len(await due(scene)) == 2


async def test_a_job_that_comes_too_early_for_its_own_message_comes_again(scene: Scene) -> None:
    """The tenant's quiet period has grown since the job was made."""
    await scene.add("bravo", quiet="5 seconds")
    await scene.write("uno", slug="bravo")
    [job] = await due(scene)
    await scene.conversation.converse(job)
    _, again = await due(scene)
    assert not scene.parrot.heard
    assert timedelta(seconds=3) < again.delay <= timedelta(seconds=5)


async def test_the_longest_wait_ends_the_quiet(scene: Scene) -> None:
    await scene.add("bravo", quiet="30 seconds")
    await scene.pool.execute("UPDATE tenants SET longest_wait = '0' WHERE slug = 'bravo'")
    await scene.heard()
    await scene.write("uno", slug="bravo")
    [job] = await due(scene)
    await scene.conversation.converse(job)
    assert len(scene.parrot.heard) == 1


async def test_words_that_come_while_thinking_are_thought_over_again(scene: Scene) -> None:
    scene.parrot.ready.clear()
    await scene.write("uno")
    [job] = await due(scene)
    turn = asyncio.create_task(scene.conversation.converse(job))
    await until(lambda: scene.parrot.heard)
    await scene.write("dos")
    scene.parrot.ready.set()
    await turn
    assert [len(heard.messages) for heard in scene.parrot.heard] == [1, 2]
    assert scene.parrot.heard[0].id == scene.parrot.heard[1].id
    assert await column(scene, "SELECT DISTINCT turn_id FROM messages") == [scene.parrot.heard[0].id]


async def test_words_that_come_after_the_longest_wait_get_a_turn_of_their_own(scene: Scene) -> None:
    await scene.pool.execute("UPDATE tenants SET longest_wait = '0.2 seconds' WHERE slug = 'acme'")
    await scene.heard()
    scene.parrot.ready.clear()
    await scene.write("uno")
    turn = asyncio.create_task(scene.conversation.converse((await due(scene))[0]))
    await until(lambda: scene.parrot.heard)
    await scene.write("dos")
    waited = "SELECT min(created_at) < now() - interval '0.3 s' FROM messages"
    await until(lambda: scene.pool.fetchval(waited))
    scene.parrot.ready.set()
    await turn
    assert len(scene.parrot.heard) == 1
    unanswered = "SELECT count(*) FROM messages WHERE direction = 'in' AND turn_id IS NULL"
    assert await column(scene, unanswered) == [1]
    assert len(await due(scene)) == 3  # the two messages' own, and the one that settling left


async def test_a_leased_conversation_is_left_to_its_holder(scene: Scene) -> None:
    scene.parrot.ready.clear()
    await scene.write("hola")
    [job] = await due(scene)
    turns = [asyncio.create_task(scene.conversation.converse(job)) for _ in range(5)]
    await until(lambda: sum(turn.done() for turn in turns) == 4)
    looks_again = [each.delay for each in (await due(scene))[1:]]
    scene.parrot.ready.set()
    await asyncio.gather(*turns)
    assert len(scene.parrot.heard) == 1
    assert len(looks_again) == 4  # should the holder be dead
    assert all(timedelta(0) < delay <= LEASE for delay in looks_again)


async def test_a_job_that_finds_a_lease_comes_back_when_it_ends_since_its_holder_may_be_dead(
    scene: Scene,
) -> None:
    scene.parrot.ready.clear()
    await scene.write("hola")
    [job] = await due(scene)
    thinking = asyncio.create_task(scene.conversation.converse(job))
    await until(lambda: scene.parrot.heard)
    await scene.conversation.converse(job)  # as if the queue had given up its holder
    queue = "SELECT extract(epoch FROM execute_after - now())::float8 FROM pgqueuer.pgqueuer ORDER BY 1 DESC"
    [comes_back, _] = await column(scene, queue)
    assert 0 < comes_back <= LEASE.total_seconds()
    scene.parrot.ready.set()
    await thinking
    await scene.conversation.converse(job)
    assert len(scene.parrot.heard) == 1


async def test_a_turn_whose_lease_is_lost_is_thrown_away(scene: Scene) -> None:
    """Promise 3: two may think, one settles."""
    scene.parrot.ready.clear()
    await scene.write("hola")
    [job] = await due(scene)
    stale = asyncio.create_task(scene.conversation.converse(job))
    await until(lambda: scene.parrot.heard)
    await scene.pool.execute("UPDATE conversations SET leased_until = now()")
    other = asyncio.create_task(scene.conversation.converse(job))
    await until(lambda: len(scene.parrot.heard) == 2)
    scene.parrot.ready.set()
    await asyncio.gather(stale, other)
    assert await column(scene, "SELECT count(*) FROM messages WHERE direction = 'out'") == [1]
    assert await column(scene, "SELECT count(*) FROM turns") == [1]


async def test_settling_counts_what_it_answers(scene: Scene) -> None:
    """Even with the right epoch, a message that has a turn already is not answered again."""
    await scene.write("hola")
    [job] = await due(scene)
    entry = await scene.entry()
    claim = await scene.conversation._claim(entry, job)
    assert claim is not None
    thought = await scene.conversation.thinking.think(entry, claim)
    await scene.pool.execute("UPDATE messages SET turn_id = 99")
    with pytest.raises(LostLease):
        await scene.conversation._settle(entry, job, claim, thought)
    assert await column(scene, "SELECT count(*) FROM messages WHERE direction = 'out'") == [0]


async def test_three_starts_without_an_end_are_held(scene: Scene) -> None:
    await scene.write("hola")
    [job] = await due(scene)
    entry = await scene.entry()
    turns = set()
    for _ in range(3):
        claim = await scene.conversation._claim(entry, job)
        assert claim is not None
        turns.add(claim.turn_id)
        await scene.pool.execute("UPDATE conversations SET leased_until = now()")  # its worker died
    assert len(turns) == 1
    await scene.conversation.converse(job)
    assert not scene.parrot.heard
    [(state, cause)] = await scene.pool.fetch("SELECT state, cause FROM conversations")
    assert state == "held"
    assert "3 times" in cause


async def test_a_failing_assistant_gives_way_to_the_fallback(scene: Scene) -> None:
    await scene.pool.execute("UPDATE tenants SET assistant = 'missing'")
    await scene.heard()
    await scene.write("hola")
    await scene.conversation.converse((await due(scene))[0])
    [row] = await scene.pool.fetch("SELECT assistant, cause FROM turns")
    assert row["assistant"] == "parrot"
    assert row["cause"] == "The assistant missing is not installed: see `conserje plugin list`."


async def test_without_any_reply_the_cause_is_kept_and_the_turn_comes_again(scene: Scene) -> None:
    scene.parrot.fails.append(ValueError("a secret"))
    await scene.write("hola")
    [job] = await due(scene)
    await scene.conversation.converse(job)
    assert await column(scene, "SELECT cause FROM conversations") == ["parrot: ValueError"]
    again = (await due(scene))[-1]
    await scene.conversation.converse(again)
    assert await column(scene, "SELECT count(*) FROM messages WHERE direction = 'out'") == [1]


async def test_a_conversation_with_a_person_is_left_to_them_until_it_is_given_back(scene: Scene) -> None:
    scene.parrot.hand_over = True
    await scene.write("hola")
    await scene.conversation.converse((await due(scene))[0])
    scene.parrot.hand_over = False
    await scene.write("¿hola?")
    await scene.conversation.converse((await due(scene))[-1])
    assert len(scene.parrot.heard) == 1
    await scene.pool.execute("UPDATE conversations SET hand_back_at = now()")
    await scene.write("¿y?")
    await scene.conversation.converse((await due(scene))[-1])
    assert [len(turn.messages) for turn in scene.parrot.heard] == [1, 1]
    assert await column(scene, "SELECT state FROM conversations") == ["open"]


async def test_history_is_what_was_said_before(scene: Scene) -> None:
    for word in ("uno", "dos"):
        await scene.write(word)
        await scene.conversation.converse((await due(scene))[-1])
    past = [(utterance.author, utterance.content.text) for utterance in scene.parrot.heard[1].history]  # type: ignore[union-attr]
    assert past == [("contact", "uno"), ("assistant", "uno")]


async def test_a_suspended_tenant_is_not_answered(scene: Scene) -> None:
    await scene.write("hola")
    await scene.pool.execute("UPDATE tenants SET status = 'suspended'")
    await scene.heard()
    await scene.conversation.converse((await due(scene))[0])
    assert not scene.parrot.heard
