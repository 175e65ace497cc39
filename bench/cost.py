"""What results cost: processor time by kind of process, transactions that wrote, write-ahead log."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.postgres import Postgres

TICK = 1e6 / os.sysconf("SC_CLK_TCK")  # microseconds

Kinds = Mapping[str, Sequence[int]]  # the first processes of each kind, whose descendants are of the same


@dataclass(frozen=True)
class Cost:
    """What one result cost."""

    microseconds: Mapping[str, float]  # of processor time, by kind of process
    commits: float  # transactions that wrote
    wal_bytes: float

    @property
    def total(self) -> float:
        return sum(self.microseconds.values())


class Meter:
    """Reads what was used between `begin` and `end`."""

    def __init__(self, postgres: Postgres, kinds: Kinds, aside: int = 0) -> None:
        """`aside` is a backend whose work counts for nobody."""
        self._postgres = postgres
        self._kinds = kinds
        self._aside = aside

    async def begin(self) -> None:
        self._written = await self._postgres.written(self._aside)
        self._used = processor_time(self._kinds, self._aside)

    async def end(self, results: int) -> Cost:
        used, count = processor_time(self._kinds, self._aside), max(results, 1)
        commits, wal_bytes = await self._postgres.written(self._aside)
        return Cost(
            {kind: (used[kind] - self._used[kind]) / count for kind in self._kinds},
            (commits - self._written[0]) / count,
            (wal_bytes - self._written[1]) / count,
        )


def processor_time(kinds: Kinds, aside: int = 0) -> dict[str, float]:
    """Microseconds so far of each kind's first processes and descendants, also of those that ended.

    The process `aside` is of no kind.
    """
    seen = {pid: each for pid, each in _processes() if pid != aside}
    return {
        kind: TICK * sum(seen[pid].ticks for first in firsts for pid in descendants(first, seen))
        for kind, firsts in kinds.items()
    }


@dataclass(frozen=True)
class Process:
    """`ticks` has those of its children that ended and were waited for."""

    parent: int
    ticks: int


def descendants(first: int, seen: Mapping[int, Process]) -> list[int]:
    """A process with its children and theirs, as far as they live."""
    children = defaultdict(list)
    for pid, each in seen.items():
        children[each.parent].append(pid)
    found = [first] if first in seen else []
    for pid in found:
        found += children[pid]
    return found


def tree(first: int) -> list[int]:
    """The living descendants of a process, and itself."""
    return descendants(first, dict(_processes()))


def _processes() -> Iterator[tuple[int, Process]]:
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            fields = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            yield int(folder.name), Process(int(fields[1]), sum(map(int, fields[11:15])))
