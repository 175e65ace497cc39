"""What an operator has of certificates: certbot's folder, nginx's folder, and the commands."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from pebble import BASES, Nameserver, Pebble
from processes import bare_environment
from waiting import LIMIT


@dataclass(frozen=True)
class Shop:
    """An operator's folders, below one, and the authority that he uses."""

    folder: Path
    authority: Pebble

    @property
    def certificates(self) -> Path:
        return self.folder / "certificates"

    @property
    def acme_root(self) -> Path:
        return self.folder / "acme"

    @property
    def wildcard(self) -> Path:
        return self.certificates / "wildcard.pem"

    @property
    def config(self) -> Path:
        """Certbot's."""
        return self.folder / "certbot" / "config"

    @property
    def environment(self) -> dict[str, str]:
        return bare_environment() | {
            "CONSERJE_DOMAINS": ",".join(BASES),
            "CONSERJE_CERTIFICATES": str(self.certificates),
            "CONSERJE_CERTBOT_DIR": str(self.folder / "certbot"),
            "CONSERJE_ACME_ROOT": str(self.acme_root),
            "REQUESTS_CA_BUNDLE": str(self.authority.ca),
        }

    def start(self, *command: str, cwd: Path = Path("/"), **more: str) -> subprocess.Popen[str]:
        """`conserje certificate` with this command; `more` are further variables."""
        return subprocess.Popen(
            [sys.executable, "-m", "conserje_certbot", *command],
            env=self.environment | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
        )

    def run(self, *command: str, cwd: Path = Path("/"), **more: str) -> tuple[int, str, str]:
        """Exit code, output and errors of a command that ends by itself."""
        process = self.start(*command, cwd=cwd, **more)
        output, errors = process.communicate(timeout=LIMIT)
        return process.returncode, output, errors

    def live(self, name: str = "wildcard") -> x509.Certificate:
        """What certbot has."""
        return leaf(self.config / "live" / name / "fullchain.pem")

    def age(self, days: float, name: str = "wildcard") -> None:
        """Make certbot's certificate one of 90 days that has lived this long."""
        folder = self.config / "live" / name
        key = load_pem_private_key((folder / "privkey.pem").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        pem = signed(key, names(self.live(name)), age=days)
        for file in ("cert.pem", "fullchain.pem"):
            (folder / file).write_bytes(pem)  # through certbot's link


def order(shop: Shop, resolver: Nameserver, **changes: str | None) -> list[str]:
    """Options of `issue` for the wildcard certificate."""
    file = resolver.credentials(shop.folder / "rfc2136.ini", **changes)
    return [
        "--dns",
        "rfc2136",
        "--credentials",
        str(file),
        "--propagation",
        "0",
        "--server",
        shop.authority.server,
    ]


def signed(key: ec.EllipticCurvePrivateKey, hosts: Iterable[str], age: float = 1, life: float = 90) -> bytes:
    """A certificate, signed by its own key, that has lived `age` of `life` days."""
    begins = datetime.now(UTC) - timedelta(days=age)
    name = x509.Name([])  # certbot takes a common name for a host
    return (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=life))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), False)
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )


def private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def names(certificate: x509.Certificate) -> list[str]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return found.get_values_for_type(x509.DNSName)


def leaf(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())
