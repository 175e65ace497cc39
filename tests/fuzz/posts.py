"""Genuine posts, and who can tell them from others: each by its provider's own rule, not by ours."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from urllib.parse import parse_qsl, urlencode

from doorway import SECRET
from signed import sign
from twilio.request_validator import RequestValidator

from conserje.contract.account import AnyAccount
from conserje.contract.sessions import cookie_name, signed

HOST = "acme.localhost"
SID, TOKEN = "AC" + "0" * 31 + "1", "0123456789abcdef0123456789abcdef"
NUMBER = "whatsapp:+56900000001"
NUMBER_ID = "110000000000001"
FORM = b"application/x-www-form-urlencoded"
ADDRESSES = 4096  # from which strangers come: each may come so often only

Headers = tuple[tuple[bytes, bytes], ...]

_serial = count(1)


@dataclass(frozen=True, slots=True)
class Post:
    """A request as the server hands it on."""

    path: bytes
    headers: Headers
    body: bytes
    method: str = "POST"
    query: bytes = b""
    breaks_off: bool = False  # before its body has come

    def header(self, *names: bytes) -> list[bytes]:
        return [value for name, value in self.headers if name in names]

    def with_header(self, name: bytes, value: bytes) -> Post:
        others = tuple(pair for pair in self.headers if pair[0] != name)
        return replace(self, headers=(*others, (name, value)))

    @property
    def urls(self) -> Iterator[str]:
        """The URLs that it may be posted to, as the provider sees them."""
        rest = self.path.decode("latin-1") + (f"?{self.query.decode('latin-1')}" if self.query else "")
        for host in self.header(b"host"):
            for scheme in ("http", "https"):
                yield f"{scheme}://{host.decode('latin-1')}{rest}"


class _Fields:
    """A form as Twilio's own validator asks for it."""

    def __init__(self, body: bytes) -> None:
        self._pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True)

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._pairs))

    def getlist(self, name: str) -> list[str]:
        return [value for each, value in self._pairs if each == name]


class Twilio:
    """Messages and statuses, at the tenant's host and at the shared one."""

    validator = RequestValidator(TOKEN)  # type: ignore[no-untyped-call]

    def make(self, path: str, host: str = HOST) -> Post:
        number = next(_serial)
        form = {"MessageSid": f"SM{number:032x}", "AccountSid": SID, "ApiVersion": "2010-04-01"}
        if path.endswith("/status"):
            form |= {"From": NUMBER, "To": "whatsapp:+56911111111", "MessageStatus": "delivered"}
        else:
            sender = f"whatsapp:+5692{number:07}"
            form |= {"From": sender, "To": NUMBER, "Body": "¿Abren mañana?", "NumMedia": "0"}
            form |= {"ProfileName": "José", "WaId": sender.removeprefix("whatsapp:+"), "MessageType": "text"}
        signature = self.validator.compute_signature(f"http://{host}{path}", form)  # type: ignore[no-untyped-call]
        return post(
            path, urlencode(form).encode(), FORM, (b"x-twilio-signature", signature.encode()), host=host
        )

    def signs(self, post: Post) -> bool:
        fields = _Fields(post.body)
        return any(
            self._validates(url, fields, given.decode("latin-1"))
            for url in post.urls
            for given in post.header(b"x-twilio-signature")
        )

    def _validates(self, url: str, fields: _Fields, signature: str) -> bool:
        try:
            return bool(self.validator.validate(url, fields, signature))  # type: ignore[no-untyped-call]
        except ValueError:  # no URL
            return False


class Signed:
    """The tests' own channel."""

    def make(self) -> Post:
        number, path = next(_serial), "/bot/signed/webhook"
        body = urlencode({"to": "+1", "from": f"ana {number}", "id": str(number), "text": "hola"}).encode()
        signature = sign(SECRET, f"http://{HOST}{path}", body)
        return post(path, body, FORM, (b"x-signature", signature.encode()))

    def signs(self, post: Post) -> bool:
        right = {sign(SECRET, url, post.body).encode() for url in post.urls}
        return any(given in right for given in post.header(b"x-signature"))


@dataclass
class Json:
    account: AnyAccount

    def make(self) -> Post:
        number = next(_serial)
        body = json.dumps(
            {"id": f"{number}", "telefono": f"+5693{number:07}", "mensaje": "¿Hay stock?"}
        ).encode()
        signature = (b"x-conserje-signature", self._signature(body))
        return post("/bot/json/webhook", body, b"application/json", signature)

    def _signature(self, body: bytes) -> bytes:
        key = self.account.credentials.secret.get_secret_value().encode()
        return b"sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest().encode()

    def signs(self, post: Post) -> bool:
        return self._signature(post.body) in post.header(b"x-conserje-signature")


class Meta:
    """Whole batches, at the tenant's host and at the shared one; the signature is over the body alone."""

    def make(self, path: str, host: str = HOST) -> Post:
        number = next(_serial)
        contact = f"5694{number:07}"
        message = {
            "from": contact,
            "id": f"wamid.{number}",
            "timestamp": str(int(time.time())),
            "type": "text",
            "text": {"body": "¿Abren mañana?"},
        }
        value = {
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": "56900000002", "phone_number_id": NUMBER_ID},
            "contacts": [{"profile": {"name": "José"}, "wa_id": contact}],
            "messages": [message],
        }
        entry = [{"id": "7", "changes": [{"field": "messages", "value": value}]}]
        body = json.dumps({"object": "whatsapp_business_account", "entry": entry}).encode()
        return post(
            path, body, b"application/json", (b"x-hub-signature-256", self._signature(body)), host=host
        )

    def _signature(self, body: bytes) -> bytes:
        return b"sha256=" + hmac.new(TOKEN.encode(), body, hashlib.sha256).hexdigest().encode()

    def signs(self, post: Post) -> bool:
        return self._signature(post.body) in post.header(b"x-hub-signature-256")


@dataclass
class Web:
    """The cookie is the visitor's signature: whatever a page of the host posts with it is the visitor's."""

    account: AnyAccount
    genuine: frozenset[bytes] = frozenset()  # the cookies that were handed out

    def make(self) -> Post:
        cookie = f"{cookie_name(self.account)}={signed(secrets.token_urlsafe(16), self.account)}"
        body = json.dumps({"id": secrets.token_hex(16), "text": "hola"}).encode()
        return post(
            "/bot/web/webhook",
            body,
            b"application/json",
            (b"cookie", cookie.encode()),
            (b"origin", f"http://{HOST}".encode()),
        )

    def signs(self, post: Post) -> bool:
        """By a cookie that was not touched; a page is known by its origin or its browser's word."""
        if not any(cookie in given for cookie in self.genuine for given in post.header(b"cookie")):
            return False
        origins = b" ".join(post.header(b"origin")).lower()
        hosts = [b"//" + host.lower() for host in post.header(b"host")]
        return b"same-origin" in post.header(b"sec-fetch-site") or any(host in origins for host in hosts)


def post(path: str, body: bytes, kind: bytes, *headers: tuple[bytes, bytes], host: str = HOST) -> Post:
    number = next(_serial) % ADDRESSES
    client = f"10.0.{number >> 8}.{number & 255}".encode()
    usual = ((b"host", host.encode()), (b"content-type", kind), (b"x-forwarded-for", client))
    return Post(path.encode(), (*usual, *headers), body)


@dataclass
class Signers:
    """Everybody who posts genuinely."""

    json: Json
    web: Web
    twilio: Twilio
    meta: Meta
    signed: Signed

    def make(self) -> list[Post]:
        """One post of each kind."""
        made = [
            self.twilio.make("/bot/twilio/webhook"),
            self.twilio.make("/bot/twilio/status"),
            self.twilio.make("/webhook/whatsapp", "localhost"),
            self.meta.make("/bot/meta/webhook"),
            self.meta.make("/webhook/meta", "localhost"),
            self.signed.make(),
            self.json.make(),
            self.web.make(),
        ]
        self.web.genuine = frozenset(made[-1].header(b"cookie"))
        return made

    def sign(self, post: Post) -> bool:
        """Whether one of them would say that it is theirs."""
        judges: tuple[Callable[[Post], bool], ...] = (
            self.twilio.signs,
            self.meta.signs,
            self.signed.signs,
            self.json.signs,
            self.web.signs,
        )
        return any(judge(post) for judge in judges)
