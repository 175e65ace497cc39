"""A push service, which checks as the real ones do, and browsers, which read by keys of their own."""

from __future__ import annotations

import base64
import json
import re
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from conserje.notices.web_push import Address
from conserje_fakes.server import serving

CURVE = ec.SECP256R1()
AUTHORIZATION = re.compile(r"vapid t=([\w.-]+), k=([\w-]+)")
LONGEST = 4096  # bytes, as services take them
DAY = 24 * 3600
_serial = count(1)


def written(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def read(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


@dataclass
class Subscribed:
    """What a browser has made of itself, and what it was told."""

    url: str
    key: str = ""  # of the application server that it was made for
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(CURVE))
    auth: bytes = field(default_factory=lambda: next(_serial).to_bytes(16, "big"))
    shown: list[dict[str, Any]] = field(default_factory=list)

    @property
    def address(self) -> Address:
        return Address(self.url, point(self.private.public_key()), self.auth)

    def opened(self, body: bytes) -> bytes:
        """RFC 8291, written from it, with no line of what is tested."""
        salt, (size, length) = body[:16], struct.unpack("!LB", body[16:21])
        sender, sealed = body[21 : 21 + length], body[21 + length :]
        assert len(sealed) <= size
        shared = self.private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, sender))
        info = b"WebPush: info\0" + point(self.private.public_key()) + sender
        secret = _derived(self.auth, info, 32, shared)
        key = _derived(salt, b"Content-Encoding: aes128gcm\0", 16, secret)
        nonce = _derived(salt, b"Content-Encoding: nonce\0", 12, secret)
        plain, _, padding = AESGCM(key).decrypt(nonce, sealed, None).rpartition(b"\2")
        assert not padding.strip(b"\0")
        return plain


def _derived(salt: bytes, info: bytes, length: int, secret: bytes) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


@dataclass
class PushService:
    """Takes what is posted to its browsers, or answers as it was told."""

    url: str = ""
    browsers: dict[str, Subscribed] = field(default_factory=dict)
    answers: list[int | Callable[[Request], Any]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)

    def subscribe(self, key: str) -> Subscribed:
        """What a browser gets that was asked with this application server's key."""
        path = f"/push/{next(_serial)}"
        self.browsers[path] = Subscribed(self.url + path, key)
        return self.browsers[path]

    async def take(self, request: Request) -> Response:
        self.asked.append(dict(request.headers))
        if self.answers:
            answer = self.answers.pop(0)
            return Response(status_code=answer) if isinstance(answer, int) else await answer(request)
        browser = self.browsers.get(request.url.path)
        if browser is None:
            return Response(status_code=410)
        if refused := self._refused(request, browser.key):
            return Response(refused, status_code=403)
        body = await request.body()
        if len(body) > LONGEST:
            return Response(status_code=413)
        browser.shown.append(json.loads(browser.opened(body)))
        return Response(status_code=201, headers={"location": f"{self.url}/message"})

    def _refused(self, request: Request, key: str) -> str:
        """Why it is not taken: RFC 8030 and 8292."""
        head = request.headers
        fits = AUTHORIZATION.fullmatch(head.get("authorization", ""))
        if fits is None or fits[2] != key:
            return "of another application server"
        public = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, read(fits[2]))
        required = {"require": ["exp", "aud", "sub"]}
        claims = jwt.decode(fits[1], public, ["ES256"], options=required, audience=self.url)  # type: ignore[arg-type]
        if claims["exp"] > time.time() + DAY or not claims["sub"].startswith(("https:", "mailto:")):
            return "claims"
        if head.get("content-encoding") != "aes128gcm" or not head.get("ttl", "").isdecimal():
            return "headers"
        if head.get("urgency") not in ("very-low", "low", "normal", "high"):
            return "urgency"
        return "" if re.fullmatch(r"[\w-]{1,32}", head.get("topic", "x")) else "topic"


@asynccontextmanager
async def push_service() -> AsyncIterator[PushService]:
    service = PushService()
    async with serving(Starlette(routes=[Route("/push/{id}", service.take, methods=["POST"])])) as url:
        service.url = url
        yield service
