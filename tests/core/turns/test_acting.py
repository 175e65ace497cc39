"""Effects: proposed while thinking, stored with the reply, done once by a job, or said to be uncertain."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from scene import Scene
from tools import Doer, Make, MakeAgain, switch_on, think, use
from waiting import until

from conserje import Nothing, Result, Turn
from conserje.conversations import effects, held
from conserje.conversations.effects import UNKNOWN
from conserje.plugins import fences
from conserje.storage import jobs
from conserje.storage.jobs import Job
from conserje.turns import acting

STATES = "SELECT state FROM effects ORDER BY turn_id, number"


async def states(scene: Scene) -> list[str]:
    return [row["state"] for row in await scene.pool.fetch(STATES)]


async def test_an_effect_is_done_once_after_its_reply_is_stored(scene: Scene) -> None:
    make = Make()
    await switch_on(scene, make)
    results = await think(scene, [("make", {"what": "uno"}), ("make", {"what": "dos"})])
    assert all("done once your reply is sent" in result.text for result in results)
    assert make.asked == ["uno", "dos"] and await states(scene) == ["done", "done"]
    turn_id = await scene.pool.fetchval("SELECT id FROM turns")
    assert [call.key for call in make.calls] == [f"{turn_id}-1", f"{turn_id}-2"]
    assert [(call.tenant.slug, call.contact.name) for call in make.calls] == [("acme", "Ana")] * 2


async def test_what_is_proposed_twice_in_a_turn_is_done_once(scene: Scene) -> None:
    make = Make()
    await switch_on(scene, make)
    await think(scene, [("make", {"what": "uno", "times": 2}), ("make", '{"times": 2, "what": "uno"}')])
    assert make.asked == ["uno"]


async def test_a_reply_that_is_thrown_away_leaves_none(scene: Scene) -> None:
    make, thoughts = Make(), 0
    await switch_on(scene, make)

    async def thinks(turn: Turn[Nothing, Nothing]) -> None:
        nonlocal thoughts
        thoughts += 1
        await turn.tools.call("make", {"what": f"thought {thoughts}"})
        if thoughts == 1:
            await scene.write("y algo más")

    await use(scene, Doer(thinks))
    async with scene.working():
        await scene.write("hola")
        await scene.settled()
    assert thoughts == 2 and make.asked == ["thought 2"]


async def test_the_fallback_s_reply_leaves_none_of_the_assistant_s(scene: Scene) -> None:
    make = Make()
    await switch_on(scene, make)

    async def thinks(turn: Turn[Nothing, Nothing]) -> None:
        await turn.tools.call("make", {"what": "uno"})
        raise OSError

    await use(scene, Doer(thinks))
    async with scene.working():
        await scene.write("hola")
        await scene.settled()
    assert scene.post.texts == ["hola"] and make.calls == [] and await states(scene) == []


@pytest.mark.parametrize(
    ("habit", "state", "cause"),
    [
        (Result("No such calendar.", failed=True), "failed", "make says: No such calendar."),
        (OSError("Bearer abcdefghijkl"), "uncertain", f"{UNKNOWN}: OSError."),
        ("a word", "uncertain", f"{UNKNOWN}: gave str, not Result."),
        (asyncio.Event(), "uncertain", f"{UNKNOWN}: no answer within 0.1 s."),
    ],
    ids=["says no", "raises", "gives a word", "waits"],
)
async def test_what_did_not_end_well_is_held_for_an_operator(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, habit: Any, state: str, cause: str
) -> None:
    monkeypatch.setattr(acting, "LIMIT", 0.1)
    make = Make()
    make.does.append(habit)
    await switch_on(scene, make)
    await think(scene, [("make", {"what": "uno"})])
    assert len(make.calls) == 1 and await states(scene) == [state]
    async with scene.pool.acquire() as connection:
        [found] = await held.list_all(connection, held.Filter())
        assert (found.tenant, found.cause, found.texts) == ("acme", cause, ('make {"what": "uno"}',))
        assert found.id.startswith("e") and found.uncertain == (state == "uncertain")
        await held.retry(connection, found.id)
    async with scene.working():
        await scene.settled()
    assert len(make.calls) == 2 and await states(scene) == ["done"]
    assert len({call.key for call in make.calls}) == 1


async def test_an_operator_drops_it(scene: Scene) -> None:
    make = Make()
    make.does.append(OSError())
    await switch_on(scene, make)
    await think(scene, [("make", {"what": "uno"})])
    async with scene.pool.acquire() as connection:
        [found] = await held.list_all(connection, held.Filter())
        await held.drop(connection, found.id)
        assert await held.list_all(connection, held.Filter()) == []
    assert await states(scene) == ["dropped"]


async def proposed(scene: Scene, tool: Make, state: str, since: timedelta) -> Job:
    """An effect that somebody left so; the job that finds it."""
    await switch_on(scene, tool)
    await think(scene, [])
    turn = await scene.pool.fetchrow("SELECT tenant_id, conversation_id, id FROM turns")
    assert turn is not None
    await scene.pool.execute(
        "INSERT INTO effects (tenant_id, conversation_id, turn_id, number, tool, arguments, state, tries,"
        ' begun_at, due_at) VALUES ($1, $2, $3, 1, $4, \'{"what": "uno"}\', $5, 1, now() - $6::interval,'
        " now() - $6::interval + $7::interval)",
        *turn,
        tool.name,
        state,
        since,
        effects.LEASE,
    )
    return Job(jobs.ACT, turn["tenant_id"], turn["conversation_id"])


async def test_whoever_finds_one_that_is_not_its_own_never_calls_again(scene: Scene) -> None:
    make = Make()
    job = await proposed(scene, make, "doing", timedelta(minutes=1))
    await scene.acting.act(job)
    assert make.calls == [] and await states(scene) == ["uncertain"]


async def test_one_that_another_does_now_is_left_alone(scene: Scene) -> None:
    make = Make()
    job = await proposed(scene, make, "doing", timedelta(seconds=1))
    await scene.acting.act(job)
    assert make.calls == [] and await states(scene) == ["doing"]
    waiting = "SELECT count(*) FROM pgqueuer.pgqueuer WHERE entrypoint = 'act'"
    assert await scene.pool.fetchval(waiting) == 1  # it comes back when that one's time is over


async def test_one_that_does_nothing_twice_is_called_again_with_its_key(scene: Scene) -> None:
    make = MakeAgain()
    job = await proposed(scene, make, "doing", timedelta(minutes=1))
    await scene.acting.act(job)
    assert make.asked == ["uno"] and await states(scene) == ["done"]


async def test_one_that_does_nothing_twice_is_tried_again_and_given_up_in_the_end(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting, "PAUSES", (timedelta(0), timedelta(0)))
    make = MakeAgain()
    make.does += [OSError()] * 3
    await switch_on(scene, make)
    await think(scene, [("make_again", {"what": "uno"})])
    assert len(make.calls) == 3 and await states(scene) == ["uncertain"]


async def test_what_a_stalled_worker_learns_in_the_end_is_true(scene: Scene) -> None:
    make, over = Make(), asyncio.Event()
    make.does.append(over)
    job = await proposed(scene, make, "queued", timedelta(minutes=1))
    running = asyncio.create_task(scene.acting.act(job))
    await until(lambda: make.calls)
    await scene.pool.execute("UPDATE effects SET due_at = now()")  # as if it had taken too long
    await scene.acting.act(job)
    assert await states(scene) == ["uncertain"]
    over.set()
    await running
    assert await states(scene) == ["done"] and len(make.calls) == 1


async def test_a_lost_job_is_found_once_the_tenant_is_active(scene: Scene) -> None:
    make = Make()
    await proposed(scene, make, "queued", timedelta(minutes=1))
    await scene.pool.execute("UPDATE tenants SET status = 'suspended'")
    await effects.recover(scene.pool)
    assert await scene.pool.fetchval("SELECT count(*) FROM pgqueuer.pgqueuer") == 0
    await scene.pool.execute("UPDATE tenants SET status = 'active'")
    await scene.heard()
    await effects.recover(scene.pool)
    async with scene.working():
        await scene.settled()
    assert make.asked == ["uno"]


async def test_a_tool_that_is_off_by_then_is_not_called(scene: Scene) -> None:
    make = Make()
    job = await proposed(scene, make, "queued", timedelta(minutes=1))
    await switch_on(scene, make, settings={"make": False})
    await scene.acting.act(job)
    assert make.calls == [] and await states(scene) == ["failed"]
    cause = await scene.pool.fetchval("SELECT cause FROM effects")
    assert cause == "acme has not switched make on."


async def test_one_whose_tool_is_fenced_off_waits(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    make = Make()
    job = await proposed(scene, make, "queued", timedelta(minutes=1))
    monkeypatch.setattr(fences, "rest", lambda *_: 3600.0)
    async with asyncio.timeout(10):
        await scene.acting.act(job)
    assert make.calls == [] and await states(scene) == ["queued"]
    assert await scene.pool.fetchval("SELECT tries FROM effects") == 1, "the one before; waiting is none"


async def test_what_a_tool_says_holds_no_secret(scene: Scene) -> None:
    make = Make()
    make.does.append(Result("Authorization: Bearer EAAGm0PX4ZCpsBA9pZBZC1nGcYIZBwZDZD", failed=True))
    await switch_on(scene, make)
    await think(scene, [("make", {"what": "uno"})])
    cause = await scene.pool.fetchval("SELECT cause FROM effects")
    assert "EAAG" not in cause and "[redacted]" in cause
