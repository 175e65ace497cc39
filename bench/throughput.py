"""What an acknowledgement costs, how many are given in a second, and how fast at a usual pace."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench import load, nginx, pace, process, webhooks
from bench.answerer import answering
from bench.cost import Cost, Meter
from bench.load import Load
from bench.pace import Pace
from bench.postgres import Postgres
from bench.servers import Server
from bench.webhooks import Tenant

TENANTS = 32  # so that no one of them posts more than nginx lets through, 500 a second
TRIAL = 2  # seconds, to see which number of workers is the fastest


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
    stored: tuple[int, int]  # messages, and those that are due or have been answered
    cost: Cost  # of each that was acknowledged
    void: str | None = None


@dataclass
class Throughput:
    """The same load for every server, on one Postgres, in a folder of its own."""

    postgres: Postgres
    folder: Path
    seconds: int
    warm_up: int
    _tenants: list[Tenant] = field(default_factory=list)

    def prepare(self, ceiling: int) -> None:
        """Make tenants and as many webhooks as a server with `ceiling` a second would take."""
        self._tenants = webhooks.tenants(TENANTS)
        for name, seconds in (("warm-up", self.warm_up), ("measured", max(self.seconds, TRIAL))):
            webhooks.write(self.folder / name, self._tenants, ceiling * seconds)

    async def install(self, server: Server) -> None:
        """The server's packages, and a database to copy with its schema and the tenants."""
        await server.install()
        template = _template(server)
        await self.postgres.create(template, owner=server.owner)
        await server.fill(self.postgres, template, self._tenants)

    async def fastest(self, server: Server, numbers: list[int]) -> int:
        """The number of workers that a short trial is best with."""
        if len(numbers) == 1:
            return numbers[0]
        short = replace(self, seconds=TRIAL, warm_up=0)
        trials = {workers: await short.measure(server, workers) for workers in numbers}
        return max(trials, key=lambda workers: 0.0 if trials[workers].void else trials[workers].rate)

    async def measure(self, server: Server, workers: int, *, behind_nginx: bool = True) -> Run:
        """As many webhooks as it takes."""
        async with self._serving(server, workers, behind_nginx) as (url, meter):
            warm_up = await self._drive(url, "warm-up", self.warm_up) if self.warm_up else None
            measured = await self._drive(url, "measured", self.seconds, meter.begin)
            cost = await meter.end(measured.accepted)
            messages, due = await self.postgres.row(_database(server), server.counts)
        before = warm_up.accepted if warm_up else 0
        run = Run(
            server.name,
            server.title,
            workers,
            measured.rate,
            measured.p50,
            measured.p99,
            measured.accepted,
            (messages - before, due - before),
            cost,
        )
        return replace(run, void=_fault(warm_up, measured, run))

    async def _drive(
        self, url: str, which: str, seconds: int, begin: Callable[[], Awaitable[None]] | None = None
    ) -> Load:
        return await load.drive(url, self._tenants, self.folder / which, seconds, begin)

    async def measure_pace(self, server: Server, workers: int) -> Pace:
        """A usual number of webhooks, through nginx."""
        async with self._serving(server, workers, behind_nginx=True) as (url, _):
            return await pace.measure(url, self._tenants)

    @asynccontextmanager
    async def _serving(
        self, server: Server, workers: int, behind_nginx: bool
    ) -> AsyncIterator[tuple[str, Meter]]:
        """The server on a new copy of its database, as a URL with {host} in it, and the meter of it all."""
        database, port, log = _database(server), process.free_port(), self.folder / f"{server.name}.log"
        await self.postgres.create(database, _template(server), server.owner)
        command = server.command(port, workers)
        variables = server.variables(self.postgres, database, port, workers)
        async with AsyncExitStack() as running:
            serve = await running.enter_async_context(
                process.serving(command, port, log, server.folder, variables)
            )
            kinds, url = (
                {"server": [serve.pid], "Postgres": [await self.postgres.pid()]},
                f"http://{{host}}:{port}/",
            )
            if behind_nginx:
                front = await running.enter_async_context(nginx.opened(self.folder / "nginx", port))
                kinds, url = kinds | {"nginx": [front.pid]}, f"https://{{host}}:{front.port}/"
            aside = await running.enter_async_context(answering(self.postgres, database, server.answer))
            yield url, Meter(self.postgres, kinds, aside)
        await self.postgres.drop(database)


def _template(server: Server) -> str:
    return f"{server.name}_template"


def _database(server: Server) -> str:
    return f"{server.name}_run"


def _fault(warm_up: Load | None, measured: Load, run: Run) -> str | None:
    if fault := (warm_up and warm_up.fault()) or measured.fault():
        return fault
    if run.stored != (run.acknowledged, run.acknowledged):
        stored, due = run.stored
        return f"{run.acknowledged} were acknowledged, {stored} are stored, {due} of them with a job"
    return None
