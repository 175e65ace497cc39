"""What certbot's DNS plugins need to know, looked at before certbot runs."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import stat
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path

from conserje_certbot import ini
from conserje_certbot.failure import CertificateError

ALGORITHMS = ("HMAC-SHA256", "HMAC-SHA512", "HMAC-SHA384", "HMAC-SHA224", "HMAC-SHA1", "HMAC-MD5")
BY_THE_MACHINE = ("route53", "google")  # may get their rights from where they run


def check(provider: str, file: Path | None) -> None:
    """Raises CertificateError that says what to write, and shows no value but the server's."""
    if not entry_points(group="certbot.plugins", name=f"dns-{provider}"):
        raise CertificateError(
            f"certbot lacks its plugin for {provider}: `pip install 'conserje-certbot[{provider}]'`."
        )
    if file is None:
        if provider not in BY_THE_MACHINE:
            raise CertificateError(f"{provider} needs its credentials: add --credentials FILE.")
        return
    _require_private(file)
    CHECKS[provider](file)


def _require_private(file: Path) -> None:
    try:
        mode = file.stat().st_mode
        file.open("rb").close()
    except OSError as error:
        raise CertificateError(f"{file} cannot be read: {error.strerror}.") from None
    if mode & 0o077:
        raise CertificateError(
            f"{file} is open to others (mode {stat.S_IMODE(mode):04o}): `chmod 600 {file}`."
        )


def _require(file: Path, values: Mapping[str, object], *names: str) -> None:
    if missing := [name for name in names if not values.get(name)]:
        raise CertificateError(f"{file} lacks {', '.join(missing)}.")


def _check_rfc2136(file: Path) -> None:
    values = ini.read(file)
    _require(file, values, *(f"dns_rfc2136_{name}" for name in ("server", "name", "secret", "algorithm")))
    server, algorithm = values["dns_rfc2136_server"], values["dns_rfc2136_algorithm"]
    try:
        ipaddress.ip_address(server)
    except ValueError:
        raise CertificateError(
            f"{file}: dns_rfc2136_server must be the server's IP address, not {server!r}."
        ) from None
    if str(algorithm).upper() not in ALGORITHMS:
        raise CertificateError(f"{file}: dns_rfc2136_algorithm must be one of {', '.join(ALGORITHMS)}.")
    port = str(values.get("dns_rfc2136_port", 53))
    if not (port.isdecimal() and 0 < int(port) < 65536):
        raise CertificateError(f"{file}: dns_rfc2136_port must be a number below 65536.")
    try:
        base64.b64decode(values["dns_rfc2136_secret"], validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise CertificateError(
            f"{file}: dns_rfc2136_secret must be base64, as tsig-keygen writes it."
        ) from None


def _check_cloudflare(file: Path) -> None:
    values = ini.read(file)
    by_key = ("dns_cloudflare_email", "dns_cloudflare_api_key")
    if not values.get("dns_cloudflare_api_token"):
        if not any(values.get(name) for name in by_key):
            raise CertificateError(
                f"{file} lacks dns_cloudflare_api_token: make a token that may edit the zone."
            )
        _require(file, values, *by_key)
    elif any(values.get(name) for name in by_key):
        raise CertificateError(
            f"{file}: {' and '.join(by_key)} must not stand beside dns_cloudflare_api_token."
        )


def _check_route53(file: Path) -> None:
    default = ini.read(file).get("default")
    if not isinstance(default, Mapping):
        raise CertificateError(f"{file} lacks the section [default].")
    _require(file, default, "aws_access_key_id", "aws_secret_access_key")


def _check_google(file: Path) -> None:
    try:
        account = json.loads(file.read_bytes())
    except ValueError:
        account = None
    if not isinstance(account, dict) or account.get("type") != "service_account":
        raise CertificateError(f"{file} is no key of a service account: get one from Google, as JSON.")
    _require(file, account, "project_id", "client_email", "private_key", "token_uri")


CHECKS: dict[str, Callable[[Path], None]] = {
    "rfc2136": _check_rfc2136,
    "cloudflare": _check_cloudflare,
    "route53": _check_route53,
    "google": _check_google,
}
