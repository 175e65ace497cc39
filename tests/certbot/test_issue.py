"""`conserje certificate issue` for the base domains, from a real authority by real DNS."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from certificates import Shop, leaf, names, order
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pebble import BASES, Nameserver

from conserje_certbot import certificate
from conserje_certbot.names import wildcard_names


def test_one_certificate_names_every_base_domain_and_what_is_below(issued: Shop) -> None:
    assert set(names(leaf(issued.wildcard))) == {name for base in BASES for name in (base, f"*.{base}")}


def test_key_and_chain_lie_in_one_file_for_nginx_alone(issued: Shop) -> None:
    text = issued.wildcard.read_bytes()
    key = load_pem_private_key(text, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.public_key() == leaf(issued.wildcard).public_key()
    assert len(x509.load_pem_x509_certificates(text)) > 1
    there = issued.wildcard.stat()
    assert stat.S_IMODE(there.st_mode) == 0o640
    assert there.st_gid == issued.certificates.stat().st_gid
    assert [file.name for file in issued.certificates.iterdir()] == ["wildcard.pem"]


def test_issued_again_nothing_changes(shop: Shop, resolver: Nameserver) -> None:
    before = shop.wildcard.read_bytes()
    code, output, errors = shop.run("issue", *order(shop, resolver))
    assert code == 0, errors
    assert shop.wildcard.read_bytes() == before
    assert f"holds {leaf(shop.wildcard).serial_number:x} for " in output


def test_issued_in_another_way_it_is_renewed_in_that_way_with_the_same_key(
    shop: Shop, resolver: Nameserver
) -> None:
    """Also from a relative path, since the timer that renews starts elsewhere."""
    before = leaf(shop.wildcard)
    elsewhere = shop.folder / "elsewhere"
    elsewhere.mkdir()
    command = order(shop, resolver)
    (shop.folder / "rfc2136.ini").rename(elsewhere / "dns.ini")
    command[command.index("--credentials") + 1] = "dns.ini"
    code, _, errors = shop.run("issue", *command, cwd=elsewhere)
    assert code == 0, errors
    assert leaf(shop.wildcard).serial_number != before.serial_number
    assert leaf(shop.wildcard).public_key() == before.public_key()
    stored = (shop.config / "renewal" / "wildcard.conf").read_text()
    assert f"dns_rfc2136_credentials = {elsewhere}/dns.ini\n" in stored


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--domain", "bots.example.com"], "Give --dns and --credentials for the base domains, or --host"),
        (["--domain", "bots.example.com", "--dns", "google", "--host", "a.cl"], "Give --dns and"),
        (["--domain", "*.bots.example.com"], "'*.bots.example.com' is no domain such as bots.example.com."),
        (["--domain", "bots"], "'bots' is no domain such as"),
        (["--domain", "bots.example.com", "--staging", "--server", "https://ca"], "not both"),
        ([], "Missing option '--domain'"),
    ],
)
def test_called_wrongly(options: list[str], said: str) -> None:
    done = CliRunner().invoke(certificate, ["issue", *options])
    assert done.exit_code == 2
    assert said in done.output


@pytest.mark.parametrize("host", ["bots.cl", "acme.bots.cl", "a.b.BOTS.cl."])
def test_a_host_below_a_base_domain_needs_no_certificate_of_its_own(host: str) -> None:
    done = CliRunner().invoke(certificate, ["issue", "--domain", "bots.cl", "--host", host])
    assert done.exit_code == 1
    assert "is a base domain or below one: get the wildcard certificate, by --dns." in done.output


def test_what_was_never_issued_cannot_be_taken_off(tmp_path: Path) -> None:
    folders = ["--certificates", str(tmp_path), "--certbot-dir", str(tmp_path / "certbot")]
    done = CliRunner().invoke(certificate, ["remove", "chat.acme.cl", "--domain", "bots.cl", *folders])
    assert (done.exit_code, done.output) == (
        1,
        f"conserje: {tmp_path}/certbot has no certificate for chat.acme.cl.\n",
    )


def test_a_base_below_another_is_left_to_that_ones_wildcard() -> None:
    """Let's Encrypt refuses an order that names both."""
    assert wildcard_names(["example.com", "bots.example.com"]) == [
        "example.com",
        "*.example.com",
        "*.bots.example.com",
    ]
