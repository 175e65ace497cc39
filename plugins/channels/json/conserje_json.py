"""The channel `json`: programs write to a tenant, and read what is answered from the feed."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from conserje import (
    Account,
    Channel,
    Content,
    Event,
    InboundMessage,
    Limits,
    Note,
    Nothing,
    NotOffered,
    OutboundMessage,
    Receipt,
    Text,
    Webhook,
)
from conserje.kit import Closed, Hmac, read

SIGNATURE = Hmac("x-conserje-signature", prefix="sha256=")
_PHONE = r"^[^\x00-\x1f\x7f]{1,64}$"


class JsonCredentials(Closed):
    """What requests to a tenant are signed with."""

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
    contract = 1
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
        SIGNATURE.verify(hook, {"secret": account.credentials.secret})
        hook.read = read(_Written, hook.json)

    def parse(self, hook: Webhook) -> Iterable[Event]:
        written: _Written = hook.read or read(_Written, hook.json)
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
        said: str | Content,
        id: str = "",
    ) -> Webhook:
        match said:
            case str(words) | Text(text=words):
                written = {"id": id or secrets.token_hex(16), "telefono": sender, "mensaje": words}
            case _:
                raise NotOffered("The channel json carries words alone.")
        body = json.dumps(written).encode()
        headers = {"content-type": "application/json"} | SIGNATURE.sign(account.credentials.secret, body)
        return Webhook("POST", "webhook", url, headers, body)
