"""A tenant's products as its people look through them: by words, and some at a time."""

from __future__ import annotations

from typing import Literal, NamedTuple

from conserje.contract.assistant import Product
from conserje.shop.products import Status, with_status
from conserje.storage.database import Connection

ON_A_PAGE = 35  # with their fields some 35 kB
LONGEST = 100  # characters that are looked for

Which = Literal["", "on", "off", "out"]

# "cafe" finds "Café". A word is looked for in the tenant's own products: there are as many as it has entered.
_PLAIN = "translate(lower({}), 'áéíóúüñãõâêôàç', 'aeiouunaoaeoac')"
_WANTED = f"""
FROM products WHERE tenant_id = $1
  AND ($2 = '' OR position({_PLAIN.format("$2")} IN
      {_PLAIN.format("name || chr(10) || category || chr(10) || array_to_string(keywords, chr(10))")}) > 0)
  AND CASE $3 WHEN 'on' THEN status = 'active' WHEN 'off' THEN status = 'inactive' WHEN 'out' THEN stock = 0
      ELSE true END
"""
PAGE = f"""
SELECT id, name, price, stock, category, description, keywords, picture, link, status {_WANTED}
ORDER BY name OFFSET $4 LIMIT $5
"""
COUNT = f"SELECT count(*) {_WANTED}"


class Shelf(NamedTuple):
    """Some products of those that are looked for, with their status, and the number of these."""

    products: list[tuple[Product, Status]]
    number: int
    page: int
    pages: int


async def browse(
    connection: Connection, tenant_id: int, words: str = "", which: Which = "", page: int = 1
) -> Shelf:
    """The page of this number, or the last one."""
    wanted = (tenant_id, words.strip()[:LONGEST], which)
    number = await connection.fetchval(COUNT, *wanted)
    pages = max(1, -(-number // ON_A_PAGE))
    page = min(max(page, 1), pages)
    rows = await connection.fetch(PAGE, *wanted, (page - 1) * ON_A_PAGE, ON_A_PAGE)
    return Shelf([with_status(row) for row in rows], number, page, pages)
