"""The servers in turn, round by round: what an acknowledgement costs, and how many a second there are."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable
from dataclasses import dataclass, field

from bench import bare
from bench.pace import Pace
from bench.place import Place, say
from bench.process import Failed
from bench.servers import Express, FastAPI, Flask, Server
from bench.throughput import Run, Throughput

SERVERS = ("conserje", "flask", "fastapi", "express")
FIGURES = (*SERVERS, "pgbench", "plain", "pace")


@dataclass
class Acknowledgements:
    """What was measured of each server, and why not."""

    rounds: int
    seconds: int
    runs: list[Run] = field(default_factory=list)  # through nginx with TLS, and pgbench
    plain: list[Run] = field(default_factory=list)
    paces: dict[str, Pace] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def void(self) -> str | None:
        """Why some of it says nothing."""
        lines = [f"{name}: {why}" for name, why in self.failed.items()]
        lines += [f"{run.title}, {run.workers} workers: {run.void}" for run in self._all() if run.void]
        return "; ".join(lines) or None

    def sound(self) -> dict[str, list[Run]]:
        """By name the runs through nginx that count."""
        names = dict.fromkeys(run.name for run in self.runs if not run.void)
        return {name: [run for run in self.runs if run.name == name and not run.void] for name in names}

    def _all(self) -> list[Run]:
        return [*self.runs, *self.plain]


@dataclass
class _Session:
    """The servers that were asked for, each with the number of workers that is best for it."""

    given: argparse.Namespace
    place: Place
    throughput: Throughput
    seen: Acknowledgements
    workers: dict[Server, int] = field(default_factory=dict)

    async def prepare(self, wanted: list[Server]) -> None:
        say("signing webhooks")
        self.throughput.prepare(self.given.ceiling)
        for server in wanted:
            if missing := server.missing():
                self.seen.skipped[server.name] = missing
                continue
            say(f"{server.title}: {', '.join(map(str, self.given.workers))} workers?")
            try:
                await self.throughput.install(server)
                self.workers[server] = await self.throughput.fastest(server, self.given.workers)
            except Failed as error:
                self._fail(server.name, error)

    async def measure_round(self, number: int) -> None:
        """Every second round in reverse: nobody always comes first."""
        for server in list(self.workers)[:: -1 if number % 2 else 1]:
            await self._run(self.seen.runs, self.throughput.measure(server, self.workers[server]))
        if "pgbench" in self.given.only:
            await self._run(
                self.seen.runs, bare.measure(self.place.postgres, self.place.folder, self.given.seconds)
            )

    async def measure_once(self, server: Server) -> None:
        """What needs no rounds."""
        workers = self.workers[server]
        if "plain" in self.given.only:
            plain = self.throughput.measure(server, workers, behind_nginx=False)
            await self._run(self.seen.plain, plain)
        if "pace" in self.given.only:
            try:
                pace = self.seen.paces[server.name] = await self.throughput.measure_pace(server, workers)
            except Failed as error:
                self._fail(server.name, error)
            else:
                say(f"{server.title}, at an even pace: p99 {pace.p99:.1f} ms")

    async def _run(self, runs: list[Run], measured: Awaitable[Run]) -> None:
        try:
            run = await measured
        except Failed as error:
            self._fail("a run", error)
            return
        runs.append(run)
        seen = run.void or f"{run.cost.total:,.0f} us each, {run.rate:,.0f} a second"
        say(f"{run.title}, with {run.workers or bare.CLIENTS}: {seen}")

    def _fail(self, name: str, error: Failed) -> None:
        self.seen.failed[name] = str(error)
        say(f"{name}: {error}")


async def measure(given: argparse.Namespace, place: Place) -> Acknowledgements:
    """Rounds of all servers in turn, then what needs none."""
    servers: list[Server] = [place.conserje, Flask(), FastAPI(), Express()]
    throughput = Throughput(place.postgres, place.folder, given.seconds, given.warm_up)
    session = _Session(given, place, throughput, Acknowledgements(given.rounds, given.seconds))
    if wanted := [server for server in servers if server.name in given.only]:
        await session.prepare(wanted)
    for number in range(given.rounds):
        say(f"round {number + 1} of {given.rounds}")
        await session.measure_round(number)
    for server in session.workers:
        await session.measure_once(server)
    return session.seen
