"""What was measured, for people and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench.handshake import Handshakes
from bench.pace import RATE, Pace
from bench.scale import Start
from bench.throughput import Run
from bench.turns import Flood, Waits


@dataclass
class Report:
    """All figures of one command; what was not measured is empty."""

    machine: dict[str, Any]
    options: dict[str, Any]
    runs: list[Run] = field(default_factory=list)
    paces: dict[str, Pace] = field(default_factory=dict)
    parts: dict[str, Any] = field(default_factory=dict)  # by name, as `--only` has it
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Whether all that was asked for was measured, and nothing is void."""
        void = [seen for seen in (*self.runs, *self.parts.values()) if getattr(seen, "void", None)]
        return not void and not self.failed

    def text(self) -> str:
        """Markdown, which README.md has as well."""
        runs = {name: of for name in _names(self.runs) if (of := _sound(self.runs, name))}
        parts = [self._head()]
        if runs:
            parts += [_costs(runs), _rates(runs, self.paces)]
        lines = [line for name, seen in self.parts.items() for line in LINES[name](seen)]
        parts += [_table(("", ""), lines), self._troubles()]
        return "\n\n".join(part for part in parts if part)

    def _head(self) -> str:
        seen, options = self.machine, self.options
        versions = seen["versions"]
        return (
            f"{seen['date'][:10]}, commit {seen['commit']}; {seen['cores']} cores ({seen['cpu']}) with load\n"
            f"generator, nginx and Postgres on the same, load before {seen['load_before']:.1f};\n"
            f"Python {versions['python']} (built with {seen['python_built']}), nginx {versions['nginx']},"
            f" Postgres {versions['postgres']};\n{options['rounds']} rounds of {options['seconds']} s."
        )

    def _troubles(self) -> str:
        lines = [f"Skipped: {name}: {why}" for name, why in self.skipped.items()]
        lines += [f"Failed: {name}: {why}" for name, why in self.failed.items()]
        lines += [f"Void: {run.title}, {run.workers} workers: {run.void}" for run in self.runs if run.void]
        lines += [f"Void: {name}: {why}" for name, seen in self.parts.items() if (why := _void(seen))]
        return "\n".join(lines)


def _costs(runs: dict[str, list[Run]]) -> str:
    """Medians of the rounds; the spread is that of the whole."""
    head = (
        "processor time, us",
        "server",
        "Postgres",
        "nginx",
        "whole",
        "spread",
        "ours",
        "a commit",
        "WAL, B",
    )
    ours = median(run.cost.total for run in runs["conserje"]) if "conserje" in runs else None
    rows = []
    for of in runs.values():
        whole = [run.cost.total for run in of]
        kinds = [median(run.cost.microseconds[kind] for run in of) for kind in of[0].cost.microseconds]
        rows.append(
            (
                of[0].title,
                *(f"{each:,.0f}" for each in (*kinds, median(whole))),
                f"{min(whole):,.0f}-{max(whole):,.0f}",
                f"{median(whole) / ours:.1f} x" if ours else "",
                f"{1 / max(median(run.cost.commits for run in of), 1e-9):.1f}",
                f"{median(run.cost.wal_bytes for run in of):,.0f}",
            )
        )
    return _table(head, rows)


def _rates(runs: dict[str, list[Run]], paces: dict[str, Pace]) -> str:
    head = ("acknowledged", "workers", "a second", "spread", "p50", "p99", f"at {RATE}/s: p50", "p99")
    rows = []
    for name, of in runs.items():
        rates = [run.rate for run in of]
        pace = paces.get(name)
        rows.append(
            (
                of[0].title,
                str(of[0].workers),
                f"{median(rates):,.0f}",
                f"{min(rates):,.0f}-{max(rates):,.0f}",
                _ms(median(run.p50 for run in of)),
                _ms(median(run.p99 for run in of)),
                *((_ms(pace.p50), _ms(pace.p99)) if pace else ("", "")),
            )
        )
    return _table(head, rows)


def _handshakes(seen: Handshakes) -> list[Sequence[str]]:
    each = (
        f"full {seen.full:.2f} ms, resumed {seen.resumed:.2f} ms, of that the request {seen.request:.2f} ms"
    )
    return [(f"nginx's time for a {seen.protocol} connection with one request", each)]


def _reply(seen: Waits) -> list[Sequence[str]]:
    return [("webhook to the call of the provider", f"p50 {_ms(seen.p50)}, p99 {_ms(seen.p99)}")]


def _flood(seen: Flood) -> list[Sequence[str]]:
    beside, alone, (first, last) = seen.beside.p99, seen.alone.p99, seen.waiting
    each = f"p99 {_ms(beside)}, alone {_ms(alone)}: {beside / alone:.2f} x ({first:,} waiting, {last:,} left)"
    return [("the same beside another tenant's flood", each)]


def _starts(seen: Sequence[Start]) -> list[Sequence[str]]:
    return [
        (f"`serve` with {each.tenants:,} tenants", f"ready in {each.seconds:.2f} s, {each.megabytes:.0f} MB")
        for each in seen
    ]


LINES: dict[str, Callable[[Any], list[Sequence[str]]]] = {
    "handshake": _handshakes,
    "reply": _reply,
    "flood": _flood,
    "tenants": _starts,
}


def _names(runs: Sequence[Run]) -> list[str]:
    return list(dict.fromkeys(run.name for run in runs))


def _sound(runs: Sequence[Run], name: str) -> list[Run]:
    return [run for run in runs if run.name == name and not run.void]


def _void(seen: object) -> str | None:
    return getattr(seen, "void", None)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows))


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.1f} ms"
