"""What a process counts, how it is written down for the others, and how it is put together again."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import Metric

from conserje.telemetry import procfs

registry = CollectorRegistry()

RESIDENT = "conserje_resident_bytes"
SPOOL = "conserje_spool_bytes"

_WEBHOOKS = Counter(
    "conserje_webhooks",
    "Webhooks by what became of them; without a channel where none was found.",
    ["channel", "outcome"],
    registry=registry,
)
_TURNS = Histogram(
    "conserje_turn_seconds",
    "From the oldest message that a turn answers until its reply is stored.",
    ["assistant"],
    buckets=(0.1, 0.25, 0.5, 1, 1.5, 2.5, 5, 10, 20, 30, 60),
    registry=registry,
)
_DELIVERIES = Counter(
    "conserje_deliveries",
    "Attempts to send a message, by the state that they came to.",
    ["channel", "state"],
    registry=registry,
)
_DELIVERY_SECONDS = Histogram(
    "conserje_delivery_seconds",
    "From storing a message until its provider has it.",
    ["channel"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
    registry=registry,
)
_IGNORED = Counter(
    "conserje_ignored",
    "Items of webhooks that are understood and concern nobody here, by their kind.",
    ["channel", "kind"],
    registry=registry,
)
_PRUNED = Counter(
    "conserje_pruned_rows",
    "Rows that went, or were emptied, since their term is over.",
    ["kind"],
    registry=registry,
)
_PRUNED_LATE = Gauge(
    "conserje_prune_late_seconds",
    "How long the oldest row was due that the last round pruned, of all tenants; 0 where none was due.",
    ["kind"],
    registry=registry,
)
if sys.platform == "linux":
    Gauge(RESIDENT, "Memory that a process holds.", registry=registry).set_function(procfs.resident)
_CLOCK_AHEAD = Gauge(
    "conserje_clock_ahead_seconds",
    "By how much a clock was ahead of this machine's when it last told its time.",
    ["clock"],
    registry=registry,
)
_SPOOL = Gauge(SPOOL, "What waits in the node's spool for Postgres.", registry=registry)

OUTCOMES = {
    HTTPStatus.BAD_REQUEST: "malformed",
    HTTPStatus.FORBIDDEN: "forged",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "malformed",
    HTTPStatus.REQUEST_TIMEOUT: "too_slow",
    HTTPStatus.CONFLICT: "ambiguous",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large",
    HTTPStatus.TOO_MANY_REQUESTS: "limited",
    HTTPStatus.SERVICE_UNAVAILABLE: "unavailable",
}

MOST_KINDS = 200
OTHER = "other"

_ignored: set[tuple[str, str]] = set()  # by channel
_webhooks: dict[tuple[str, int], Callable[[], None]] = {}


def webhook(channel: str, status: int) -> None:
    """A webhook was answered; `channel` is the name of a plugin, never a stranger's word."""
    if (
        count := _webhooks.get((channel, status))
    ) is None:  # finding a label's counter costs more than counting
        outcome = "accepted" if 200 <= status < 300 else OUTCOMES.get(HTTPStatus(status), "failed")
        count = _webhooks[channel, status] = _WEBHOOKS.labels(channel, outcome).inc
    count()


def ignored(channel: str, kind: str) -> None:
    """An item concerned nobody; MOST_KINDS of them are told apart, whatever plugins call them."""
    if len(_ignored) < MOST_KINDS:
        _ignored.add((channel, kind))
    _IGNORED.labels(channel, kind if (channel, kind) in _ignored else OTHER).inc()


def turn(assistant: str, seconds: float) -> None:
    """A turn is settled, so long after the oldest message that it answers."""
    _TURNS.labels(assistant).observe(seconds)


def delivery(channel: str, state: str, seconds: float) -> None:
    """An attempt to send a message came to `state`, so long after the message was stored."""
    _DELIVERIES.labels(channel, state).inc()
    if state == "sent":
        _DELIVERY_SECONDS.labels(channel).observe(seconds)


def pruned(kind: str, rows: int, late: float) -> None:
    """So many rows went; the oldest of this round's was due for so many seconds."""
    _PRUNED.labels(kind).inc(rows)
    _PRUNED_LATE.labels(kind).set(late)


def clock(name: str, ahead: float) -> None:
    """A clock has told its time, so many seconds ahead of this machine's."""
    _CLOCK_AHEAD.labels(name).set(ahead)


@contextmanager
def showing_spool(size: Callable[[], int]) -> Iterator[None]:
    """While this is entered, a node's spool has so many bytes that wait."""
    _SPOOL.set_function(size)
    try:
        yield
    finally:
        _SPOOL.set_function(lambda: 0)


def write() -> str:
    """What this process has counted since it started."""
    return json.dumps([_family(metric) for metric in registry.collect()])


def of_process(written: str, name: str) -> int:
    """What the process had of this, which has no labels, when it wrote that."""
    values = [
        sample[2] for family in json.loads(written) for sample in family["samples"] if sample[0] == name
    ]
    return int(values[0]) if values else 0


def _family(metric: Metric) -> dict[str, Any]:
    samples = [
        (sample.name, sample.labels, sample.value)
        for sample in metric.samples
        if not sample.name.endswith("_created")  # the heartbeat says when the process started
    ]
    return {"name": metric.name, "help": metric.documentation, "type": metric.type, "samples": samples}


def join(written: Mapping[str, str]) -> list[Metric]:
    """What several processes wrote, each sample with the label `process`."""
    metrics: dict[str, Metric] = {}
    for process, text in written.items():
        for family in json.loads(text):
            metric = metrics.setdefault(
                family["name"], Metric(family["name"], family["help"], family["type"])
            )
            for name, labels, value in family["samples"]:
                metric.add_sample(name, {**labels, "process": process}, value)
    return list(metrics.values())
