"""`conserje product`: lists in JSON and CSV go in whole or not at all, and come out as they went in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from terminal import Terminal

from conserje.storage.database import Pool
from conserje.tenants import tenants

LISTED = [
    {
        "name": "Aceite CBD",
        "price": "$29.990",
        "stock": 5,
        "category": "Aceites",
        "keywords": ["gotas", "cbd"],
    },
    {"name": "Brownie", "price": 5990},
]


@pytest.fixture
async def acme(pool: Pool) -> tenants.Tenant:
    async with pool.acquire() as connection:
        return await tenants.add(connection, "acme", "Acme")


@pytest.mark.parametrize("listed", [LISTED, {"slug": "acme", "products": LISTED}])
async def test_a_json_list_is_taken(
    acme: tenants.Tenant, terminal: Terminal, tmp_path: Path, listed: object
) -> None:
    file = tmp_path / "products.json"
    file.write_text(json.dumps(listed))
    said = await terminal.type("product", "import", "acme", str(file))
    assert said.stdout == "Took 2 products; acme has 2 on sale now.\n"
    oil, brownie = await terminal.read("product", "export", "acme")
    assert (oil["price"], oil["stock"], oil["keywords"]) == ("29990", 5, ["gotas", "cbd"])
    assert (brownie["price"], brownie["stock"]) == ("5990", None)


@pytest.mark.parametrize("form", ["json", "csv"])
async def test_what_is_exported_can_be_imported(
    acme: tenants.Tenant, terminal: Terminal, tmp_path: Path, form: str
) -> None:
    file = tmp_path / f"products.{form}"
    (tmp_path / "first.json").write_text(json.dumps(LISTED))
    await terminal.type("product", "import", "acme", str(tmp_path / "first.json"))
    before = await terminal.read("product", "export", "acme")
    file.write_text((await terminal.type("product", "export", "acme", "--format", form)).stdout)
    await terminal.type("product", "import", "acme", str(file))
    assert await terminal.read("product", "export", "acme") == before


@pytest.mark.parametrize(
    "text",
    [
        "name,price,stock\nTé,1.990,3\n",
        "\ufeffname;price;stock\r\nTé;$1.990;3\r\n",
        'name,stock,price\n"Té",3,"1990"\n',
    ],
)
async def test_a_csv_list_is_taken_as_spreadsheets_write_it(
    acme: tenants.Tenant, terminal: Terminal, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "products.csv"
    file.write_bytes(text.encode())
    await terminal.type("product", "import", "acme", str(file))
    [tea] = await terminal.read("product", "export", "acme")
    assert (tea["name"], tea["price"], tea["stock"]) == ("Té", "1990", 3)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.json", b"[{", "is not JSON"),
        ("a.json", b'{"products": 3}', "has no list of products"),
        ("a.json", b'[{"name": "A", "price": "1"}, {"name": "B", "price": "gratis"}]', "Product 'B', price"),
        ("a.json", b'[{"name": "A", "price": "1"}, {"name": "A", "price": "2"}]', "listed twice"),
        ("a.csv", "name,price\nTé,1\n".encode("latin-1"), "is not UTF-8"),
        ("a.csv", b"name,price\nA,1,2\n", "product 1 has more fields"),
        ("a.csv", b"name,price\nA,1\nB\n", "Product 'B', price"),
        ("a.csv", b"nombre,precio\nA,1\n", "Product None, price"),
        ("a.xlsx", b"", "neither .json nor .csv"),
    ],
)
async def test_a_wrong_list_is_an_error_and_changes_nothing(
    acme: tenants.Tenant, terminal: Terminal, tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(content)
    refused = await terminal.type("product", "import", "acme", str(tmp_path / name), code=1)
    assert sentence in refused.stderr and refused.stderr.count("\n") == 1
    assert await terminal.read("product", "export", "acme") == []


async def test_an_unknown_tenant_is_an_error(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[]")
    await terminal.type("product", "import", "nadie", str(tmp_path / "a.json"), code=1)
    assert "no tenant nadie" in (await terminal.type("product", "export", "nadie", code=1)).stderr


async def test_a_tenant_s_export_has_its_own_products_only(
    acme: tenants.Tenant, pool: Pool, terminal: Terminal, tmp_path: Path
) -> None:
    async with pool.acquire() as connection:
        await tenants.add(connection, "bravo", "Bravo")
    (tmp_path / "a.json").write_text(json.dumps(LISTED))
    await terminal.type("product", "import", "acme", str(tmp_path / "a.json"))
    assert await terminal.read("product", "export", "bravo") == []
