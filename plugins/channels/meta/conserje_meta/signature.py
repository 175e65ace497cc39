"""Who may post: Meta's signature over the body, and the handshake by which Meta asks whose the webhook is."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from weakref import WeakKeyDictionary

from conserje import Malformed, Webhook

HEADER = "x-hub-signature-256"
_CHALLENGE = re.compile(r"[0-9]{1,32}")

_signatures: WeakKeyDictionary[Webhook, dict[str, bytes]] = WeakKeyDictionary()


def signer(hook: Webhook, secrets: Mapping[str, str]) -> str | None:
    """The name of the app secret that signs."""
    given = _bytes(hook.headers.get(HEADER, ""))
    fitting = [
        name for name, secret in secrets.items() if hmac.compare_digest(given, _signature(hook, secret))
    ]
    return fitting[0] if fitting else None


def sign(secret: str, body: bytes) -> bytes:
    """The value of the header if this app secret signs the body."""
    return b"sha256=" + hmac.digest(secret.encode(), body, hashlib.sha256).hex().encode()


def _signature(hook: Webhook, secret: str) -> bytes:
    """Made once, however many accounts and tenants the post is tried with."""
    made = _signatures.setdefault(hook, {})
    if secret not in made:
        made[secret] = sign(secret, hook.body)
    return made[secret]


def greets(hook: Webhook, verify_token: str) -> bool:
    """Whether this is the handshake with that token."""
    asked = dict(hook.query)
    given = _bytes(asked.get("hub.verify_token", ""))
    return asked.get("hub.mode") == "subscribe" and hmac.compare_digest(given, verify_token.encode())


def challenge(hook: Webhook) -> str:
    """What Meta wants to hear again: a number, so nothing else is said. Raises Malformed."""
    given = dict(hook.query).get("hub.challenge", "")
    if not _CHALLENGE.fullmatch(given):
        raise Malformed("hub.challenge is not a number.")
    return given


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # a stranger's text must not raise
