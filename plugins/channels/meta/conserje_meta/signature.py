"""Who may post: Meta's signature over the body, and the handshake by which Meta asks whose the webhook is."""

from __future__ import annotations

import hmac
import re

from conserje import Malformed, Webhook
from conserje.kit import Hmac

APP = Hmac("x-hub-signature-256", prefix="sha256=")
_CHALLENGE = re.compile(r"[0-9]{1,32}")


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
