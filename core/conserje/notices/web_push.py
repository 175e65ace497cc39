"""Web push: what a push service takes (RFC 8030, 8292), and only its browser reads (RFC 8188, 8291)."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import http_ece
import jwt
from cryptography.hazmat.primitives.asymmetric import ec

CURVE = ec.SECP256R1()
AUTH_BYTES = 16
TOKEN_LIVES = 12 * 3600  # seconds; services take a day at most
KEPT = 12 * 3600  # seconds that a service keeps it for a device that is off


@dataclass(frozen=True, slots=True)
class Address:
    """Where a browser is told, and by which keys of its own it reads."""

    endpoint: str = field(repr=False)  # who knows it may post to it
    p256dh: bytes
    auth: bytes = field(repr=False)

    @property
    def origin(self) -> str:
        parts = urlsplit(self.endpoint)
        return f"{parts.scheme}://{parts.netloc}"


def is_key(point: bytes) -> bool:
    """Whether it is a browser's public key."""
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(CURVE, point)
    except ValueError:
        return False
    return True


def encrypted(address: Address, plain: bytes) -> bytes:
    """For that browser alone."""
    once = ec.generate_private_key(CURVE)
    keys = {"private_key": once, "dh": address.p256dh, "auth_secret": address.auth}
    body: bytes = http_ece.encrypt(plain, **keys)  # type: ignore[no-untyped-call]
    return body


def headers(
    address: Address, private: ec.EllipticCurvePrivateKey, public: str, contact: str, topic: str
) -> dict[str, str]:
    """By which the service knows who posts (RFC 8292); of what has the same topic it keeps the last."""
    claims = {"aud": address.origin, "exp": int(time.time()) + TOKEN_LIVES, "sub": contact}
    token = jwt.encode(claims, private, "ES256")
    return {
        "authorization": f"vapid t={token}, k={public}",
        "content-encoding": "aes128gcm",
        "content-type": "application/octet-stream",
        "ttl": str(KEPT),
        "urgency": "high",
        "topic": topic,
    }
