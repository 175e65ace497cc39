"""Sixty deaths under load, every named point of a message's way among them: nothing lost, nothing twice."""

from __future__ import annotations

import secrets

import pytest
from crash.points import BY_NAME
from crash.run import run
from crash.schedule import RANDOM, draw

DEATHS = 60


@pytest.mark.timeout(600)
async def test_promises_1_to_5_sixty_deaths_lose_and_double_nothing() -> None:
    schedule = draw(secrets.randbelow(1_000_000), DEATHS)
    outcome = await run(schedule)
    assert not outcome.verdict.wrong, f"seed {schedule.seed}: " + "\n".join(outcome.verdict.wrong[:20])
    killed = [death.what for death in outcome.deaths if not death.stalled]
    assert len(killed) >= DEATHS
    assert {*BY_NAME, *RANDOM} <= set(killed), "somebody was to die at every point"
    assert outcome.verdict.acknowledged > 200
