"""A credentials file that cannot work is refused before certbot runs, without showing what is in it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from certificates import Shop, order
from click.testing import CliRunner
from pebble import BASES, Nameserver

from conserje_certbot import certificate, credentials
from conserje_certbot.client import Client
from conserje_certbot.failure import CertificateError

SECRET = "c2VjcmV0IHRoYXQgbm9ib2R5IG1heSBzZWU="
RIGHT = {
    "dns_rfc2136_server": "192.0.2.1",
    "dns_rfc2136_name": "certbot.",
    "dns_rfc2136_secret": SECRET,
    "dns_rfc2136_algorithm": "HMAC-SHA256",
}
ACCOUNT = {
    "type": "service_account",
    "project_id": "p",
    "client_email": "a@p.example",
    "private_key": SECRET,
    "token_uri": "https://oauth2.example/token",
}


def issue(tmp_path: Path, dns: str, content: str | bytes | None, mode: int = 0o600) -> str:
    """What is said to an operator who gives a file with this in it."""
    file = tmp_path / "credentials"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        file.chmod(mode)
    folders = ["--certificates", str(tmp_path), "--certbot-dir", str(tmp_path / "certbot")]
    options = ["--domain", BASES[0], "--dns", dns, "--credentials", str(file)]
    done = CliRunner().invoke(certificate, ["issue", *folders, *options])
    assert done.exit_code == 1
    assert not (tmp_path / "certbot").exists(), "certbot ran"
    assert SECRET not in done.output
    return done.output


def ini(**values: str | None) -> str:
    return "".join(f"{name} = {value}\n" for name, value in values.items() if value is not None)


def without(**changes: str | None) -> str:
    return ini(**(RIGHT | changes))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "credentials cannot be read: No such file or directory."),
        ("", "lacks dns_rfc2136_server, dns_rfc2136_name, dns_rfc2136_secret, dns_rfc2136_algorithm."),
        (without(dns_rfc2136_secret=None), "lacks dns_rfc2136_secret."),
        (without(dns_rfc2136_algorithm=None), "lacks dns_rfc2136_algorithm."),
        (
            without(dns_rfc2136_server="ns.example.com"),
            "must be the server's IP address, not 'ns.example.com'.",
        ),
        (without(dns_rfc2136_algorithm="SHA256"), "dns_rfc2136_algorithm must be one of HMAC-SHA256, "),
        (without(dns_rfc2136_server="192.0.2.1, 192.0.2.2"), "must be the server's IP address"),
        (without(dns_rfc2136_port="dns"), "dns_rfc2136_port must be a number"),
        (without(dns_rfc2136_secret=SECRET[:-1]), "dns_rfc2136_secret must be base64"),
        ("server 192.0.2.1\n", "has a line that is not `name = value`: correct it."),
        (b"\xff\xfe", "has a line that is not `name = value`: correct it."),
    ],
)
def test_rfc2136(tmp_path: Path, content: str | bytes | None, said: str) -> None:
    assert said in issue(tmp_path, "rfc2136", content)


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    said = issue(tmp_path, "rfc2136", without(), mode=0o644)
    assert re.search(r"is open to others \(mode 0644\): `chmod 600 /\S+/credentials`\.", said)


@pytest.fixture
def all_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every plugin were installed; certbot never gets to ask for one here."""
    monkeypatch.setattr("conserje_certbot.credentials.entry_points", lambda **_: ["there"])


@pytest.mark.usefixtures("all_plugins")
@pytest.mark.parametrize(
    ("dns", "content", "said"),
    [
        ("cloudflare", ini(token=SECRET), "lacks dns_cloudflare_api_token"),
        ("cloudflare", ini(dns_cloudflare_api_key=SECRET), "lacks dns_cloudflare_email."),
        (
            "cloudflare",
            ini(dns_cloudflare_api_token="t", dns_cloudflare_email="a@example.com"),
            "dns_cloudflare_email and dns_cloudflare_api_key must not stand beside dns_cloudflare_api_token.",
        ),
        ("route53", ini(aws_secret_access_key=SECRET), "lacks the section [default]."),
        ("route53", "[default]\n" + ini(aws_secret_access_key=SECRET), "lacks aws_access_key_id."),
        ("google", SECRET, "is no key of a service account"),
        ("google", json.dumps(ACCOUNT | {"type": "authorized_user"}), "is no key of a service account"),
        ("google", json.dumps(ACCOUNT | {"project_id": None}), "lacks project_id."),
    ],
)
def test_others(tmp_path: Path, dns: str, content: str, said: str) -> None:
    assert said in issue(tmp_path, dns, content)


@pytest.mark.usefixtures("all_plugins")
@pytest.mark.parametrize(
    ("dns", "content"),
    [
        ("cloudflare", ini(dns_cloudflare_api_token=SECRET)),
        ("cloudflare", ini(dns_cloudflare_email="a@example.com", dns_cloudflare_api_key=SECRET)),
        ("route53", "[default]\n" + ini(aws_access_key_id="A", aws_secret_access_key=SECRET)),
        ("google", json.dumps(ACCOUNT)),
    ],
)
def test_what_a_plugin_needs_is_enough(tmp_path: Path, dns: str, content: str) -> None:
    file = tmp_path / "credentials"
    file.write_text(content)
    file.chmod(0o600)
    credentials.check(dns, file)


@pytest.mark.usefixtures("all_plugins")
def test_a_machine_may_have_its_rights_from_where_it_runs() -> None:
    credentials.check("route53", None)
    credentials.check("google", None)
    with pytest.raises(CertificateError, match="cloudflare needs its credentials: add --credentials FILE"):
        credentials.check("cloudflare", None)


def test_a_plugin_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conserje_certbot.credentials.entry_points", lambda **_: [])
    with pytest.raises(CertificateError, match=r"pip install 'conserje-certbot\[route53\]'"):
        credentials.check("route53", None)


def test_each_run_tells_aws_where_its_credentials_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, client = tmp_path / "aws", Client(tmp_path / "certbot")
    file.write_text("there")
    reads = "import os, sys; sys.exit(open(os.environ.get('AWS_SHARED_CREDENTIALS_FILE', '/none')).read())"
    monkeypatch.setattr("conserje_certbot.client.START", reads)
    monkeypatch.delenv("AWS_SHARED_CREDENTIALS_FILE", raising=False)
    with client.alone():
        client.keep_aws_credentials(file)
        with pytest.raises(CertificateError, match="there"):
            client.run("renew")
        client.keep_aws_credentials(None)
        with pytest.raises(CertificateError, match="/none"):
            client.run("renew")


def test_a_secret_that_the_server_does_not_know(shop: Shop, resolver: Nameserver) -> None:
    wrong = order(shop, resolver, secret=SECRET)
    code, _, errors = shop.run("issue", *wrong, CONSERJE_CERTBOT_DIR=str(shop.folder / "new"))
    assert code == 1
    assert "certbot certonly failed" in errors
    assert "BADSIG" in errors or "peer" in errors, errors
    assert SECRET not in errors
