"""Waiting: always for a condition, with a limit that only tells a hang from a busy machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from inspect import isawaitable
from typing import Any

from conserje.storage.changes import CHANNEL
from conserje.storage.database import Pool
from conserje.tenants.directory import Directory

LIMIT = 60.0  # seconds: what takes longer hangs; busy machines are slow
FIRST_PAUSE, LONGEST_PAUSE = 0.001, 0.05  # seconds between two looks, which cost who is waited for
LATE = 0.01  # of what was waited, the part by which a look may be later still: two minutes are no 2,400 looks

# No inbound message is without its turn, and no reply's fate is unknown.
SETTLED = """
SELECT NOT EXISTS (
    SELECT FROM messages
    WHERE (direction = 'in' AND turn_id IS NULL) OR state IN ('queued', 'sending', 'uncertain'))
  AND NOT EXISTS (SELECT FROM effects WHERE state IN ('queued', 'doing'))
"""


async def until(condition: Callable[[], object], limit: float = LIMIT) -> None:
    """Wait until what `condition` says, or is awaited to say, is true."""
    pause, began = FIRST_PAUSE, time.monotonic()
    async with asyncio.timeout(limit):
        while True:
            found = condition()
            if await found if isawaitable(found) else found:
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE + LATE * (time.monotonic() - began))


async def until_heard(directory: Directory, pool: Pool) -> None:
    """Wait until the directory has heard of every change that is committed by now."""
    count = directory.changes.count
    await pool.execute("SELECT pg_notify($1, '0')", CHANNEL)  # of no tenant, and told after the others
    await until(lambda: not directory.changes.unchanged(0, count) and not directory.changes.behind)


def at_work(*modules: str) -> set[asyncio.Task[Any]]:
    """The tasks whose code is in one of these modules, or below it."""
    below = tuple(f"{module}." for module in modules)
    return {task for task in asyncio.all_tasks() if f"{_module(task)}.".startswith(below)}


def _module(task: asyncio.Task[Any]) -> str:
    frame = getattr(task.get_coro(), "cr_frame", None)
    return str(frame.f_globals["__name__"]) if frame else ""
