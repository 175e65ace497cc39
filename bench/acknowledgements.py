"""The servers in turn, round by round: what an acknowledgement costs, and how many a second there are."""

from __future__ import annotations

import argparse

from bench.place import Place, say
from bench.process import Failed
from bench.report import Report
from bench.servers import Express, FastAPI, Flask, Server
from bench.throughput import Throughput

SERVERS = ("conserje", "flask", "fastapi", "express")


async def measure(given: argparse.Namespace, place: Place, report: Report) -> None:
    """Measure the servers that were asked for, each with the number of workers that is best for it."""
    servers: list[Server] = [place.conserje, Flask(), FastAPI(), Express()]
    if not (wanted := [server for server in servers if server.name in given.only]):
        return
    throughput = Throughput(place.postgres, place.folder, given.seconds, given.warm_up)
    say("signing webhooks")
    throughput.prepare(given.ceiling)
    workers = await _prepare(given, throughput, wanted, report)
    for number in range(given.rounds):
        for server in workers:
            await _measure_once(throughput, server, workers[server], f"round {number + 1}", report)
    if "pace" in given.only:
        for server in workers:
            await _measure_pace(throughput, server, workers[server], report)


async def _prepare(
    given: argparse.Namespace, throughput: Throughput, wanted: list[Server], report: Report
) -> dict[Server, int]:
    """Install the servers; with how many workers each of them is the fastest."""
    workers = {}
    for server in wanted:
        if missing := server.missing():
            report.skipped[server.name] = missing
            continue
        say(f"{server.title}: {', '.join(map(str, given.workers))} workers?")
        try:
            await throughput.install(server)
            workers[server] = await throughput.fastest(server, given.workers)
        except Failed as error:
            _note(server, error, report)
    return workers


async def _measure_once(
    throughput: Throughput, server: Server, workers: int, which: str, report: Report
) -> None:
    try:
        run = await throughput.measure(server, workers)
    except Failed as error:
        _note(server, error, report)
        return
    report.runs.append(run)
    seen = run.void or f"{run.cost.total:,.0f} us each, {run.rate:,.0f} a second"
    say(f"{which}: {run.title}, {workers} workers: {seen}")


async def _measure_pace(throughput: Throughput, server: Server, workers: int, report: Report) -> None:
    try:
        pace = report.paces[server.name] = await throughput.measure_pace(server, workers)
    except Failed as error:
        _note(server, error, report)
        return
    say(f"{server.title}, at an even pace: p99 {pace.p99:.1f} ms")


def _note(server: Server, error: Failed, report: Report) -> None:
    report.failed[server.name] = str(error)
    say(f"{server.title}: {error}")
