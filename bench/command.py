"""The benchmark: Conserje against what people would write themselves, in one run on one machine."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench import handshake, machine, scale, turns
from bench.postgres import Postgres
from bench.process import Failed
from bench.report import Report
from bench.servers import Conserje, Express, FastAPI, Flask, Server
from bench.throughput import Throughput

from conserje.storage import embedded

RESULTS = Path(__file__).with_name("results")
SERVERS = ("conserje", "flask", "fastapi", "express")
FIGURES = (*SERVERS, "plain", "pace", "handshake", "pgbench", "reply", "flood", "tenants")


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("bench/run.py", description=__doc__)
    parser.add_argument("--only", default=",".join(FIGURES), help=f"some of {','.join(FIGURES)}")
    parser.add_argument("--seconds", type=int, default=10, help="how long a run is measured (10)")
    parser.add_argument("--warm-up", type=int, default=5, help="seconds of load before that (5)")
    parser.add_argument("--workers", default="1,2,4", help="numbers of processes to try, the best counts")
    parser.add_argument(
        "--ceiling", type=int, default=15_000, help="webhooks a second that no server passes (15000)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    given = parser.parse_args(arguments)
    given.only = given.only.split(",")
    if strange := set(given.only) - set(FIGURES):
        parser.error(f"--only: {sorted(strange)[0]} is none of {', '.join(FIGURES)}")
    try:
        given.workers = [int(number) for number in given.workers.split(",")]
    except ValueError:
        parser.error("--workers: numbers with commas between them, as in 1,2,4")
    if min(given.seconds, given.warm_up, given.ceiling, *given.workers) < 1:
        parser.error("seconds, webhooks and workers are at least 1")
    return given


async def measure(given: argparse.Namespace, folder: Path) -> Report:
    """Measure what was asked for, one after the other."""
    async with embedded.running(folder / "server") as url:
        postgres = Postgres(url)
        report = Report(await machine.describe(postgres), vars(given))
        if "off" in report.machine["durability"].values():
            raise Failed(f"Postgres is not durable here: {report.machine['durability']}")
        await _measure_throughput(given, postgres, folder, report)
        await _measure_conserje(given, postgres, folder, report)
        report.machine["competitors"] = await machine.competitors_versions()
        return report


async def _measure_throughput(
    given: argparse.Namespace, postgres: Postgres, folder: Path, report: Report
) -> None:
    servers: list[Server] = [Conserje(folder / "conserje"), Flask(), FastAPI(), Express()]
    wanted = [server for server in servers if server.name in given.only]
    throughput = Throughput(postgres, folder, given.seconds, given.warm_up)
    if wanted:
        say("signing webhooks")
        throughput.prepare(given.ceiling)
    for server in wanted:
        if missing := server.missing():
            report.skipped[server.name] = missing
            continue
        try:
            async with throughput.installed(server):
                await _measure_server(given, throughput, server, report)
        except Failed as error:
            report.failed[server.name] = str(error)
            say(f"{server.title}: {error}")
    if "pgbench" in given.only:
        report.runs.append(await throughput.measure_bare_inserts())
        say(f"pgbench: {report.runs[-1].rate:,.0f} a second")


async def _measure_server(
    given: argparse.Namespace, throughput: Throughput, server: Server, report: Report
) -> None:
    for workers in given.workers:
        run = await throughput.measure(server, workers, behind_nginx=True)
        report.runs.append(run)
        say(f"{run.title}, {workers} workers: {run.void or f'{run.rate:,.0f} a second'}")
    best = report.best_of(server.name)
    if best is None or best.workers is None:
        return
    if "plain" in given.only:
        run = await throughput.measure(server, best.workers, behind_nginx=False)
        report.plain.append(run)
        say(f"{run.title}, without nginx: {run.void or f'{run.rate:,.0f} a second'}")
    if "pace" in given.only:
        pace = report.paces[server.name] = await throughput.measure_pace(server, best.workers)
        say(f"{server.title}, at an even pace: p99 {pace.p99:.1f} ms")


async def _measure_conserje(
    given: argparse.Namespace, postgres: Postgres, folder: Path, report: Report
) -> None:
    conserje = Conserje(folder / "conserje")
    for name in ("handshake", "reply", "flood", "tenants"):
        if name not in given.only:
            continue
        say(f"{name} ...")
        try:
            if name == "handshake":
                report.handshakes = await handshake.measure(folder)
            elif name == "reply":
                report.reply = await turns.measure_reply(postgres, conserje, folder)
            elif name == "flood":
                report.flood = await turns.measure_flood(postgres, conserje, folder)
            else:
                report.starts = await scale.measure_start(postgres, conserje, folder)
        except Failed as error:
            report.failed[name] = str(error)
            say(f"{name}: {error}")


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def write(report: Report) -> Path:
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{report.machine['date'].replace(':', '')[:17]}.json"
    file.write_text(as_json(report), encoding="utf-8")
    return file


def as_json(report: Report) -> str:
    return json.dumps(asdict(report), indent=2, ensure_ascii=False) + "\n"


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
    if set(figures) & set(SERVERS):
        return ["wrk", "nginx"]
    return ["nginx"] if "handshake" in figures else []


def main() -> int:
    given = options()
    if missing := [name for name in _programs(given.only) if not shutil.which(name)]:
        say(f"Not installed: apt install {' '.join(missing)}")
        return 1
    try:
        report = asyncio.run(run(given))
    except Failed as error:
        say(str(error))
        return 1
    except asyncio.CancelledError:
        say("Stopped; nothing is left running.")
        return 1
    file = write(report)
    print(as_json(report) if given.json else report.text())
    say(f"\nWritten to {file}")
    return 0 if report.sound else 1
