"""Who may post: a secret that stands in a header or in the address, or one that signs what is posted."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

from pydantic import SecretStr

from conserje.contract.channel import Forged, Webhook

Secrets = Mapping[str, SecretStr | None]
_Key = tuple["Hmac", str]

_made: WeakKeyDictionary[Webhook, dict[_Key, str]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Bearer:
    """The provider says a secret in a header (small letters), behind `prefix`: "Bearer " in authorization."""

    header: str
    prefix: str = ""

    def verify(self, hook: Webhook, secrets: Secrets) -> str | None:
        """What `Channel.verify` gives: which of the account's secrets was said, where it has more than one.

        `secrets` are by the names of their fields; None and empty ones count for nothing. Raises Forged.
        """
        return _signer(hook.headers.get(self.header, ""), secrets, self._value)

    def sign(self, secret: SecretStr) -> dict[str, str]:
        """The header that the provider would post: for `compose`."""
        return {self.header: self._value(secret.get_secret_value())}

    def _value(self, secret: str) -> str:
        return self.prefix + secret


@dataclass(frozen=True, slots=True)
class Hmac:
    """The provider signs the body by a secret, and says the signature in a header (small letters)."""

    header: str
    digest: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""  # before the signature: "sha256="

    def verify(self, hook: Webhook, secrets: Secrets, signed: bytes | None = None) -> str | None:
        """As `Bearer.verify`; `signed` is what is signed where that is not the body alone: a time before it.

        Of the body each signature is made once, however many accounts a request is tried with.
        """
        if signed is not None:
            return _signer(hook.headers.get(self.header, ""), secrets, lambda each: self._made(each, signed))
        return _signer(hook.headers.get(self.header, ""), secrets, lambda each: self._of_body(each, hook))

    def sign(self, secret: SecretStr, signed: bytes) -> dict[str, str]:
        """The header that the provider would post: for `compose`."""
        return {self.header: self._made(secret.get_secret_value(), signed)}

    def _of_body(self, secret: str, hook: Webhook) -> str:
        known = _made.setdefault(hook, {})
        if (key := (self, secret)) not in known:
            known[key] = self._made(secret, hook.body)
        return known[key]

    def _made(self, secret: str, signed: bytes) -> str:
        mac = hmac.digest(secret.encode(), signed, self.digest)
        return self.prefix + (mac.hex() if self.encoding == "hex" else base64.b64encode(mac).decode())


@dataclass(frozen=True, slots=True)
class InAddress:
    """The provider signs nothing: a secret stands in the address that it posts to, as a field of its query.

    Whoever reads the address can post, so use it only where the provider offers neither of the others.
    """

    field: str

    def verify(self, hook: Webhook, secrets: Secrets) -> str | None:
        """As `Bearer.verify`. Raises Malformed for a query that is none."""
        return _signer(dict(hook.query).get(self.field, ""), secrets, str)

    def sign(self, secret: SecretStr, url: str) -> str:
        """The address that the provider is given."""
        return f"{url}?{urlencode({self.field: secret.get_secret_value()})}"


def _signer(given: str, secrets: Secrets, made: Callable[[str], str]) -> str | None:
    """Which of the secrets makes what is given; each is compared in constant time. Raises Forged."""
    opened = ((name, secret.get_secret_value()) for name, secret in secrets.items() if secret is not None)
    held = {name: secret for name, secret in opened if secret}
    if not held:
        raise Forged(f"The account has no {' or '.join(secrets)}: seal one.")
    read = _encode(given)
    fitting = [name for name, each in held.items() if hmac.compare_digest(read, _encode(made(each)))]
    if not fitting:
        raise Forged(f"The request fits no secret of the account: compare {' and '.join(held)}.")
    return fitting[0] if len(held) > 1 else None


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # a stranger's header must not raise
