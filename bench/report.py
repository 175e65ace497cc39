"""What was measured, for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
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
    runs: list[Run] = field(default_factory=list)  # through nginx with TLS, and pgbench
    plain: list[Run] = field(default_factory=list)
    paces: dict[str, Pace] = field(default_factory=dict)
    handshakes: Handshakes | None = None
    reply: Waits | None = None
    flood: Flood | None = None
    starts: Sequence[Start] = ()
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Whether all that was asked for was measured, and nothing is void."""
        void = [run for run in (*self.runs, *self.plain) if run.void] or (self.flood and self.flood.void)
        return not void and not self.failed

    def best(self) -> list[Run]:
        """Each server's fastest run that counts, Conserje first."""
        names = sorted({run.name for run in self.runs}, key=lambda name: name != "conserje")
        return [run for name in names if (run := self.best_of(name))]

    def best_of(self, name: str) -> Run | None:
        """A server's fastest run that counts."""
        runs = [run for run in self.runs if run.name == name and not run.void]
        return max(runs, key=lambda run: run.rate, default=None)

    def text(self) -> str:
        parts = [
            self._head(),
            self._throughput(),
            self._handshakes(),
            self._turns(),
            self._starts(),
            self._troubles(),
        ]
        return "\n\n".join(part for part in parts if part)

    def _head(self) -> str:
        seen = self.machine
        return (
            f"{seen['date']}, commit {seen['commit']}, {seen['cores']} cores ({seen['cpu']}),"
            f" load before {seen['load_before']:.1f}"
        )

    def _throughput(self) -> str:
        best = self.best()
        if not best:
            return ""
        ours = best[0].rate if best[0].name == "conserje" else None
        plain = {run.name: run.rate for run in self.plain if not run.void}
        lines = [
            f"{'Acknowledged through nginx with TLS':36}{'workers':>8}{'a second':>10}"
            f"{'p50 ms':>8}{'p99 ms':>8}{'Conserje':>10}"
            f"{'without nginx':>15}{f'at {RATE}/s: p50':>15}{'p99 ms':>8}"
        ]
        for run in best:
            ratio = f"{ours / run.rate:.2f} x" if ours and run.rate else ""
            pace = self.paces.get(run.name)
            lines.append(
                f"{run.title:36}{run.workers or '':>8}{run.rate:>10,.0f}"
                f"{_number(run.p50):>8}{_number(run.p99):>8}{ratio:>10}"
                f"{f'{plain[run.name]:,.0f}' if run.name in plain else '':>15}"
                f"{_number(pace.p50 if pace else None):>15}{_number(pace.p99 if pace else None):>8}"
            )
        return "\n".join(lines)

    def _handshakes(self) -> str:
        if not (seen := self.handshakes):
            return ""
        return (
            f"nginx's processor time for a {seen.protocol} connection with one request: full handshake"
            f" {seen.full:.2f} ms, resumed {seen.resumed:.2f} ms; of that the request {seen.request:.2f} ms"
        )

    def _turns(self) -> str:
        lines = []
        if self.reply:
            lines.append(
                f"Webhook to provider call: p50 {self.reply.p50:.1f} ms, p99 {self.reply.p99:.1f} ms"
            )
        if flood := self.flood:
            lines.append(
                f"The same beside another tenant's flood: p99 {flood.beside.p99:.1f} ms, alone"
                f" {flood.alone.p99:.1f} ms: {flood.beside.p99 / flood.alone.p99:.2f} x"
                f" ({flood.waiting[0]:,} waiting, {flood.waiting[1]:,} at the end)"
            )
        return "\n".join(lines)

    def _starts(self) -> str:
        return "\n".join(
            f"serve with {start.tenants:,} tenants: ready in {start.seconds:.2f} s, {start.megabytes:.0f} MB"
            for start in self.starts
        )

    def _troubles(self) -> str:
        lines = [f"Skipped: {name}: {why}" for name, why in self.skipped.items()]
        lines += [f"Failed: {name}: {why}" for name, why in self.failed.items()]
        lines += [
            f"Void: {run.title}, {run.workers} workers: {run.void}"
            for run in (*self.runs, *self.plain)
            if run.void
        ]
        if self.flood and self.flood.void:
            lines.append(f"Void: flood: {self.flood.void}")
        return "\n".join(lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
