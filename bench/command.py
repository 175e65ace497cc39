"""The benchmark: Conserje against what people would write themselves, in one run on one machine."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import uvloop
from bench import (
    acknowledgements,
    active,
    answer,
    answers,
    day,
    handshake,
    machine,
    scale,
    statuses,
    store,
    trips,
    turns,
)
from bench.place import Place, say
from bench.postgres import Postgres
from bench.process import Failed
from bench.report import Report, filled
from bench.servers import Conserje

from conserje.storage import embedded

RESULTS = Path(__file__).with_name("results")
PAGES = (Path(__file__).with_name("README.md"), Path(__file__).parents[1] / "README.md")
PARTS: Mapping[str, Callable[[Place], Awaitable[Any]]] = {
    "handshake": handshake.measure,
    "store": store.measure,
    "reply": turns.measure_reply,
    "answer": answer.measure,
    "turns": answers.measure,
    "trips": trips.measure,
    "status": statuses.measure,
    "flood": turns.measure_flood,
    "day": day.measure,
    "tenants": scale.measure_start,
    "active": active.measure,
}
FIGURES = (*acknowledgements.FIGURES, *PARTS)


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("bench/run.py", description=__doc__)
    parser.add_argument("--only", default=",".join(FIGURES), help=f"some of {','.join(FIGURES)}")
    parser.add_argument("--rounds", type=int, default=3, help="how often each server is measured in turn (3)")
    parser.add_argument("--seconds", type=int, default=4, help="how long a run is measured (4)")
    parser.add_argument("--warm-up", type=int, default=2, help="seconds of load before that (2)")
    parser.add_argument("--workers", default="1,2", help="numbers of processes to try, the best counts (1,2)")
    parser.add_argument(
        "--ceiling", type=int, default=12_000, help="webhooks a second that no server passes (12000)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument(
        "--write",
        action="store_true",
        help="put what was measured into bench/README.md and README.md as well",
    )
    given = parser.parse_args(arguments)
    given.only = given.only.split(",")
    if strange := set(given.only) - set(FIGURES):
        parser.error(f"--only: {sorted(strange)[0]} is none of {', '.join(FIGURES)}")
    try:
        given.workers = [int(number) for number in given.workers.split(",")]
    except ValueError:
        parser.error("--workers: numbers with commas between them, as in 1,2,4")
    if min(given.rounds, given.seconds, given.warm_up, given.ceiling, *given.workers) < 1:
        parser.error("rounds, seconds, webhooks and workers are at least 1")
    return given


async def measure(given: argparse.Namespace, folder: Path) -> Report:
    """Measure what was asked for, one after the other."""
    async with embedded.running(folder / "server") as url:
        postgres = Postgres(url)
        report = Report(await machine.describe(postgres), vars(given))
        if "off" in report.machine["durability"].values():
            raise Failed(f"Postgres is not durable here: {report.machine['durability']}")
        place = Place(postgres, Conserje(folder / "conserje"), folder, given.seconds)
        if set(given.only) & {*acknowledgements.SERVERS, "pgbench"}:
            await _measure("acknowledgements", acknowledgements.measure(given, place), report)
        for name in PARTS:
            if name in given.only:
                await _measure(name, PARTS[name](place), report)
        report.machine["competitors"] = await machine.competitors_versions()
        return report


async def _measure(name: str, measured: Awaitable[Any], report: Report) -> None:
    say(f"{name} ...")
    began = time.monotonic()
    try:
        report.parts[name] = await measured
    except (Failed, asyncpg.PostgresError) as error:  # the latter where tables are others than they were
        report.failed[name] = str(error)
        say(f"{name}: {error}")
    say(f"{name} took {time.monotonic() - began:.0f} s")


def write(report: Report) -> Path:
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{report.machine['date'].replace(':', '')[:17]}.json"
    file.write_text(report.json(), encoding="utf-8")
    return file


async def run(given: argparse.Namespace) -> Report:
    task = asyncio.current_task()
    assert task
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    # Not /tmp, which may be memory: there a commit costs nothing.
    with tempfile.TemporaryDirectory(prefix="conserje-bench-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o711)  # root's server runs as another user
        return await measure(given, Path(folder))


def _programs(figures: Sequence[str]) -> list[str]:
    """What must be installed to measure these."""
    if set(figures) & set(acknowledgements.SERVERS):
        return ["wrk", "nginx"]
    return ["nginx"] if {"handshake", "day"} & set(figures) else []


def main() -> int:
    given = options()
    if missing := [name for name in _programs(given.only) if not shutil.which(name)]:
        say(f"Not installed: apt install {' '.join(missing)}")
        return 1
    try:
        report = uvloop.run(run(given))
    except Failed as error:
        say(str(error))
        return 1
    except asyncio.CancelledError:
        say("Stopped; nothing is left running.")
        return 1
    say(f"Written to {write(report)}")
    print(report.json() if given.json else report.text())
    for page in PAGES if given.write else ():
        page.write_text(filled(page.read_text(encoding="utf-8"), report.sections()), encoding="utf-8")
    return 0 if report.sound else 1
