"""JSON objects, read field by field: a field of another type than it must have is Unclear."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_DEEPEST = 32  # levels of what is kept as it came


class Unclear(Exception):
    """A field is missing or makes no sense. The text names it, never its value."""


class Item:
    """One object of the JSON."""

    __slots__ = ("fields",)

    def __init__(self, fields: object) -> None:
        if not isinstance(fields, dict):
            raise Unclear("The item is not an object.")
        self.fields: Mapping[str, Any] = fields

    def __bool__(self) -> bool:
        return bool(self.fields)

    def text(self, *names: str) -> str:
        """The first of `names` that is there and not blank."""
        for name in names:
            value = self.fields.get(name)
            if value is not None and not isinstance(value, str):
                raise Unclear(f"{name} is not text.")
            if value:
                return value
        return ""

    def require(self, name: str) -> str:
        if value := self.text(name):
            return value
        raise Unclear(f"The item has no {name}.")

    def number(self, name: str) -> float:
        try:
            value = float(self.fields[name])
        except (KeyError, TypeError, ValueError, OverflowError):
            raise Unclear(f"{name} is not a number.") from None
        if value - value != 0:  # not finite
            raise Unclear(f"{name} is not a number.")
        return value

    def part(self, name: str) -> Item:
        """An object within; without fields if there is none."""
        value = self.fields.get(name)
        if value is not None and not isinstance(value, dict):
            raise Unclear(f"{name} is not an object.")
        return Item(value or {})

    def many(self, name: str) -> list[object]:
        """A list within, whose items are of any type; empty if there is none."""
        value = self.fields.get(name)
        if value is not None and not isinstance(value, list):
            raise Unclear(f"{name} is not a list.")
        return value or []

    def parts(self, name: str) -> list[Item]:
        return [Item(value) for value in self.many(name)]

    def raw(self) -> dict[str, Any]:
        """All of it, to be kept as it came."""
        if not _is_shallow(self.fields, _DEEPEST):
            raise Unclear("The item is nested too deep.")
        return dict(self.fields)


def _is_shallow(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_shallow(each, levels - 1) for each in inner)
