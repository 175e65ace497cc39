"""A secret in all the ways in which requests and answers write one."""

from __future__ import annotations

import base64
import html
import json
import re
from urllib.parse import quote, quote_plus


def ways(secret: str) -> dict[str, str]:
    """By what each is called."""
    plain = secret.encode()
    return {
        "as it is": secret,
        "in an address": quote(secret, safe=""),
        "in a path": quote(secret),
        "in a form": quote_plus(secret),
        "in small escapes": re.sub("%..", lambda found: found[0].lower(), quote(secret, safe="")),
        "escaped twice": quote(quote(secret, safe=""), safe=""),
        "in JSON": json.dumps(secret)[1:-1],
        "in JSON with slashes escaped": json.dumps(secret)[1:-1].replace("/", "\\/"),
        "in a page": html.escape(secret),
        "in hex": plain.hex(),
        "in capital hex": plain.hex().upper(),
        "in base64": base64.b64encode(plain).decode(),
        "in base64 of addresses": base64.urlsafe_b64encode(plain).decode().rstrip("="),
        "for Basic": base64.b64encode(b"user:" + plain).decode(),
        "for Basic, as its user": base64.b64encode(plain + b":password").decode(),
        "within base64": base64.b64encode(b'{"a":"' + plain + b'"}').decode(),
    }
