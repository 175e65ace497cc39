"""Pictures of a tenant and its products: its people upload them, Postgres keeps them, its host shows them."""

from __future__ import annotations

import asyncio
import hashlib
import re
from typing import NamedTuple

from conserje.errors import OperatorError
from conserje.files import kinds
from conserje.files.pictures import WALKS, Odd
from conserje.files.quota import MEGABYTE
from conserje.storage.database import Connection, Pool
from conserje.storage.pruning import EARLIEST, LOOKED_AT, Rule

LARGEST = 5 * MEGABYTE  # bytes of a picture
MOST = 500 * MEGABYTE  # of a tenant
KEPT_UNUSED = "1 day"  # its product is on its way

_ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/gif": "gif"}
_PATH = re.compile(r"([0-9a-f]{32})\.(?:jpg|png|webp|gif)")
_KEY_OF = "substring(picture FROM '^https?://[^/]+/pictures/([0-9a-f]{32})[.][a-z]+$')"
_LOGO_OF = "substring(settings ->> 'logo' FROM '^/pictures/([0-9a-f]{32})[.][a-z]+$')"

USED = "SELECT coalesce(sum(bytes), 0) FROM pictures WHERE tenant_id = $1"
KEEP = """
INSERT INTO pictures (tenant_id, key, content_type, content, bytes) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, key) DO UPDATE SET made_at = now()
"""
GET = "SELECT content_type, content FROM pictures WHERE tenant_id = $1 AND key = $2"
REBASE = f"""
UPDATE products SET picture = $2 || substring(picture FROM '^https?://[^/]+(/.*)$')
WHERE tenant_id = $1 AND picture <> ''
  AND EXISTS (SELECT FROM pictures WHERE pictures.tenant_id = $1 AND key = {_KEY_OF})
"""  # noqa: S608 - of our own
_DUE = f"""
SELECT key, made_at FROM pictures WHERE tenant_id = $1 AND made_at < now() - interval '{KEPT_UNUSED}'
  AND key NOT IN (SELECT {_KEY_OF} FROM products
                  WHERE tenant_id = $1 AND picture <> '' AND {_KEY_OF} IS NOT NULL)
  AND key NOT IN (SELECT {_LOGO_OF} FROM accounts WHERE tenant_id = $1 AND {_LOGO_OF} IS NOT NULL)
"""  # noqa: S608 - of our own
COUNT_UNUSED = f"SELECT count(*) FROM ({_DUE}) AS due"  # noqa: S608 - of our own
REMOVE_UNUSED = f"""
WITH due AS MATERIALIZED (
    {_DUE} AND made_at > $2 ORDER BY made_at LIMIT {LOOKED_AT} FOR UPDATE SKIP LOCKED
), done AS (
    DELETE FROM pictures WHERE tenant_id = $1 AND key IN (SELECT key FROM due) RETURNING 1
)
SELECT (SELECT count(*) FROM done) AS rows,
       (SELECT CASE WHEN count(*) = {LOOKED_AT} THEN max(made_at) END FROM due) AS next_key,
       (SELECT now() - interval '{KEPT_UNUSED}' - min(made_at) FROM due) AS late
"""  # noqa: S608 - of our own

RULES = (Rule("pictures of nothing", "pictures", COUNT_UNUSED, REMOVE_UNUSED, EARLIEST),)


class PictureError(OperatorError):
    """A picture cannot be kept; the text says what to do."""


class Picture(NamedTuple):
    """A picture as it is shown."""

    content_type: str
    content: bytes


async def keep(connection: Connection, tenant_id: int, content: bytes, base_url: str) -> str:
    """Keep a picture of a tenant's, in the caller's transaction, without what it says beside; its address.

    Raises PictureError.
    """
    if len(content) > LARGEST:
        raise PictureError(f"The picture has more than {LARGEST // MEGABYTE} MB: make it smaller.", "large")
    try:
        kind, pieces = await asyncio.to_thread(kinds.judge, content)
    except Odd:
        kind, pieces = "", []
    if kind not in WALKS:
        raise PictureError("The file is no picture: choose a JPEG, PNG, WebP or GIF.", "kind")
    shown = b"".join(pieces)
    key = hashlib.sha256(shown).hexdigest()[:32]
    if await connection.fetchval(USED, tenant_id) + len(shown) > MOST:
        raise PictureError(
            f"The pictures have {MOST // MEGABYTE} MB together: remove some products' pictures.", "full"
        )
    await connection.execute(KEEP, tenant_id, key, kind, shown, len(shown))
    return f"{base_url}/pictures/{key}.{_ENDINGS[kind]}"


async def find(pool: Pool, tenant_id: int, name: str) -> Picture | None:
    """The picture of this name below /pictures/."""
    if not (named := _PATH.fullmatch(name)):
        return None
    row = await pool.fetchrow(GET, tenant_id, named[1])
    return Picture(*row) if row else None


async def rebase(connection: Connection, tenant_id: int, base_url: str) -> None:
    """Let the products name their pictures at the tenant's new host."""
    await connection.execute(REBASE, tenant_id, base_url)
