"""Whole processes are dealt to all parallel workers, and come first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from shares import OF_ITS_SERVER, TESTS, WHOLE, dealt, is_whole


@dataclass(frozen=True)
class Item:
    path: Path
    number: int


def items(name: str, count: int) -> list[Item]:
    return [Item(TESTS / name, number) for number in range(count)]


MANY = [*items("core/test_a.py", 500), *items("system/test_b.py", 9), *items("system/test_c.py", 4)]


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
def test_each_worker_begins_with_its_share(workers: int) -> None:
    order = dealt(MANY, workers)
    size = len(MANY) // workers
    begins = [order[worker * size].path.name for worker in range(workers)]
    assert begins == ["test_b.py", "test_c.py", "test_a.py", "test_a.py"][:workers]
    assert sorted(order, key=MANY.index) == MANY


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
def test_a_file_stays_together(workers: int) -> None:
    order = dealt(MANY, workers)
    for name in ("test_b.py", "test_c.py"):
        first = order.index(Item(TESTS / "system" / name, 0))
        file = [item for item in MANY if item.path.name == name]
        assert order[first : first + len(file)] == file


@pytest.mark.parametrize("workers", [1, 3])
def test_where_there_is_nothing_else_nothing_is_left_out(workers: int) -> None:
    alone = items("system/test_b.py", 5)
    assert dealt(alone, workers) == alone


def test_the_places_named_are_there() -> None:
    assert all((TESTS / folder).is_dir() for folder in WHOLE)
    assert all((TESTS / place).exists() for place in OF_ITS_SERVER)
    assert is_whole(TESTS / "system" / "test_kills.py") and not is_whole(TESTS / "core" / "test_plugins.py")
