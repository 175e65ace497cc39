"""A channel with a signature of its own, for tests of what stands before and after a plugin."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence

from pydantic import BaseModel, SecretStr

from conserje import Account, Answer, Channel, Forged, InboundMessage, Nothing, Text, Unreadable, Webhook


class Secrets(BaseModel):
    """One secret, or two during a rotation."""

    secret: SecretStr
    next_secret: SecretStr | None = None


def sign(secret: str, url: str, body: bytes = b"") -> str:
    return hmac.new(secret.encode(), url.encode() + b"\n" + body, hashlib.sha256).hexdigest()


class Signed(Channel[Secrets, Nothing, Nothing]):
    """Signs URL and body with HMAC-SHA256; a form of `to`, `from`, `id` and `text` is a message."""

    name = "signed"
    Credentials = Secrets
    Settings = Operator = Nothing
    methods = frozenset({"GET", "POST"})
    body_limit = 5000

    def claims(self, hook: Webhook) -> Sequence[str]:
        return [] if hook.method == "GET" else [value for name, value in hook.form if name == "to"]

    def verify(self, hook: Webhook, account: Account[Secrets, Nothing]) -> str | None:
        given = hook.headers.get("x-signature", "").encode()
        held = account.credentials
        for name, secret in (("secret", held.secret), ("next_secret", held.next_secret)):
            if secret and hmac.compare_digest(
                given, sign(secret.get_secret_value(), hook.url, hook.body).encode()
            ):
                return name if held.next_secret else None
        raise Forged

    def parse(self, hook: Webhook) -> Iterable[InboundMessage | Unreadable]:
        if hook.method == "GET":
            return
        form = dict(hook.form)
        if "id" not in form:
            yield Unreadable(form["to"], "odd", hook.body.decode(), "no id")
        yield InboundMessage(form["to"], form["id"], form["from"], Text(form["text"]))

    def acknowledge(self, hook: Webhook) -> Answer:
        if hook.method == "GET":
            return Answer(body=dict(hook.query)["challenge"].encode())
        return Answer(200, b"<taken/>", "text/xml") if hook.path == "webhook" else Answer(204)
