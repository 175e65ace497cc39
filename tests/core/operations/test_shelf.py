"""The folder of backups: what is kept, and what an operator is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from conserje.operations import archive, shelf
from conserje.operations.archive import BackupError, Head, Writer, new_key
from conserje.operations.shelf import Backup, Keep
from conserje.tenants.vault import Vault

NOON = datetime(2025, 11, 30, 12, tzinfo=UTC)


def head(
    vault: Vault, made_at: datetime, unproven: str | None = None, node: str = "web1"
) -> tuple[bytes, Head]:
    key, named = new_key(vault)
    return key, Head(
        made_at=made_at,
        node=node,
        release="1",
        schema_version=1,
        server=18,
        database_bytes=1,
        files=1,
        files_bytes=1,
        unproven=unproven,
        **named,
    )


@pytest.fixture
def vault(keyring: Path) -> Vault:
    return Vault.read(keyring)


def put(
    folder: Path, vault: Vault, made_at: datetime, unproven: str | None = None, node: str = "web1"
) -> Path:
    """A backup of which nobody reads more than the head."""
    key, given = head(vault, made_at, unproven, node)
    path = folder / f"conserje-{made_at:%Y%m%dT%H%M%SZ}.backup"
    with path.open("wb") as file:
        Writer.begin(file, key, given)
    return path


def backups(vault: Vault, *hours: int, unproven: tuple[int, ...] = ()) -> list[Backup]:
    return [
        Backup(
            Path(str(n)), 1, NOON, head(vault, NOON - timedelta(hours=n), "x" if n in unproven else None)[1]
        )
        for n in hours
    ]


def test_the_newest_of_each_period_is_kept(vault: Vault) -> None:
    there = backups(vault, *range(0, 24 * 100, 12))
    kept = sorted(int(path.name) for path in Keep.of("3d").chosen(there))
    assert kept == [0, 24 - 12 + 12, 48] or kept == [0, 24, 48]
    weeks = Keep.of("2w").chosen(there)
    months = Keep.of("3m").chosen(there)
    assert (len(weeks), len(months)) == (2, 3)
    assert Keep.of("3d2w3m").chosen(there) == Keep.of("3d").chosen(there) | weeks | months


def test_one_that_was_proven_is_kept_before_newer_ones_that_were_not(vault: Vault) -> None:
    there = backups(vault, 0, 2, 3, 30, 60, unproven=(0, 2))
    assert {path.name for path in Keep.of("1d").chosen(there)} == {"0", "3"}
    old = backups(vault, 1, 24 * 400, unproven=(1,))
    assert {path.name for path in Keep.of("1d").chosen(old)} == {"1", str(24 * 400)}


@pytest.mark.parametrize("text", ["", "7", "0d", "7x", "6m7d", "d"])
def test_what_says_nothing_is_no_rule(text: str) -> None:
    with pytest.raises(ValueError, match="7d4w6m"):
        Keep.of(text)


def test_what_is_not_kept_goes_and_what_cannot_be_read_stays(tmp_path: Path, vault: Vault) -> None:
    newest = put(tmp_path, vault, NOON)
    old = put(tmp_path, vault, NOON - timedelta(days=3))
    (tmp_path / "strange.backup").write_text("no backup")
    assert shelf.drop(tmp_path, Keep.of("1d")) == [old]
    assert {path.name for path in tmp_path.glob("*.backup")} == {newest.name, "strange.backup"}
    [_, strange] = shelf.list_all(tmp_path)
    assert strange.fault and "no backup" in strange.fault


def test_a_folder_that_is_not_there_is_no_empty_one(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="mount it"):
        shelf.list_all(tmp_path / "nowhere")


def test_what_went_after_it_was_listed_hides_no_other(
    tmp_path: Path, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = [put(tmp_path, vault, NOON - timedelta(days=days)) for days in range(3)]
    read_head = archive.read_head

    def reading(path: Path) -> Head:
        there[1].unlink(missing_ok=True)
        return read_head(path)

    monkeypatch.setattr(archive, "read_head", reading)
    monkeypatch.setattr(Path, "iterdir", lambda self: iter(there))
    assert [each.path for each in shelf.list_all(tmp_path)] == [there[0], there[2]]


def test_an_operator_is_told_of_none_of_an_old_one_and_of_one_that_was_not_proven(
    tmp_path: Path, vault: Vault
) -> None:
    assert "is not there" in (shelf.warning(tmp_path / "nowhere") or "")
    assert "there is none" in (shelf.warning(tmp_path) or "")
    put(tmp_path, vault, datetime.now(UTC), "it was made with --unproven")
    assert "--unproven" in (shelf.warning(tmp_path) or "")
    put(tmp_path, vault, datetime.now(UTC) - timedelta(hours=40))
    assert "40 hours old" in (shelf.warning(tmp_path) or "")
    put(tmp_path, vault, datetime.now(UTC) - timedelta(seconds=5))
    assert shelf.warning(tmp_path) is None


def test_an_operator_is_told_of_this_machine_s_backups(tmp_path: Path, vault: Vault) -> None:
    (tmp_path / "data").mkdir()
    assert shelf.node_of(tmp_path / "data") is None
    put(tmp_path, vault, datetime.now(UTC), node="web2")
    old = put(tmp_path, vault, datetime.now(UTC) - timedelta(hours=40), node="web1")
    assert shelf.warning(tmp_path, "web2") is shelf.warning(tmp_path) is None
    assert "backup of web1 in" in (shelf.warning(tmp_path, "web1") or "")
    assert "backups of web3 in" in (shelf.warning(tmp_path, "web3") or "")
    assert (found := shelf.newest(tmp_path, "web1")) and found.path == old


def test_an_unproven_one_is_kept_as_the_newest_until_the_next(tmp_path: Path, vault: Vault) -> None:
    proven = put(tmp_path, vault, NOON - timedelta(hours=2))
    unproven = put(tmp_path, vault, NOON - timedelta(hours=1), "it was made with --unproven")
    assert shelf.drop(tmp_path, Keep.of("7d")) == []
    newest = put(tmp_path, vault, NOON, "it was made with --unproven")
    assert shelf.drop(tmp_path, Keep.of("7d")) == [unproven]
    assert {each.path for each in shelf.list_all(tmp_path)} == {proven, newest}


def test_machines_that_share_a_folder_remove_none_of_each_other_s(tmp_path: Path, vault: Vault) -> None:
    for days in range(3):
        for hours, node in enumerate(("web1", "web2")):
            put(tmp_path, vault, NOON - timedelta(days=days, hours=hours), node=node)
    shelf.drop(tmp_path, Keep.of("2d"))
    assert [each.node for each in shelf.list_all(tmp_path)] == ["web1", "web2"] * 2
    with pytest.raises(BackupError, match=r"several machines \(web1, web2\): name one"):
        shelf.to_restore(tmp_path)


def test_one_whose_clock_was_ahead_takes_no_other_s_place_and_is_told(tmp_path: Path, vault: Vault) -> None:
    now = datetime.now(UTC)
    ahead = [put(tmp_path, vault, now + timedelta(days=400 + days)) for days in range(3)]
    today, before = put(tmp_path, vault, now), put(tmp_path, vault, now - timedelta(days=1))
    assert shelf.drop(tmp_path, Keep.of("1d")) == [before]
    assert {each.path for each in shelf.list_all(tmp_path)} == {today, *ahead}
    assert (newest := shelf.newest(tmp_path)) and newest.path == today
    assert "which is yet to come" in (shelf.warning(tmp_path) or "")
    assert shelf.needed_since(tmp_path) < now + shelf.SKEW
    with pytest.raises(BackupError, match="Nobody knows which backup is the newest"):
        shelf.to_restore(tmp_path)


def test_two_do_not_work_in_one_folder_and_what_a_dead_one_left_goes(tmp_path: Path) -> None:
    half = tmp_path / "conserje-1.backup.part"
    half.write_text("half")
    with shelf.working(tmp_path):
        assert not half.exists()
        with pytest.raises(BackupError, match="Somebody else"), shelf.working(tmp_path):
            pass


def test_a_head_of_before_nodes_and_files_were_named_is_read(vault: Vault) -> None:
    said = head(vault, NOON)[1].model_dump(exclude={"node", "files"})
    older = Head.model_validate(said)
    assert (older.node, older.files) == ("", None)


def test_months_and_weeks_are_told_apart_by_their_numbers(vault: Vault) -> None:
    days = range(0, 24 * 120, 24)  # from August to November
    for rule, kept in (("3m", {11, 10, 9}), ("4w", {11})):
        chosen = Keep.of(rule).chosen(backups(vault, *days))
        assert {(NOON - timedelta(hours=int(path.name))).month for path in chosen} == kept


def test_those_that_name_no_machine_are_counted_with_each_s(tmp_path: Path, vault: Vault) -> None:
    older = [put(tmp_path, vault, NOON - timedelta(days=n), node="") for n in (1, 2, 3)]
    newest = put(tmp_path, vault, NOON)
    shelf.drop(tmp_path, Keep.of("2d"))
    assert newest.exists() and [each.exists() for each in older] == [True, False, False]
    assert shelf.to_restore(tmp_path) == newest
