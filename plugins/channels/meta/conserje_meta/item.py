"""JSON objects, read field by field: one of another type than it must have is left out, and told."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite, nan
from typing import Any

_DEEPEST = 32  # levels of what is kept as it came
_LARGEST = 10**20  # of a number in the place of a text


class Unclear(Exception):
    """What an item cannot do without is missing. The text names it, never its value."""


class Item:
    """One object of the JSON. `odd` says what was left out of it, and of the objects within."""

    __slots__ = ("fields", "odd")

    def __init__(self, fields: object, odd: list[str] | None = None) -> None:
        self.odd: list[str] = [] if odd is None else odd
        self.fields: Mapping[str, Any] = fields if isinstance(fields, dict) else {}
        if not isinstance(fields, dict):
            self.odd.append("An item is not an object.")

    def __bool__(self) -> bool:
        return bool(self.fields)

    def text(self, *names: str) -> str:
        """The first of `names` that is there and not blank; a number is text, too."""
        for name in names:
            value = self.fields.get(name)
            if isinstance(value, str):
                if value:
                    return value
            elif value is not None and (number := self._number(name, value)):
                return number
        return ""

    def _number(self, name: str, value: object) -> str:
        """A number in the place of a text."""
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST:
            return str(value)
        self._note(name, value, "text")
        return ""

    def require(self, name: str) -> str:
        if value := self.text(name):
            return value
        raise Unclear(f"The item has no {name}.")

    def number(self, name: str) -> float | None:
        """The number, which may be written as text; None: there is none."""
        value = self.fields.get(name)
        try:
            number = float("nan" if isinstance(value, bool) else value)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            number = nan
        if isfinite(number):
            return number
        self._note(name, value, "a number")
        return None

    def part(self, name: str) -> Item:
        """An object within; without fields if there is none."""
        value = self.fields.get(name)
        if isinstance(value, dict):
            return Item(value, self.odd)
        self._note(name, value, "an object")
        return Item({}, self.odd)

    def many(self, name: str) -> list[object]:
        """A list within, whose items are of any type; empty if there is none."""
        value = self.fields.get(name)
        if isinstance(value, list):
            return value
        self._note(name, value, "a list")
        return []

    def parts(self, name: str) -> list[Item]:
        """The objects in a list within."""
        return [each for value in self.many(name) if (each := Item(value, self.odd))]

    def raw(self) -> dict[str, Any]:
        """All of it, to be kept as it came."""
        if not _is_shallow(self.fields, _DEEPEST):
            return {"lost": "It was nested too deep to be kept."}
        return dict(self.fields)

    def _note(self, name: str, value: object, wanted: str) -> None:
        if value is not None:
            self.odd.append(f"{name} is not {wanted}.")


def _is_shallow(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_shallow(each, levels - 1) for each in inner)
