"""Data keys are renewed while everybody works: what the old one sealed is sealed by the new one at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conserje.storage.database import Connection
from conserje.tenants.accounts import credentials_context
from conserje.tenants.keyring import VaultError

if TYPE_CHECKING:
    from conserje.tenants.vault import Vault

# Who seals meanwhile waits, and takes the new key.
LOCK = "SELECT data_key, signing_key FROM tenants WHERE id = $1 FOR NO KEY UPDATE"

SEALED = """
SELECT id, channel, address, credentials FROM accounts
WHERE tenant_id = $1 AND credentials IS NOT NULL ORDER BY id FOR NO KEY UPDATE
"""

RENEW = "UPDATE tenants SET data_key = $2, signing_key = $3 WHERE id = $1"

SEAL = """
UPDATE accounts SET credentials = new.credentials
FROM unnest($2::bigint[], $3::text[]) AS new (id, credentials)
WHERE tenant_id = $1 AND accounts.id = new.id
"""


async def renew(connection: Connection, vault: Vault, tenant_id: int, *, signing: bool = False) -> bool:
    """Give the tenant another data key, in one transaction; False: it has none, or is gone.

    What the first one signed is signed on with it, unless `signing`: links, the secret of notices, whose an
    upload is. Raises VaultError, and changes nothing then.
    """
    async with connection.transaction():
        keys = await connection.fetchrow(LOCK, tenant_id)
        if keys is None or keys["data_key"] is None:
            return False
        old, new = keys["data_key"], vault.rewrap(vault.new_data_key(), tenant_id)
        sealed = {}
        for row in await connection.fetch(SEALED, tenant_id):
            place = (row["channel"], row["address"])
            try:
                plain = vault.unseal(old, credentials_context(tenant_id, *place), row["credentials"])
            except VaultError as error:
                why = f"The credentials of {' '.join(place)} do not open, enter them anew: {error}"
                raise VaultError(why) from None
            sealed[row["id"]] = vault.seal(new, credentials_context(tenant_id, *place), plain)
        kept = None if signing else vault.rewrap(keys["signing_key"] or old, tenant_id)
        await connection.execute(RENEW, tenant_id, new, kept)
        await connection.execute(SEAL, tenant_id, list(sealed), list(sealed.values()))
        return True
