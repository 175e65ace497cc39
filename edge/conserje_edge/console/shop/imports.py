"""A list of products: chosen, looked at with what it would do, and taken or not."""

from __future__ import annotations

from conserje.shop import imports, sheet
from conserje.shop.imports import KINDS, Kind, NoImport
from conserje.shop.products import ProductError
from conserje.shop.sheet import SheetError
from conserje.storage.scope import acting_for
from conserje_edge.console.asked import Asked
from conserje_edge.console.place import Place, See, Seen, deed, view
from conserje_edge.console.shop import wording


@view("product.change")
async def choose(asked: Asked) -> Seen:
    """Where a file is chosen."""
    return Seen("shop/import.html", {"wrong": ""})


@deed("product.change", upload=sheet.LARGEST)
async def read(asked: Asked) -> See | Seen:
    """Read the file, and do nothing yet."""
    file, tenant = asked.file("list"), asked.tenant
    if file is None:
        return Seen("shop/import.html", {"wrong": asked._("Choose a file first.")}, 422)
    try:
        found = await sheet.read(await file.read(sheet.LARGEST + 1), tenant.currency)
    except SheetError as error:
        return Seen("shop/import.html", {"wrong": _refused(asked, error)}, 422)
    async with acting_for(asked.context.pool, tenant.id) as scope:
        id = await imports.store(scope.connection, tenant.id, file.filename or "", found)
        asked.of = f"list {file.filename}"
        await asked.audit(scope.connection)
    return See(asked.to("products", "import", id))


@view("product.change", transaction="tenant")
async def look(asked: Asked, import_id: int) -> Seen:
    """What it would do to the products as they are now; or what it did."""
    return await _looked_at(asked, import_id)


async def _looked_at(asked: Asked, id: int, error: str = "", status: int = 200) -> Seen:
    connection, tenant_id, query = asked.connection, asked.tenant.id, asked.query
    found = await imports.get(connection, tenant_id, id)
    counts = found.done or await imports.count(connection, tenant_id, id)
    there = [kind for kind in KINDS if counts.get(kind)]
    kind: Kind = next((each for each in there if each == query.get("kind")), there[0] if there else "same")
    page = int(query["page"]) if query.get("page", "").isdecimal() and len(query["page"]) < 6 else 1
    lines = [] if found.done else await imports.look(connection, tenant_id, id, kind, page)
    for line in lines:
        line["wrong"] = wording.wrong(asked, line["why"], line["value"]) if kind == "wrong" else ""
    values = {
        "list": found, "counts": counts, "kinds": there, "kind": kind, "lines": lines, "page": page,
        "number_of_pages": -(-counts.get(kind, 0) // imports.ON_A_PAGE), "error": error,
        "takes": counts.get("added", 0) + counts.get("changed", 0),
    }  # fmt: skip
    return Seen("shop/looked_at.html", values, status)


@deed("product.change", transaction="tenant")
async def take(asked: Asked, import_id: int) -> See | Seen:
    """Take what is right of it."""
    replace = bool(asked.given("replace"))
    try:
        counts = await imports.take(asked.connection, asked.tenant.id, import_id, replace=replace)
    except NoImport:
        told = asked._("The list is there no more, or is taken already: choose the file again.")
        return Seen("shop/import.html", {"wrong": told}, 422)
    except ProductError:
        told = asked._("Nothing of the list can be taken: mend it first, or all your products would go.")
        return await _looked_at(asked, import_id, told, 422)
    asked.of, asked.after = (
        f"list {import_id}",
        {"replace": replace} | {str(kind): n for kind, n in counts.items()},
    )
    return See(asked.to("products", "import", import_id))


@deed("product.change", transaction="tenant")
async def drop(asked: Asked, import_id: int) -> See:
    """Forget it."""
    await imports.drop(asked.connection, asked.tenant.id, import_id)
    asked.of = f"list {import_id}"
    asked.flash(asked._("The list is forgotten; nothing has changed."))
    return See(asked.to("products"))


def _refused(asked: Asked, error: SheetError) -> str:
    match error.of:
        case "large":
            return asked._("The file has more than 5 MB: leave out what is no product.")
        case "unpacked":
            return asked._("The file holds far more than a list of products: save it anew, without pictures.")
        case "old":
            return asked._("The file is of an Excel before 2007: save it as .xlsx or as CSV.")
        case "empty":
            return asked._("There is no product in the file: write one in each line below the heads.")
        case "heads":
            return asked._("No column has names of products: write “name” above it, in the first line.")
        case "twice":
            return asked._("One column is in the file twice: keep one.")
        case "many":
            return asked._("The file has more than 10,000 products: split it.")
        case _:
            return asked._("The file cannot be read: save it anew as .xlsx or as CSV.")


PLACES = (
    Place("/t/{slug}/products/import", choose, read),
    Place("/t/{slug}/products/import/{import_id}", look, take),
    Place("/t/{slug}/products/import/{import_id}/drop", post=drop),
)
