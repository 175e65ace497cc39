"""The order of a parallel run: each worker begins with its share of the tests of whole processes.

They wait half of their time, while another worker's test has the processor; left for the end, they would wait
for each other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Protocol, TypeVar

TESTS = Path(__file__).parent
WHOLE = ("browser/", "crash/", "deployment/", "edge/server/", "examples/", "hostile/", "system/")

OF_ITS_SERVER = (
    "core/operations/test_backup.py",
    "core/operations/test_dump.py",
    "core/operations/test_restore.py",
    "core/operations/test_restore_unfinished.py",
    "core/storage/",
)


class Located(Protocol):
    """What is in a file, as a test is."""

    @property
    def path(self) -> Path: ...


T = TypeVar("T", bound=Located)


def is_whole(path: Path) -> bool:
    """Whether the file's tests are of whole processes."""
    return path.relative_to(TESTS).as_posix().startswith(WHOLE)


def is_of_its_server(path: Path) -> bool:
    """Whether what the file's tests ask of Postgres differs by its version: its programs and catalogs."""
    return path.relative_to(TESTS).as_posix().startswith(OF_ITS_SERVER)


def dealt(items: Sequence[T], workers: int) -> list[T]:
    """The items in another order, of which each worker is given an equal slice; a file's stay together."""
    whole = [item for item in items if is_whole(item.path)]
    files = [list(file) for _, file in groupby(whole, key=lambda item: item.path)]
    others = deque(item for item in items if not is_whole(item.path))
    order: list[T] = []
    for worker in range(workers):
        share = len(order) + (len(items) - len(order)) // (workers - worker)
        order += [item for file in files[worker::workers] for item in file]
        while len(order) < share and others:
            order.append(others.popleft())
    return [*order, *others]
