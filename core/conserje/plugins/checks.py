"""What Conserje would say of plugins, whatever these do: each is looked at by a process of its own."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from conserje.errors import OperatorError
from conserje.plugins import checking, confined, plugins
from conserje.plugins.redaction import redacted

SECONDS, SUITE_SECONDS = 60.0, 600.0
LONGEST = 500  # characters of a verdict
_MOST_READ = 1024 * 1024  # bytes of a report
_MOST_FAILURES = 3  # tests that are named

_ODD = re.compile(r"[^A-Za-z0-9.]+")  # in a distribution's name, to a folder
_TALLY = re.compile(r"^(?:=+ )?((?:\d+ [a-z]+(?:, )?)+) in [\d.]+s", re.MULTILINE)
_FAILURE = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)

Level = Literal["ok", "warning", "error"]


class NotThere(OperatorError):
    """There is no such plugin, neither installed nor in a folder."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one check of one plugin found."""

    plugin: str
    check: str
    verdict: Level
    text: str


@dataclass(frozen=True, slots=True)
class Package:
    """A package whose plugins are checked: by what it is known, and where it lies."""

    entries: tuple[EntryPoint, ...]
    distribution: str
    folder: Path | None  # of its source, where it is there
    places: tuple[str, ...] = ()  # where it lies, if it is not installed: what it says of itself, its modules


def of_name(name: str) -> list[Package]:
    """The packages that have a plugin of this name, or are called so; "": all of them. Raises NotThere."""
    found: dict[str, list[EntryPoint]] = {}
    for each in plugins.installed(os.environ):
        if name in ("", each.entry.name, each.distribution):
            found.setdefault(each.distribution, []).append(each.entry)
    if not found:
        raise NotThere(f"There is no plugin {name}: see `conserje plugin list`, or name its folder.")
    return [Package(tuple(entries), owner, _source(entries[0].dist)) for owner, entries in found.items()]


def of_folder(folder: Path, shadow: Path) -> Package:
    """The package in a folder as if it were installed, by what is written into `shadow`. Raises NotThere."""
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        _write_metadata(project, shadow)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise NotThere(
            f"{folder} has no pyproject.toml with [project] and its name: install the plugin, and name it."
        ) from None
    [made] = distributions(path=[str(shadow)])
    entries = tuple(each for each in made.entry_points if each.group in plugins.CONTRACTS)
    if not entries:
        raise NotThere(f"{folder} has no plugin: its pyproject.toml needs [project.entry-points].")
    source = folder / "src" if (folder / "src").is_dir() else folder
    return Package(entries, made.name, folder, (str(shadow), str(source)))


def _write_metadata(project: Mapping[str, Any], shadow: Path) -> None:
    """As an installer would, of what its plugins need."""
    folder = shadow / f"{_ODD.sub('_', project['name'])}-0.dist-info"
    folder.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {project['name']}", f"Version: {project.get('version', '0')}"]
    lines += [f"Requires-Dist: {each}" for each in project.get("dependencies", ())]
    (folder / "METADATA").write_text("\n".join(lines) + "\n", encoding="utf-8")
    groups = project.get("entry-points", {}).items()
    said = [f"[{group}]\n" + "".join(f"{n} = {v}\n" for n, v in each.items()) for group, each in groups]
    (folder / "entry_points.txt").write_text("\n".join(said), encoding="utf-8")


def _source(distribution: Distribution | None) -> Path | None:
    """The folder that an installed package is worked on in."""
    try:
        said = json.loads((distribution and distribution.read_text("direct_url.json")) or "{}")
        if said["dir_info"]["editable"] is True:
            return Path(unquote(urlsplit(said["url"]).path))
    except (ValueError, KeyError, TypeError):
        pass
    return None


def check(package: Package, with_suite: bool) -> Iterator[Row]:
    """Each verdict as it comes."""
    for entry in package.entries:
        yield from _looked_at(entry, package)
    if with_suite:
        yield _suite(package)


def _looked_at(entry: EntryPoint, package: Package) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as place:
        report = Path(place) / "report"
        report.touch()
        ended = _run(
            [str(report), entry.group, entry.name, package.distribution, *package.places], SECONDS, place
        )
        yield from _rows(entry.name, _lines(report, ended.pid), ended)


def _run(words: Sequence[str], seconds: float, folder: str, output: Path | None = None) -> confined.Ended:
    program = [sys.executable, "-P", "-m", "conserje.plugins.checking"]
    return confined.run([*program, *words], seconds, Path(folder), output)


def _lines(report: Path, pid: int) -> Iterator[dict[str, Any]]:
    """What the process has written into its report; a line that was cut, or that its fork wrote, is none."""
    with report.open("rb") as file:
        for line in file.read(_MOST_READ).splitlines():
            try:
                said = json.loads(line)
            except ValueError:
                continue
            if isinstance(said, dict) and said.get("pid") == pid:
                yield said


def _rows(name: str, lines: Iterator[dict[str, Any]], ended: confined.Ended) -> Iterator[Row]:
    begun, told, is_wrong = "start", {"start"}, False
    for line in lines:
        match line:
            case {"begins": str(check)} if check in checking.CHECKS:
                begun = check
            case {"check": str(check), "level": "ok" | "warning" | "error" as level, "text": str(text)}:
                told.add(check)
                is_wrong |= level == "error"
                yield Row(name, check, level, _shown(text))
    if begun not in told or ended.why:
        why = ended.why or f"it ended the process with {_code(ended.code)}"
        yield Row(name, begun, "error", f"The plugin did not let this check end: {why}.")
    elif begun != list(checking.CHECKS)[-1] and not is_wrong:
        yield Row(
            name, begun, "error", f"The plugin ended the process behind this check, with {_code(ended.code)}."
        )


def _code(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"code {code}"


def _shown(text: str) -> str:
    """One line, without secrets and what a terminal obeys."""
    text = " ".join(redacted(text[: 4 * LONGEST]).split())[:LONGEST]
    return "".join(each if each.isprintable() else "?" for each in text)


def _suite(package: Package) -> Row:
    name, folder = package.entries[0].name, package.folder
    if folder is None:
        return Row(name, "suite", "ok", "Its tests are not installed with it: name its folder to run them.")
    if not any(folder.glob("tests/**/test_*.py")) and not any(folder.glob("test_*.py")):
        return Row(
            name, "suite", "warning", "It has no tests: `conserje plugin new` makes some to begin with."
        )
    if find_spec("pytest") is None:
        return Row(name, "suite", "warning", "Its tests were not run: install conserje[testing].")
    with tempfile.TemporaryDirectory() as place:
        printed = Path(place) / "printed"
        ended = _run([str(folder), *package.places], SUITE_SECONDS, str(folder), printed)
        text = printed.read_bytes()[-_MOST_READ:].decode("utf-8", "replace")
    return _suite_row(name, ended, text)


def _suite_row(name: str, ended: confined.Ended, printed: str) -> Row:
    if ended.why:
        return Row(name, "suite", "error", f"Its tests were ended: {ended.why}.")
    tally = _TALLY.findall(printed)
    said = tally[-1] if tally else f"its tests ended with {_code(ended.code)}"
    if ended.code == 0 and tally:
        return Row(name, "suite", "ok", _shown(f"Its tests pass: {said}."))
    failed = [each.rpartition("::")[2] for each in _FAILURE.findall(printed)]
    named = f": {', '.join(failed[:_MOST_FAILURES])}" if failed else ""
    more = f" and {len(failed) - _MOST_FAILURES} more" if len(failed) > _MOST_FAILURES else ""
    return Row(name, "suite", "error", _shown(f"Its tests fail ({said}){named}{more}."))
