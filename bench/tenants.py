"""Tenants of Conserje with their accounts, all at once: `conserje tenant add` takes half a second for one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import asyncpg
from bench.webhooks import Tenant

from conserje.tenants.accounts import credentials_context
from conserje.tenants.vault import Vault

CHANNEL = "twilio"
ADD_TENANTS = """
INSERT INTO tenants (slug, name, data_key)
SELECT slug, slug, key FROM unnest($1::text[], $2::text[]) AS each (slug, key) RETURNING slug, id
"""
ADD_ACCOUNTS = """
INSERT INTO accounts (tenant_id, channel, address, credentials)
SELECT id, $1, address, credentials
FROM unnest($2::bigint[], $3::text[], $4::text[]) AS each (id, address, credentials)
"""


async def add(url: str, keyring: Path, tenants: Sequence[Tenant]) -> None:
    """Store them all, each credential sealed by the keyring's newest key."""
    vault = Vault.read(keyring)
    keys = [vault.new_data_key() for _ in tenants]
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(ADD_TENANTS, [tenant.slug for tenant in tenants], keys)
        ids = {row["slug"]: row["id"] for row in rows}
        sealed = [
            vault.seal(
                key, credentials_context(ids[tenant.slug], CHANNEL, tenant.address), _credentials(tenant)
            )
            for tenant, key in zip(tenants, keys, strict=True)
        ]
        addresses = [tenant.address for tenant in tenants]
        order = [ids[tenant.slug] for tenant in tenants]
        await connection.execute(ADD_ACCOUNTS, CHANNEL, order, addresses, sealed)
    finally:
        await connection.close()


def _credentials(tenant: Tenant) -> bytes:
    return json.dumps({"account_sid": tenant.account_sid, "auth_token": tenant.auth_token}).encode()
