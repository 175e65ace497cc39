"""How far a backup or a restoring has come."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator

TELL_EVERY = 0.2  # seconds


class Progress:
    """Tells of what is done, so often that a person sees it move."""

    def __init__(self, say: Callable[[str], None] = lambda line: None) -> None:
        self._say = say
        self._told_at = 0.0
        self._what, self._done = "", 0

    def tell(self, what: str) -> None:
        """Something else begins."""
        self._what, self._done = what, 0
        self._say(what)

    def through(self, what: str, parts: Iterator[bytes]) -> Iterator[bytes]:
        """The same parts, of which is told that they went by."""
        for part in parts:
            self._count(what, len(part))
            yield part

    async def beside(self, what: str, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The same of parts that are waited for."""
        async for part in parts:
            self._count(what, len(part))
            yield part

    def _count(self, what: str, size: int) -> None:
        if what != self._what:
            self.tell(what)
        self._done += size
        if (now := time.monotonic()) > self._told_at + TELL_EVERY:
            self._told_at = now
            self._say(f"{what}: {self._done / 2**20:,.0f} MB")
