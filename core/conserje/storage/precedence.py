"""Precedence: what a flood does waits where somebody else's job has just begun in the same process."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass

AHEAD = 0.02  # seconds that a job which begins has for itself: by then it is done, or waits for others
LONGEST = 0.25  # seconds that one transaction of a flood waits, however many begin meanwhile

gives_way: ContextVar[bool] = ContextVar("gives_way", default=False)  # whether this task does a flood's job


@dataclass
class Precedence:
    """Until when others are ahead of floods, in this process."""

    _until: float = 0.0

    def begin(self, now: float) -> None:
        """A job begins that is no flood's."""
        self._until = now + AHEAD

    async def wait(self) -> None:
        """Return when nobody is ahead of this task's job, or it has waited for long."""
        if not gives_way.get():
            return
        loop = asyncio.get_running_loop()
        last = loop.time() + LONGEST
        while (rest := min(self._until, last) - loop.time()) > 0:  # noqa: ASYNC110 # no event: time passes
            await asyncio.sleep(rest)


here = Precedence()
