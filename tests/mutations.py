"""What may stand in the place of a field of JSON: values of every other type."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

ODD: tuple[object, ...] = (None, True, 0, -1.5, 10**30, "", "x", "\ud83d", [], {}, [1], [[]], {"a": {"b": 1}})

Path = tuple[str | int, ...]


def paths(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Each field within, in objects and lists, with its value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inner:
        yield (*path, name), part
        yield from paths(part, (*path, name))


def replaced(value: Any, path: Path, by: object) -> Any:
    """A copy of `value` with something else at `path`."""
    changed = deepcopy(value)
    place = changed
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = deepcopy(by)
    return changed
