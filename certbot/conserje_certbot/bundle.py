"""A private key with its certificates in one PEM: what nginx reads at each handshake."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from conserje_certbot.failure import CertificateError
from conserje_certbot.names import covers

# Of a certificate's life left; certbot renews when a third is (a half, below 10 days of life).
OVERDUE = 1 / 6


@dataclass(frozen=True)
class Bundle:
    """The key, the certificate made out for it, and those above it."""

    pem: bytes
    leaf: x509.Certificate
    names: tuple[str, ...]

    @classmethod
    def of_lineage(cls, folder: Path) -> Bundle:
        """What certbot keeps in `folder`. Raises CertificateError for what nginx could not serve."""
        try:
            key = (folder / "privkey.pem").read_bytes()
            chain = (folder / "fullchain.pem").read_bytes()
        except OSError as error:
            raise CertificateError(f"{error.filename} cannot be read: {error.strerror}.") from None
        return cls.of(key, chain, folder)

    @classmethod
    def of(cls, key: bytes, chain: bytes, source: Path) -> Bundle:
        """Raises CertificateError, naming `source`, for what nginx could not serve."""
        try:
            leaf = x509.load_pem_x509_certificates(chain)[0]
            own = load_pem_private_key(key, None).public_key()
            fits = _public(own) == _public(leaf.public_key())
        except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: the key wants a password
            raise CertificateError(
                f"{source} has no certificate with an open private key: issue it again."
            ) from None
        if not fits:
            raise CertificateError(f"The key in {source} does not fit its certificate: issue it again.")
        return cls(b"\n".join((key.strip(), chain.strip(), b"")), leaf, _names(leaf))

    @property
    def serial(self) -> str:
        return f"{self.leaf.serial_number:x}"

    @property
    def expires(self) -> datetime:
        return self.leaf.not_valid_after_utc

    def as_json(self, file: Path) -> str:
        """What is told of it; `file` holds it."""
        told = {"file": str(file), "serial": self.serial, "names": self.names, "expires": self.expires}
        return json.dumps(told, indent=2, default=str)

    def require(self, names: Iterable[str]) -> None:
        """Raises CertificateError unless it is valid now, for all of these names."""
        now = datetime.now(UTC)
        if now >= self.expires:
            raise CertificateError(
                f"The certificate for {self.names[0]} expired on {self.expires:%F %R} UTC: renew it."
            )
        if now < self.leaf.not_valid_before_utc:
            begins = self.leaf.not_valid_before_utc
            raise CertificateError(
                f"The certificate for {self.names[0]} is not valid before {begins:%F %R} UTC: set the clock."
            )
        if missing := [name for name in names if not covers(self.names, name)]:
            raise CertificateError(
                f"The certificate for {', '.join(self.names)} lacks {', '.join(missing)}: issue it again."
            )

    @property
    def overdue(self) -> bool:
        """Whether it should have been renewed long ago."""
        life = self.expires - self.leaf.not_valid_before_utc
        return self.expires - datetime.now(UTC) < life * OVERDUE


def _public(key: object) -> bytes:
    encoded: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return encoded


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ("nobody",)
    return tuple(found.get_values_for_type(x509.DNSName)) or ("nobody",)
