"""Backoff: each pause between two tries is twice as long as the last one, up to the longest."""

from __future__ import annotations

_DOUBLINGS = 60  # more than these make no pause longer that anybody waits for


def pause(tries: int, first: float, longest: float) -> float:
    """Seconds after so many tries that failed."""
    return min(first * 2.0 ** min(tries - 1, _DOUBLINGS), longest)
