"""A limit on how long something is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """What `work` comes to. Raises TimeoutError.

    Not asyncio.timeout: a cancelled query still waits for the word of a silent server.
    """
    task = asyncio.create_task(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())  # it may end unawaited
    try:
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            raise TimeoutError("no answer")
        return task.result()
    finally:
        task.cancel()


async def looks(seconds: float, every: float) -> AsyncIterator[None]:
    """One step for each look: at once, then after every `every` seconds, until `seconds` are over."""
    clock = asyncio.get_running_loop().time
    ends = clock() + seconds
    yield
    while clock() < ends:
        await asyncio.sleep(every)
        yield
