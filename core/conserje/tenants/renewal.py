"""Data keys are renewed while everybody works: what the old one sealed is sealed by the new one at once."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from conserje.storage.database import Connection
from conserje.tenants.accounts import credentials_context
from conserje.tenants.keyring import VaultError

if TYPE_CHECKING:
    from conserje.tenants.vault import Vault

NAME = "data-keys.renewal"  # in the data directory, while a round goes on

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


NEXT = """
SELECT id, slug FROM tenants WHERE data_key IS NOT NULL AND id > $1 ORDER BY id LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Round:
    """The renewal of every tenant's data key, by their ids; the file says behind whom it goes on."""

    path: Path
    vault: Vault
    signing: bool

    @property
    def broken_off(self) -> bool:
        return self._last() is not None

    async def renew(self, connection: Connection) -> AsyncIterator[tuple[str, VaultError | None]]:
        """Each tenant, and why its data key was not renewed."""
        last = self._last() or 0
        while row := await connection.fetchrow(NEXT, last):
            last, error = row["id"], None
            try:
                await renew(connection, self.vault, last, signing=self.signing)
            except VaultError as found:
                error = found
            self._note(last)
            yield row["slug"], error
        self.path.unlink(missing_ok=True)

    @property
    def _what(self) -> str:
        return f"{self.vault.sealing_key.id} {'signing' if self.signing else 'sealing'} "

    def _last(self) -> int | None:
        """The tenant who was the last one; None: no round like this one was broken off."""
        try:
            said = self.path.read_text()
        except FileNotFoundError:
            return None
        return int(said.removeprefix(self._what)) if said.startswith(self._what) else None

    def _note(self, last: int) -> None:
        part = self.path.with_suffix(f".{os.getpid()}")
        part.write_text(f"{self._what}{last}")
        part.rename(self.path)
