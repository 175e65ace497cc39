"""What the kernel tells of a process, on Linux; an OSError where it is gone."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_CANNOT_RUN = "TtD"  # stopped, traced, waiting for a disk


def can_run(pid: int) -> bool:
    """Whether nothing keeps its first thread, whose loop is watched, from running."""
    return _stat(pid)[0] not in _CANNOT_RUN


def cpu(pid: int) -> float:
    """The seconds of processor that it has had."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS


def waited(pid: int) -> dict[str, float]:
    """The seconds that each of its threads has waited for a processor."""
    found = {}
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            found[thread.name] = int((thread / "schedstat").read_text().split()[1]) / 1e9
        except OSError:  # it has just ended, or this kernel does not count
            continue
    return found


def resident(pid: int | str = "self") -> int:
    """The bytes of memory that it holds, with those that it shares."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * mmap.PAGESIZE


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
