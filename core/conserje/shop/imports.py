"""Lists of products that a shop's people look at before they are taken: what each would do, and doing it.

What it would do is said of the products as they are now, each time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from conserje.errors import NotThere
from conserje.shop.products import ProductError
from conserje.storage.database import Connection
from conserje.storage.text import clean

KEPT = 3  # of a tenant: who looks at a fourth has forgotten the first
ON_A_PAGE = 50

Kind = Literal["added", "changed", "same", "unknown", "wrong", "removed"]
KINDS: tuple[Kind, ...] = ("wrong", "unknown", "added", "changed", "removed", "same")

STORE = """
INSERT INTO imports (tenant_id, name, columns, unused, rows, wrong)
SELECT $1, $2, ARRAY(SELECT jsonb_array_elements_text(found -> 'columns')),
       ARRAY(SELECT jsonb_array_elements_text(found -> 'unused')), found -> 'rows', found -> 'wrong'
FROM (SELECT $3::text::jsonb AS found) AS read
RETURNING id
"""
BOUND = """
DELETE FROM imports WHERE tenant_id = $1
   AND id NOT IN (SELECT id FROM imports WHERE tenant_id = $1 ORDER BY id DESC LIMIT $2)
"""
GET = "SELECT id, name, columns, unused, made_at, done FROM imports WHERE tenant_id = $1 AND id = $2"
LOCK = "SELECT done FROM imports WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE"

# What a list has no column of stays as it is.
_PLANNED = """
WITH planned AS MATERIALIZED (
    SELECT line, listed.name, there.id AS there, there.price AS old_price, there.stock AS old_stock, new.*,
           CASE WHEN there.id IS NULL THEN CASE WHEN new.price IS NULL THEN 'unknown' ELSE 'added' END
                WHEN new IS NOT DISTINCT FROM (there.price, there.stock, there.category, there.description,
                                               there.keywords, there.picture, there.link, there.status)
                THEN 'same'
                ELSE 'changed' END AS kind
    FROM imports, jsonb_to_recordset(rows) AS listed (
             line int, name text, price numeric, stock int, category text, description text, keywords text[],
             picture text, link text, status text)
    LEFT JOIN products AS there ON there.tenant_id = $1 AND there.name = listed.name
    CROSS JOIN LATERAL (SELECT
        coalesce(listed.price, there.price) AS price,
        CASE WHEN 'stock' = ANY (columns) THEN listed.stock ELSE there.stock END AS stock,
        coalesce(listed.category, there.category, '') AS category,
        coalesce(listed.description, there.description, '') AS description,
        coalesce(listed.keywords, there.keywords, '{}') AS keywords,
        coalesce(listed.picture, there.picture, '') AS picture,
        coalesce(listed.link, there.link, '') AS link,
        coalesce(listed.status, there.status, 'active') AS status) AS new
    WHERE imports.tenant_id = $1 AND imports.id = $2
)
"""
# Whose line is wrong is no product that the list has not.
_OTHERS = """
FROM products WHERE tenant_id = $1 AND NOT EXISTS (SELECT FROM planned WHERE there = products.id)
  AND name NOT IN (SELECT line ->> 'name' FROM imports, jsonb_array_elements(wrong) AS line
                   WHERE imports.tenant_id = $1 AND imports.id = $2)
"""
COUNT = f"""
{_PLANNED}
SELECT kind, count(*) FROM planned GROUP BY kind
UNION ALL SELECT 'wrong', jsonb_array_length(wrong) FROM imports WHERE tenant_id = $1 AND id = $2
UNION ALL SELECT 'removed', count(*) {_OTHERS}
"""  # noqa: S608 - of our own
LOOK = f"""
{_PLANNED}
SELECT line, name, old_price, price AS new_price, old_stock, stock AS new_stock FROM planned WHERE kind = $3
ORDER BY line OFFSET $4 LIMIT $5
"""  # noqa: S608 - of our own
LOOK_WRONG = """
SELECT wrong.* FROM imports, jsonb_to_recordset(wrong) AS wrong (line int, name text, why text, value text)
WHERE tenant_id = $1 AND id = $2 ORDER BY line OFFSET $3 LIMIT $4
"""
LOOK_REMOVED = f"""
{_PLANNED}
SELECT NULL::int AS line, name, price AS old_price, NULL::numeric AS new_price, stock AS old_stock,
       NULL::int AS new_stock
{_OTHERS} ORDER BY name OFFSET $3 LIMIT $4
"""
LOCK_PRODUCTS = """
SELECT count(*) FROM (SELECT FROM products WHERE tenant_id = $1 ORDER BY id FOR NO KEY UPDATE) AS locked
"""
REMOVE = f"""
{_PLANNED} DELETE {_OTHERS}
"""
TAKE = f"""
{_PLANNED}
INSERT INTO products (tenant_id, name, price, stock, category, description, keywords, picture, link, status)
SELECT $1, name, price, stock, category, description, keywords, picture, link, status
FROM planned WHERE kind IN ('added', 'changed')
ON CONFLICT (tenant_id, name) DO UPDATE
SET (price, stock, category, description, keywords, picture, link, status)
  = (excluded.price, excluded.stock, excluded.category, excluded.description, excluded.keywords,
     excluded.picture, excluded.link, excluded.status)
"""  # noqa: S608 - of our own
END = """
UPDATE imports SET (rows, wrong, done) = ('[]', '[]', $3::text::jsonb) WHERE tenant_id = $1 AND id = $2
"""
DROP = "DELETE FROM imports WHERE tenant_id = $1 AND id = $2"


class NoImport(ProductError, NotThere):
    """The list that was looked at is there no more."""


@dataclass(frozen=True, slots=True)
class Import:
    """A list; `done` is what came of it by kind, once it is taken."""

    id: int
    name: str
    columns: tuple[str, ...]
    unused: tuple[str, ...]
    made_at: datetime
    done: Mapping[str, int] | None


async def store(connection: Connection, tenant_id: int, name: str, found: str) -> int:
    """Keep what was read of a list, to be looked at; its id."""
    id: int = await connection.fetchval(STORE, tenant_id, clean(name)[:200], found)
    await connection.execute(BOUND, tenant_id, KEPT)
    return id


async def get(connection: Connection, tenant_id: int, id: int) -> Import:
    """Raises NoImport."""
    row = await connection.fetchrow(GET, tenant_id, id)
    if row is None:
        raise _gone()
    done = row["done"] and json.loads(row["done"])
    return Import(id, row["name"], tuple(row["columns"]), tuple(row["unused"]), row["made_at"], done)


async def count(connection: Connection, tenant_id: int, id: int) -> dict[Kind, int]:
    """How many products it would add, change and so on; `removed` only if it is to replace them."""
    counts: dict[Kind, int] = dict.fromkeys(KINDS, 0)
    return counts | {kind: number for kind, number in await connection.fetch(COUNT, tenant_id, id)}


async def look(
    connection: Connection, tenant_id: int, id: int, kind: Kind, page: int = 1
) -> list[dict[str, Any]]:
    """Some lines of one kind."""
    place = (max(page - 1, 0) * ON_A_PAGE, ON_A_PAGE)
    if kind == "wrong":
        rows = await connection.fetch(LOOK_WRONG, tenant_id, id, *place)
    elif kind == "removed":
        rows = await connection.fetch(LOOK_REMOVED, tenant_id, id, *place)
    else:
        rows = await connection.fetch(LOOK, tenant_id, id, kind, *place)
    return [dict(row) for row in rows]


async def take(connection: Connection, tenant_id: int, id: int, *, replace: bool) -> dict[Kind, int]:
    """Do it, in the caller's transaction: what is right of it; `replace`: products that it has not go.

    What came of it. Raises NoImport, also where it is done already.
    """
    row = await connection.fetchrow(LOCK, tenant_id, id)
    if row is None or row["done"]:
        raise _gone()
    await connection.fetchval(LOCK_PRODUCTS, tenant_id)
    counts = await count(connection, tenant_id, id)
    if replace and not (counts["added"] or counts["changed"] or counts["same"]):
        raise ProductError("Nothing of the list can be taken: mend it first, or all products would go.")
    if replace:
        await connection.execute(REMOVE, tenant_id, id)
    else:
        counts["removed"] = 0
    await connection.execute(TAKE, tenant_id, id)
    await connection.execute(END, tenant_id, id, json.dumps(counts))
    return counts


async def drop(connection: Connection, tenant_id: int, id: int) -> None:
    """Forget a list that is not to be taken."""
    await connection.execute(DROP, tenant_id, id)


def _gone() -> NoImport:
    return NoImport("The list is there no more, or is taken already: choose the file again.")
