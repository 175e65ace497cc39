"""A master key goes once neither a tenant, nor a kept backup, nor the log needs it."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from terminal import Terminal

from conserje.notices import push_keys
from conserje.operations.archive import Head, Writer, new_key
from conserje.operations.journal import _File
from conserje.storage.database import Pool
from conserje.tenants.keyring import read_keyring
from conserje.tenants.vault import Vault


def save(folder: Path, vault: Vault, name: str = "conserje-1.backup") -> Path:
    key, named = new_key(vault)
    head = Head(
        made_at=datetime.now(UTC),
        node="web1",
        release="1",
        schema_version=1,
        server=18,
        database_bytes=1,
        files=1,
        files_bytes=1,
        unproven=None,
        **named,
    )
    with (folder / name).open("wb") as file:
        Writer.begin(file, key, head)
    return folder / name


async def test_a_key_that_somebody_needs_stays(terminal: Terminal, keyring: Path, tmp_path: Path) -> None:
    [first] = read_keyring(keyring)
    backups = tmp_path / "backups"
    backups.mkdir()

    async def destroy(key: str, code: int = 1) -> str:
        done = await terminal.type("keys", "destroy", key, "--backups", str(backups), "--yes", code=code)
        return done.stderr

    assert "has no master key" in await destroy("nothing")
    assert "seals" in await destroy(first.id)
    await terminal.type("tenant", "add", "acme", "--name", "Acme")
    await terminal.type("account", "add", "acme", "web", "web")
    await terminal.type("keys", "new")
    assert "wraps the data keys of 1 tenants" in await destroy(first.id)
    await terminal.type("keys", "rotate")
    backup = save(backups, Vault(keyring, {first.id: first}))
    assert f"1 files in {backups}, the last one {backup.name}" in await destroy(first.id)
    backup.unlink()
    log = _File.begin(backups, Vault(keyring, {first.id: first}))
    assert log.path.name in await destroy(first.id)
    log.path.unlink()
    (backups / "conserje-2.backup").write_text("what is this")
    assert "conserje-2.backup" in await destroy(first.id)
    (backups / "conserje-2.backup").unlink()
    assert "mount its disk" in await destroy(first.id)
    backups.rmdir()
    terminal.environment["CONSERJE_BACKUPS"] = str(backups)
    missing = await terminal.type("keys", "destroy", first.id, "--yes", code=1)
    assert f"{backups} is not there" in missing.stderr
    assert read_keyring(keyring)[0].id == first.id
    backups.mkdir()
    save(backups, Vault.read(keyring))
    await destroy(first.id, code=0)
    assert first.id not in [key.id for key in read_keyring(keyring)]
    assert keyring.stat().st_mode & 0o077 == 0


async def test_whoever_destroys_a_key_says_where_backups_lie(terminal: Terminal) -> None:
    result = await terminal.type("keys", "destroy", "x", code=2)
    assert "--no-backups" in result.stderr


async def test_a_copy_of_the_keyring_is_compared_by_fingerprint(
    terminal: Terminal, keyring: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.json"
    shutil.copy(keyring, copy)
    assert "has every master key" in (await terminal.type("keys", "check", str(copy))).stdout
    await terminal.type("keys", "new")
    newest = read_keyring(keyring)[-1]
    assert f"lacks {newest.id}" in (await terminal.type("keys", "check", str(copy), code=1)).stderr


async def test_the_key_by_which_browsers_are_told_is_sealed_anew(
    terminal: Terminal, pool: Pool, keyring: Path
) -> None:
    [first] = read_keyring(keyring)
    async with pool.acquire() as connection:
        await push_keys.public(connection, Vault(keyring, {first.id: first}))
    await terminal.type("keys", "new")
    done = await terminal.type("keys", "destroy", first.id, "--no-backups", "--yes", code=1)
    assert "the key by which browsers are told" in done.stderr
    await terminal.type("keys", "rotate")
    await terminal.type("keys", "destroy", first.id, "--no-backups", "--yes")
