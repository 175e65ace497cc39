"""What the console says, taken from its code and templates, beside what its catalogues have of it.

Run by itself it brings the catalogues in line: new sentences without a translation, unused ones gone.
`python tests/catalogues.py [area ...]`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from conserje_edge.console.languages import FOLDER, LANGUAGES, OWN

CONSOLE = FOLDER.parent
TEMPLATES = CONSOLE / "templates"
FRAME = "frame"  # of what is in no area's folder
AREAS = (FRAME, *sorted(path.parent.name for path in CONSOLE.glob("*/places.py")))
TRANSLATED = tuple(language for language in LANGUAGES if language != OWN)
KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
WIDTH = 110


def catalogue_of(area: str, language: str) -> Path:
    return FOLDER / language / f"{area}.po"


def said(area: str) -> Catalog:
    """Every sentence of an area, by the places where it stands."""
    found = Catalog()
    for path in _files(area):
        method = "jinja2" if path.suffix == ".html" else "python"  # both by their entry points
        with path.open("rb") as file:
            for line, message, _, _ in extract(method, file, KEYWORDS):
                found.add(message, locations=[(path.relative_to(CONSOLE).as_posix(), line)])
    return found


def _files(area: str) -> Iterator[Path]:
    if area == FRAME:
        yield from sorted(CONSOLE.glob("*.py"))
        yield from sorted(TEMPLATES.glob("*.html"))
    else:
        yield from sorted((CONSOLE / area).rglob("*.py"))
        yield from sorted((TEMPLATES / area).rglob("*.html"))


def translated(area: str, language: str) -> Catalog:
    """An area's catalogue in a language; empty where there is none."""
    path = catalogue_of(area, language)
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def faults(area: str, language: str) -> list[str]:
    """What is missing, fuzzy or unused."""
    has, needed = translated(area, language), said(area)
    found = [f"{each.id!r} is fuzzy" for each in has if each.id and each.fuzzy]
    found += [f"{each.id!r} is said nowhere" for each in has if each.id and each.id not in needed]
    for each in needed:
        there = has.get(each.id) if each.id else None
        if each.id and (there is None or not _is_whole(there.string)):
            found.append(f"{each.id!r} is missing ({each.locations[0][0]}:{each.locations[0][1]})")
        elif there:
            found += [f"{each.id!r}: {error}" for error in there.check()]
    return found


def _is_whole(string: object) -> bool:
    return all(string) if isinstance(string, tuple | list) else bool(string)


def bring_in_line(area: str, language: str) -> None:
    has, needed = translated(area, language), said(area)
    new = Catalog(locale=language)
    for each in needed:
        if each.id:
            there = has.get(each.id)
            new.add(each.id, there.string if there else "")
    with catalogue_of(area, language).open("wb") as file:
        write_po(file, new, width=WIDTH, no_location=True, omit_header=True, sort_output=True)


if __name__ == "__main__":
    for area in sys.argv[1:] or AREAS:
        for language in TRANSLATED:
            bring_in_line(area, language)
            for fault in faults(area, language):
                print(f"{area}, {language}: {fault}")
