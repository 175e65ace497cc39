"""The destruction of a master key, once neither a tenant nor a backup needs it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from conserje.operations import journal, shelf
from conserje.storage.database import Connection
from conserje.tenants import data_keys
from conserje.tenants.keyring import VaultError, remove_master_key
from conserje.tenants.vault import Vault


async def require_needless(
    connection: Connection, vault: Vault, key_id: str, folders: Iterable[Path]
) -> None:
    """Raises VaultError, with who needs the key, or BackupError for a folder that cannot be read."""
    if key_id not in vault.keys:
        raise VaultError(f"The keyring {vault.path} has no master key {key_id}: see `conserje keys list`.")
    if key_id == vault.sealing_key.id:
        raise VaultError(f"Master key {key_id} seals: `conserje keys rotate` makes another do so first.")
    if wrapped := (await data_keys.data_keys(connection)).get(key_id):
        raise VaultError(
            f"Master key {key_id} wraps the data keys of {wrapped.tenants} tenants: `conserje keys rotate`"
            " first."
        )
    for folder in folders:
        if sealed := sorted(_sealed_by(folder, key_id)):
            raise VaultError(
                f"Master key {key_id} seals {len(sealed)} files in {folder}, the last one {sealed[-1]}:"
                " remove them, or wait until they are not kept any more."
            )


def _sealed_by(folder: Path, key_id: str) -> Iterable[str]:
    """Backups, and files of the log, by name; what cannot be read may be sealed by it."""
    for backup in shelf.list_all(folder):
        if backup.head is None or backup.head.master_key == key_id:
            yield backup.path.name
    for path in journal.files(folder):
        if journal.master_key(path) in (None, key_id):
            yield path.name


def destroy(vault: Vault, key_id: str) -> None:
    """Raises VaultError."""
    remove_master_key(vault.path, key_id)
