"""What all suites share: nothing of them is overridden without a word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

_PACKAGE = "conserje.testing."
_ITSELF = "test_nothing_is_overridden_silently"


class Suite:
    """Tests that a plugin's own test inherits. What a subclass may say and override has no underscore."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if not cls.__module__.startswith(_PACKAGE) and _ITSELF in vars(cls):
            raise TypeError(f"{cls.__name__} overrides {_ITSELF}; take that out.")

    def test_nothing_is_overridden_silently(self) -> None:
        for name, value in _overridden(type(self)):
            said = "the suite's own: use what has no underscore" if name.startswith("_") else _HOW
            assert name.startswith("test_") and _says_why(value), f"`{name}` is overridden, and is {said}."


_HOW = (
    "a promise of the contract. Mend the plugin, or say why it cannot be kept: "
    '@pytest.mark.xfail(reason="...") above the method, which calls super()'
)


def _overridden(suite: type) -> Iterator[tuple[str, Any]]:
    """What is the suites' own and means something else in this subclass of theirs."""
    theirs = [each for each in suite.__mro__ if each.__module__.startswith(_PACKAGE)]
    names = {name for each in theirs for name in vars(each) if name.startswith(("test_", "_"))}
    for name in sorted(each for each in names if not each.startswith("__")):
        owner = next(each for each in suite.__mro__ if name in vars(each))
        if owner not in theirs:
            yield name, vars(owner)[name]


def _says_why(test: Any) -> bool:
    marks: list[pytest.Mark] = getattr(test, "pytestmark", [])
    return any(mark.name == "xfail" and mark.kwargs.get("reason", "").strip() for mark in marks)
