"""`/metrics`: what all processes have counted, and what waits in the database, for Prometheus."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from conserje.conversations import backlog, illness
from conserje.operations import shelf
from conserje.operations.archive import BackupError
from conserje.storage import queue
from conserje.storage.database import CANNOT_ASK, Connection, describe
from conserje.storage.deadline import within
from conserje.storage.stillness import explained
from conserje.telemetry import heartbeat, metrics
from conserje.telemetry.heartbeat import Living
from conserje.tenants import tenants
from conserje_edge.operator.auth import caller
from conserje_edge.operator.context import Context

log = logging.getLogger(__name__)

LIMIT = 5.0  # seconds; a scrape has ten
TENANTS_SHOWN = 50  # the others are one sum, without a name


def routes(context: Context) -> list[Route]:
    async def show(request: Request) -> Response:
        caller(request).require("read")
        return Response(generate_latest(await _collect(context)), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return [Route("/metrics", show)]


@dataclass
class Collected(Collector):
    """Metrics that are there already."""

    metrics: list[Metric]

    def collect(self) -> Iterable[Metric]:
        return self.metrics


async def _collect(context: Context) -> Collected:
    written = {heartbeat.this_process(): metrics.write()}  # webhooks that came in by this listener
    stored: list[Metric] = []
    answers = False
    try:
        living, stored = await within(LIMIT, _ask(context))
        answers = True
        written |= {process.process: process.counted for process in living}
    except (*CANNOT_ASK, asyncpg.PostgresError) as error:
        log.warning("Postgres is not in the metrics: %s", explained(error, describe(error)))
    if context.settings.backups:
        stored += await asyncio.to_thread(_backups, context.settings.backups, context.settings.data_dir)
    up = GaugeMetricFamily("conserje_postgres_up", "Whether Postgres answers this listener.", answers)
    return Collected([up, *stored, *metrics.join(written)])


def _backups(folder: Path, data_dir: Path) -> list[Metric]:
    try:
        newest = shelf.newest(folder, shelf.node_of(data_dir))
    except (BackupError, OSError) as error:
        log.warning("The backups are not in the metrics: %s", error)
        return []
    if newest is None:
        return []
    age = newest.age.total_seconds()
    return [
        GaugeMetricFamily("conserje_backup_age_seconds", "Age of this machine's newest proven backup.", age)
    ]


async def _ask(context: Context) -> tuple[list[Living], list[Metric]]:
    living = await heartbeat.living(context.pool)
    kinds = {"edge": 0, "work": 0} | Counter(process.kind for process in living)
    async with context.pool.acquire() as connection:
        stored = [metric async for metric in _stored(connection)]
    processes = _gauge("conserje_processes", "Processes that live, by their kind.", "kind", kinds.items())
    return living, [processes, *stored]


async def _stored(connection: Connection) -> AsyncIterator[Metric]:
    yield _gauge("conserje_tenants", "Tenants by status.", "status", await tenants.count(connection))
    held = _few(await backlog.held(connection), sum)
    yield _gauge("conserje_held", "Turns, messages and rejects that wait for an operator.", "tenant", held)
    ill = _few(await illness.count(connection), sum)
    yield _gauge("conserje_ill_accounts", "Accounts whose provider takes nothing of them.", "tenant", ill)
    rows = await backlog.waiting(connection)
    waiting = _few([(row.slug, row.messages) for row in rows], sum)
    yield _gauge("conserje_waiting_messages", "Messages that no turn has answered yet.", "tenant", waiting)
    oldest = _few([(row.slug, row.oldest) for row in rows], max)
    yield _gauge("conserje_oldest_waiting_seconds", "Age of the oldest of these.", "tenant", oldest)
    uncertain = await backlog.uncertain(connection)
    yield GaugeMetricFamily("conserje_uncertain_messages", "Messages that a provider may have.", uncertain)
    load = await queue.load(connection)
    yield GaugeMetricFamily("conserje_jobs", "Jobs in the queue, due or not.", load.jobs)
    yield GaugeMetricFamily("conserje_oldest_job_seconds", "How long the oldest job is due.", load.oldest)


def _gauge(name: str, text: str, label: str, values: Iterable[tuple[str, float]]) -> Metric:
    gauge = GaugeMetricFamily(name, text, labels=[label])
    for labelled, value in values:
        gauge.add_metric([labelled], value)
    return gauge


def _few(
    values: Sequence[tuple[str, float]], join: Callable[[Iterable[float]], float]
) -> list[tuple[str, float]]:
    """The first TENANTS_SHOWN by name, and the others as one."""
    shown, rest = list(values[:TENANTS_SHOWN]), [value for _, value in values[TENANTS_SHOWN:]]
    return [*shown, ("", join(rest))] if rest else shown
