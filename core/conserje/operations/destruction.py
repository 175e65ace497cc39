"""The destruction of a master key, once neither a tenant nor a backup needs it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from conserje.notices import push_keys, subscriptions
from conserje.operations import journal, shelf
from conserje.operations.shelf import Backup
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
    if count := await subscriptions.sealed_by(connection, key_id):
        raise VaultError(
            f"Master key {key_id} seals the secrets of {count} subscriptions: `conserje keys rotate` first."
        )
    if await push_keys.is_sealed_by(connection, key_id):
        raise VaultError(
            f"Master key {key_id} seals the key by which browsers are told: `conserje keys rotate` first."
        )
    for folder in folders:
        backups, logs = shelf.list_all(folder), journal.files(folder)
        if not backups and not logs:
            raise VaultError(
                f"Nobody knows what master key {key_id} seals in {folder}, which holds neither a backup nor"
                " the log: mount its disk, or leave it out of CONSERJE_BACKUPS and --backups."
            )
        if sealed := sorted(_sealed_by(key_id, backups, logs)):
            raise VaultError(
                f"Master key {key_id} seals {len(sealed)} files in {folder}, the last one {sealed[-1]}:"
                " remove them, or wait until they are not kept any more."
            )


def _sealed_by(key_id: str, backups: Iterable[Backup], logs: Iterable[Path]) -> Iterator[str]:
    """Their names; what cannot be read may be sealed by it."""
    for backup in backups:
        if backup.head is None or backup.head.master_key == key_id:
            yield backup.path.name
    for path in logs:
        with suppress(FileNotFoundError):  # it went meanwhile
            if journal.master_key(path) in (None, key_id):
                yield path.name


def destroy(vault: Vault, key_id: str) -> None:
    """Raises VaultError."""
    remove_master_key(vault.path, key_id)
