"""The channel `web`: a chat page at every tenant's own host."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, model_validator

from conserje import (
    Account,
    Channel,
    House,
    InboundMessage,
    Limits,
    Malformed,
    Nothing,
    OutboundMessage,
    Pressed,
    Receipt,
    SessionKey,
    Text,
    Webhook,
    signed,
    visitor,
)
from conserje_web.pages import Pages
from conserje_web.settings import WebSettings

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

_LIMITS = Limits(
    text=4096,
    body=4096,
    buttons=10,
    button_title=100,
    button_id=1000,
    rows=10,
    row_title=200,
    row_description=1000,
)
_COOKIE = "__Host-conserje-web"

_Label = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class _Choice(BaseModel):
    """The button or row that a visitor chose."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: _Label
    title: _Label


class _Written(BaseModel):
    """What a page posts: the browser's own id for it, and either words or a choice."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9-]{1,64}\z")]
    text: Annotated[str, StringConstraints(pattern=r"\S", max_length=_LIMITS.text)] | None = None
    pressed: _Choice | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> _Written:
        if (self.text is None) == (self.pressed is None):
            raise ValueError("give either text or pressed")
        return self

    @property
    def content(self) -> Text | Pressed:
        return Pressed(self.pressed.id, self.pressed.title) if self.pressed else Text(self.text or "")


class Web(Channel[SessionKey, WebSettings, Nothing]):
    """The visitors of a tenant's page write to it, and read its replies from the feed."""

    name = "web"
    Credentials = SessionKey
    Settings = WebSettings
    Operator = Nothing
    limits = _LIMITS
    opt_out_words = opt_in_words = frozenset()  # who wants no more closes the page
    per_tenant = by_strangers = has_feed = True

    def verify(self, hook: Webhook, account: Account[SessionKey, WebSettings]) -> None:
        visitor(hook, account)
        _read(hook)

    def parse(self, hook: Webhook) -> Iterable[InboundMessage]:
        written, sender = _read(hook), _sender(hook)
        yield InboundMessage(self.name, f"{sender}:{written.id}", sender, written.content)

    async def send(self, message: OutboundMessage, account: Account[SessionKey, WebSettings]) -> Receipt:
        """The message is in the feed already."""
        return Receipt(str(message.id))

    async def find(self, message: OutboundMessage, account: Account[SessionKey, WebSettings]) -> Receipt:
        return Receipt(str(message.id))

    def compose(self, account: Account[SessionKey, WebSettings], url: str, sender: str, text: str) -> Webhook:
        here = urlsplit(url)
        headers = {
            "content-type": "application/json",
            "cookie": f"{_COOKIE}={signed(sender, account)}",
            "origin": f"{here.scheme}://{here.netloc}",
        }
        body = json.dumps({"id": secrets.token_hex(16), "text": text}).encode()
        return Webhook("POST", "webhook", url, headers, body)

    def pages(self, house: House) -> Sequence[BaseRoute]:
        return Pages(house).routes


def _read(hook: Webhook) -> _Written:
    if hook.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Malformed("The body is not JSON.")
    try:
        return _Written.model_validate_json(hook.body)
    except ValidationError:
        raise Malformed("The body is not what the page posts.") from None


def _sender(hook: Webhook) -> str:
    """The visitor whom the cookie names; `verify` has looked at its seal."""
    cookies = (pair.strip().partition("=") for pair in hook.headers["cookie"].split(";"))
    value = next(value for name, _, value in cookies if name == _COOKIE)
    return value.rsplit(".", 2)[0]
