"""What commands print: tables that fit the terminal, or JSON."""

from __future__ import annotations

import json
import shutil
import sys
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from itertools import accumulate, takewhile

import click

from conserje.cli.times import written

GAP = 2  # blanks between columns
NARROWEST = 8  # no column is cut to less

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def refuse_both(sql: bool, as_json: bool) -> None:
    """Raises UsageError."""
    if sql and as_json:
        raise click.UsageError("--sql prints SQL: give it without --json.")


def terminal_width() -> int | None:
    """Of the terminal that reads stdout; None: a pipe or a file does, which gets everything whole."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def show_rows(
    rows: Sequence[Mapping[str, object]],
    as_json: bool,
    none: str,
    alarming: Callable[[Mapping[str, object]], object] | None = None,
) -> None:
    """Print rows of the same columns; `none` is said, beside the output, where there are none.

    On a terminal rows are red that are `alarming`.
    """
    if as_json:
        show_json(rows)
    elif not rows:
        click.echo(none, err=True)
    else:
        cells = [[_cell(value) for value in row.values()] for row in rows]
        heads = [name.upper().replace("_", " ") for name in rows[0]]
        widths = [max(map(_width, column)) for column in zip(heads, *cells, strict=True)]
        _narrow(widths, terminal_width())
        click.secho(_line(heads, widths), bold=True)
        for row, line in zip(rows, cells, strict=True):
            click.secho(_line(line, widths), fg="red" if alarming and alarming(row) else None)


def show_fields(fields: Mapping[str, object]) -> None:
    """Print one thing, a line for each field."""
    width = max(map(len, fields))
    for name, value in fields.items():
        click.echo(f"{name.replace('_', ' '):{width}}  {_cell(value)}".rstrip())


def show_json(value: object) -> None:
    click.echo(in_json(value, indent=2))


def in_json(value: object, indent: int | None = None) -> str:
    """JSON in which all that a terminal obeys is escaped: control characters, and marks of direction."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=_in_words)
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def _in_words(value: object) -> str:
    return f"{value.total_seconds():g} s" if isinstance(value, timedelta) else str(value)


def _narrow(widths: list[int], room: int | None) -> None:
    """Take from the widest columns until all fit."""
    while room is not None and sum(widths) + GAP * (len(widths) - 1) > room and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    cut = [_cut(cell, width) for cell, width in zip(cells, widths, strict=True)]
    padded = [cell + " " * (width - _width(cell)) for cell, width in zip(cut, widths, strict=True)]
    return (" " * GAP).join(padded).rstrip()


def _cut(text: str, width: int) -> str:
    if _width(text) <= width:
        return text
    ends = accumulate(map(_width, text))
    kept = takewhile(lambda letter: letter[1] < width, zip(text, ends, strict=True))
    return "".join(letter for letter, _ in kept) + "…"


def _width(text: str) -> int:
    """The places that a terminal gives `text`: two for most emoji, none for accents and what joins."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.category(c) in ("Mn", "Me", "Cf") for c in text)


def _cell(value: object) -> str:
    """One line, whatever a contact or an operator wrote: a terminal obeys control characters."""
    match value:
        case dict():
            value = json.dumps(value, ensure_ascii=False) if value else ""
        case list() | tuple():
            value = ", ".join(map(str, value))
        case timedelta():
            value = written(value)
    text = "" if value is None else str(value)
    return "".join(c if c.isprintable() else " " for c in text)
