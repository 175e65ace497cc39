"""The schedule: which deaths, in which order; the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from crash.points import BY_NAME, POINTS

# At a random moment; the numbers say how often, beside each other and the points.
RANDOM = {"edge worker": 6, "edge parent": 2, "worker": 8, "postgres": 4}
ANY_POINT = 20
# Beside the deaths, not counted as such: one of each for so many of them.
STALL, CUT = "stall", "cut"  # a worker stops with a reply in hand; every connection is ended
LANE_OF = {
    "edge worker": "serve",
    "edge parent": "serve",
    "worker": "work",
    STALL: "work",
    "postgres": "postgres",
    CUT: "postgres",
}
DEATHS_FOR_ONE = 20


@dataclass(frozen=True)
class Schedule:
    """What happens to `serve`, to `work` and to Postgres, each one after the other, side by side."""

    seed: int
    deaths: int
    lanes: dict[str, tuple[str, ...]]


def draw(seed: int, deaths: int, only: Sequence[str] = ()) -> Schedule:
    """`deaths` deaths: of every kind one, if there are enough, the others by chance; or `only` in turn."""
    chance = random.Random(seed)
    if only:
        events = [only[n % len(only)] for n in range(deaths)]
    else:
        events = [*BY_NAME, *RANDOM][:deaths]
        while _deaths(events) < deaths:
            events.append(_any(chance))
        chance.shuffle(events)
    disturbances = [STALL, CUT] * (deaths // DEATHS_FOR_ONE + 1)
    lanes: dict[str, list[str]] = {"serve": [], "work": [], "postgres": []}
    for event in events:
        lanes[_lane(event)] += _with_what_it_needs(event)
    for event in disturbances:
        lane = lanes[LANE_OF[event]]
        lane.insert(chance.randint(0, len(lane)), event)
    return Schedule(seed, deaths, {name: tuple(lane) for name, lane in lanes.items()})


def _deaths(events: Sequence[str]) -> int:
    """With those that a point needs before its own."""
    return len(events) + sum(bool(_needed(event)) for event in events)


def _with_what_it_needs(event: str) -> list[str]:
    """Postgres is killed when the order for the point is there; any other death comes before it."""
    return [_needed(event), event] if _needed(event) in BY_NAME else [event]


def _needed(event: str) -> str:
    return BY_NAME[event].needs if event in BY_NAME else ""


def _lane(event: str) -> str:
    if event in BY_NAME:
        return "postgres" if BY_NAME[event].needs == "postgres" else BY_NAME[event].program
    return LANE_OF[event]


def _any(chance: random.Random) -> str:
    kind = chance.choices([*RANDOM, "point"], [*RANDOM.values(), ANY_POINT])[0]
    return chance.choice(POINTS).name if kind == "point" else kind
