"""Who may post: Twilio signs by an HMAC over the public URL and the form."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Literal

from conserje import Webhook

HEADER = "x-twilio-signature"
# Announces a signature by a shared key instead of the auth token, and says by which.
_SETTINGS_HEADER = "x-twilio-webhooks-signature-settings"
_SHARED_KEY_ALGORITHM = "HMAC_SHA256"

_URL = re.compile(r"(https?)://(\[[^\]/?]*\]|[^:/?]*)(:[0-9]+)?(.*)", re.DOTALL)

_Fields = Iterable[tuple[str, str]]
_Digest = Literal["sha1", "sha256"]  # of auth tokens, of shared keys


def signer(hook: Webhook, tokens: Mapping[str, str], shared_keys: Mapping[str, str]) -> str | None:
    """The name of the secret that signs; a post that names a shared key is judged by that key alone."""
    given = hook.headers.get(HEADER, "")
    if (settings := hook.headers.get(_SETTINGS_HEADER)) is not None:
        key = _shared_key(settings)
        secret = shared_keys.get(key)
        fits = secret is not None and signs(secret, hook.url, hook.form, given, "sha256")
        return f"shared_keys.{key}" if fits else None
    fitting = (name for name, token in tokens.items() if signs(token, hook.url, hook.form, given))
    return next(fitting, None)


def sign(secret: str, url: str, form: _Fields, digest: _Digest = "sha1") -> str:
    """The signature of `form` posted to exactly `url`, which has no fragment."""
    return _mac(secret, url + _joined(form), digest).decode()


def signs(secret: str, url: str, form: _Fields, signature: str, digest: _Digest = "sha1") -> bool:
    """Whether `secret` made `signature`. Twilio names the port in the URL that it signs, or not."""
    given, joined = _encode(signature), _joined(form)
    url = url.partition("#")[0]
    if hmac.compare_digest(given, _mac(secret, url + joined, digest)):
        return True
    other = _spelled_otherwise(url)
    return other is not None and hmac.compare_digest(given, _mac(secret, other + joined, digest))


def _shared_key(settings: str) -> str:
    """The id of the shared key that the settings header names; "" unless it is one of HMAC_SHA256."""
    parts = [part.strip().partition("=") for part in settings.split(",")]
    named = {name: value for name, _, value in parts}
    well_formed = len(named) == len(parts) and named.get("algorithm") == _SHARED_KEY_ALGORITHM
    return named.get("key", "") if well_formed else ""


def _joined(form: _Fields) -> str:
    return "".join(chain.from_iterable(sorted(set(form))))


def _spelled_otherwise(url: str) -> str | None:
    """The URL without the port that it names, or with the one that it does not."""
    if not (parts := _URL.fullmatch(url)):
        return None
    scheme, host, port, rest = parts.groups()
    standard = ":443" if scheme == "https" else ":80"
    return f"{scheme}://{host}{'' if port else standard}{rest}"


def _mac(secret: str, signed: str, digest: _Digest) -> bytes:
    return base64.b64encode(hmac.digest(secret.encode(), _encode(signed), digest))


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # a stranger's header must not raise
