"""Lists of products as shops keep them, in Excel or CSV, read in a process of its own that may spend little.

Run as a module it is that process: the list on its standard input, what is read of it on its output.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime, time
from typing import Any

from conserje.plugins import confined
from conserje.shop.columns import COLUMNS, ON_SALE, column_of
from conserje.shop.exporting import plain
from conserje.shop.products import ProductError, is_on_sale, listed
from conserje.storage.text import clean

LARGEST = 5 * 2**20  # bytes of a list
MOST = 10_000  # products in a list
UNPACKED = 80 * 2**20  # bytes of an Excel list, which is a ZIP
PARTS = 500  # files in it
MOST_COLUMNS = 100
MEMORY, CPU_SECONDS, SECONDS = 700 * 2**20, 20, 40.0  # of the process that reads
SAID = 16 * 2**20  # characters of what is read: Excel names a text once and means it many times
LONGEST_NAME = 200
SHOWN = 60  # characters of a value that is wrong

Line = tuple[int, Sequence[Any]]  # its number and its cells
_one_by_one = asyncio.Semaphore(1)


class SheetError(ProductError):
    """A list cannot be read; `of` says why, as one word."""


_SENTENCES = {
    "large": f"The list has more than {LARGEST // 2**20} MB: leave out what is no product.",
    "unpacked": "The list unpacks to more than a list of products has: save it anew, without pictures.",
    "unreadable": "The list cannot be read: save it anew as .xlsx or as CSV.",
    "old": "The list is of an Excel before 2007: save it as .xlsx or as CSV.",
    "empty": "The list has no products: write one in each line below the heads.",
    "heads": "The list has no column with names of products: write nombre above it in the first line.",
    "twice": "The list has one column twice: keep one.",
    "many": f"The list has more than {MOST:,} products: split it.",
}


def refusal(why: str) -> SheetError:
    return SheetError(_SENTENCES[why], why)


async def read(content: bytes, currency: str) -> str:
    """What a list says, as JSON: `columns`, the heads `unused`, `rows`, and lines that are `wrong`.

    Raises SheetError.
    """
    if len(content) > LARGEST:
        raise refusal("large")
    async with _one_by_one:
        said = await confined.filtered(__name__, content, SECONDS, currency)
    if said is None:
        raise refusal("unreadable")
    why, _, found = said.decode().partition("\n")
    if why:
        raise refusal(why)
    return found


def _main(currency: str) -> None:
    confined.spend_little(MEMORY, CPU_SECONDS)
    try:
        found = json.dumps(understood(lines(sys.stdin.buffer.read(LARGEST + 1)), currency))
        if len(found) > SAID:
            raise refusal("unpacked")
    except SheetError as error:
        print(error.of)
    else:
        print(f"\n{found}")


def lines(content: bytes) -> Iterator[Line]:
    """The lines of a list that say something. Raises SheetError."""
    if content.startswith(b"PK\x03\x04"):
        found = _of_excel(content)
    elif content.startswith(b"\xd0\xcf\x11\xe0"):
        raise refusal("old")
    else:
        found = _of_csv(_decoded(content))
    for number, cells in found:
        if any(_said(cell) for cell in cells):
            yield number, cells


def _of_excel(content: bytes) -> Iterator[Line]:
    _weigh(content)
    from python_calamine import CalamineError, load_workbook  # who reads CSV needs no Excel

    try:
        sheet = load_workbook(io.BytesIO(content)).get_sheet_by_index(0)
        begins = (sheet.start or (0, 0))[0]  # the lines above are left out
        yield from enumerate(sheet.iter_rows(), begins + 1)
    except (CalamineError, ValueError, IndexError):
        raise refusal("unreadable") from None


def _weigh(content: bytes) -> None:
    """Unpack it for nothing but its size: what its directory says of that may be a lie. Raises SheetError."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            parts = packed.infolist()
            if len(parts) > PARTS or sum(part.file_size for part in parts) > UNPACKED:
                raise refusal("unpacked")
            left = UNPACKED
            for part in parts:
                with packed.open(part) as opened:
                    while read := len(opened.read(2**20)):
                        left -= read
                        if left < 0:
                            raise refusal("unpacked")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, OSError):
        raise refusal("unreadable") from None


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "cp1252", "latin-1"]
    for encoding in encodings:
        with suppress(UnicodeDecodeError):
            return content.decode(encoding)
    raise refusal("unreadable")


def _of_csv(text: str) -> Iterator[Line]:
    if "\0" in text:
        raise refusal("unreadable")
    first = text.lstrip("\r\n").partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(";,\t", key=first.count))
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error:
        raise refusal("unreadable") from None


def understood(found: Iterator[Line], currency: str) -> dict[str, Any]:
    """What these lines say, the first of them having the heads. Raises SheetError."""
    heads = [str(_said(cell)).strip() for cell in next(found, (0, ()))[1][:MOST_COLUMNS]]
    places = {n: column for n, head in enumerate(heads) if (column := column_of(head)) in (*COLUMNS, ON_SALE)}
    columns = list(places.values())
    if "name" not in columns:
        raise refusal("heads" if any(heads) else "empty")
    if len(set(columns)) < len(columns):
        raise refusal("twice")
    rows: dict[str, dict[str, Any]] = {}
    wrong: list[dict[str, Any]] = []
    for number, cells in found:
        if len(rows) + len(wrong) >= MOST:
            raise refusal("many")
        given = {column: _said(cells[n]) if n < len(cells) else "" for n, column in places.items()}
        if any(_said(cell) for cell in cells[len(heads) :]):  # as of a price with a comma, unquoted
            wrong.append(_wrong(number, given, "cells"))
        else:
            _take(number, given, rows, wrong, currency)
    if not rows and not wrong:
        raise refusal("empty")
    unused = [clean(head)[:SHOWN] for n, head in enumerate(heads) if head and n not in places]
    return {"columns": columns, "unused": unused, "rows": list(rows.values()), "wrong": wrong}


def _take(
    number: int,
    given: dict[str, Any],
    rows: dict[str, dict[str, Any]],
    wrong: list[dict[str, Any]],
    currency: str,
) -> None:
    try:
        row = _row(given, currency)
    except ProductError as error:
        wrong.append(_wrong(number, given, error.of))
        return
    if row["name"] in rows:
        wrong.append(_wrong(number, given, "twice"))
    else:
        rows[row["name"]] = {"line": number, **row}


def _row(given: dict[str, Any], currency: str) -> dict[str, Any]:
    """The columns that are given, as they are stored. Raises ProductError, whose `of` is the wrong column."""
    said: dict[str, Any] = {
        name: value if name in ("price", "stock") else plain(str(value))
        for name, value in given.items()
        if name != ON_SALE
    }
    product = listed({"price": 0, **said}, currency)
    row = {name: getattr(product, name) for name in said}
    if "price" in row:
        row["price"] = str(product.price)
    if ON_SALE in given:
        row["status"] = "active" if is_on_sale(given[ON_SALE]) else "inactive"
    return row


def _wrong(number: int, given: dict[str, Any], why: str) -> dict[str, Any]:
    name, value = plain(str(given["name"])), str(given.get(why, ""))
    return {"line": number, "name": clean(name)[:LONGEST_NAME], "why": why, "value": clean(value)[:SHOWN]}


def _said(cell: Any) -> Any:
    """What a cell says, as who typed it sees it."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return int(cell) if cell.is_integer() else cell
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    return cell.strip() if isinstance(cell, str) else str(cell)


if __name__ == "__main__":
    _main(sys.argv[1])
