"""What nginx really serves, compared with what it should."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from conserje_certbot.bundle import Bundle
from conserje_certbot.failure import CertificateError
from conserje_certbot.store import Store

SECONDS = 10.0


@dataclass(frozen=True)
class Finding:
    """One name of one certificate, as it is stored and as it is served."""

    name: str
    stored: str | None
    served: str | None
    expires: datetime | None
    fault: str | None


def check(lineage: Path, store: Store, host: str, port: int) -> list[Finding]:
    """What is found for each name that certbot's newest certificate in `lineage` has."""
    try:
        bundle = Bundle.of_lineage(lineage)
        bundle.require(store.names(lineage.name))
    except CertificateError as error:
        return [Finding(lineage.name, None, None, None, error.message)]
    return [_compare(name, bundle, store.path(lineage.name), host, port) for name in bundle.names]


def _compare(name: str, bundle: Bundle, place: Path, host: str, port: int) -> Finding:
    try:
        served = serial_served(name.replace("*", "console"), host, port)
    except OSError as error:  # so are TLS's
        fault = f"{host}:{port} gives {name} no TLS: {error.strerror or error}."
        return Finding(name, bundle.serial, None, bundle.expires, fault)
    return Finding(name, bundle.serial, served, bundle.expires, _fault(name, bundle, served, place))


def _fault(name: str, bundle: Bundle, served: str, place: Path) -> str | None:
    if served != bundle.serial:
        return (
            f"{name} is served with certificate {served} instead of {bundle.serial}, the newest: nginx must"
            f" read {place}, which `conserje certificate deploy` writes."
        )
    if bundle.overdue:
        return (
            f"The certificate for {name}, which expires on {bundle.expires:%F %R} UTC, is not renewed:"
            " see what `conserje certificate renew` says."
        )
    return None


def serial_served(name: str, host: str, port: int) -> str:
    """The serial number of the certificate that is shown for `name`. Raises OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # which one it is, is asked here; the CA may be a staging one
    with (
        socket.create_connection((host, port), SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=name) as connection,
    ):
        shown = connection.getpeercert(binary_form=True)
    assert shown is not None, "a server always shows one"
    return f"{x509.load_der_x509_certificate(shown).serial_number:x}"
