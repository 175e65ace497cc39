"""A limit of CPU time: what runs into it fails with its name, and hangs nothing."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def at_most(seconds: float, what: str) -> Iterator[None]:
    """Raises AssertionError once that much is spent within, also in the middle of an expression's match."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"{what} takes more than {seconds:g} s of CPU")

    before = signal.signal(signal.SIGVTALRM, end)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
