"""`python -m hostile.strangers PLAN.json`: everybody who means harm, at half of one core together.

They keep to it by themselves: pinned to the last core, their only thread sleeps off what it took beyond its
half. Niceness would let them have a whole core of an idle machine, and next to nothing of a busy one.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from hostile.attacks import ATTACKS
from hostile.caller import Target
from waiting import until

SHARE = 0.5  # of a core
BREATH = 0.01  # seconds between two looks at what was taken
READY = "ready"  # said once everything is loaded
CREDIT = 0.02  # seconds of the processor that may be saved up: what comes in bursts keeps to it too


@dataclass(frozen=True)
class Plan:
    """What the strangers are told: how long, and where all that they need of the town is."""

    seconds: float
    target: Target

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Plan:
        told = json.loads(path.read_text())
        return cls(told["seconds"], Target(**told["target"]))


async def keep_to_share() -> None:
    """For ever: stop this process for as long as it is ahead of its share."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    debt, spent, at = 0.0, time.process_time(), time.monotonic()
    while True:
        await asyncio.sleep(BREATH)
        spent_now, now = time.process_time(), time.monotonic()
        debt = max(-CREDIT, debt + spent_now - spent - SHARE * (now - at))
        spent, at = spent_now, now
        if debt > 0:
            time.sleep(debt / SHARE)  # noqa: ASYNC251 - everybody is to stop


async def attack(plan: Plan) -> Mapping[str, Counter[str]]:
    """In turns for the first half of the time, then all at once; what each of them was answered."""
    answers: dict[str, Counter[str]] = {name: Counter() for name in ATTACKS}
    keeping = asyncio.create_task(keep_to_share())
    for name in ATTACKS:
        await _go([name], plan, plan.seconds / 2 / len(ATTACKS), answers)
    await _go(list(ATTACKS), plan, plan.seconds / 2, answers)
    keeping.cancel()
    return answers


async def _go(names: Sequence[str], plan: Plan, seconds: float, answers: Mapping[str, Counter[str]]) -> None:
    """Let these go on for that long, and until each of them was answered, however busy the machine is."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ATTACKS[name](plan.target, answers[name])) for name in names]
        await asyncio.sleep(seconds)
        with suppress(TimeoutError):
            await until(lambda: all(answers[name] for name in names))
        for task in tasks:
            task.cancel()


def main(path: str) -> None:
    plan = Plan.read(Path(path))
    began, spent = time.monotonic(), time.process_time()
    print(READY, flush=True)
    answers = asyncio.run(attack(plan))
    share = (time.process_time() - spent) / (time.monotonic() - began)
    print(json.dumps({"answers": answers, "share": share}))


if __name__ == "__main__":
    main(sys.argv[1])
