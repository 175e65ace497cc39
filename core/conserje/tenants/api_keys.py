"""Keys to the API: of the operator, or of one tenant; only their hashes are kept."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from typing import Literal, get_args

import asyncpg

from conserje.errors import OperatorError
from conserje.storage.database import Connection, Pool
from conserje.tenants.refusals import refusals

KeyScope = Literal["read", "write", "send", "export", "admin"]
SCOPES: tuple[KeyScope, ...] = get_args(KeyScope)
ID_LENGTH, SECRET_LENGTH, CHECKSUM_LENGTH = 10, 43, 6
_ID_LETTERS = string.digits + string.ascii_lowercase
_LETTERS = _ID_LETTERS + string.ascii_uppercase  # 43 of 62 are 256 bits
_KEY = re.compile(
    rf"(conserje_([0-9a-z]{{{ID_LENGTH}}})_[0-9A-Za-z]{{{SECRET_LENGTH}}})([0-9A-Za-z]{{{CHECKSUM_LENGTH}}})"
)


class ApiKeyError(OperatorError):
    """A key is not taken, or what was asked of one cannot be; the text holds no key."""


class NoKey(ApiKeyError):
    """There is no such key."""


class MoreThanItsMaker(ApiKeyError):
    """A key was to be made that reaches further, or lives longer, than the one that makes it."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key's row, without its hash."""

    id: str
    tenant_id: int | None  # None: the operator's
    tenant: str | None  # its slug
    name: str
    scopes: frozenset[str]
    uses: Literal["predecessors", "api"]  # those made before there was an API open the predecessors' routes
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    used_from: IPv4Address | IPv6Address | None

    @classmethod
    def from_row(cls, row: asyncpg.Record) -> ApiKey:
        values = {name: row[name] for name in cls.__slots__}
        return cls(**values | {"scopes": frozenset(row["scopes"])})


ADD = """
INSERT INTO api_keys (id, tenant_id, name, hash, scopes, uses, expires_at)
VALUES ($1, $2, $3, $4, $5, 'api', CASE WHEN $6::interval IS NULL THEN $7 ELSE now() + $6 END)
RETURNING *, (SELECT slug FROM tenants WHERE tenants.id = tenant_id) AS tenant
"""

OUTLIVES = "SELECT now() + $1::interval > $2::timestamptz"

KEYS = """
SELECT api_keys.*, slug AS tenant, coalesce(expires_at <= now(), false) AS expired,
    coalesce(used_at < now() - interval '1 minute', true) AS to_note
FROM api_keys LEFT JOIN tenants ON tenants.id = tenant_id
"""
LIST = (
    KEYS
    + """
WHERE ($1::bigint IS NULL OR tenant_id = $1) AND (api_keys.created_at, api_keys.id) > ($2, $3)
ORDER BY api_keys.created_at, api_keys.id LIMIT $4
"""
)
FIND = KEYS + "WHERE api_keys.id = $1"

NOTE_USE = "UPDATE api_keys SET used_at = now(), used_from = $2 WHERE id = $1"

REVOKE = "DELETE FROM api_keys WHERE id = $1 AND ($2::bigint IS NULL OR tenant_id = $2)"

FIRST = (datetime(1970, 1, 1, tzinfo=UTC), "")  # the place before any key


async def add(
    connection: Connection,
    name: str,
    *,
    tenant_id: int | None = None,
    scopes: Collection[str] = SCOPES,
    life: timedelta | None = None,
    maker: ApiKey | None = None,
) -> tuple[ApiKey, str]:
    """Make a key: its row, and the key itself, which nobody can show again.

    `maker` is the key by which somebody asks for it: it gives no more than it has, and where no life is
    asked for, what is left of its own. Raises TenantError or MoreThanItsMaker.
    """
    if maker:
        await _refuse_more(connection, maker, tenant_id, scopes, life)
    key_id = "".join(secrets.choice(_ID_LETTERS) for _ in range(ID_LENGTH))
    head = f"conserje_{key_id}_" + "".join(secrets.choice(_LETTERS) for _ in range(SECRET_LENGTH))
    key = head + _checksum(head)
    ends = maker.expires_at if maker else None
    with refusals():
        row = await connection.fetchrow(ADD, key_id, tenant_id, name, _hash(key), sorted(scopes), life, ends)
    assert row is not None
    return ApiKey.from_row(row), key


async def _refuse_more(
    connection: Connection,
    maker: ApiKey,
    tenant_id: int | None,
    scopes: Collection[str],
    life: timedelta | None,
) -> None:
    """Raises MoreThanItsMaker."""
    if maker.tenant_id not in (None, tenant_id):
        raise MoreThanItsMaker("A tenant's key makes keys of that tenant alone: name the tenant.", "tenant")
    if more := sorted(frozenset(scopes) - maker.scopes):
        raise MoreThanItsMaker(
            f"A key makes no key of more scopes than its own: leave out {', '.join(more)}.", "scopes"
        )
    if life and maker.expires_at and await connection.fetchval(OUTLIVES, life, maker.expires_at):
        raise MoreThanItsMaker(
            f"A key makes no key that outlives it: end it before {maker.expires_at:%Y-%m-%d %H:%M} UTC.",
            "days",
        )


async def list_all(
    connection: Connection,
    tenant_id: int | None = None,
    *,
    after: tuple[datetime, str] = FIRST,
    limit: int | None = None,
) -> list[ApiKey]:
    """The keys of a tenant, or all, in the order in which they were made."""
    return [ApiKey.from_row(row) for row in await connection.fetch(LIST, tenant_id, *after, limit)]


async def revoke(connection: Connection, key_id: str, tenant_id: int | None = None) -> None:
    """Nobody gets in by the key any more; with a tenant, by one of its keys. Raises NoKey."""
    if await connection.execute(REVOKE, key_id, tenant_id) == "DELETE 0":
        raise NoKey("There is no such key: see `conserje api-key list`.", "key_id")


async def check(pool: Pool, key: str, address: IPv4Address | IPv6Address | None = None) -> ApiKey:
    """The row of a key that somebody shows, noting once a minute that it is used, and from where.

    Raises ApiKeyError; for a mistyped key without asking Postgres.
    """
    match = _KEY.fullmatch(key)
    if not match or _checksum(match[1]) != match[3]:
        raise ApiKeyError("This is no key.")
    row = await pool.fetchrow(FIND, match[2])
    if row is None or not hmac.compare_digest(row["hash"], _hash(key)) or row["expired"]:
        raise ApiKeyError("The key is not known, or not any more.")
    if row["to_note"]:
        await pool.execute(NOTE_USE, match[2], address)
    return ApiKey.from_row(row)


def _hash(key: str) -> bytes:
    """A plain hash is enough for 256 random bits."""
    return hashlib.sha256(key.encode()).digest()


def _checksum(head: str) -> str:
    number, letters = zlib.crc32(head.encode()), ""
    for _ in range(CHECKSUM_LENGTH):
        number, letter = divmod(number, len(_LETTERS))
        letters += _LETTERS[letter]
    return letters
