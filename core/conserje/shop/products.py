"""What a tenant sells: read from lists, and kept."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any

import asyncpg
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from conserje.contract.assistant import Product
from conserje.contract.prices import PriceError, price_of
from conserje.errors import OperatorError, first_fault
from conserje.storage import database

ON_SALE = """
SELECT id, name, price, stock, category, description, keywords
FROM products WHERE tenant_id = $1 AND status = 'active' ORDER BY name LIMIT $2
"""

UPSERT = """
INSERT INTO products (tenant_id, name, price, stock, category, description, keywords)
SELECT $1, name, price, stock, category, description, keywords
FROM jsonb_to_recordset($2::text::jsonb)
     AS listed (name text, price numeric, stock int, category text, description text, keywords text[])
ON CONFLICT (tenant_id, name) DO UPDATE
SET (price, stock, category, description, keywords, status)
  = (excluded.price, excluded.stock, excluded.category, excluded.description, excluded.keywords, 'active')
"""


_BETWEEN_KEYWORDS = re.compile(r"[,;]")


class ProductError(OperatorError):
    """A product cannot be taken as it is listed; the text names it and what is wrong."""


def _stock(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _keywords(value: object) -> object:
    return _BETWEEN_KEYWORDS.split(value) if isinstance(value, str) else value


_Count = Annotated[int, Field(ge=0, le=2_147_483_647)]
_Words = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]


class _Listed(BaseModel):
    """One row of a tenant's list, as it is written in CSV or JSON."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: Annotated[_Words, Field(min_length=1, max_length=200)]
    price: Decimal
    stock: Annotated[_Count | None, BeforeValidator(_stock)] = None
    category: _Words = ""
    description: _Words = ""
    keywords: Annotated[tuple[_Words, ...], BeforeValidator(_keywords)] = ()


def from_row(row: Mapping[str, Any], currency: str) -> Product:
    """The product in a row of a list, not stored yet: its id is 0. Raises ProductError."""
    try:
        price = price_of(row.get("price", ""), currency)
        listed = _Listed.model_validate({**row, "price": price})
    except PriceError as error:
        raise ProductError(f"Product {row.get('name')!r}, price: {error}") from None
    except ValidationError as error:
        fault = first_fault(error)
        column = fault.place.partition(".")[0]
        raise ProductError(f"Product {row.get('name')!r}, {column}: {fault.why}.") from None
    keywords = tuple(word for word in listed.keywords if word)
    return Product(0, listed.name, listed.price, listed.stock, listed.category, listed.description, keywords)


async def upsert_many(connection: database.Connection, tenant_id: int, products: Sequence[Product]) -> None:
    """Store the products, all or none; one of the same name is replaced and put on sale again.

    Raises ProductError for a name that comes twice.
    """
    names: set[str] = set()
    for product in products:
        if product.name in names:
            raise ProductError(f"Product {product.name!r} is listed twice: keep one.")
        names.add(product.name)
    rows = [
        {
            "name": product.name,
            "price": str(product.price),
            "stock": product.stock,
            "category": product.category,
            "description": product.description,
            "keywords": product.keywords,
        }
        for product in products
    ]
    await connection.execute(UPSERT, tenant_id, json.dumps(rows))


async def list_all(connection: database.Connection, tenant_id: int) -> list[Product]:
    """The tenant's products on sale, by name."""
    return [from_record(row) for row in await connection.fetch(ON_SALE, tenant_id, None)]


def from_record(row: asyncpg.Record) -> Product:
    """The product in a row of ON_SALE."""
    return Product(**{**row, "keywords": tuple(row["keywords"])})
