"""Keys to the operator's listener: of the operator, or of one tenant; only their hashes are kept."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from conserje.errors import OperatorError
from conserje.storage.database import Connection, Pool
from conserje.tenants.refusals import refusals

SCOPES = ("read", "write")
ID_LENGTH, SECRET_LENGTH, CHECKSUM_LENGTH = 10, 43, 6
_ID_LETTERS = string.digits + string.ascii_lowercase
_LETTERS = _ID_LETTERS + string.ascii_uppercase  # 43 of 62 are 256 bits
_KEY = re.compile(
    rf"(conserje_([0-9a-z]{{{ID_LENGTH}}})_[0-9A-Za-z]{{{SECRET_LENGTH}}})([0-9A-Za-z]{{{CHECKSUM_LENGTH}}})"
)


class ApiKeyError(OperatorError):
    """A key is not taken, or what was asked of one cannot be; the text holds no key."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key's row, without its hash."""

    id: str
    tenant_id: int | None  # None: the operator's
    tenant: str | None  # its slug
    name: str
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None

    @classmethod
    def from_row(cls, row: asyncpg.Record) -> ApiKey:
        values = {name: row[name] for name in cls.__slots__}
        return cls(**values | {"scopes": frozenset(row["scopes"])})


ADD = """
INSERT INTO api_keys (id, tenant_id, name, hash, scopes, expires_at)
VALUES ($1, $2, $3, $4, $5, now() + $6::interval)
RETURNING *, (SELECT slug FROM tenants WHERE tenants.id = tenant_id) AS tenant
"""

KEYS = """
SELECT api_keys.*, slug AS tenant, coalesce(expires_at <= now(), false) AS expired,
    coalesce(used_at < now() - interval '1 minute', true) AS to_note
FROM api_keys LEFT JOIN tenants ON tenants.id = tenant_id
"""
LIST = KEYS + "ORDER BY api_keys.created_at, api_keys.id"
FIND = KEYS + "WHERE api_keys.id = $1"

NOTE_USE = "UPDATE api_keys SET used_at = now() WHERE id = $1"

REVOKE = "DELETE FROM api_keys WHERE id = $1"


async def add(
    connection: Connection,
    name: str,
    *,
    tenant_id: int | None = None,
    scopes: Collection[str] = SCOPES,
    life: timedelta | None = None,
) -> tuple[ApiKey, str]:
    """Make a key: its row, and the key itself, which nobody can show again. Raises TenantError."""
    key_id = "".join(secrets.choice(_ID_LETTERS) for _ in range(ID_LENGTH))
    head = f"conserje_{key_id}_" + "".join(secrets.choice(_LETTERS) for _ in range(SECRET_LENGTH))
    key = head + _checksum(head)
    with refusals():
        row = await connection.fetchrow(ADD, key_id, tenant_id, name, _hash(key), sorted(scopes), life)
    assert row is not None
    return ApiKey.from_row(row), key


async def list_all(connection: Connection) -> list[ApiKey]:
    return [ApiKey.from_row(row) for row in await connection.fetch(LIST)]


async def revoke(connection: Connection, key_id: str) -> None:
    """Nobody gets in by the key any more. Raises ApiKeyError."""
    if await connection.execute(REVOKE, key_id) == "DELETE 0":
        raise ApiKeyError("There is no such key: see `conserje api-key list`.", "key_id")


async def check(pool: Pool, key: str) -> ApiKey:
    """The row of a key that somebody shows, noting once a minute that it is used.

    Raises ApiKeyError; for a mistyped key without asking Postgres.
    """
    match = _KEY.fullmatch(key)
    if not match or _checksum(match[1]) != match[3]:
        raise ApiKeyError("This is no key.")
    row = await pool.fetchrow(FIND, match[2])
    if row is None or not hmac.compare_digest(row["hash"], _hash(key)) or row["expired"]:
        raise ApiKeyError("The key is not known, or not any more.")
    if row["to_note"]:
        await pool.execute(NOTE_USE, match[2])
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
