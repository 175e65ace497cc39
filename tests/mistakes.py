"""Plugins with a mistake in them, and which tests of a suite find it."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HERE = Path(__file__).parent / "core" / "testing"
OF_PACKAGES = frozenset({"test_is_installed_under_its_own_name"})  # what is made here is installed nowhere


@dataclass(frozen=True)
class Mistake:
    """Lines that stand in the place of sound ones, and the test that is to find it."""

    name: str
    found_by: str
    changes: tuple[tuple[str, str], ...]


def mistakes(file: str) -> list[Mistake]:
    """Those of a file: "= what is wrong: the test", then lines as in a diff."""
    written = (HERE / f"{file}.mistakes").read_text("utf-8")
    return [_mistake(each.splitlines()) for each in written.removeprefix("= ").split("\n= ")]


def _mistake(lines: list[str]) -> Mistake:
    name, _, found_by = lines[0].rpartition(": ")
    changes: list[tuple[str, str]] = []
    for sign, block in itertools.groupby(filter(None, lines[1:]), key=lambda line: line[0]):
        whole = "".join(f"{line[1:]}\n" for line in block)
        if sign == "-":
            changes.append((whole, ""))
        else:
            changes[-1] = (changes[-1][0], whole)
    return Mistake(name, found_by, tuple(changes))


def module(sound: str, mistake: Mistake | None = None) -> Any:
    """The module of this name, with the mistake put into it."""
    source = (HERE / f"{sound}.py").read_text("utf-8")
    for right, wrong in mistake.changes if mistake else ():
        assert source.count(right) == 1, f"{right!r} is there {source.count(right)} times."
        source = source.replace(right, wrong)
    made = sys.modules[f"{sound}_tried"] = ModuleType(f"{sound}_tried")
    exec(compile(source, f"{sound}_tried.py", "exec", dont_inherit=True), vars(made))
    return made


def failing(suite: type, only: str = "") -> dict[str, str]:
    """The tests that fail, and what they say."""
    found: dict[str, str] = {}
    for name in sorted(each for each in dir(suite) if each.startswith("test_")):
        if name in OF_PACKAGES or (only and name != only):
            continue
        for arguments in _parameters(getattr(suite, name)):
            if said := _said(suite, name, arguments):
                found[name] = said
                break
    return found


def _said(suite: type, name: str, arguments: dict[str, Any]) -> str:
    try:
        outcome = getattr(suite(), name)(**arguments)
        if inspect.iscoroutine(outcome):
            asyncio.run(outcome)
    except (Exception, pytest.fail.Exception) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _parameters(test: Any) -> Iterator[dict[str, Any]]:
    """What a test is parametrized by."""
    marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
    named = [[_named(mark.args[0], values) for values in mark.args[1]] for mark in marks]
    for some in itertools.product(*named):
        yield {name: value for each in some for name, value in each.items()}


def _named(names: str, values: Any) -> dict[str, Any]:
    several = [name.strip() for name in names.split(",")]
    return dict(zip(several, values, strict=True)) if len(several) > 1 else {several[0]: values}
