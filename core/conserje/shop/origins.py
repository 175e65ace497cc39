"""The origins of a tenant's pictures: all that a page of the tenant's needs to load from elsewhere."""

from __future__ import annotations

from conserje.storage.database import Pool

MOST = 20  # of one tenant: a browser is told each with every page

# By the index products_pictures, one look for each origin, however many products there are.
ORIGINS = """
WITH RECURSIVE known AS (
    SELECT (SELECT picture_origin(picture) FROM products WHERE tenant_id = $1 AND picture <> ''
            ORDER BY picture_origin(picture) LIMIT 1) AS origin, 1 AS n
    UNION ALL
    SELECT (SELECT picture_origin(picture) FROM products WHERE tenant_id = $1 AND picture <> ''
            AND picture_origin(picture) > known.origin ORDER BY picture_origin(picture) LIMIT 1), n + 1
    FROM known WHERE origin IS NOT NULL AND n < $2
)
SELECT origin FROM known WHERE origin IS NOT NULL
"""


async def of(pool: Pool, tenant_id: int) -> tuple[str, ...]:
    """The origins of the pictures of a tenant's products, some of them where there are many."""
    # Not under the tenant's role: row-level security would keep the function out of the index.
    return tuple(row["origin"] for row in await pool.fetch(ORIGINS, tenant_id, MOST))
