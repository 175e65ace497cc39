"""The channel `json`: programs write to a tenant, and read what is answered from the feed."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationError

from conserje import (
    Account,
    Channel,
    Event,
    Forged,
    InboundMessage,
    Limits,
    Location,
    Malformed,
    Media,
    Note,
    Nothing,
    NotOffered,
    OutboundMessage,
    Pressed,
    Receipt,
    Text,
    Webhook,
)

_HEADER = "x-conserje-signature"
_PHONE = r"^[^\x00-\x1f\x7f]{1,64}$"


class JsonCredentials(BaseModel):
    """What requests to a tenant are signed with."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    secret: SecretStr = Field(default_factory=lambda: SecretStr(secrets.token_urlsafe(32)), min_length=1)


class _Written(BaseModel):
    """The body: `id` names the message once for its sender, however often it comes. A number is text, too."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    id: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")  # no colon, which ends the sender in the event's key
    telefono: Annotated[str, StringConstraints(strip_whitespace=True, pattern=_PHONE)]
    mensaje: str


_JsonAccount = Account[JsonCredentials, Nothing]


class Json(Channel[JsonCredentials, Nothing, Nothing]):
    """Requests signed by HMAC-SHA256 over the body; every tenant has the account "json"."""

    name = "json"
    Credentials = JsonCredentials
    Settings = Nothing
    Operator = Nothing
    limits = Limits(
        text=65_536,
        body=65_536,
        buttons=100,
        button_title=1000,
        button_id=1000,
        rows=1000,
        row_title=1000,
        row_description=10_000,
        caption=65_536,
        files=100,
        markup="markdown",
    )
    per_tenant = by_strangers = has_feed = True
    quiet_period = timedelta(0)
    opt_out_words = opt_in_words = frozenset()  # who wants no more asks no more

    def verify(self, hook: Webhook, account: _JsonAccount) -> None:
        given = hook.headers.get(_HEADER, "").encode("utf-8", "surrogatepass")
        if not hmac.compare_digest(given, sign(hook.body, account).encode()):
            raise Forged("The signature does not fit the account's secret; sign the body as it is sent.")
        _read(hook)

    def parse(self, hook: Webhook) -> Iterable[Event]:
        written = _read(hook)
        key = f"{written.telefono}:{written.id}"
        said = Text(written.mensaje) if written.mensaje.strip() else Note("An empty message")
        yield InboundMessage(self.name, key, written.telefono, said)

    async def send(self, message: OutboundMessage, account: _JsonAccount) -> Receipt:
        return Receipt(str(message.id))

    async def find(self, message: OutboundMessage, account: _JsonAccount) -> Receipt:
        return Receipt(str(message.id))

    def compose(
        self,
        account: _JsonAccount,
        url: str,
        sender: str,
        said: str | Media | Location | Pressed,
        id: str = "",
    ) -> Webhook:
        if not isinstance(said, str):
            raise NotOffered("The channel json carries words alone.")
        written = {"id": id or secrets.token_hex(16), "telefono": sender, "mensaje": said}
        body = json.dumps(written).encode()
        headers = {"content-type": "application/json", _HEADER: sign(body, account)}
        return Webhook("POST", "webhook", url, headers, body)


def sign(body: bytes, account: _JsonAccount) -> str:
    key = account.credentials.secret.get_secret_value().encode()
    return "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()


def _read(hook: Webhook) -> _Written:
    """What the body says. Raises Malformed, naming the field."""
    try:
        return _Written.model_validate(hook.json)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "The body"
        raise Malformed(f"{place}: {first['msg']}.") from None
