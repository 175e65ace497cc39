"""The vault: what is sealed opens in its place with its key, and nowhere else."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from conserje.storage.database import Connection
from conserje.tenants import data_keys, tenants
from conserje.tenants.data_keys import check_keyring
from conserje.tenants.keyring import VaultError, add_master_key, create_keyring, read_keyring
from conserje.tenants.vault import Vault

CONTEXT = ("7", "twilio", "whatsapp:+56911111111", "credentials")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keys" / "master.json"
    create_keyring(path)
    return path


def test_what_is_sealed_opens_in_its_place(path: Path) -> None:
    vault = Vault.read(path)
    data_key = vault.new_data_key()
    sealed = vault.seal(data_key, CONTEXT, b"secret")
    assert sealed.startswith("v1.") and b"secret" not in sealed.encode()
    assert vault.unseal(data_key, CONTEXT, sealed) == b"secret"
    assert vault.seal(data_key, CONTEXT, b"secret") != sealed


@pytest.mark.parametrize("place", range(4))
def test_moved_to_another_row_it_does_not_open(path: Path, place: int) -> None:
    vault = Vault.read(path)
    data_key = vault.new_data_key()
    sealed = vault.seal(data_key, CONTEXT, b"secret")
    moved = list(CONTEXT)
    moved[place] += "1"
    with pytest.raises(VaultError, match="another row"):
        vault.unseal(data_key, tuple(moved), sealed)


def test_parts_of_a_context_do_not_run_together(path: Path) -> None:
    vault = Vault.read(path)
    data_key = vault.new_data_key()
    sealed = vault.seal(data_key, ("1", "23"), b"secret")
    with pytest.raises(VaultError):
        vault.unseal(data_key, ("12", "3"), sealed)


def test_another_tenants_key_does_not_open_it(path: Path) -> None:
    vault = Vault.read(path)
    sealed = vault.seal(vault.new_data_key(), CONTEXT, b"secret")
    with pytest.raises(VaultError):
        vault.unseal(vault.new_data_key(), CONTEXT, sealed)


@pytest.mark.parametrize("garbage", ["", "v1.", "v1.é", "v1.!!", "v1.AAAA", "v2.AAAA", "secret", "v1.a.b"])
def test_garbage_is_an_error_that_does_not_repeat_it(path: Path, garbage: str) -> None:
    vault = Vault.read(path)
    data_key = vault.new_data_key()
    with pytest.raises(VaultError):
        vault.unseal(data_key, CONTEXT, garbage)
    with pytest.raises(VaultError):
        vault.unseal(garbage, CONTEXT, vault.seal(data_key, CONTEXT, b"secret"))


def test_the_newest_key_seals_and_all_open(path: Path) -> None:
    old = Vault.read(path)
    data_key = old.new_data_key()
    sealed = old.seal(data_key, CONTEXT, b"secret")
    new_key = add_master_key(path)
    vault = Vault.read(path)
    assert vault.new_data_key().split(".")[1] == new_key.id
    assert vault.unseal(data_key, CONTEXT, sealed) == b"secret"
    rewrapped = vault.rewrap(data_key, int(CONTEXT[0]))
    assert rewrapped.split(".")[1] == new_key.id
    assert vault.unseal(rewrapped, CONTEXT, sealed) == b"secret"


def test_an_unknown_key_makes_a_running_process_read_the_file_again(path: Path) -> None:
    running = Vault.read(path)
    add_master_key(path)
    other = Vault.read(path)
    data_key = other.new_data_key()
    assert running.unseal(data_key, CONTEXT, other.seal(data_key, CONTEXT, b"secret")) == b"secret"


def test_a_key_that_is_nowhere_is_named(path: Path, tmp_path: Path) -> None:
    create_keyring(tmp_path / "other.json")
    foreign = Vault.read(tmp_path / "other.json").new_data_key()
    with pytest.raises(VaultError, match=f"lacks master key {foreign.split('.')[1]}"):
        Vault.read(path).rewrap(foreign, 1)


def test_what_is_wrapped_anew_opens_for_its_tenant_alone(path: Path) -> None:
    """Put into another tenant's row it would seal that one's secrets by a key that somebody else has."""
    vault = Vault.read(path)
    unbound = vault.new_data_key()
    bound = vault.rewrap(unbound, 1)
    assert vault.unseal(bound, ("1", "x"), vault.seal(unbound, ("1", "x"), b"secret")) == b"secret"
    for use in (
        lambda: vault.seal(bound, ("2", "x"), b"secret"),
        lambda: vault.sign(bound, "files", ("2", "x")),
        lambda: vault.rewrap(bound, 2),
        lambda: vault.rewrap(bound.replace(".tenant.", "."), 1),
    ):
        with pytest.raises(VaultError, match=r"another tenant's"):
            use()
    assert vault.rewrap(bound, 1) != bound


def test_the_file_is_for_its_owner_only(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    add_master_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["master.json"]


def test_a_keyring_is_never_overwritten(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(VaultError, match="already"):
        create_keyring(path)
    assert path.read_bytes() == before


def test_a_key_is_added_through_a_link_and_to_its_owner(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(path)
    if os.geteuid() == 0:
        os.chown(path, 65534, 65534)
    owner = path.stat().st_uid
    add_master_key(link)
    assert link.is_symlink() and len(read_keyring(path)) == 2 and path.stat().st_uid == owner


def test_an_unusable_file_is_told_with_its_setting(path: Path) -> None:
    path.chmod(0o640)
    with pytest.raises(
        VaultError, match=r"CONSERJE_MASTER_KEYS_FILE names, can be read by others: `chmod 600"
    ):
        Vault.read(path)
    path.chmod(0o600)
    good = json.loads(path.read_text())
    secret = good["keys"][0]["key"]
    for bad in (
        "not JSON " + secret,
        json.dumps({"keys": []}),
        json.dumps({"keys": [good["keys"][0] | {"key": secret[:8]}]}),
        json.dumps({"keys": [good["keys"][0] | {"key": "ñ" + secret}]}),
        json.dumps({"keys": [good["keys"][0] | {"id": "a.b"}]}),
        json.dumps({"keys": [good["keys"][0] | {"other": secret}]}),
    ):
        path.write_text(bad)
        with pytest.raises(
            VaultError, match="CONSERJE_MASTER_KEYS_FILE names, is malformed: restore it"
        ) as caught:
            Vault.read(path)
        assert secret[:8] not in str(caught.value)
    path.unlink()
    with pytest.raises(VaultError, match=r"CONSERJE_MASTER_KEYS_FILE.*keys new"):
        Vault.read(path)


def test_no_text_shows_a_key(path: Path) -> None:
    vault = Vault.read(path)
    key = vault.sealing_key
    for shown in (repr(vault), str(vault), repr(key), str(key), repr(read_keyring(path))):
        assert repr(key.key)[2:12] not in shown
        assert json.loads(path.read_text())["keys"][0]["key"] not in shown


async def test_a_wrong_master_key_is_found_by_name(
    connection: Connection, path: Path, tmp_path: Path
) -> None:
    vault = Vault.read(path)
    for slug in ("acme", "bravo"):
        await data_keys.data_key(connection, vault, (await tenants.add(connection, slug, slug)).id)
    await check_keyring(connection, vault)

    create_keyring(tmp_path / "other.json")
    with pytest.raises(VaultError, match=f"lacks master key {vault.sealing_key.id}, .* of 2 tenants"):
        await check_keyring(connection, Vault.read(tmp_path / "other.json"))

    forged = json.loads((tmp_path / "other.json").read_text())
    forged["keys"][0]["id"] = vault.sealing_key.id
    (tmp_path / "other.json").write_text(json.dumps(forged))
    with pytest.raises(VaultError, match="another of that name"):
        await check_keyring(connection, Vault.read(tmp_path / "other.json"))
