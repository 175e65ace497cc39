"""A device that makes passkeys and signs with them, as browsers hand them on."""

from __future__ import annotations

import hashlib
import json
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import encode_cbor

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class Authenticator:
    """One device with one key; `verifies`: it asks for a finger or a number first."""

    origin: str = "http://console.localhost:9101"
    verifies: bool = True
    counter: int = 0
    id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def create(self, options: dict[str, Any], origin: str = "") -> str:
        """What a browser answers to what asks for a key."""
        point = self.key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)}
        attested = bytes(16) + len(self.id).to_bytes(2) + self.id + encode_cbor(public)
        data = self._data(options["rp"]["id"], ATTESTED) + attested
        made = encode_cbor({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", options["challenge"], origin)
        return self._answer({"clientDataJSON": _url(client), "attestationObject": _url(made)})

    def get(self, options: dict[str, Any], origin: str = "") -> str:
        """What a browser answers to what asks for a signature."""
        self.counter += 1
        data = self._data(options["rpId"], 0)
        client = self._client("webauthn.get", options["challenge"], origin)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        signed = {
            "authenticatorData": _url(data),
            "clientDataJSON": _url(client),
            "signature": _url(signature),
        }
        return self._answer(signed)

    def _data(self, host: str, flags: int) -> bytes:
        flags |= PRESENT | (VERIFIED if self.verifies else 0)
        return hashlib.sha256(host.encode()).digest() + bytes([flags]) + self.counter.to_bytes(4)

    def _client(self, kind: str, challenge: str, origin: str) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": origin or self.origin, "crossOrigin": False}
        return json.dumps(said).encode()

    def _answer(self, response: dict[str, str]) -> str:
        named = {"id": _url(self.id), "rawId": _url(self.id), "type": "public-key"}
        return json.dumps({**named, "response": response, "clientExtensionResults": {}})


def _url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
