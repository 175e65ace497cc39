"""The figures of each part as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from bench.acknowledgements import Acknowledgements
from bench.active import Active
from bench.answers import Turns
from bench.cost import Cost
from bench.day import Day
from bench.handshake import Handshakes
from bench.installation import Waits
from bench.pace import RATE
from bench.scale import Start
from bench.statuses import Statuses
from bench.store import Stored
from bench.throughput import Run
from bench.trips import Trips
from bench.turns import Flood

STORES = {"conserje": "Conserje", "pgbench": "pgbench, bare inserts"}
OTHERS = {"express": "Express", "flask": "Flask", "fastapi": "FastAPI"}
KINDS = ("server", "Postgres", "nginx")
COSTS = ("processor time, us", *KINDS, "whole", "spread", "ours", "a commit", "WAL, B")
RATES = ("acknowledged", "workers", "a second", "spread", "p50", "p99", "ours", "without nginx")


def _acknowledgements(seen: Acknowledgements) -> str:
    runs = seen.sound()
    parts = [_table(COSTS, _costs(runs)), _table((*RATES, f"at {RATE}/s: p50", "p99"), _rates(runs, seen))]
    parts += [f"Skipped: {name}: {why}." for name, why in seen.skipped.items()]
    return "\n\n".join(part for part in parts if part)


def _costs(runs: Mapping[str, Sequence[Run]]) -> Sequence[Sequence[str]]:
    """Medians of the rounds; the spread is that of the whole."""
    ours = median(run.cost.total for run in runs["conserje"]) if "conserje" in runs else None
    rows = []
    for of in runs.values():
        whole = [run.cost.total for run in of]
        kinds = [_median([run.cost.microseconds.get(kind) for run in of]) for kind in KINDS]
        rows.append(
            (
                of[0].title,
                *kinds,
                f"{median(whole):,.0f}",
                _spread(whole),
                f"{median(whole) / ours:.2f} x" if ours else "",
                _a_commit([run.cost for run in of]),
                f"{median(run.cost.wal_bytes for run in of):,.0f}",
            )
        )
    return rows


def _rates(runs: Mapping[str, Sequence[Run]], seen: Acknowledgements) -> Sequence[Sequence[str]]:
    ours = median(run.rate for run in runs["conserje"]) if "conserje" in runs else None
    plain = {run.name: f"{run.rate:,.0f}" for run in seen.plain if not run.void}
    rows = []
    for name, of in runs.items():
        rates, pace = [run.rate for run in of], seen.paces.get(name)
        rows.append(
            (
                of[0].title,
                str(of[0].workers or ""),
                f"{median(rates):,.0f}",
                _spread(rates),
                _median_ms([run.p50 for run in of]),
                _median_ms([run.p99 for run in of]),
                f"{ours / median(rates):.2f} x" if ours else "",
                plain.get(name, ""),
                *((_ms(pace.p50), _ms(pace.p99)) if pace else ("", "")),
            )
        )
    return rows


def _stored(seen: Sequence[Stored]) -> str:
    """Medians of the rounds; Postgres' part against that of pgbench's single rows."""
    head = (
        "us a message or row",
        "together",
        "server",
        "Postgres",
        "spread",
        "of pgbench's",
        "a commit",
        "WAL, B",
    )
    by_kind = {each.kind: [one for one in seen if one.kind == each.kind] for each in seen}
    postgres = {kind: [each.cost.microseconds["Postgres"] for each in of] for kind, of in by_kind.items()}
    rows = [
        (
            STORES[name],
            str(together),
            _median([each.cost.microseconds.get("server") for each in of]),
            f"{median(postgres[name, together]):.0f}",
            _spread(postgres[name, together]),
            f"{median(postgres[name, together]) / median(postgres['pgbench', 1]):.2f} x",
            _a_commit([each.cost for each in of]),
            f"{median(each.cost.wal_bytes for each in of):,.0f}",
        )
        for (name, together), of in sorted(by_kind.items())
    ]
    return _table(head, rows)


def _handshakes(seen: Handshakes) -> str:
    return (
        f"A {seen.protocol} connection with one request costs nginx {seen.full:.2f} ms of processor time"
        f" with a full handshake,\n{seen.resumed:.2f} ms with a resumed session;"
        f" the request is {seen.request:.2f} ms of it."
    )


def _reply(seen: Waits) -> str:
    return f"From the webhook to the call of the provider: p50 {_ms(seen.p50)}, p99 {_ms(seen.p99)}."


def _flood(seen: Flood) -> str:
    beside, alone, (first, last) = seen.beside.p99, seen.alone.p99, seen.waiting
    return (
        f"Beside another tenant's flood p50 {_ms(seen.beside.p50)}, p99 {_ms(beside)}, alone"
        f" {_ms(seen.alone.p50)}, {_ms(alone)}: {beside / alone:.2f} x of p99\n"
        f"({first:,} waiting, {last:,} at the end).\nThe flood gets {seen.speed[0]:.0f} answers a second"
        f" while nobody else writes, {seen.speed[1]:.0f} beside the other."
    )


def _turns(seen: Sequence[Turns]) -> str:
    """Medians of the rounds."""
    head = ("workers", "ms a turn", *seen[0].cost.microseconds, "spread", "dearer by", "a second")
    by_workers = {each.workers: [one for one in seen if one.workers == each.workers] for each in seen}
    alone = median(each.cost.total for each in by_workers[min(by_workers)])
    rows = [
        (
            str(workers),
            *(f"{median(values) / 1000:.2f}" for values in _totals_and_kinds([each.cost for each in of])),
            _spread([each.cost.total / 1000 for each in of], 2),
            f"{median(each.cost.total for each in of) / alone - 1:.0%}",
            f"{median(each.rate for each in of):,.0f}",
        )
        for workers, of in by_workers.items()
    ]
    return _table(head, rows)


def _totals_and_kinds(costs: Sequence[Cost]) -> list[list[float]]:
    kinds = costs[0].microseconds
    return [[each.total for each in costs], *([each.microseconds[kind] for each in costs] for kind in kinds)]


def _trips(seen: Trips) -> str:
    return (
        f"A turn takes {seen.trips:.1f} round trips ({seen.statements:.1f} statements);"
        f" a worker at rest asks {seen.resting:.1f} times a second."
    )


def _statuses(seen: Sequence[Statuses]) -> str:
    head = ("messages behind it", "us a callback", *seen[0].costs[0].microseconds, "spread", "")
    rows = [
        (
            f"{each.behind:,}",
            *(f"{median(values):,.0f}" for values in _totals_and_kinds(each.costs)),
            _spread([cost.total for cost in each.costs]),
            f"{each.microseconds / seen[0].microseconds:.2f} x",
        )
        for each in seen
    ]
    return _table(head, rows)


def _day(seen: Day) -> str:
    peak = sum(seen.peak.values())
    rows = [
        ("MB at the peak", f"{peak:.0f}", *(f"{each:.0f}" for each in seen.peak.values())),
        (
            "ms of processor time a second at rest",
            f"{sum(seen.rest.values()):.1f}",
            *(f"{each:.1f}" for each in seen.rest.values()),
        ),
    ]
    return (
        f"{seen.conversations:,} conversations within {seen.seconds:.0f} s;"
        f" the console has {seen.console:.0f} MB more for itself.\n\n" + _table(("", "all", *seen.peak), rows)
    )


def _active(seen: Active) -> str:
    return (
        f"A process that had a webhook of each of {seen.tenants:,} tenants (within {seen.seconds:.0f} s) has"
        f" {seen.after:.0f} MB, before {seen.before:.0f} MB.\nOf {seen.again:,} that were asked for again it"
        f" asked Postgres for {seen.missed:,.0f}."
    )


def _starts(seen: Sequence[Start]) -> str:
    rows = [(f"{each.tenants:,}", f"{each.seconds:.2f} s", f"{each.megabytes:.0f} MB") for each in seen]
    return _table(("`serve` with tenants", "ready in", "memory"), rows)


def sentence(parts: Mapping[str, Any]) -> str:
    """For the README; empty where nothing was measured beside the others."""
    seen = parts.get("acknowledgements")
    whole = {name: median(run.cost.total for run in of) for name, of in seen.sound().items()} if seen else {}
    others = [f"{OTHERS[name]} {whole[name] / whole['conserje']:.1f}" for name in OTHERS if name in whole]
    if "conserje" not in whole or not others:
        return ""
    turn = ""
    if "turns" in parts:
        alone = [each.cost.total for each in parts["turns"] if each.workers == 1]
        turn = f", and\na turn of the assistant `catalog` {median(alone) / 1000:.1f} ms"
    return (
        f"A message that is acknowledged through TLS costs {whole['conserje'] / 1000:.2f} ms of processor"
        f" time (server, Postgres, nginx){turn}.\n{', '.join(others)} times as much, for storing less:"
        " [bench/README.md](bench/README.md).\n"
    )


SECTIONS: Mapping[str, Callable[[Any], str]] = {
    "acknowledgements": _acknowledgements,
    "handshake": _handshakes,
    "store": _stored,
    "reply": _reply,
    "answer": _reply,
    "turns": _turns,
    "trips": _trips,
    "status": _statuses,
    "flood": _flood,
    "day": _day,
    "tenants": _starts,
    "active": _active,
}


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    lines = ["| " + " | ".join(row) + " |" for row in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def _a_commit(costs: Sequence[Cost]) -> str:
    commits = median(each.commits for each in costs)
    return f"{1 / commits:.1f}" if commits else ""


def _spread(values: Sequence[float], digits: int = 0) -> str:
    return f"{min(values):,.{digits}f}-{max(values):,.{digits}f}"


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.1f} ms"


def _median_ms(values: Sequence[float | None]) -> str:
    times = [each for each in values if each is not None]
    return _ms(median(times)) if times else ""


def _median(values: Sequence[float | None]) -> str:
    """Of what was measured; nothing where that was not."""
    known = [each for each in values if each is not None]
    return f"{median(known):,.0f}" if known else ""
