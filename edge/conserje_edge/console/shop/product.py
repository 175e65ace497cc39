"""One product: all that is said of it, its picture, and its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conserje.contract.assistant import Product
from conserje.errors import ChangedMeanwhile
from conserje.files import showcase
from conserje.files.showcase import PictureError
from conserje.shop import products
from conserje.shop.products import ProductError, Status, tag_of
from conserje_edge.console.asked import Asked
from conserje_edge.console.place import Place, See, Seen, deed, view
from conserje_edge.console.shop import wording

TYPED = ("name", "price", "stock", "category", "description", "keywords", "picture", "link")


@view("product.change")
async def look_new(asked: Asked) -> Seen:
    """The form of a new product."""
    return _form(asked, dict.fromkeys(TYPED, ""))


@deed("product.change", transaction="tenant")
async def add(asked: Asked) -> See | Seen:
    """Add a product; it is on sale."""
    typed = {name: asked.given(name) for name in TYPED}
    try:
        product = products.listed(typed, asked.tenant.currency)
        id = await products.add(asked.connection, asked.tenant.id, product)
    except ProductError as error:
        return _form(asked, typed, error)
    asked.of, asked.after = f"product {product.name}", typed
    asked.flash(asked._("%(name)s is on sale now.", name=product.name))
    return See(asked.to("products", id))


@view("product.read", transaction="tenant")
async def look(asked: Asked, product_id: int) -> Seen:
    """The form of a product."""
    return _form_of(asked, *await products.by_id(asked.connection, asked.tenant.id, product_id))


@deed("product.change", transaction="tenant")
async def change(asked: Asked, product_id: int) -> See | Seen:
    """Change all that is said of a product."""
    tenant = asked.tenant
    typed = {name: asked.given(name) for name in TYPED}
    status: Status = "active" if asked.given("on_sale") else "inactive"
    try:
        before = await products.locked(asked.connection, tenant.id, product_id, asked.given("tag"))
    except ChangedMeanwhile:
        return await _changed_meanwhile(asked, product_id)
    changes = {**typed, "status": status}
    try:
        await products.change(asked.connection, tenant.id, before[0].name, tenant.currency, changes)
    except ProductError as error:
        return _form(asked, typed, error, before[0], status, tag_of(*before))
    asked.of, asked.before, asked.after = f"product {before[0].name}", _typed(asked, before[0]), changes
    asked.flash(asked._("%(name)s is kept.", name=typed["name"]))
    return See(asked.to("products", product_id))


@deed("product.change", transaction="tenant", upload=showcase.LARGEST)
async def show(asked: Asked, product_id: int) -> See | Seen:
    """Give a product a picture, or take it away."""
    tenant, address = asked.tenant, ""
    product, status = await products.by_id(asked.connection, tenant.id, product_id, locked=True)
    if not asked.given("none"):
        file = asked.file("picture")
        try:
            address = await showcase.keep(
                asked.connection,
                tenant.id,
                await file.read(showcase.LARGEST + 1) if file else b"",
                asked.context.settings.tenant_url(tenant.slug),
            )
        except PictureError as error:
            return _form_of(asked, product, status, {"file": _of_picture(asked, error)}, 422)
    await products.change(asked.connection, tenant.id, product.name, tenant.currency, {"picture": address})
    asked.of = f"product {product.name}"
    asked.before, asked.after = {"picture": product.picture}, {"picture": address}
    asked.flash(asked._("The picture is kept.") if address else asked._("The picture is taken away."))
    return See(asked.to("products", product_id))


@deed("product.change", transaction="tenant")
async def remove(asked: Asked, product_id: int) -> See:
    """Remove a product."""
    product, _ = await products.by_id(asked.connection, asked.tenant.id, product_id)
    await products.remove(asked.connection, asked.tenant.id, product.name)
    asked.of, asked.before = f"product {product.name}", _typed(asked, product)
    asked.flash(asked._("%(name)s is removed.", name=product.name))
    return See(asked.to("products"))


async def _changed_meanwhile(asked: Asked, product_id: int) -> Seen:
    """The form with what somebody else has written."""
    found = await products.by_id(asked.connection, asked.tenant.id, product_id)
    told = asked._("Somebody else has changed it meanwhile. This is how it is now: change it again.")
    return _form_of(asked, *found, {"": told}, 409)


def _form_of(
    asked: Asked, product: Product, status: Status, errors: Mapping[str, str] | None = None, code: int = 200
) -> Seen:
    return Seen(
        "shop/product.html",
        {
            "typed": _typed(asked, product),
            "product": product,
            "on_sale": status == "active",
            "tag": tag_of(product, status),
            "errors": errors or {},
            "shown": _is_shown(asked, product),
        },
        code,
    )


def _form(
    asked: Asked,
    typed: Mapping[str, str],
    error: ProductError | None = None,
    product: Product | None = None,
    status: Status = "active",
    tag: str = "",
) -> Seen:
    """What was typed, and what is wrong with it."""
    errors = {}
    if error:
        errors[error.of] = wording.refused(asked, error, typed)
    values = {"typed": typed, "product": product, "on_sale": status == "active", "tag": tag, "errors": errors}
    return Seen("shop/product.html", values | {"shown": False}, 422 if error else 200)


def _typed(asked: Asked, product: Product) -> dict[str, Any]:
    """A product as it is in the fields."""
    return {
        "name": product.name,
        "price": wording.price(asked.speech, product.price, asked.tenant.currency),
        "stock": "" if product.stock is None else str(product.stock),
        "category": product.category,
        "description": product.description,
        "keywords": ", ".join(product.keywords),
        "picture": product.picture,
        "link": product.link,
    }


def _is_shown(asked: Asked, product: Product) -> bool:
    """Whether its picture is one of the tenant's own host, which the page may show."""
    return product.picture.startswith(asked.context.settings.tenant_url(asked.tenant.slug) + "/pictures/")


def _of_picture(asked: Asked, error: PictureError) -> str:
    match error.of:
        case "large":
            return asked._("The picture has more than 5 MB: choose a smaller one.")
        case "full":
            return asked._("Your pictures take all the room there is: take away some that you do not need.")
        case _:
            return asked._("This is no picture: choose a JPEG, PNG, WebP or GIF.")


PLACES = (
    Place("/t/{slug}/products/new", look_new, add),
    Place("/t/{slug}/products/{product_id}", look, change),
    Place("/t/{slug}/products/{product_id}/picture", post=show),
    Place("/t/{slug}/products/{product_id}/remove", post=remove),
)
