"""`conserje certificate deploy`: what nginx could not serve is refused, and what it serves stays."""

from __future__ import annotations

import grp
import os
import stat
from pathlib import Path

import pytest
from certificates import private, signed
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from conserje_certbot import certificate

NAMES = ("bots.example.com", "*.bots.example.com")
KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
GROUP = grp.getgrgid(os.getgid()).gr_name


def deploy(
    folder: Path, key: bytes, chain: bytes, name: str = "wildcard", group: str = GROUP
) -> tuple[int, str]:
    """Exit code, and what is said."""
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "privkey.pem").write_bytes(key)
    (folder / name / "fullchain.pem").write_bytes(chain)
    (folder / "certificates").mkdir(exist_ok=True)
    options = ["--domain", NAMES[0], "--certificates", str(folder / "certificates"), "--group", group]
    done = CliRunner().invoke(certificate, ["deploy", *options], env={"RENEWED_LINEAGE": str(folder / name)})
    return done.exit_code, done.output


def test_key_and_chain_are_put_into_one_file(tmp_path: Path) -> None:
    chain = signed(KEY, NAMES)
    assert deploy(tmp_path, private(KEY), chain)[0] == 0
    assert (tmp_path / "certificates" / "wildcard.pem").read_bytes() == private(KEY) + chain


def test_a_tenants_own_domain_has_a_file_of_its_own_in_a_folder_that_is_made(tmp_path: Path) -> None:
    code, said = deploy(tmp_path, private(KEY), signed(KEY, ["chat.acme.cl"]), "chat.acme.cl")
    assert code == 0, said
    folder = tmp_path / "certificates" / "custom"
    assert [file.name for file in folder.iterdir()] == ["chat.acme.cl.pem"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o750
    assert stat.S_IMODE((folder / "chat.acme.cl.pem").stat().st_mode) == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a file to a group")
def test_the_group_is_the_one_given(tmp_path: Path) -> None:
    assert deploy(tmp_path, private(KEY), signed(KEY, NAMES), group="www-data")[0] == 0
    assert (tmp_path / "certificates" / "wildcard.pem").stat().st_gid == grp.getgrnam("www-data").gr_gid


LOCKED = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word"))


@pytest.mark.parametrize(
    ("key", "chain", "said"),
    [
        (private(OTHER), signed(KEY, NAMES), "does not fit its certificate: issue it again."),
        (private(KEY), signed(KEY, NAMES, age=91), "bots.example.com expired on "),
        (
            private(KEY),
            signed(KEY, NAMES, age=-1),
            "bots.example.com is not valid before ",
        ),
        (private(KEY), signed(KEY, NAMES[:1]), "lacks *.bots.example.com: issue it again."),
        (private(KEY), signed(KEY, ["*.example.com", NAMES[1]]), ""),
        (private(KEY), signed(KEY, []), "lacks bots.example.com, *.bots.example.com: issue it again."),
        (LOCKED, signed(KEY, NAMES), "has no certificate with an open private key: issue it again."),
        (b"", signed(KEY, NAMES), "has no certificate with an open private key: issue it again."),
        (private(KEY), b"", "has no certificate with an open private key: issue it again."),
    ],
)
def test_what_nginx_could_not_serve(tmp_path: Path, key: bytes, chain: bytes, said: str) -> None:
    deployed = tmp_path / "certificates" / "wildcard.pem"
    assert deploy(tmp_path, private(KEY), signed(KEY, NAMES))[0] == 0
    before = deployed.read_bytes()
    code, output = deploy(tmp_path, key, chain)
    assert code == (1 if said else 0)
    assert said in output
    assert (deployed.read_bytes() == before) is bool(said)


def test_the_first_must_cover_all_names(tmp_path: Path) -> None:
    code, said = deploy(tmp_path, private(KEY), signed(KEY, NAMES[:1]))
    assert code == 1
    assert "lacks *.bots.example.com: issue it again." in said


def test_a_group_that_is_not(tmp_path: Path) -> None:
    code, said = deploy(tmp_path, private(KEY), signed(KEY, NAMES), group="nobodys")
    told = "The group nobodys is not on this machine: make it, or set CONSERJE_CERTBOT_GROUP."
    assert (code, said) == (1, f"conserje: {told}\n")


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "certificates" / "wildcard.pem" / "in the way").mkdir(parents=True)
    code, said = deploy(tmp_path, private(KEY), signed(KEY, NAMES))
    assert code == 1
    assert "wildcard.pem cannot be written: Is a directory." in said
    assert [file.name for file in (tmp_path / "certificates").iterdir()] == ["wildcard.pem"]
