"""The proof of a backup: it is restored into a server of its own, and what is found there is compared."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from conserje.operations import archive, contents, dump
from conserje.operations.archive import BackupError, Listed
from conserje.operations.progress import Progress
from conserje.storage import embedded, migrate
from conserje.storage.database import Connection, DatabaseError, act_as, connect
from conserje.tenants.keyring import VaultError
from conserje.tenants.vault import Vault

SERVER_BYTES = 300 * 2**20  # of a new server with nothing in it, and of its log

# Of each tenant with a data key, and with one of what that seals, where there is something.
SECRETS = """
SELECT DISTINCT ON (tenants.id) tenants.id, slug, data_key, signing_key, channel, address, credentials
FROM tenants LEFT JOIN accounts ON tenant_id = tenants.id AND credentials IS NOT NULL
WHERE data_key IS NOT NULL ORDER BY tenants.id, accounts.id
"""


def room_for(database_bytes: int) -> int:
    """The bytes that a proof needs of the data directory's disk."""
    return int(database_bytes * 1.2) + SERVER_BYTES


@contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """Nobody else proves a backup by this data directory in the block. Raises BackupError."""
    embedded.make_folder(data_dir)
    lock = os.open(data_dir / "proof.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise BackupError(
            "Somebody else proves a backup on this machine just now: wait for its end."
        ) from None
    finally:
        os.close(lock)


async def prove(path: Path, vault: Vault, data_dir: Path, progress: Progress) -> Listed:
    """What is in the backup, which is whole, opens, and is restored to all that it lists; inside `alone`.

    Raises BackupError, or VaultError where the keyring does not open what is in it.
    """
    try:
        async with embedded.thrown_away(data_dir / "proof", data_dir) as url:
            listed = await _restore(path, vault, url, progress)
            await _compare(url, listed)
            progress.tell("proof: secrets")
            await migrate.migrate(url)
            await _open_secrets(url, vault)
            return listed
    except DatabaseError as error:
        raise BackupError(f"The proof has no server: {error}") from None


async def _restore(path: Path, vault: Vault, url: str, progress: Progress) -> Listed:
    connection = await connect(url)
    await migrate.ensure_roles(connection)
    await connection.close()
    with archive.reading(path, vault) as (head, entries):
        name, parts = next(entries)
        if name != archive.DATABASE:
            raise BackupError(f"{path} does not begin with a database.")
        async with dump.loading(url, dump.newest(), progress.through("proof: database", parts)):
            return archive.read_rest(head, entries, partial(_skip, progress))


def _skip(progress: Progress, name: str, parts: Iterator[bytes]) -> None:
    """Its sum is looked at all the same."""
    for _ in progress.through("proof: files", parts):
        pass


async def _compare(url: str, listed: Listed) -> None:
    """Raises BackupError."""
    connection = await connect(url)
    try:
        await act_as(connection, "conserje_owner")
        found = await contents.count(connection)
    finally:
        await connection.close()
    for table, rows in listed.rows.items():
        if found.rows.get(table) != rows:
            there = found.rows.get(table, 0)
            raise BackupError(f"The table {table} had {rows} rows, and {there} came back: report it.")
    if found.newest_message != listed.newest_message:
        raise BackupError("The newest message did not come back: report it.")


async def _open_secrets(url: str, vault: Vault) -> None:
    """Raises VaultError."""
    connection = await connect(url)
    try:
        await act_as(connection, "conserje_owner")
        await _open_each(connection, vault)
    finally:
        await connection.close()


async def _open_each(connection: Connection, vault: Vault) -> None:
    from conserje.tenants.accounts import credentials_context

    async with connection.transaction():
        async for row in connection.cursor(SECRETS, prefetch=500):
            try:
                if row["credentials"]:
                    context = credentials_context(row["id"], row["channel"], row["address"])
                    vault.unseal(row["data_key"], context, row["credentials"])
                for key in filter(None, (row["data_key"], row["signing_key"])):
                    vault.sign(key, "proof", (str(row["id"]),))
            except VaultError as error:
                raise VaultError(f"What is sealed of {row['slug']} does not open: {error}") from None
