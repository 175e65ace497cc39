"""One run: an installation under load, its processes killed by a schedule, and the verdict.

    cd tests && python -m crash.run --deaths 1000

prints what was seen as a row of a Markdown table; the exit code is 1 if anything was wrong.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from crash import postgres
from crash.bugs import BUG, BUGS
from crash.machine import Death, Machine
from crash.points import BY_NAME
from crash.schedule import CUT, LANE_OF, STALL, Schedule, draw
from crash.town import SLUGS, Town, settled_in
from crash.verdict import Verdict, judge, unanswered, undelivered
from processes import new_folder
from waiting import LIMIT, SETTLED, until

from conserje.conversations import held
from conserje.storage.database import CANNOT_ASK

BREATH = (0.2, 0.7)  # seconds between two deaths of a program
POSTGRES_BREATH = (2.0, 5.0)
FIRST_REPLIES = 20  # that must have come before anybody is killed
LAST_WORDS = 90.0  # seconds until everybody has said what they had begun to say
SETTLE_LIMIT = 2 * LIMIT  # seconds from the last acknowledgement until nothing waits any more
LOOK_AT_HELD = 4.0  # seconds between two looks of the operator
TITLES = (
    "seed", "commit", "deaths", "at points", "edge workers", "edge", "workers", "Postgres",
    "acknowledged", "replies", "posted again", "given up", "turns retried", "held", "uncertain", "wrong",
    "settled",
    "duration",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    schedule: Schedule
    deaths: Sequence[Death]
    verdict: Verdict
    posted_again: int
    retried: int  # turns, by the operator
    settled_after: float  # seconds from the last acknowledgement, which comes after the last death
    duration: float  # seconds

    def row(self) -> str:
        """As a row of a Markdown table with TITLES."""
        killed = [death.what for death in self.deaths if not death.stalled]
        at_points = sum(what in BY_NAME for what in killed)
        kinds = (killed.count(kind) for kind in ("edge worker", "edge parent", "worker", "postgres"))
        seen = self.verdict
        cells = (
            self.schedule.seed, _commit(), len(killed), at_points, *kinds, seen.acknowledged, seen.replies,
            self.posted_again, seen.unacknowledged, self.retried, seen.held, seen.uncertain, len(seen.wrong),
            f"{self.settled_after:.1f} s", f"{self.duration:.0f} s",
        )  # fmt: skip
        return f"| {' | '.join(map(str, cells))} |"


async def run(schedule: Schedule, bug: str | None = None) -> Outcome:
    """Carry the schedule out."""
    began = time.monotonic()
    chance = random.Random(schedule.seed)
    with new_folder() as folder:
        (folder / "database").mkdir()
        async with (
            postgres.running(folder / "database") as server,
            settled_in(folder, server.url, chance) as town,
        ):
            environment = town.installation.environment | ({BUG: bug} if bug else {})
            machine = Machine(server, environment, chance)
            await machine.start()
            try:
                await _live(town, machine, schedule)
                last_word = time.monotonic()
                settled, retried = await _settle(town)
                settled_after = time.monotonic() - last_word
                verdict = await _judge(town, machine, settled)
                posted_again = town.meta.posted_again + town.pages.posted_again
                took = time.monotonic() - began
                return Outcome(schedule, machine.deaths, verdict, posted_again, retried, settled_after, took)
            finally:
                await machine.stop()


async def _live(town: Town, machine: Machine, schedule: Schedule) -> None:
    """Everybody writes, and the schedule happens; return when the last word was acknowledged."""
    await machine.until_serving()
    writing = asyncio.create_task(town.write())
    await until(lambda: sum(map(len, town.received().values())) >= FIRST_REPLIES)
    async with asyncio.TaskGroup() as lanes:
        for name, events in schedule.lanes.items():
            breath = POSTGRES_BREATH if name == "postgres" else BREATH
            lanes.create_task(_happen(machine, events, breath))
    await machine.until_obeyed(tuple(BY_NAME))
    await machine.until_all_go_on()
    town.over = True
    await asyncio.wait_for(writing, LAST_WORDS)
    await machine.until_serving()


async def _happen(machine: Machine, events: Sequence[str], breath: tuple[float, float]) -> None:
    random_deaths = {
        "edge worker": machine.kill_edge_worker,
        "edge parent": machine.kill_edge_parent,
        "worker": machine.kill_worker,
        "postgres": machine.kill_postgres,
        CUT: machine.postgres.terminate_connections,
    }
    for event in events:
        if event == STALL:
            await machine.order("thought", signal.SIGSTOP)
        elif event in random_deaths:
            await random_deaths[event]()
        elif BY_NAME[event].needs == "postgres":
            await machine.order_without_postgres(event)
        else:
            await machine.order(event)
        await asyncio.sleep(machine.chance.uniform(*breath))


async def _settle(town: Town) -> tuple[bool, int]:
    """Wait until nothing waits any more, while an operator retries turns that were started too often;
    whether it came to that, and how many turns were retried.

    What Conserje's tables say decides how long is waited, never what is counted.
    """
    deadline = time.monotonic() + SETTLE_LIMIT
    look, retried = time.monotonic(), 0
    while time.monotonic() < deadline:
        if await _is_settled(town):
            return True, retried
        if time.monotonic() > look:
            retried += await _retry_turns(town)
            look = time.monotonic() + LOOK_AT_HELD
        await asyncio.sleep(0.25)
    return False, retried


async def _is_settled(town: Town) -> bool:
    if not town.meta.stand_in.is_quiet:
        return False
    try:
        if not await town.installation.pool.fetchval(SETTLED):
            return False
    except CANNOT_ASK:
        return False
    await town.look(town.unanswered())
    if town.subscriber.untold(town.contacts):
        return False
    given_up = {line for item in await _held(town) for text in item["texts"] for line in text.split("\n")}
    missing = {text for contact in town.unanswered() for text in contact.acknowledged}
    answered = {line for texts in town.received().values() for text in texts for line in text.split("\n")}
    return missing - answered <= given_up


async def _held(town: Town) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await town.installation.read("held", "list")
    return found


async def _retry_turns(town: Town) -> int:
    """A turn that died three times waits for the operator's word; nothing of it was ever sent."""
    async with town.installation.pool.acquire() as connection:
        turns = await held.list_all(connection, held.Filter(kinds="t"))
        for turn in turns:
            await held.retry(connection, turn.id)
    return len(turns)


async def _judge(town: Town, machine: Machine, settled: bool) -> Verdict:
    await town.look(town.contacts)
    received = town.received()
    read = town.installation.read
    given_up, *lists = await asyncio.gather(
        _held(town), *(read("message", "list", slug, "--limit", "10000") for slug in SLUGS)
    )
    pairs = [(contact, received.get(contact.key, [])) for contact in town.contacts]
    late = {id for log in machine.logs("work") for id in unanswered(log)}
    verdict = judge(pairs, given_up, machine.deaths, late, town.stamps())
    held_texts = {text for item in given_up for text in item["texts"]}
    replies = {reply for texts in received.values() for reply in texts}
    verdict.wrong += town.subscriber.faults(town.contacts, replies, held_texts)
    if not settled:
        verdict.wrong.append(f"not settled within {SETTLE_LIMIT:g} s")
    for slug, shown in zip(SLUGS, lists, strict=True):
        verdict.wrong += undelivered(town.meta.delivered(slug), shown)
    return verdict


def _commit() -> str:
    asked = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=Path(__file__).parent, capture_output=True, text=True
    )
    return asked.stdout.strip() or "unknown"


@click.command()
@click.option("--deaths", default=60, show_default=True, type=click.IntRange(1))
@click.option("--seed", type=int, help="Of a run to repeat; by default a new one.")
@click.option("--bug", type=click.Choice(sorted(BUGS)), help="Have this bug, to see the run fail.")
@click.option("--only", multiple=True, type=click.Choice([*BY_NAME, *LANE_OF]), help="In turn, nothing else.")
def main(deaths: int, seed: int | None, bug: str | None, only: tuple[str, ...]) -> None:
    """Kill an installation under load and count what was lost."""
    schedule = draw(secrets.randbelow(1_000_000) if seed is None else seed, deaths, only)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that it ends what it started
    outcome = asyncio.run(run(schedule, bug))
    for line in outcome.verdict.wrong[:50]:
        click.echo(line, err=True)
    reached = Counter(death.what for death in outcome.deaths if not death.stalled)
    click.echo(", ".join(f"{what} {count}" for what, count in sorted(reached.items())), err=True)
    click.echo(f"| {' | '.join(TITLES)} |\n|{'---|' * len(TITLES)}\n{outcome.row()}")
    sys.exit(bool(outcome.verdict.wrong))


if __name__ == "__main__":
    main()
