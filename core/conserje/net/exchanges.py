"""What other machines are asked and answer while somebody wants to know: nobody does, but for a recording."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import httpx2

Exchange = tuple[httpx2.Request, httpx2.Response | Exception]

wanted: ContextVar[list[Exchange] | None] = ContextVar("exchanges", default=None)


@contextmanager
def kept() -> Iterator[list[Exchange]]:
    """All that this task, and those it starts, ask meanwhile."""
    exchanges: list[Exchange] = []
    token = wanted.set(exchanges)
    try:
        yield exchanges
    finally:
        wanted.reset(token)
