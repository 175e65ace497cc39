"""Statistics: by day of the tenant's clock, by intent, by who answered; of a period alone."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from scene import Scene
from terminal import Terminal

from conserje.conversations import statistics
from conserje.conversations.statistics import PeriodError, Statistics
from conserje.storage.scope import acting_for

ZONE = "America/Santiago"
DAY = date(2026, 3, 10)


async def of_period(scene: Scene, first: date = DAY, last: date = DAY) -> Statistics:
    tenant = (await scene.entry()).tenant
    async with acting_for(scene.pool, tenant.id) as scope:
        return await statistics.of_period(scope.connection, tenant.id, ZONE, first, last)


async def talk_at(scene: Scene, moment: str, sender: str, *, hand_over: bool = False) -> None:
    """The sender writes and is answered, all at that moment."""
    async with scene.working():
        scene.parrot.hand_over = hand_over
        await scene.write("hola", sender=sender)
        await scene.settled()
    for statement in (
        "UPDATE messages SET created_at = $1::text::timestamptz, sent_at = $1::text::timestamptz"
        " WHERE created_at > '2026-06-01'",
        "UPDATE turns SET settled_at = $1::text::timestamptz, waited = '2 s', thought = '1 s'"
        " WHERE settled_at > '2026-06-01'",
    ):
        await scene.pool.execute(statement, moment)


async def test_days_are_those_of_the_tenants_clock(scene: Scene) -> None:
    await talk_at(scene, "2026-03-10 02:30Z", "ana")  # the evening before, in Santiago
    await talk_at(scene, "2026-03-10 15:00Z", "ana")
    await talk_at(scene, "2026-03-11 02:59Z", "luis")
    await talk_at(scene, "2026-03-11 03:00Z", "luis")
    found = await of_period(scene)
    assert list(found.days) == [DAY] and found.days[DAY] == found.total
    assert (found.total.received, found.total.sent, found.total.conversations) == (2, 2, 2)
    assert (found.total.turns, found.total.answered, found.total.handed_over) == (2, 2, 0)
    both = await of_period(scene, DAY - timedelta(days=1), DAY + timedelta(days=1))
    assert [count.received for count in both.days.values()] == [1, 2, 1]
    assert both.total.received == 4 and both.total.conversations == 2


async def test_intents_answers_and_hand_overs_are_counted(scene: Scene) -> None:
    await talk_at(scene, "2026-03-10 15:00Z", "ana")
    await talk_at(scene, "2026-03-10 16:00Z", "luis", hand_over=True)
    found = await of_period(scene)
    assert [(each.intent, each.turns, each.conversations, each.confidence) for each in found.intents] == [
        ("parroted", 2, 2, 1.0)
    ]
    (parrot,) = found.answers
    assert (parrot.by, parrot.turns, parrot.median, parrot.slow, parrot.mean) == ("parrot", 2, 3.0, 3.0, 3.0)
    assert found.total.handed_over == 1


async def test_a_day_without_anything_is_there_with_noughts(scene: Scene) -> None:
    found = await of_period(scene)
    assert found.total == found.days[DAY] and found.total.received == 0 and not found.intents


@pytest.mark.parametrize("days", [-1, 366])
async def test_a_period_that_is_none_is_refused(scene: Scene, days: int) -> None:
    with pytest.raises(PeriodError, match="1 to 366 days"):
        await of_period(scene, DAY, DAY + timedelta(days=days))


async def test_the_command_prints_what_is_counted(scene: Scene, terminal: Terminal) -> None:
    await talk_at(scene, "2026-03-10 15:00Z", "ana")
    words = ("statistics", "acme", "--since", "2026-03-10", "--until", "2026-03-10")
    said = await terminal.read(*words, "--json")
    assert said["time_zone"] == ZONE and said["total"]["received"] == 1
    assert [each["day"] for each in said["days"]] == ["2026-03-10"]
    shown = (await terminal.type(*words)).stdout
    assert "parroted" in shown and "3.0 s" in shown
