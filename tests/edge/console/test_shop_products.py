"""Products in a table: changed where they stand, by one at a time, found, shown, imported and exported."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Any

import pytest
from books import book, packed, sheet
from people import Browser, House

from conserje.contract.assistant import Product
from conserje.shop import products
from conserje.shop.browsing import ON_A_PAGE
from conserje.storage.scope import acting_for

PAGE = "/t/acme/products"
STRANGE = {"name": '<script>alert(1)</script> "=1+1" ' + "ه" * 40, "price": 1990, "description": "<b>x"}


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


PNG = b"\x89PNG\r\n\x1a\n" + b"".join(
    [
        chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
        chunk(b"IDAT", zlib.compress(b"\0\0")),
        chunk(b"IEND", b""),
    ]
)


async def stock(console: House, *rows: Mapping[str, Any]) -> dict[str, int]:
    """The ids of these products, by their names."""
    tenant_id = await console.tenant()
    listed = [products.from_row(row, "CLP") for row in rows]
    async with acting_for(console.pool, tenant_id) as scope:
        await products.upsert_many(scope.connection, tenant_id, listed)
    return {each.name: each.id for each in (await kept(console)).values()}


async def kept(console: House) -> dict[str, Product]:
    tenant_id = await console.tenant()
    async with acting_for(console.pool, tenant_id) as scope:
        found = await products.list_everything(scope.connection, tenant_id)
    return {each.name: each for each, _ in found}


def typed(page: Any, action: str) -> dict[str, Any]:
    """What a line of the table would send: its fields are bound to its form by name."""
    id = action.split("/")[0]
    fields: dict[str, Any] = dict(page.form(f"{id}/row").fields)
    for tag, attributes in page.tags:
        is_sent = attributes.get("type") != "checkbox" or "checked" in attributes
        if tag == "input" and attributes.get("form") == f"f{id}" and is_sent:
            fields[attributes["name"]] = attributes.get("value", "on")
    return fields


async def line(browser: Browser, id: int) -> dict[str, Any]:
    return typed(await browser.get(PAGE), f"{id}/row")


async def test_an_empty_shop_says_the_one_next_step(console: House) -> None:
    owner, agent = await console.as_("owner"), await console.as_("agent")
    assert (await owner.get(PAGE)).links["Import a list"] == f"{PAGE}/import"
    page = await agent.get(PAGE)
    assert "The owner of the business can add them." in page.text and "Import a list" not in page.links


async def test_a_line_is_changed_where_it_stands(console: House) -> None:
    ids = await stock(console, {"name": "Brownie", "price": 5990, "stock": 3, "description": "Con nuez"})
    owner, id = await console.as_("owner"), ids["Brownie"]
    given = await line(owner, id)
    assert (given["name"], given["price"], given["stock"], given["on_sale"]) == (
        "Brownie",
        "5.990",
        "3",
        "on",
    )
    done = await owner.post(
        f"{PAGE}/{id}/row?q=bro&which=&page=1", **given | {"price": "$6.490", "stock": ""}
    )
    assert done.answer.headers["location"] == f"{PAGE}?q=bro&which=&page=1#p{id}"
    assert "Brownie is kept." in (await owner.follow(done)).text
    brownie = (await kept(console))["Brownie"]
    assert (int(brownie.price), brownie.stock, brownie.description) == (6490, None, "Con nuez")
    said = await console.pool.fetchrow(
        "SELECT act, of, before, after FROM audit WHERE act = 'product.change'"
    )
    assert said and "Brownie" in said["of"] and "5990" in said["before"] and "6.490" in said["after"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"price": "gratis"}, "“gratis” is no price: write it like 12.990."),
        ({"price": ""}, "is no price"),
        ({"stock": "-1"}, "is no stock"),
        ({"name": ""}, "Write a name of at most 200 characters."),
        ({"name": "x" * 5000}, "Write a name of at most 200 characters."),
        ({"name": "Queque"}, "There is a product of this name already"),
        ({"name": "\0"}, "\ufffd is kept."),
    ],
)
async def test_what_is_wrong_is_said_beside_what_was_typed(
    console: House, wrong: dict[str, str], told: str
) -> None:
    ids = await stock(console, {"name": "Brownie", "price": 5990}, {"name": "Queque", "price": 1})
    owner, id = await console.as_("owner"), ids["Brownie"]
    given = await line(owner, id) | {"stock": "7"} | wrong
    answer = await owner.post(f"{PAGE}/{id}/row", None, **given)
    if answer.status == 303:
        assert told in (await owner.follow(answer)).text
        return
    assert answer.status == 422 and told in answer.text
    shown = typed_anywhere(answer, id)
    assert shown["stock"] == given["stock"] and shown["tag"] == given["tag"]
    assert (await kept(console))["Brownie"].price == 5990


def typed_anywhere(page: Any, id: int) -> dict[str, Any]:
    [form] = [each for each in page.forms if f"/{id}/row" in each.action]
    fields: dict[str, Any] = dict(form.fields)
    for tag, attributes in page.tags:
        if tag == "input" and attributes.get("form") == f"f{id}" and attributes.get("type") != "checkbox":
            fields[attributes["name"]] = attributes.get("value", "")
    return fields


async def test_two_who_change_a_line_do_not_overwrite_each_other(console: House) -> None:
    ids = await stock(console, {"name": "Brownie", "price": 5990})
    first, second, id = await console.as_("owner"), await console.as_("owner"), ids["Brownie"]
    given = await line(first, id)
    await second.post(f"{PAGE}/{id}/row", **given | {"price": "7.990"})
    page = await first.post(f"{PAGE}/{id}/row", 422, **given | {"stock": "5"})
    assert "Somebody else has changed it meanwhile." in page.text
    now = typed_anywhere(page, id)
    assert (now["price"], now["stock"]) == ("7.990", "")
    await first.post(f"{PAGE}/{id}/row", **now | {"stock": "5", "on_sale": "on"})
    assert (await kept(console))["Brownie"].price == 7990
    await second.post(f"{PAGE}/{id}/remove")
    gone = await first.post(f"{PAGE}/{id}/row", 422, **now)
    assert "The product is there no more" in gone.text


async def test_products_are_found_and_paged(console: House) -> None:
    rows = [{"name": f"Producto {n:03}", "price": n, "stock": 0} for n in range(ON_A_PAGE + 1)]
    await stock(console, *rows, STRANGE)
    owner = await console.as_("owner")
    page = await owner.get(PAGE)
    assert len(page.answer.content) < 40_000
    assert "37 products" in page.text and "<script>alert" not in page.answer.text
    second = await owner.get(page.links["Next page"])
    assert "Producto 035" in second.answer.text and "Producto 000" not in second.answer.text
    found = await owner.get(f"{PAGE}?q=producto 007&which=out&page=9")
    assert "1 product" in found.text and "Producto 007" in found.answer.text
    assert "No product has these words." in (await owner.get(f"{PAGE}?q=%25&which=nonsense&page=x")).text


async def test_a_product_is_added_changed_as_a_whole_and_removed(console: House) -> None:
    owner = await console.as_("owner")
    wrong = await owner.post(f"{PAGE}/new", 422, name="Torta", price="mucho", description="Rica")
    assert "is no price" in wrong.text and wrong.form("products/new").fields["description"] == "Rica"
    done = await owner.post(f"{PAGE}/new", name="Torta", price="15.990", keywords="pastel, cake")
    place = done.answer.headers["location"]
    page = await owner.follow(done)
    fields: dict[str, Any] = page.form(place).fields
    assert (fields["price"], fields["keywords"]) == ("15.990", "pastel, cake")
    assert "There is a product" in (await owner.post(f"{PAGE}/new", 422, name="Torta", price="1")).text
    await owner.post(place, **fields | {"description": "De mil hojas"})
    stale = await owner.post(place, 409, **fields | {"description": "Otra"})
    assert "Somebody else has changed it meanwhile." in stale.text
    assert stale.form(place).fields["description"] == "De mil hojas"
    await owner.post(f"{place}/remove")
    await owner.get(place, 404)
    assert await kept(console) == {}


async def test_a_picture_is_given_shown_and_taken_away(console: House) -> None:
    ids = await stock(console, {"name": "Brownie", "price": 5990})
    owner, place = await console.as_("owner"), f"{PAGE}/{ids['Brownie']}"
    done = await owner.post(f"{place}/picture", files={"picture": ("x.png", PNG, "image/png")})
    page = await owner.follow(done)
    picture = (await kept(console))["Brownie"].picture
    assert picture.endswith(".png") and "/pictures/" in picture
    assert picture in [attributes.get("src") for tag, attributes in page.tags if tag == "img"]
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    wrong = await owner.post(f"{place}/picture", 422, files={"picture": ("x.png", svg, "image/png")})
    assert "This is no picture" in wrong.text
    await owner.post(f"{place}/picture", 422)
    await owner.post(
        f"{place}/picture", 413, files={"picture": ("x.png", PNG + bytes(6 * 2**20), "image/png")}
    )
    await owner.post(f"{place}/picture", none="1")
    assert (await kept(console))["Brownie"].picture == ""


async def upload(owner: Browser, content: bytes, code: int = 303, name: str = "lista.csv") -> Any:
    return await owner.post(f"{PAGE}/import", code, files={"list": (name, content, "text/csv")})


async def test_a_list_is_looked_at_and_taken(console: House) -> None:
    await stock(console, {"name": "Brownie", "price": 5990}, {"name": "Viejo", "price": 1})
    owner = await console.as_("owner")
    rows = [("Nombre", "Precio", "SKU"), ("Brownie", 6990, 1), ("Torta", "$15.990", 2), ("Pan", "gratis", 3)]
    done = await upload(owner, book(*rows), name="<b>lista.xlsx")
    page, place = await owner.follow(done), done.answer.headers["location"]
    assert "2 products are new or changed. 1 line cannot be taken and is left out." in page.text
    assert "These columns are not used: SKU" in page.text and "“gratis” is no price" in page.text
    changed = await owner.get(f"{place}?kind=changed")
    assert "$5.990 $6.990" in changed.text.replace("\xa0", "")
    assert len(await kept(console)) == 2, "nothing is done yet"
    taken = await owner.follow(await owner.post(place, replace="on"))
    assert "The list is taken" in taken.text
    assert {name: int(each.price) for name, each in (await kept(console)).items()} == {
        "Brownie": 6990, "Torta": 15990,
    }  # fmt: skip
    again = await owner.post(place, 422)
    assert "The list is there no more, or is taken already" in again.text
    assert await console.pool.fetchval("SELECT count(*) FROM audit WHERE act = 'product.change'") == 2


async def test_a_list_may_be_forgotten(console: House) -> None:
    owner = await console.as_("owner")
    done = await upload(owner, b"nombre;precio\nTorta;990\n")
    place = done.answer.headers["location"]
    assert "nothing has changed" in (await owner.follow(await owner.post(f"{place}/drop"))).text
    await owner.get(place, 404)


async def test_a_list_of_which_nothing_is_right_takes_nothing_away(console: House) -> None:
    await stock(console, {"name": "Brownie", "price": 5990})
    owner = await console.as_("owner")
    place = (await upload(owner, b"nombre;precio\nTorta;gratis\n")).answer.headers["location"]
    assert "all your products would go" in (await owner.post(place, 422, replace="on")).text
    assert len(await kept(console)) == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "There is no product in the file"),
        (b"PK\x03\x04nonsense", "The file cannot be read"),
        (packed(sheet([("nombre",)]), bomb=bytes(100 * 2**20)), "far more than a list of products"),
        (b"\xd0\xcf\x11\xe0" + bytes(100), "an Excel before 2007"),
        (b"a;b\n1;2\n", "No column has names of products"),
    ],
    ids=range(5),
)
async def test_what_is_no_list_is_told(console: House, content: bytes, told: str) -> None:
    owner = await console.as_("owner")
    assert told in (await upload(owner, content, 422)).text
    assert "Choose a file first." in (await owner.post(f"{PAGE}/import", 422)).text


async def test_ones_own_export_changes_nothing(console: House) -> None:
    await stock(console, {"name": "=1+1", "price": 5990, "stock": 2, "category": "@x"}, STRANGE)
    reader, owner = await console.as_("reader"), await console.as_("owner")
    answer = await reader.http.get(f"{PAGE}/export")
    assert answer.headers["content-type"].startswith("text/csv") and "'=1+1" in answer.text
    assert "attachment" in answer.headers["content-disposition"]
    page = await owner.follow(await upload(owner, answer.content))
    assert "0 products are new or changed." in page.text and "Take the list" not in page.text


async def test_who_only_reads_changes_nothing(console: House) -> None:
    ids = await stock(console, {"name": "Brownie", "price": 5990, "stock": 3})
    agent, id = await console.as_("agent"), ids["Brownie"]
    page = await agent.get(PAGE)
    assert "Brownie" in page.links and not [
        each for each in page.forms if each.method == "post" and "/row" in each.action
    ]
    assert "5.990" in (await agent.get(f"{PAGE}/{id}")).text
    for path in (f"/{id}", f"/{id}/row", f"/{id}/picture", f"/{id}/remove", "/new", "/import", "/import/1"):
        await agent.post(PAGE + path, 403)
    stranger = await console.as_("owner", "bravo")
    await stranger.get(PAGE, 404)
    await stranger.post(f"{PAGE}/{id}/remove", 404)


async def test_of_another_tenant_neither_product_nor_list_is_there(console: House) -> None:
    ids = await stock(console, {"name": "Brownie", "price": 5990})
    bravo = await console.as_("owner", "bravo")
    place = (await upload(await console.as_("owner"), b"nombre;precio\nTorta;990\n")).answer.headers[
        "location"
    ]
    await bravo.get(f"/t/bravo/products/{ids['Brownie']}", 404)
    await bravo.get(place.replace("acme", "bravo"), 404)
    await bravo.post(f"/t/bravo/products/{ids['Brownie']}/remove")
    assert len(await kept(console)) == 1
