"""A certificate authority of one machine, for the demo and for tests: no browser trusts it unasked."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

YEARS, MONTHS = timedelta(days=3650), timedelta(days=90)


class Authority:
    """Its key and certificate lie in a folder, made the first time."""

    def __init__(self, folder: Path) -> None:
        self.certificate_file = folder / "ca.pem"
        key_file = folder / "ca.key"
        if not self.certificate_file.exists():
            folder.mkdir(parents=True, exist_ok=True)
            key = ec.generate_private_key(ec.SECP256R1())
            write(key_file, _private(key))
            write(self.certificate_file, _root(key).public_bytes(serialization.Encoding.PEM))
        self._key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        self._certificate = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())

    def issue(self, names: Iterable[str], file: Path) -> None:
        """Write key and certificate for the names into one file, as nginx reads them."""
        key = ec.generate_private_key(ec.SECP256R1())
        assert isinstance(self._key, ec.EllipticCurvePrivateKey)
        listed = list(names)
        certificate = (
            _begun(key, listed[0], self._certificate.subject, MONTHS)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in listed]), False)
            .add_extension(x509.BasicConstraints(False, None), True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False)
            .sign(self._key, hashes.SHA256())
        )
        file.parent.mkdir(parents=True, exist_ok=True)
        write(file, _private(key) + certificate.public_bytes(serialization.Encoding.PEM))


def write(file: Path, content: bytes) -> None:
    """Put the whole file in its place, for nobody else to read."""
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(content)
    new.replace(file)


def _begun(
    key: ec.EllipticCurvePrivateKey, name: str, issuer: x509.Name | None, lasts: timedelta
) -> x509.CertificateBuilder:
    subject, now = _name(name), datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + lasts)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    )


def _root(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        _begun(key, "Conserje, this machine only", None, YEARS)
        .add_extension(x509.BasicConstraints(True, 0), True)
        .add_extension(usage, True)
        .sign(key, hashes.SHA256())
    )


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
