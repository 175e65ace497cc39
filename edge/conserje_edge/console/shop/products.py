"""The products in a table: looked through, changed where they stand, exported."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from starlette.responses import StreamingResponse

from conserje.contract.assistant import Product
from conserje.errors import ChangedMeanwhile
from conserje.shop import browsing, exporting, products
from conserje.shop.browsing import Which
from conserje.shop.products import NoProduct, ProductError, Status, tag_of
from conserje.storage.scope import acting_for
from conserje_edge.console.asked import Asked
from conserje_edge.console.place import Place, See, Seen, deed, view
from conserje_edge.console.shop import wording

_AT_ONCE = 500  # products, of an export


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: a product, what is in its fields, and what is wrong with that."""

    product: Product
    on_sale: bool
    tag: str
    price: str
    stock: str
    name: str
    wrong: str = ""


@view("product.read", transaction="tenant")
async def look(asked: Asked) -> Seen:
    """A page of the table."""
    return await _table(asked)


async def _table(asked: Asked, wrong: Row | None = None, status: int = 200) -> Seen:
    query = asked.query
    which: Which = query["which"] if query.get("which") in get_args(Which) else ""  # type: ignore[assignment]
    words, page = query.get("q", ""), query.get("page", "")
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 6 else 1
    shelf = await browsing.browse(asked.connection, asked.tenant.id, words, which, number)
    rows = [_row(asked, *each) for each in shelf.products]
    if wrong:
        rows = [wrong if each.product.id == wrong.product.id else each for each in rows]
        if wrong not in rows:  # as it is now, it is not among those that are looked for
            rows.insert(0, wrong)
    values = {"rows": rows, "shelf": shelf, "words": words, "which": which, "wrong": wrong}
    return Seen("shop/products.html", values, status)


def _row(asked: Asked, product: Product, status: Status, wrong: str = "") -> Row:
    stock = "" if product.stock is None else str(product.stock)
    return Row(
        product,
        status == "active",
        tag_of(product, status),
        wording.price(asked.speech, product.price, asked.tenant.currency),
        stock,
        product.name,
        wrong,
    )


@deed("product.change", transaction="tenant")
async def change_row(asked: Asked, product_id: int) -> See | Seen:
    """Change a line of the table."""
    connection, tenant = asked.connection, asked.tenant
    changes = {name: asked.given(name) for name in ("name", "price", "stock")}
    changes["status"] = "active" if asked.given("on_sale") else "inactive"
    try:
        product, status = await products.locked(connection, tenant.id, product_id, asked.given("tag"))
    except ChangedMeanwhile:
        return await _changed_meanwhile(asked, product_id)
    except NoProduct:
        asked.flash(asked._("The product is there no more: somebody removed it."), "bad")
        return await _table(asked, status=422)
    try:
        await products.change(connection, tenant.id, product.name, tenant.currency, changes)
    except ProductError as error:
        typed = Row(
            product, bool(asked.given("on_sale")), tag_of(product, status), changes["price"],
            changes["stock"], changes["name"], wording.refused(asked, error, changes),
        )  # fmt: skip
        return await _table(asked, typed, 422)
    asked.of, asked.before, asked.after = f"product {product.name}", _kept(product, status), changes
    asked.flash(asked._("%(name)s is kept.", name=changes["name"]))
    return See(f"{asked.to('products', **asked.query)}#p{product_id}")


async def _changed_meanwhile(asked: Asked, product_id: int) -> Seen:
    """The line as it is now, which its reader has not seen."""
    product, status = await products.by_id(asked.connection, asked.tenant.id, product_id)
    told = asked._("Somebody else has changed it meanwhile. This is how it is now: change it again.")
    return await _table(asked, _row(asked, product, status, told), 422)


def _kept(product: Product, status: Status) -> Mapping[str, Any]:
    """What the audit says of the product before."""
    return {"name": product.name, "price": str(product.price), "stock": product.stock, "status": status}


@view("product.read")
async def export(asked: Asked) -> StreamingResponse:
    """All products, for a spreadsheet."""
    headers = {
        "content-disposition": f'attachment; filename="{asked.tenant.slug}.csv"',
        "x-content-type-options": "nosniff",
    }
    return StreamingResponse(_lines(asked), media_type="text/csv; charset=utf-8", headers=headers)


async def _lines(asked: Asked) -> AsyncIterator[str]:
    tenant, language, after = asked.tenant, asked.language, ""
    yield exporting.head(language)
    while True:
        async with acting_for(asked.context.pool, tenant.id) as scope:
            found = await products.page(scope.connection, tenant.id, after, _AT_ONCE)
        yield exporting.body(found, tenant.currency, language)
        if len(found) < _AT_ONCE:
            return
        after = found[-1][0].name


PLACES = (
    Place("/t/{slug}/products", look),
    Place("/t/{slug}/products/export", export),
    Place("/t/{slug}/products/{product_id}/row", post=change_row),
)
