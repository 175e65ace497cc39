"""`conserje product`: lists in JSON and CSV go in whole or not at all, and come out as they went in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from books import book
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
    {"name": "Brownie", "price": 5990, "picture": "https://acme.cl/b.png", "link": "https://acme.cl/b"},
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
        "Nombre;PRECIO;Existencias;Categoría;Palabras clave;Foto\nTé;$1.990;3;Hojas;;https://a.cl/te.png\n",
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


async def test_an_excel_list_is_taken(acme: tenants.Tenant, terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "products.xlsx"
    heads = ["Nombre", "Precio", "Existencias", "En venta"]
    file.write_bytes(book(heads, ["Té", 1990, 3, "sí"], ["Café", "$4.990", "", "no"]))
    said = await terminal.type("product", "import", "acme", str(file))
    assert said.stdout == "Took 2 products; acme has 1 on sale now.\n"
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
        ("a.csv", b"nombre,precio,color\nA,1,rojo\n", "the column 'color' is none of name, price"),
        ("a.csv", b"nombre,precio,valor\nA,1,1\n", "the column price is there twice"),
        ("a.csv", b"name,price,foto\nA,1,http://a.cl/a.png\n", "Product 'A', picture: "),
        ("a.json", b'[{"name": "A", "price": 1, "colour": "red"}]', "Product 'A', colour"),
        ("a.xls", b"", "none of .json, .csv and .xlsx"),
        ("a.xlsx", b"PK\x03\x04", "cannot be read"),
        ("a.xlsx", book(["nombre", "precio", "color"], ["A", 1, "rojo"]), "the column 'color' is none of"),
        (
            "a.xlsx",
            book(["nombre", "precio"], ["A", 1], ["B", "gratis"]),
            "line 3 (B): 'gratis' is no price",
        ),
        ("a.xlsx", book(["nombre", "precio"], ["A", 1], ["A", 2]), "line 3 (A): the name is there twice"),
        ("a.xlsx", book(["nombre"], ["A"]), "Product 'A', price"),
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


@pytest.fixture
async def shop(acme: tenants.Tenant, pool: Pool, terminal: Terminal, tmp_path: Path) -> Terminal:
    """The products of acme; bravo has one of the same name."""
    async with pool.acquire() as connection:
        await tenants.add(connection, "bravo", "Bravo")
    (tmp_path / "listed.json").write_text(json.dumps(LISTED))
    for slug in ("acme", "bravo"):
        await terminal.type("product", "import", slug, str(tmp_path / "listed.json"))
    return terminal


async def test_a_product_is_changed_in_what_is_given(shop: Terminal) -> None:
    others = await shop.read("product", "list", "bravo", "--json")
    await shop.type("product", "set", "acme", "Brownie", "--price", "$6.500", "--stock", "2")
    await shop.type(
        "product", "set", "acme", "Brownie", "--name", "Brownie doble", "--off-sale", "--link", ""
    )
    oil, brownie = await shop.read("product", "list", "acme", "--json")
    assert oil["keywords"] == ["gotas", "cbd"] and oil["on_sale"]
    assert brownie == {
        "name": "Brownie doble", "price": "6500", "stock": 2, "category": "", "description": "",
        "keywords": [], "picture": "https://acme.cl/b.png", "link": "", "on_sale": False,
    }  # fmt: skip
    assert await shop.read("product", "list", "bravo", "--json") == others
    assert [each["name"] for each in await shop.read("product", "export", "acme")] == ["Aceite CBD"]


async def test_a_product_is_removed_from_its_tenant_alone(shop: Terminal) -> None:
    await shop.type("product", "remove", "acme", "Brownie")
    assert "Brownie" not in (await shop.type("product", "list", "acme")).stdout
    assert "Brownie" in (await shop.type("product", "list", "bravo")).stdout


async def test_a_list_replaces_what_there_is(shop: Terminal, tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("nombre,precio\nTé,1990\n")
    said = await shop.type("product", "import", "acme", str(tmp_path / "one.csv"), "--replace")
    assert said.stdout == "Took 1 products, removed 2; acme has 1 on sale now.\n"
    assert [each["name"] for each in await shop.read("product", "list", "bravo", "--json")] == [
        "Aceite CBD",
        "Brownie",
    ]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["set", "acme", "Brownie"], 2, "Give an option"),
        (["set", "acme", "Torta", "--price", "1"], 1, "no product 'Torta'"),
        (["set", "acme", "Brownie", "--price", "gratis"], 1, "Product 'Brownie', price"),
        (["set", "acme", "Brownie", "--picture", "http://acme.cl/b.png"], 1, "begins with https://"),
        (["set", "acme", "Brownie", "--name", "Aceite CBD"], 1, "product 'Aceite CBD' already"),
        (["remove", "acme", "Torta"], 1, "no product 'Torta'"),
        (["list", "nadie"], 1, "no tenant nadie"),
    ],
)
async def test_what_cannot_be_is_said(shop: Terminal, words: list[str], code: int, said: str) -> None:
    before = await shop.read("product", "list", "acme", "--json")
    assert said in (await shop.type("product", *words, code=code)).stderr
    assert await shop.read("product", "list", "acme", "--json") == before
