"""Deaths under load, in the long run at every named point of a message's way: nothing lost, nothing twice."""

from __future__ import annotations

import random

import pytest
from crash.points import BY_NAME
from crash.run import run
from crash.schedule import RANDOM, draw

EVERY = (*BY_NAME, *RANDOM)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "deaths", [pytest.param(10, marks=pytest.mark.brief), pytest.param(60, marks=pytest.mark.long)]
)
async def test_promises_1_to_5_deaths_lose_and_double_nothing(deaths: int) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    some = () if deaths > len(EVERY) else random.Random(seed).sample(EVERY, deaths)
    outcome = await run(draw(seed, deaths, some))
    assert not outcome.verdict.wrong, f"seed {seed}: " + "\n".join(outcome.verdict.wrong[:20])
    killed = [death.what for death in outcome.deaths if not death.stalled]
    assert len(killed) >= deaths
    assert {*(some or EVERY)} <= set(killed), "somebody was to die at each of these points"
    assert outcome.verdict.acknowledged > 3 * deaths
