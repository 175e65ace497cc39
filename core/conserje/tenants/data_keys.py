"""Tenants' data keys, and those that sign once they were renewed, each wrapped by a master key."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from conserje.storage.database import Connection
from conserje.tenants.keyring import VaultError
from conserje.tenants.refusals import TenantError

if TYPE_CHECKING:
    from conserje.tenants.vault import Vault


async def data_key(connection: Connection, vault: Vault, tenant_id: int) -> str:
    """The tenant's wrapped data key, made at the first need. Raises TenantError or VaultError."""
    row = await connection.fetchrow("SELECT data_key FROM tenants WHERE id = $1", tenant_id)
    if row is not None and row["data_key"] is None:
        row = await connection.fetchrow(
            # Two at once: the second finds the row changed and takes the first one's key.
            "UPDATE tenants SET data_key = coalesce(data_key, $2) WHERE id = $1 RETURNING data_key",
            tenant_id,
            vault.new_data_key(),
        )
    if row is None:
        raise TenantError("There is no such tenant.")
    key: str = row["data_key"]
    return key


async def sealing_key(connection: Connection, vault: Vault, tenant_id: int) -> str:
    """The data key, which is not renewed before the caller's transaction, in which it seals, has ended.

    Raises TenantError or VaultError.
    """
    await data_key(connection, vault, tenant_id)
    key: str = await connection.fetchval("SELECT data_key FROM tenants WHERE id = $1 FOR SHARE", tenant_id)
    return key


async def signing_key(connection: Connection, vault: Vault, tenant_id: int) -> str:
    """The wrapped key that signs what is the tenant's. Raises TenantError or VaultError."""
    key = await data_key(connection, vault, tenant_id)
    kept: str | None = await connection.fetchval("SELECT signing_key FROM tenants WHERE id = $1", tenant_id)
    return kept or key


class Wrapped(NamedTuple):
    """What a master key wraps: keys of how many tenants, and one of these with its tenant's id."""

    tenants: int
    example: str
    example_of: int


DATA_KEYS = """
SELECT split_part(key, '.', 2) AS master, count(DISTINCT id) AS tenants,
       (array_agg(key ORDER BY id))[1] AS example, min(id) AS example_of
FROM tenants CROSS JOIN LATERAL (VALUES (data_key), (signing_key)) AS each (key)
WHERE key IS NOT NULL GROUP BY 1 ORDER BY 1
"""


async def data_keys(connection: Connection) -> dict[str, Wrapped]:
    """By the id of each master key in use."""
    return {master: Wrapped(*wrapped) for master, *wrapped in await connection.fetch(DATA_KEYS)}


OTHERWISE_WRAPPED = """
SELECT id, data_key, signing_key FROM tenants
WHERE data_key IS NOT NULL AND (split_part(data_key, '.', 2) <> $1 OR split_part(signing_key, '.', 2) <> $1)
ORDER BY id LIMIT $2
"""

REWRAP = """
UPDATE tenants SET data_key = new.data_key, signing_key = new.signing_key
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS new (id, before, data_key, signing_key)
WHERE tenants.id = new.id AND tenants.data_key = new.before
"""


async def rewrap_data_keys(connection: Connection, vault: Vault, largest: int = 300) -> int:
    """Wrap up to `largest` tenants' keys by the newest master key; how many were found, 0: none is left.

    Raises VaultError.
    """
    rows = await connection.fetch(OTHERWISE_WRAPPED, vault.sealing_key.id, largest)
    if rows:
        ids, before = [row["id"] for row in rows], [row["data_key"] for row in rows]
        after = [vault.rewrap(row["data_key"], row["id"]) for row in rows]
        signing = [key and vault.rewrap(key, row["id"]) for row in rows for key in [row["signing_key"]]]
        await connection.execute(REWRAP, ids, before, after, signing)
    return len(rows)


async def check_keyring(connection: Connection, vault: Vault) -> None:
    """Raises VaultError unless the keyring has every master key that wraps a tenant's data key."""
    for key_id, wrapped in (await data_keys(connection)).items():
        try:
            vault.rewrap(wrapped.example, wrapped.example_of)
        except VaultError as error:
            if key_id in vault.keys:
                raise
            raise VaultError(
                f"The keyring {vault.path} lacks master key {key_id}, which wraps the data keys of "
                f"{wrapped.tenants} tenants: CONSERJE_MASTER_KEYS_FILE must name the one that has it."
            ) from error
