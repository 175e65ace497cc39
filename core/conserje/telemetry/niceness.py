"""Niceness: which of this machine's processes the kernel runs first, where the operator lets us say so."""

from __future__ import annotations

import os
import resource
import sys
from contextlib import suppress
from pathlib import Path

# Of nice's levels: a tenth of what others have, for whom it makes way at once; with less it might never end.
BEHIND = 10
FIRST = 20  # less the level that a limit allows


def give_way(pid: int) -> bool:
    """Let all others run before this process; False where that could not be taken back."""
    return may_be_taken_back() and _place(pid, BEHIND)


def take_back(pid: int) -> bool:
    """Let it run as we do."""
    return _place(pid, os.getpriority(os.PRIO_PROCESS, 0))


def may_be_taken_back() -> bool:
    if sys.platform != "linux":
        return False
    allowed, _ = resource.getrlimit(resource.RLIMIT_NICE)
    return os.geteuid() == 0 or FIRST - allowed <= os.getpriority(os.PRIO_PROCESS, 0)


def _place(pid: int, level: int) -> bool:
    """Put each of its threads there; the kernel knows no level of a process."""
    with suppress(OSError):  # it has just ended
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(ProcessLookupError):
                os.setpriority(os.PRIO_PROCESS, int(thread.name), level)
        return True
    return False
