"""Lists of products as shops keep them are read, and what means harm is refused."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from books import book, packed, sheet

from conserje.shop.sheet import MOST, SheetError, lines, read, understood


def of(content: bytes, currency: str = "CLP") -> dict[str, Any]:
    return understood(lines(content), currency)


def rows(content: bytes, currency: str = "CLP") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = of(content, currency)["rows"]
    return rows


BROWNIE = {"line": 2, "name": "Brownie", "price": "5990", "stock": 12}


@pytest.mark.parametrize(
    "content",
    [
        b"name,price,stock\nBrownie,5990,12\n",
        b"nombre;precio;existencias\r\nBrownie;$5.990;12\r\n",
        "﻿Nombre;Precio;Stock\nBrownie;5990;12".encode(),
        "Nombre\tPrecio\tCantidad\nBrownie\t5.990\t12".encode("utf-16"),
        "\nNOMBRE;PREÇO;ESTOQUE\nBrownie;5990;12".encode("latin-1"),
        book(("Nombre", "Precio", "Stock"), ("Brownie", 5990.0, 12)),
        book(("Nombre", "Precio", "Stock"), ("Brownie", "$5.990", "12")),
    ],
)
def test_a_list_is_read_as_programs_write_it(content: bytes) -> None:
    [row] = rows(content)
    assert {**row, "line": 2} == BROWNIE


def test_letters_of_an_old_encoding_are_read() -> None:
    [row] = rows("nombre;precio\nPiñata “única” €;990".encode("cp1252"))
    assert row["name"] == "Piñata “única” €"


def test_only_the_columns_that_it_has_are_said() -> None:
    found = of(b"codigo;nombre;proveedor;en venta\n1;Brownie;X;no\n2;Queque;X;\n")
    assert found["columns"] == ["name", "on_sale"] and found["unused"] == ["codigo", "proveedor"]
    assert [row["status"] for row in found["rows"]] == ["inactive", "active"]
    assert "price" not in found["rows"][0]


@pytest.mark.parametrize(
    ("line", "why", "value"),
    [
        (";990;1", "name", ""),
        ("x" * 5000 + ";990;1", "name", "x" * 60),
        ("Pan;gratis;1", "price", "gratis"),
        ("Pan;-5;1", "price", "-5"),
        ("Pan;;1", "price", ""),
        ("Pan;990;-1", "stock", "-1"),
        ("Pan;990;1,5", "stock", "1,5"),
        ("Pan;990;99999999999999999999", "stock", "99999999999999999999"),
        ("Queque;990;1", "twice", ""),
        ("Pan;9;990;1", "cells", ""),
    ],
)
def test_a_wrong_line_is_told_and_the_right_ones_are_taken(line: str, why: str, value: str) -> None:
    found = of(f"nombre;precio;stock\nQueque;990;1\n{line}\nTorta;9990;\n".encode())
    [wrong] = found["wrong"]
    assert (wrong["line"], wrong["why"], wrong["value"]) == (3, why, value)
    assert len(wrong["name"]) <= 200
    assert [(row["line"], row["name"]) for row in found["rows"]] == [(2, "Queque"), (4, "Torta")]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"nombre;precio\n", "empty"),
        (b"\n\n\n", "empty"),
        (b"precio;stock\n1;2\n", "heads"),
        (b"nombre;name\nx;y\n", "twice"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), "old"),
        (b"PK\x03\x04 not really", "unreadable"),
        (b"%PDF-1.7\0\0", "unreadable"),
        (b'nombre\n"' + b"x" * 200_000 + b'"\n', "unreadable"),
        (b"nombre\n" + b"".join(b"%d\n" % n for n in range(MOST + 1)), "many"),
        (packed(b"<worksheet"), "unreadable"),
        (packed(sheet([("nombre",)]), **{f"part{n}": b"" for n in range(600)}), "unpacked"),
        (packed(sheet([("nombre",)]), bomb=bytes(100 * 2**20)), "unpacked"),
    ],
    ids=range(13),
)
def test_what_is_no_list_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(SheetError) as refused:
        of(content)
    assert refused.value.of == why


def test_a_zip_that_lies_about_its_size_is_weighed() -> None:
    """What its directory says is 100 bytes: nobody believes it."""
    content = bytearray(packed(sheet([("nombre",)]), bomb=bytes(100 * 2**20)))
    at = content.rindex(b"PK\x01\x02")
    struct.pack_into("<I", content, at + 24, 100)
    with pytest.raises(SheetError):
        of(bytes(content))


async def test_it_is_read_in_a_process_of_its_own() -> None:
    found = json.loads(await read(book(("Nombre", "Precio", "Stock"), ("Brownie", 5990, 12)), "CLP"))
    assert found["rows"] == [BROWNIE]


async def test_a_list_that_claims_all_cells_of_the_world_ends_its_reader_alone() -> None:
    cells = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    vast = sheet([("nombre", "precio")], '<dimension ref="A1:XFD1048576"/>').replace(
        "</sheetData>", f"{cells}</sheetData>"
    )
    with pytest.raises(SheetError) as refused:
        await read(packed(vast), "CLP")
    assert refused.value.of == "unreadable"


async def test_a_list_reads_no_file_of_the_machine() -> None:
    doctype = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname"><!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    written = sheet([("nombre", "precio"), ("NAME", 1)], doctype=doctype).replace("NAME", "&e;&b;")
    try:
        found = await read(packed(written), "CLP")
    except SheetError:
        return
    assert Path("/etc/hostname").read_text().strip() not in found and "aaaa" not in found


async def test_one_text_that_is_meant_many_times_is_bounded() -> None:
    content = b"nombre;descripcion\n" + b"".join(b"%d;%s\n" % (n, b"x" * 2000) for n in range(2000))
    assert len(json.loads(await read(content, "CLP"))["rows"]) == 2000
    with pytest.raises(SheetError):
        await read(content + content, "CLP")  # more than LARGEST
