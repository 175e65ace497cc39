"""How many webhooks a server acknowledges in a second, each stored with its job."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench import load, process, webhooks
from bench.load import Load
from bench.postgres import Postgres, bare_inserts
from bench.servers import Server
from bench.webhooks import Tenant

TENANTS = 10


@dataclass(frozen=True)
class Run:
    """One measured run; it says nothing where `void` gives a reason."""

    name: str
    title: str
    workers: int | None
    rate: float  # a second
    p50: float | None  # milliseconds, as p99
    p99: float | None
    acknowledged: int
    stored: tuple[int, int]  # messages and jobs
    void: str | None = None


@dataclass
class Throughput:
    """The same load for every server, on one Postgres, in a folder of its own."""

    postgres: Postgres
    folder: Path
    seconds: int
    warm_up: int

    def prepare(self, ceiling: int) -> None:
        """Make tenants and as many webhooks as a server with `ceiling` a second would take."""
        self._tenants: list[Tenant] = webhooks.tenants(TENANTS)
        for name, seconds in (("warm-up", self.warm_up), ("measured", self.seconds)):
            webhooks.write(self.folder / name, self._tenants, ceiling * seconds, load.THREADS)

    async def measure(self, server: Server, workers: Sequence[int]) -> AsyncIterator[Run]:
        """A run for each number of workers, each in a new copy of the same database."""
        await server.install()
        template = f"{server.name}_template"
        await self.postgres.create(template, owner=server.owner)
        await server.fill(self.postgres, template, self._tenants)
        for number in workers:
            database = f"{server.name}_{number}"
            await self.postgres.create(database, template, server.owner)
            yield await self._run(server, database, number)
            await self.postgres.drop(database)
        await self.postgres.drop(template)

    async def _run(self, server: Server, database: str, workers: int) -> Run:
        port, log = process.free_port(), self.folder / f"{database}.log"
        variables = server.variables(self.postgres, database, port, workers)
        async with process.serving(server.command(port, workers), port, log, server.folder, variables):
            warm_up = await load.drive(port, self.folder / "warm-up", self.warm_up)
            measured = await load.drive(port, self.folder / "measured", self.seconds)
        messages, jobs = await self.postgres.row(database, server.counts)
        before = warm_up.accepted
        run = Run(
            server.name,
            server.title,
            workers,
            measured.rate,
            measured.p50,
            measured.p99,
            measured.accepted,
            (messages - before, jobs - before),
        )
        return replace(run, void=_fault(warm_up, measured, run))

    async def measure_bare_inserts(self) -> Run:
        script = self.folder / "insert.sql"
        rate, counted, rows = await bare_inserts(self.postgres, script, self.seconds, self.warm_up)
        void = None if counted == rows else f"{counted} inserts were counted, {rows} rows are there"
        return Run("pgbench", "pgbench, bare inserts", None, rate, None, None, counted, (rows, 0), void)


def _fault(warm_up: Load, measured: Load, run: Run) -> str | None:
    if fault := warm_up.fault() or measured.fault():
        return fault
    if run.stored != (run.acknowledged, run.acknowledged):
        return (
            f"{run.acknowledged} were acknowledged; stored are {run.stored[0]} messages, {run.stored[1]} jobs"
        )
    return None
