"""The memory of processes."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from bench.cost import tree

PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


def megabytes(*firsts: int) -> float:
    """What these processes and their descendants have: pages that processes share count once."""
    return sum(_kilobytes(pid) for first in firsts for pid in tree(first)) / 1000


def _kilobytes(pid: int) -> int:
    with suppress(OSError):  # it ended, or is not ours to read
        if found := PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")):
            return int(found[1])
    return 0
