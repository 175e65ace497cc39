"""The log of consents: sealed, complete whoever wrote it, and honest about how far it reaches."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from scene import Scene
from waiting import until

from conserje.operations import journal
from conserje.operations.archive import BackupError
from conserje.operations.forgetting import forget
from conserje.operations.journal import Journal, Told
from conserje.rules import consent
from conserje.rules.consent import Sign
from conserje.tenants.keyring import VaultError, create_keyring
from conserje.tenants.vault import Vault

CONTACT = "SELECT contact_id FROM identities WHERE name = 'ana'"


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "LOOK_EVERY", 0.01)


async def sign(scene: Scene, sender: str) -> None:
    await scene.write("hola", sender=sender)
    async with scene.pool.acquire() as connection, connection.transaction():
        [place] = await connection.fetch("SELECT tenant_id, id FROM conversations WHERE peer = $1", sender)
        await consent.record(connection, place["tenant_id"], place["id"], Sign("out", "contact", "BAJA"))


def who(told: Told) -> list[str]:
    names = {digest(name): name for name in ("ana", "beto", "carla", "somebody")}
    return [names[each] for consent in told.consents for each in consent.digests]


def digest(name: str) -> str:
    return sha256(f"acme post {name}".encode()).hexdigest()


async def test_each_change_is_there_once_whoever_wrote_it(scene: Scene, tmp_path: Path) -> None:
    await sign(scene, "ana")
    for sender in ("beto", "carla"):
        async with (
            Journal(scene.pool, scene.vault, tmp_path),
            Journal(scene.pool, scene.vault, tmp_path),
        ):
            await sign(scene, sender)
            await until(lambda: sender in who(journal.read(tmp_path, scene.vault)))  # noqa: B023
    told = journal.read(tmp_path, scene.vault)
    assert who(told) == ["ana", "beto", "carla"]
    assert told.until and told.until >= told.consents[-1].at
    assert len(journal.files(tmp_path)) == 4


async def test_promise_7_it_names_nobody_even_to_who_opens_it(scene: Scene, tmp_path: Path) -> None:
    await sign(scene, "somebody")
    async with Journal(scene.pool, scene.vault, tmp_path):
        await until(lambda: who(journal.read(tmp_path, scene.vault)) == ["somebody"])
    [file] = journal.files(tmp_path)
    assert digest("somebody").encode() not in file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0
    assert "somebody" not in str(journal.read(tmp_path, scene.vault))


async def test_who_is_forgotten_is_told_by_the_hash_alone(scene: Scene, tmp_path: Path) -> None:
    await sign(scene, "ana")
    async with scene.pool.acquire() as connection:
        await forget(connection, (await scene.entry()).tenant.id, await scene.pool.fetchval(CONTACT))
    async with Journal(scene.pool, scene.vault, tmp_path):
        await until(lambda: journal.read(tmp_path, scene.vault).gone)
    told = journal.read(tmp_path, scene.vault)
    assert [each.digests for each in told.consents] == [()]
    assert [(each.digest, each.opted_out) for each in told.hashes] == [(digest("ana"), "all")]


async def test_a_line_that_was_half_written_is_left_out_and_a_changed_one_is_told(
    scene: Scene, tmp_path: Path
) -> None:
    await sign(scene, "ana")
    async with Journal(scene.pool, scene.vault, tmp_path):
        await until(lambda: who(journal.read(tmp_path, scene.vault)) == ["ana"])
    [file] = journal.files(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    assert who(journal.read(tmp_path, scene.vault)) == ["ana"]
    magic, head, *lines = whole.splitlines(keepends=True)
    broken = head[:-5] + b"\n"
    for changed in (
        [magic, head, lines[1], lines[0]],
        [magic, head, b"x" + lines[0]],
        [magic, broken, *lines],
    ):
        file.write_bytes(b"".join(changed))
        with pytest.raises(BackupError, match="was changed"):
            journal.read(tmp_path, scene.vault)


@pytest.mark.parametrize("written", [0.0, 0.5, 1.0], ids=["nothing", "half of it", "all, not on the disk"])
async def test_what_the_disk_did_not_take_is_written_into_another_file(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: float
) -> None:
    append, failures = journal._append, iter([True])

    def fail_once(path: Path, text: bytes, how: int = 0) -> None:
        if how == 0 and next(failures, False):
            append(path, text[: int(len(text) * written)])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        append(path, text, how)

    monkeypatch.setattr(journal, "_append", fail_once)
    await sign(scene, "ana")
    async with Journal(scene.pool, scene.vault, tmp_path):
        await until(lambda: len(journal.files(tmp_path)) == 2)
        await sign(scene, "beto")
        await until(lambda: "beto" in who(journal.read(tmp_path, scene.vault)))
    assert who(journal.read(tmp_path, scene.vault)) == ["ana", "beto"]
    [failed] = [file for file in journal.files(tmp_path) if file.read_bytes().count(b"\n") < 5]
    failed.unlink()
    assert who(journal.read(tmp_path, scene.vault)) == ["ana", "beto"]


async def test_a_file_that_vanished_is_not_gone_on_with(scene: Scene, tmp_path: Path) -> None:
    async with Journal(scene.pool, scene.vault, tmp_path):
        await until(lambda: journal.files(tmp_path))
        journal.files(tmp_path)[0].unlink()
        await sign(scene, "ana")
        await until(lambda: journal.files(tmp_path) and who(journal.read(tmp_path, scene.vault)) == ["ana"])


async def test_a_clock_that_was_ahead_hides_nobody(scene: Scene, tmp_path: Path) -> None:
    ahead = datetime.now(UTC) + timedelta(days=400)
    journal._File.begin(tmp_path, scene.vault)._add([journal._Line(until=ahead)], ahead)
    await sign(scene, "ana")
    file = journal._File.begin(tmp_path, scene.vault)
    await file.go_on(scene.pool)
    assert who(journal.read(tmp_path, scene.vault)) == ["ana"]
    await sign(scene, "beto")
    file.since = file._told_until = ahead
    await file.go_on(scene.pool)
    told = journal.read(tmp_path, scene.vault)
    assert who(told) == ["ana", "beto"]
    assert told.until and told.until < datetime.now(UTC)


async def test_who_was_told_of_is_no_word_of_how_far_it_reaches(scene: Scene, tmp_path: Path) -> None:
    await sign(scene, "ana")
    file = journal._File.begin(tmp_path, scene.vault)
    async with scene.pool.acquire() as connection, connection.transaction():
        [line] = [line async for line in journal._changes(connection, journal.EARLIEST)]
    file._add([line], line.until)  # and is killed then
    assert journal.read(tmp_path, scene.vault).until is None
    assert journal._File.begin(tmp_path, scene.vault).since == journal.EARLIEST


async def test_another_keyring_does_not_open_it(scene: Scene, tmp_path: Path) -> None:
    async with Journal(scene.pool, scene.vault, tmp_path / "log"):
        await until(lambda: journal.files(tmp_path / "log"))
    create_keyring(tmp_path / "other" / "master.json")
    with pytest.raises(VaultError, match="lacks master key"):
        journal.read(tmp_path / "log", Vault.read(tmp_path / "other" / "master.json"))


async def test_what_others_left_unreadable_is_written_anew(scene: Scene, tmp_path: Path) -> None:
    await sign(scene, "ana")
    strange = tmp_path / "consents-0-strange.log"
    strange.write_text("what is this\n")
    async with Journal(scene.pool, scene.vault, tmp_path):
        await until(lambda: len(journal.files(tmp_path)) == 2)
        strange.unlink()
        await until(lambda: who(journal.read(tmp_path, scene.vault)) == ["ana"])


async def test_an_operator_is_told_that_nobody_writes_it(scene: Scene, tmp_path: Path) -> None:
    assert "Nobody writes" in (journal.warning(tmp_path) or "")
    async with Journal(scene.pool, scene.vault, tmp_path):
        await until(lambda: journal.warning(tmp_path) is None)
