"""Stillness: how long this process's loop stood still, so that Postgres is not blamed for it.

A time limit that ends then says nothing of whom it was set to.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

COME_ROUND_EVERY = 0.25  # seconds, by the loop's own task
WITHIN = 10.0  # seconds: the longest limit that is set to Postgres
LONG = 1.0  # seconds that explain why a limit ended


@dataclass
class _Loop:
    came_round: float = 0.0  # by the monotonic clock; 0: nobody counts
    stills: list[tuple[float, float]] = field(default_factory=list)  # when each ended, and its seconds


_loop = _Loop()


def begin() -> None:
    """From now on `come_round` is called."""
    _loop.came_round, _loop.stills = time.monotonic(), []


def come_round() -> None:
    """The loop came round."""
    now = time.monotonic()
    if (still := _since(now)) > COME_ROUND_EVERY:
        _loop.stills = [*_loop.stills[-9:], (now, still)]
    _loop.came_round = now


def end() -> None:
    """Nobody counts any more."""
    _loop.came_round = 0.0


def stood_still(within: float = WITHIN) -> float:
    """The longest time in seconds that the loop stood still, within the last so many seconds."""
    now = time.monotonic()
    longest = max((still for ended, still in _loop.stills if ended > now - within), default=0.0)
    return max(longest, _since(now)) if _loop.came_round else 0.0


def explained(error: BaseException, otherwise: str) -> str:
    """`otherwise`, but that this process itself stood still where that is why a time limit ended."""
    still = stood_still()
    if still < LONG or not _is_of_time(error):
        return otherwise
    return f"this process itself stood still for {still:.1f} s"


def _is_of_time(error: BaseException | None) -> bool:
    while error and not isinstance(error, TimeoutError):
        error = error.__cause__ or error.__context__
    return error is not None


def _since(now: float) -> float:
    """The seconds by which the loop is late."""
    return max(now - _loop.came_round - COME_ROUND_EVERY, 0.0)
