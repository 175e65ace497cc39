"""Products: what a tenant sells."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from conserje.contract.assistant import Product
from conserje.shop import products
from conserje.storage.scope import acting_for
from conserje_edge.api.asked import Asked
from conserje_edge.api.models import Given, Shown
from conserje_edge.api.operation import Place, operation
from conserje_edge.api.page import Page, Paged, Word, after, page

MOST = 1000  # products in one request
Name = Annotated[str, Field(min_length=1, max_length=200)]
Words = Annotated[str, Field(max_length=2000)]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Price = Annotated[str | int | float, Field(description="As it is written, like `$12.990`, or a number.")]
Status = Literal["active", "inactive"]


class ProductGiven(Given):
    """A product as it is to be."""

    name: Name
    price: Price
    stock: Annotated[Count | None, Field(description="null: not counted.")] = None
    category: Words = ""
    description: Words = ""
    keywords: Annotated[tuple[Words, ...], Field(max_length=100)] = ()
    picture: Annotated[Words, Field(description="Its https:// address.")] = ""
    link: Annotated[Words, Field(description="Its https:// address.")] = ""


class ProductList(Given):
    """Products that the tenant is to have."""

    products: Annotated[list[ProductGiven], Field(min_length=1, max_length=MOST)]
    replace: Annotated[bool, Field(description="Remove those that are not listed.")] = False


class ProductChange(Given):
    """What is to be another of a product; what is not given stays."""

    name: Name | None = None
    price: Price | None = None
    stock: Annotated[
        Count | Literal[""] | None, Field(description="The empty text: it is counted no longer.")
    ] = None
    category: Words | None = None
    description: Words | None = None
    keywords: Annotated[list[Words] | None, Field(max_length=100)] = None
    picture: Words | None = None
    link: Words | None = None
    status: Status | None = None


class ProductShown(Shown):
    """A product."""

    name: str
    price: str
    currency: str
    stock: int | None
    category: str
    description: str
    keywords: list[str]
    picture: str
    link: str
    status: Status


class ProductsTaken(Shown):
    """What came of a list of products."""

    taken: int
    removed: int


@operation(scope="read")
async def list_products(asked: Asked, query: Paged) -> Page[ProductShown]:
    """List the products by name, also those that are not on sale."""
    [place] = after(query, tuple[Word], ("",))
    async with acting_for(asked.context.pool, asked.tenant.id) as scope:
        found = await products.page(scope.connection, asked.tenant.id, place, query.limit + 1)
    currency = asked.tenant.currency
    return page(query, found, lambda each: _shown(*each, currency), lambda each: (each[0].name,))


@operation(scope="read", tagged=True)
async def show_product(asked: Asked, name: Name) -> ProductShown:
    """Show a product."""
    async with acting_for(asked.context.pool, asked.tenant.id) as scope:
        found = await products.get(scope.connection, asked.tenant.id, name)
    return _shown(*found, asked.tenant.currency)


@operation(scope="write", transaction="tenant", errors=("refused",))
async def take_products(asked: Asked, body: ProductList) -> ProductsTaken:
    """Take these products, all or none: one of the same name is replaced and put on sale."""
    connection, tenant = asked.connection, asked.tenant
    listed = [products.from_row(each.model_dump(), tenant.currency) for each in body.products]
    await products.upsert_many(connection, tenant.id, listed)
    gone = await products.remove_others(connection, tenant.id, listed) if body.replace else 0
    return ProductsTaken(taken=len(listed), removed=gone)


@operation(scope="write", transaction="tenant", errors=("refused", "changed-meanwhile"), tagged=True)
async def change_product(asked: Asked, name: Name, body: ProductChange) -> ProductShown:
    """Change a product."""
    connection, tenant = asked.connection, asked.tenant
    await _match(asked, name)
    changes: dict[str, Any] = body.model_dump(exclude_none=True)
    await products.change(connection, tenant.id, name, tenant.currency, changes)
    return _shown(*await products.get(connection, tenant.id, changes.get("name", name)), tenant.currency)


@operation(scope="write", transaction="tenant", errors=("changed-meanwhile",))
async def remove_product(asked: Asked, name: Name) -> None:
    """Remove a product."""
    await _match(asked, name)
    await products.remove(asked.connection, asked.tenant.id, name)


async def _match(asked: Asked, name: str) -> None:
    """Lock the product. Raises Problem where If-Match has another state of it, ProductError for none."""
    found = await products.get(asked.connection, asked.tenant.id, name, locked=True)
    asked.match(_shown(*found, asked.tenant.currency))


def _shown(found: Product, status: Status, currency: str) -> ProductShown:
    return ProductShown(
        name=found.name,
        price=f"{found.price:f}",
        currency=currency,
        stock=found.stock,
        category=found.category,
        description=found.description,
        keywords=list(found.keywords),
        picture=found.picture,
        link=found.link,
        status=status,
    )


PLACES = (
    Place("/tenants/{slug}/products", {"GET": list_products, "POST": take_products}),
    Place(
        "/tenants/{slug}/products/{name:path}",
        {"GET": show_product, "PATCH": change_product, "DELETE": remove_product},
    ),
)
