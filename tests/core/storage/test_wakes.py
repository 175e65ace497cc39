"""What wakes a worker: jobs that came, once for each look, first the one whose turn it is."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest
from scene import Scene
from waiting import until

from conserje.storage import jobs, wakes
from conserje.storage.wakes import MISSED, Wakes


def changed(operation: str, at: int = 0) -> str:
    return json.dumps({"type": "table_changed_event", "operation": operation, "sent_at": at})


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def heard(told: list[str]) -> Wakes:
    return Wakes(lambda channel, payload: told.append(payload))


def test_of_jobs_that_come_it_is_told_once_until_somebody_looks(heard: Wakes, told: list[str]) -> None:
    for operation in ("insert", "insert", "delete", "update"):
        heard.hear("jobs", changed(operation))
    assert told == [changed("insert")]
    heard.looked()
    heard.hear("jobs", changed("delete"))
    heard.hear("jobs", changed("insert"))
    assert told == [changed("insert")] * 2


def test_what_is_no_change_of_the_table_is_passed_on(heard: Wakes, told: list[str]) -> None:
    heard.place = 1  # of one: nothing is this worker's
    for _ in range(2):
        heard.hear("jobs", '{"type": "health_check_event"}')
    assert len(told) == 2


async def test_who_has_its_hands_full_is_told_when_there_is_room(heard: Wakes, told: list[str]) -> None:
    heard.fill()
    heard.hear("jobs", changed("insert"))
    assert not told
    heard.make_room()
    assert told == [MISSED % jobs.CHANNEL]
    heard.make_room()
    assert len(told) == 1


async def test_full_hands_are_looked_at_again_although_no_job_ends(
    heard: Wakes, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakes, "LATER", timedelta(milliseconds=1))
    heard.fill()
    await until(lambda: told)


def test_each_job_is_one_worker_s_turn(heard: Wakes) -> None:
    heard.workers = 3
    turns = {n: 0 for n in range(3)}
    for at in range(300):
        mine = []
        for heard.place in turns:
            mine += [heard.place] * heard.is_ours(changed("insert", at))
        [place] = mine
        turns[place] += 1
    assert min(turns.values()) > 50


@pytest.mark.parametrize("looked", [False, True])
async def test_the_others_are_told_later_where_they_have_not_looked(
    heard: Wakes, told: list[str], monkeypatch: pytest.MonkeyPatch, looked: bool
) -> None:
    monkeypatch.setattr(wakes, "LATER", timedelta(milliseconds=1))
    monkeypatch.setattr(heard, "is_ours", lambda what: False)
    heard.hear("jobs", changed("insert"))
    assert not told
    if looked:
        heard.looked()
    asyncio.get_running_loop().call_later(0.002, told.append, "end")
    await until(lambda: "end" in told)
    assert told == [*([] if looked else [changed("insert")]), "end"]


@pytest.mark.parametrize("looked", [False, True])
async def test_what_is_due_soon_is_looked_for_when_it_is_due(
    heard: Wakes, told: list[str], looked: bool
) -> None:
    """Not with the next job that comes: somebody else's would wait for it."""
    heard.wake_in(timedelta(milliseconds=1))
    if looked:
        heard.looked()
    asyncio.get_running_loop().call_later(0.002, told.append, "end")
    await until(lambda: "end" in told)
    assert told == [*([] if looked else [MISSED % jobs.CHANNEL]), "end"]


async def test_a_job_whose_worker_is_gone_is_done_by_another(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Wakes, "is_ours", lambda self, what: False)
    async with scene.working():
        await scene.write("hola")
        await until(lambda: scene.post.sent)
