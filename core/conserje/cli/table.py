"""What commands print: aligned tables, or JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def refuse_both(sql: bool, as_json: bool) -> None:
    """Raises UsageError."""
    if sql and as_json:
        raise click.UsageError("--sql prints SQL: give it without --json.")


def show_rows(
    rows: Sequence[Mapping[str, object]], as_json: bool, none: str, alarming: str | None = None
) -> None:
    """Print rows of the same columns; `none` is said, beside the output, where there are none.

    On a terminal a row is red that has something in the column `alarming`.
    """
    if as_json:
        show_json(rows)
    elif not rows:
        click.echo(none, err=True)
    else:
        cells = [[_cell(value) for value in row.values()] for row in rows]
        heads = [name.upper().replace("_", " ") for name in rows[0]]
        widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
        click.secho(_line(heads, widths), bold=True)
        for row, line in zip(rows, cells, strict=True):
            click.secho(_line(line, widths), fg="red" if alarming and row[alarming] else None)


def show_fields(fields: Mapping[str, object]) -> None:
    """Print one thing, a line for each field."""
    width = max(map(len, fields))
    for name, value in fields.items():
        click.echo(f"{name.replace('_', ' '):{width}}  {_cell(value)}".rstrip())


def show_json(value: object) -> None:
    click.echo(in_json(value, indent=2))


def in_json(value: object, indent: int | None = None) -> str:
    """JSON in which all that a terminal obeys is escaped: control characters, and marks of direction."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=str)
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _cell(value: object) -> str:
    """One line, whatever a contact or an operator wrote: a terminal obeys control characters."""
    if isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False) if value else ""
    elif isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    text = "" if value is None else str(value)
    return "".join(c if c.isprintable() else " " for c in text)
