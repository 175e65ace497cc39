"""Twilio's webhook signature: HMAC-SHA1 over the public URL and the form."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable

HEADER = "x-twilio-signature"
# Announces a signature by a shared key instead of the auth token.
SETTINGS_HEADER = "x-twilio-webhooks-signature-settings"

_URL = re.compile(r"(https?)://(\[[^\]/?]*\]|[^:/?]*)(:[0-9]+)?(.*)", re.DOTALL)

Fields = Iterable[tuple[str, str]]


def sign(token: str, url: str, form: Fields) -> str:
    """The signature of `form` posted to exactly `url`, which has no fragment."""
    return _mac(token, url + _joined(form)).decode()


def signs(token: str, url: str, form: Fields, signature: str) -> bool:
    """Whether `token` made `signature`. Twilio names the port in the URL that it signs, or not."""
    given, joined = _encode(signature), _joined(form)
    return any(hmac.compare_digest(given, _mac(token, s + joined)) for s in _spellings(url))


def _joined(form: Fields) -> str:
    return "".join(name + value for name, value in sorted(set(form)))


def _spellings(url: str) -> list[str]:
    url = url.partition("#")[0]
    parts = _URL.fullmatch(url)
    if not parts:
        return [url]
    scheme, host, port, rest = parts.groups()
    standard = ":443" if scheme == "https" else ":80"
    return [f"{scheme}://{host}{rest}", f"{scheme}://{host}{port or standard}{rest}"]


def _mac(token: str, signed: str) -> bytes:
    return base64.b64encode(hmac.digest(token.encode(), _encode(signed), "sha1"))


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # a stranger's header must not raise
