"""The memory of processes, of which pages that several share count once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from bench.cost import tree

SIZES = re.compile(r"^(\w+):\s+(\d+) kB", re.MULTILINE)


def megabytes(*firsts: int) -> float:
    """What these processes and their descendants have (their proportional set size)."""
    return sum(sizes(pid).get("Pss", 0) for first in firsts for pid in tree(first)) / 1000


def largest(first: int) -> float:
    """What the largest of these has, all of it."""
    return max(sizes(pid).get("Rss", 0) for pid in tree(first)) / 1000


def own_megabytes(pid: int) -> float:
    """What only this process has: what would be free without it."""
    seen = sizes(pid)
    return (seen.get("Private_Clean", 0) + seen.get("Private_Dirty", 0)) / 1000


def sizes(pid: int) -> Mapping[str, int]:
    """Kilobytes by kind; none of a process that has ended."""
    with suppress(OSError):
        said = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
        return {kind: int(size) for kind, size in SIZES.findall(said)}
    return {}


def listening_at(socket: Path, pids: Iterable[int]) -> list[int]:
    """Those of the processes that have the socket at this path open."""
    lines = [line.split() for line in Path("/proc/net/unix").read_text(encoding="utf-8").splitlines()]
    links = {f"socket:[{line[6]}]" for line in lines if line[-1] == str(socket)}
    return [pid for pid in pids if not links.isdisjoint(_links(pid))]


def _links(pid: int) -> Iterable[str]:
    with suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                yield os.readlink(f"/proc/{pid}/fd/{name}")
