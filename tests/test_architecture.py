"""docs/architecture.md keeps up with the code: floors, rooms, doors, tables, words, and files."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NamedTuple

import pytest

import conserje
from conserje.cli.main import main

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
SQL = "".join(path.read_text() for path in sorted((ROOT / "core/conserje/sql").glob("*.sql")))
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
HOUSES = (("core", "conserje"), ("edge", "conserje_edge"))

QUOTED = re.compile(r"`([^`]+)`")
ROOM = re.compile(r"^- `([^`]+)`: (.*?)(?=\n- |\n\n)", re.M | re.S)
WORD = re.compile(r"^\| ([a-z]+) \|", re.M)
TABLE = re.compile(r"^CREATE TABLE (\w+)", re.M)
STATE = re.compile(r"\bstate +text [^,]*?CHECK \(state IN \(([^)]*)\)\)")

houses = pytest.mark.parametrize(("name", "package"), HOUSES, ids=lambda value: value)


class Room(NamedTuple):
    """A room as the page describes it."""

    name: str  # with a slash behind a package, `.py` behind a module
    tables: list[str]
    doors: list[str]


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rooms(name: str) -> list[Room]:
    found = []
    for room, described in ROOM.findall(section(f"The rooms of {name}") + "\n\n"):
        before, _, doors = described.partition("Doors:")
        tables = before.partition("Tables:")[2]
        found.append(Room(room, QUOTED.findall(tables), QUOTED.findall(doors)))
    return found


def floors(package: str) -> dict[str, Any]:
    contracts: list[dict[str, Any]] = SETTINGS["importlinter"]["contracts"]
    [contract] = [each for each in contracts if each.get("containers") == [package]]
    return contract


@houses
def test_the_floors_are_those_that_the_linter_holds(name: str, package: str) -> None:
    lines = section(f"The rooms of {name}").splitlines()
    assert [line.strip() for line in lines if line.startswith("    ")] == floors(package)["layers"]


@houses
def test_each_room_is_on_the_page_and_each_of_the_page_is_there(name: str, package: str) -> None:
    folder = ROOT / name / package
    packages = {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}
    modules = {path.name for path in folder.glob("[!_]*.py")}
    beside = {f"{each}.py" for each in floors(package).get("exhaustive_ignores", ())}
    listed = [room.name for room in rooms(name)]
    assert sorted(listed) == sorted(packages | (modules - beside))


@houses
def test_each_room_has_doors_and_they_open(name: str, package: str) -> None:
    for room in rooms(name):
        assert room.doors, room.name
        for door in room.doors:
            assert door.split(".")[0] == room.name.rstrip("/").removesuffix(".py"), door
            resolve_name(f"{package}.{door}")


def test_each_table_has_its_room() -> None:
    owned = [table for room in rooms("core") for table in room.tables]
    assert sorted(owned) == sorted(TABLE.findall(SQL))


def names() -> Iterator[str]:
    """What has a name: tables, states, rooms, modules, classes, commands, and what plugins see."""
    yield from TABLE.findall(SQL)
    for states in STATE.findall(SQL):
        yield from re.findall(r"'(\w+)'", states)
    for folder in ("core/conserje", "edge/conserje_edge"):
        for path in (ROOT / folder).rglob("*.py"):
            yield from (path.stem, path.parent.name)
            tree = ast.parse(path.read_text())
            yield from (node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    yield from main.commands
    yield from conserje.__all__


def test_each_word_is_the_name_of_something() -> None:
    words, there = WORD.findall(section("Words")), {name.lower() for name in names()}
    words.remove("word")
    assert len(words) == len(set(words)) > 20
    assert [word for word in words if word not in there and f"{word}s" not in there] == []


def test_each_file_that_the_page_names_is_there() -> None:
    paths = [each for each in QUOTED.findall(PAGE) if "/" in each and "<" not in each and "NNNN" not in each]
    named = [each for each in paths if each.split("/")[0] in {path.name for path in ROOT.iterdir()}]
    assert len(named) > 10
    assert [each for each in named if not (ROOT / each).exists()] == []
