"""What a tenant sells: read from lists, and kept."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal

import asyncpg
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from conserje.contract.assistant import Product
from conserje.contract.prices import PriceError, price_of
from conserje.errors import ChangedMeanwhile, NotThere, OperatorError, first_fault
from conserje.shop.columns import COLUMNS
from conserje.storage import database

ON_SALE = """
SELECT id, name, price, stock, category, description, keywords, picture, link
FROM products WHERE tenant_id = $1 AND status = 'active' ORDER BY name LIMIT $2
"""

ALL = """
SELECT id, name, price, stock, category, description, keywords, picture, link, status
FROM products WHERE tenant_id = $1 ORDER BY name
"""

ANY = "SELECT EXISTS (SELECT FROM products WHERE tenant_id = $1 AND status = 'active')"

PAGE = """
SELECT id, name, price, stock, category, description, keywords, picture, link, status
FROM products WHERE tenant_id = $1 AND name > $2 ORDER BY name LIMIT $3
"""

GET = """
SELECT id, name, price, stock, category, description, keywords, picture, link, status
FROM products WHERE tenant_id = $1 AND name = $2
"""
LOCKED = GET + "FOR NO KEY UPDATE"
ID_OF = "SELECT id FROM products WHERE tenant_id = $1 AND name = $2"
NAME_OF = "SELECT name FROM products WHERE tenant_id = $1 AND id = $2"
ADD = """
INSERT INTO products (tenant_id, name, price, stock, category, description, keywords, picture, link)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (tenant_id, name) DO NOTHING RETURNING id
"""

CHANGE = """
UPDATE products
SET (name, price, stock, category, description, keywords, picture, link, status)
  = ($3, $4, $5, $6, $7, $8, $9, $10, $11)
WHERE tenant_id = $1 AND id = $2
"""

REMOVE = "DELETE FROM products WHERE tenant_id = $1 AND name = $2"
REMOVE_OTHERS = "DELETE FROM products WHERE tenant_id = $1 AND name <> ALL ($2::text[])"

UPSERT = """
INSERT INTO products (tenant_id, name, price, stock, category, description, keywords, picture, link, status)
SELECT $1, name, price, stock, category, description, keywords, picture, link, status
FROM jsonb_to_recordset($2::text::jsonb)
     AS listed (name text, price numeric, stock int, category text, description text, keywords text[],
                    picture text, link text, status text)
ON CONFLICT (tenant_id, name) DO UPDATE
SET (price, stock, category, description, keywords, picture, link, status)
  = (excluded.price, excluded.stock, excluded.category, excluded.description, excluded.keywords,
     excluded.picture, excluded.link, excluded.status)
"""


_ADDRESS = re.compile(r"https://[^\s/]+(/\S*)?")
_OWN = re.compile(r"http://[a-z0-9-]+\.localhost(:[0-9]+)?/pictures/\S*")  # where Conserje is only tried
_YES = frozenset(["yes", "sí", "si", "sim", "true", "verdadero", "verdadeiro", "1", "x"])
_NO = frozenset(["no", "não", "nao", "false", "falso", "0"])
_BETWEEN_KEYWORDS = re.compile(r"[,;]")


Status = Literal["active", "inactive"]


class ProductError(OperatorError):
    """A product cannot be taken as it is listed; the text names it and what is wrong."""


class NameTaken(ProductError):
    """Another product has that name."""


class NoProduct(ProductError, NotThere):
    """No product has that name."""


def _stock(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _keywords(value: object) -> object:
    return _BETWEEN_KEYWORDS.split(value) if isinstance(value, str) else value


_Count = Annotated[int, Field(ge=0, le=2_147_483_647)]
_Words = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]


def _https(address: str) -> str:
    if address and not _ADDRESS.fullmatch(address):
        raise ValueError("write an address that begins with https://")
    return address


def _picture(address: str) -> str:
    return address if _OWN.fullmatch(address) else _https(address)


_Address = Annotated[_Words, AfterValidator(_https)]


class _Listed(BaseModel):
    """One row of a tenant's list, as it is written in CSV or JSON."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: Annotated[_Words, Field(min_length=1, max_length=200)]
    price: Decimal
    stock: Annotated[_Count | None, BeforeValidator(_stock)] = None
    category: _Words = ""
    description: _Words = ""
    keywords: Annotated[tuple[_Words, ...], BeforeValidator(_keywords)] = ()
    picture: Annotated[_Words, AfterValidator(_picture)] = ""
    link: _Address = ""


def from_row(row: Mapping[str, Any], currency: str) -> Product:
    """The product in a row of a list, not stored yet: its id is 0. Raises ProductError."""
    try:
        return listed(row, currency)
    except ProductError as error:
        raise ProductError(_of_product(row, error)) from None


def listed(row: Mapping[str, Any], currency: str) -> Product:
    """The same. Raises ProductError, whose `of` is the column that is wrong."""
    try:
        price = price_of(row.get("price", ""), currency)
        listed = _Listed.model_validate({**row, "price": price})
    except PriceError as error:
        raise ProductError(str(error), "price") from None
    except ValidationError as error:
        fault = first_fault(error)
        raise ProductError(f"{fault.why}.", fault.place.partition(".")[0]) from None
    keywords = tuple(word for word in listed.keywords if word)
    return Product(0, **{**dict(listed), "keywords": keywords})


def _of_product(row: Mapping[str, Any], error: ProductError) -> str:
    return f"Product {row.get('name')!r}, {error.of}: {error}"


def is_on_sale(said: object) -> bool:
    """What a list says of whether a product is on sale; nothing: it is. Raises ProductError."""
    word = str(said).strip().lower()
    if word and word not in _YES | _NO:
        raise ProductError(f"{said!r} is neither yes nor no.", "on_sale")
    return word not in _NO


def tag_of(product: Product, status: Status) -> str:
    """The same as long as nobody changes it."""
    said = repr((product, status, f"{product.price:.2f}"))
    return hashlib.sha256(said.encode(errors="replace")).hexdigest()[:32]


async def upsert_many(
    connection: database.Connection,
    tenant_id: int,
    products: Sequence[Product],
    off_sale: Collection[str] = (),
) -> None:
    """Store the products, all or none; one of the same name is replaced and put on sale again, but those
    whose names are `off_sale`.

    Raises ProductError for a name that comes twice.
    """
    names: set[str] = set()
    for product in products:
        if product.name in names:
            raise ProductError(f"Product {product.name!r} is listed twice: keep one.")
        names.add(product.name)
    rows = [
        as_row(each) | {"price": str(each.price), "status": "inactive" if each.name in off_sale else "active"}
        for each in products
    ]
    await connection.execute(UPSERT, tenant_id, json.dumps(rows))


def as_row(product: Product) -> dict[str, Any]:
    """The product by its columns, as a list has it."""
    return {column: getattr(product, column) for column in COLUMNS}


async def remove_others(connection: database.Connection, tenant_id: int, products: Sequence[Product]) -> int:
    """Remove all but these, by name; how many."""
    done = await connection.execute(REMOVE_OTHERS, tenant_id, [product.name for product in products])
    return int(done.rpartition(" ")[2])


async def add(connection: database.Connection, tenant_id: int, product: Product) -> int:
    """Store a new product, which is on sale; its id. Raises ProductError where the name is taken."""
    if id := await connection.fetchval(ADD, tenant_id, *as_row(product).values()):
        return int(id)
    raise _taken(product.name)


async def change(
    connection: database.Connection, tenant_id: int, name: str, currency: str, changes: Mapping[str, Any]
) -> None:
    """Change what is given of a product, as in a list; also its `status`. Raises ProductError."""
    row = await connection.fetchrow(LOCKED, tenant_id, name)
    if row is None:
        raise _no_product(name)
    given = {**{column: row[column] for column in COLUMNS}, **changes}
    status = given.pop("status", row["status"])
    try:
        product = listed(given, currency)
    except ProductError as error:
        raise ProductError(_of_product(given, error), error.of) from None
    if product.name != name and await connection.fetchval(ID_OF, tenant_id, product.name):
        raise _taken(product.name)
    try:
        await connection.execute(CHANGE, tenant_id, row["id"], *as_row(product).values(), status)
    except asyncpg.UniqueViolationError:  # of this very moment
        raise ChangedMeanwhile(f"Somebody else has just called a product {product.name!r}.") from None


async def remove(connection: database.Connection, tenant_id: int, name: str) -> None:
    """Raises ProductError where there is none."""
    if await connection.execute(REMOVE, tenant_id, name) == "DELETE 0":
        raise _no_product(name)


def _taken(name: str) -> NameTaken:
    return NameTaken(f"There is a product {name!r} already: choose another name.", "name")


def _no_product(name: str) -> NoProduct:
    return NoProduct(f"There is no product {name!r}: `conserje product list` has the names.", "name")


async def list_everything(connection: database.Connection, tenant_id: int) -> list[tuple[Product, Status]]:
    """All of the tenant's products with their status, by name."""
    return [with_status(row) for row in await connection.fetch(ALL, tenant_id)]


async def page(
    connection: database.Connection, tenant_id: int, after: str, limit: int
) -> list[tuple[Product, Status]]:
    """The next of them by name."""
    return [with_status(row) for row in await connection.fetch(PAGE, tenant_id, after, limit)]


async def get(
    connection: database.Connection, tenant_id: int, name: str, *, locked: bool = False
) -> tuple[Product, Status]:
    """The product of this name with its status; `locked` for the transaction. Raises NoProduct."""
    if row := await connection.fetchrow(LOCKED if locked else GET, tenant_id, name):
        return with_status(row)
    raise _no_product(name)


async def by_id(
    connection: database.Connection, tenant_id: int, id: int, *, locked: bool = False
) -> tuple[Product, Status]:
    """The product of this id, as `get` gives it. Raises NoProduct."""
    name = await connection.fetchval(NAME_OF, tenant_id, id)
    if name is None:
        raise NoProduct("The product is there no more: somebody removed it.")
    return await get(connection, tenant_id, name, locked=locked)


async def locked(
    connection: database.Connection, tenant_id: int, id: int, tag: str
) -> tuple[Product, Status]:
    """The product of this id, locked for the transaction, as it was when it had this tag.

    Raises NoProduct or ChangedMeanwhile.
    """
    found = await by_id(connection, tenant_id, id, locked=True)
    if tag_of(*found) != tag:
        raise ChangedMeanwhile(
            f"Somebody else has changed {found[0].name!r} meanwhile: look at it, and change it again."
        )
    return found


def with_status(row: asyncpg.Record) -> tuple[Product, Status]:
    """The product in a row of ALL."""
    columns = {**row, "keywords": tuple(row["keywords"])}
    status: Status = columns.pop("status")
    return Product(**columns), status


async def has_any(connection: database.Connection, tenant_id: int) -> bool:
    """Whether something is on sale."""
    return bool(await connection.fetchval(ANY, tenant_id))


async def list_all(connection: database.Connection, tenant_id: int) -> list[Product]:
    """The tenant's products on sale, by name."""
    return [from_record(row) for row in await connection.fetch(ON_SALE, tenant_id, None)]


def from_record(row: asyncpg.Record) -> Product:
    """The product in a row of ON_SALE."""
    return Product(**{**row, "keywords": tuple(row["keywords"])})
