"""One object for all that are equal, where a process that remembers many tenants would have one of each."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")

REMEMBERED = 4096  # values


@lru_cache(REMEMBERED, typed=True)
def one_of(value: T) -> T:
    """An equal value of the same type, given before, or this one; nothing may be able to change it."""
    return value
