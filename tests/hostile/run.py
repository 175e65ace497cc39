"""A hostile day: well-behaved tenants' contacts write while strangers do all that they can, three times over.

    cd tests && python -m hostile.run --minutes 10

prints a row of a Markdown table for each of three runs; the exit code is 1 if a message of the well-behaved
was not answered once, or if the median p99 is too many times their quiet one.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import click
from crash.run import _commit
from crash.verdict import Verdict, judge
from hostile.strangers import Plan
from hostile.town import Size, Town, settled_in
from processes import new_folder

RUNS = 3
QUIET = 0.25  # of a run's time
WARM_UP = 3.0  # seconds
MOST = 3.0  # times the quiet p99
ANSWERED_WITHIN = 180.0  # seconds after the last was written: an uncertain reply is given up after 120
TITLES = (
    "commit", "quiet: messages", "p50", "p99", "hostile: messages", "p50", "p99", "times", "wrong", "held",
    "strangers' core", "load",
)  # fmt: skip


@dataclass(frozen=True)
class Waits:
    """How long the answers took, from webhook posted to provider called, in milliseconds."""

    messages: int
    p50: float
    p99: float


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    verdict: Verdict
    quiet: Waits
    hostile: Waits
    strangers: dict[str, Any]  # what they were answered, and their share of a core
    load: float  # of the machine, of the last minute, at the end of the hostile time

    @property
    def times(self) -> float:
        return self.hostile.p99 / self.quiet.p99

    def row(self) -> str:
        """As a row of a Markdown table with TITLES."""
        waits = [
            cell
            for each in (self.quiet, self.hostile)
            for cell in (each.messages, f"{each.p50:.0f} ms", f"{each.p99:.0f} ms")
        ]
        cells = (
            _commit(), *waits, f"{self.times:.1f}", len(self.verdict.wrong), self.verdict.held,
            f"{self.strangers['share']:.2f}", f"{self.load:.1f}",
        )  # fmt: skip
        return f"| {' | '.join(map(str, cells))} |"


async def run(seconds: float, size: Size, with_faults: bool = False) -> Outcome:
    """One run, in a new town."""
    with new_folder() as folder:
        async with settled_in(folder, size) as town:
            await town.write(_after(WARM_UP))
            if with_faults:
                await _plant_faults(town)
            quiet = await town.write(_after(seconds * QUIET))
            hostile, strangers = await _under_attack(town, folder, seconds * (1 - QUIET))
            load = os.getloadavg()[0]
            settled = await town.settle(ANSWERED_WITHIN)
            verdict = await _judge(town, settled)
            return Outcome(verdict, _waits(town, quiet), _waits(town, hostile), strangers, load)


def _after(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


async def _plant_faults(town: Town) -> None:
    """One message is lost and one is posted twice, by other ids, before they come to Conserje."""
    contact, door = town.contacts[0], town.doors[0]
    contact.acknowledged.append(contact.next_text())
    text = contact.next_text()
    await town.say(contact, door, text)
    await door.post(door.message(contact.peer, text))


async def _under_attack(town: Town, folder: Path, seconds: float) -> tuple[list[str], dict[str, Any]]:
    """What was written meanwhile, and what the strangers say."""
    Plan(seconds, town.target).write(folder / "plan.json")
    strangers = await asyncio.create_subprocess_exec(
        *("nice", "-n", str(town.ahead), sys.executable, "-m", "hostile.strangers", folder / "plan.json"),
        cwd=Path(__file__).parents[1],
        stdout=asyncio.subprocess.PIPE,
    )
    assert strangers.stdout
    machine = asyncio.create_task(town.converse_with_machine())
    try:
        await strangers.stdout.readline()
        said = asyncio.create_task(strangers.stdout.read())
        return await town.write(said.done), json.loads(await said)
    finally:
        machine.cancel()
        if strangers.returncode is None:
            with suppress(ProcessLookupError):
                strangers.kill()
        await strangers.wait()


async def _judge(town: Town, settled: bool) -> Verdict:
    received = town.received()
    listed = await town.installation.read("held", "list")
    held = [item for item in listed if item["tenant"].startswith("good-")]
    verdict = judge([(each, received.get(each.key, [])) for each in town.contacts], held, ())
    if verdict.unacknowledged:
        verdict.wrong.append(f"not taken: {verdict.unacknowledged} messages, however often they were posted")
    if not settled:
        verdict.wrong.append(f"not settled within {ANSWERED_WITHIN:g} s")
    return verdict


def _waits(town: Town, texts: Sequence[str]) -> Waits:
    called = town.called()
    took = [(called[text] - town.posted[text]).total_seconds() * 1000 for text in texts if text in called]
    percentiles = quantiles(took, n=100)
    return Waits(len(texts), percentiles[49], percentiles[98])


async def _show_time(seconds: float, number: int) -> None:
    """On a terminal, how long it still takes about."""
    end = time.monotonic() + seconds
    while sys.stderr.isatty():
        left = max(0, end - time.monotonic())
        click.echo(f"\rrun {number} of {RUNS}: {left:4.0f} s ", err=True, nl=False)
        await asyncio.sleep(1)


async def _run_all(seconds: float) -> list[Outcome]:
    outcomes = []
    for number in range(1, RUNS + 1):
        showing = asyncio.create_task(_show_time(seconds, number))
        outcomes.append(await run(seconds, Size()))
        showing.cancel()
        click.echo(f"{outcomes[-1].row()}\n{outcomes[-1].strangers['answers']}", err=True)
    return outcomes


@click.command()
@click.option("--minutes", default=10.0, show_default=True, type=click.FloatRange(0.5), help="Of three runs.")
def main(minutes: float) -> None:
    """Let strangers loose on an installation, and see what its well-behaved tenants notice."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that it ends what it started
    outcomes = asyncio.run(_run_all(minutes * 60 / RUNS))
    for outcome in outcomes:
        for line in outcome.verdict.wrong[:50]:
            click.echo(line, err=True)
    rows = "\n".join(outcome.row() for outcome in outcomes)
    click.echo(f"| {' | '.join(TITLES)} |\n|{'---|' * len(TITLES)}\n{rows}")
    times, wrong = median(each.times for each in outcomes), sum(len(each.verdict.wrong) for each in outcomes)
    click.echo(f"{wrong} wrong, {times:.1f} times the quiet p99 (at most {MOST:g})")
    sys.exit(bool(wrong) or times > MOST)


if __name__ == "__main__":
    main()
