"""How what is posted to a tenant's own systems proves itself: Standard Webhooks' signature, and a token."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Sequence
from secrets import token_urlsafe

PREFIX = "whsec_"
TOKEN_LIVES = 300  # seconds


def new_secret() -> str:
    """One that signs, in the form of Standard Webhooks.

    Its bytes are letters, since what receives is n8n's Crypto node at times, which can be given no others.
    """
    return PREFIX + base64.b64encode(token_urlsafe(32).encode()).decode()


def is_secret(text: str) -> bool:
    """Whether `text` is of that form, and long enough."""
    try:
        return text.startswith(PREFIX) and 24 <= len(_key(text)) <= 64
    except binascii.Error:
        return False


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX), validate=True)


def signature(secret: str, name: str, at: int, body: bytes) -> str:
    """The header `webhook-signature`; `at` is in seconds since 1970."""
    signed = hmac.digest(_key(secret), f"{name}.{at}.".encode() + body, "sha256")
    return "v1," + base64.b64encode(signed).decode()


def signatures(secrets: Sequence[str], name: str, at: int, body: bytes) -> str:
    """The same by each of several secrets, of which the receiver knows one."""
    return " ".join(signature(secret, name, at, body) for secret in secrets)


def token(secret: str, issuer: str, audience: str, subject: str, name: str, at: int) -> str:
    """A JSON web token (HS256) that n8n checks by itself. Written here, since it is never read here."""
    claims = {"iss": issuer, "aud": audience, "sub": subject, "jti": name, "iat": at, "exp": at + TOKEN_LIVES}
    said = b".".join(_part(json.dumps(each).encode()) for each in ({"alg": "HS256", "typ": "JWT"}, claims))
    return (said + b"." + _part(hmac.digest(secret.encode(), said, "sha256"))).decode()


def _part(plain: bytes) -> bytes:
    return base64.urlsafe_b64encode(plain).rstrip(b"=")
