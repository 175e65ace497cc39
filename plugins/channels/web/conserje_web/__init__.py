"""The channel `web`: a chat page at every tenant's own host."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from conserje import (
    Account,
    Channel,
    Content,
    House,
    InboundMessage,
    Limits,
    Malformed,
    Nothing,
    NotOffered,
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
    carries=frozenset({"cards"}),
)
_COOKIE = "__Host-conserje-web"

_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_LONGEST_LABEL = 1000


class Web(Channel[SessionKey, WebSettings, Nothing]):
    """The visitors of a tenant's page write to it, and read its replies from the feed."""

    name = "web"
    contract = 1
    Credentials = SessionKey
    Settings = WebSettings
    Operator = Nothing
    limits = _LIMITS
    opt_out_words = opt_in_words = frozenset()  # who wants no more closes the page
    per_tenant = by_strangers = has_feed = True

    def verify(self, hook: Webhook, account: Account[SessionKey, WebSettings]) -> None:
        visitor(hook, account)
        hook.read = _read(hook)

    def parse(self, hook: Webhook) -> Iterable[InboundMessage]:
        (id, said), sender = hook.read or _read(hook), _sender(hook)
        yield InboundMessage(self.name, f"{sender}:{id}", sender, said)

    async def send(self, message: OutboundMessage, account: Account[SessionKey, WebSettings]) -> Receipt:
        """The message is in the feed already."""
        return Receipt(str(message.id))

    async def find(self, message: OutboundMessage, account: Account[SessionKey, WebSettings]) -> Receipt:
        return Receipt(str(message.id))

    def compose(
        self,
        account: Account[SessionKey, WebSettings],
        url: str,
        sender: str,
        said: str | Content,
    ) -> Webhook:
        match said:
            case str(words) | Text(text=words):
                posted: dict[str, object] = {"text": words}
            case Pressed(id=id, title=title):
                posted = {"pressed": {"id": id, "title": title}}
            case _:
                raise NotOffered("The page takes words and buttons.")
        here = urlsplit(url)
        headers = {
            "content-type": "application/json",
            "cookie": f"{_COOKIE}={signed(sender, account)}",
            "origin": f"{here.scheme}://{here.netloc}",
        }
        body = json.dumps({"id": secrets.token_hex(16), **posted}).encode()
        return Webhook("POST", "webhook", url, headers, body)

    def pages(self, house: House) -> Sequence[BaseRoute]:
        return Pages(house).routes


def _read(hook: Webhook) -> tuple[str, Text | Pressed]:
    """The browser's own id for what was said, and that. Raises Malformed.

    What else stands there is a stranger's invention, and is not kept.
    """
    if hook.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Malformed("The body is not JSON.")
    posted = hook.json if isinstance(hook.json, dict) else {}
    id, said = _text(posted.get("id")), _words(posted.get("text")) or _choice(posted.get("pressed"))
    if not _ID.fullmatch(id) or said is None:
        raise Malformed("The body is not what the page posts.")
    return id, said


def _words(posted: object) -> Text | None:
    text = _text(posted)
    return Text(text) if text.strip() and len(text) <= _LIMITS.text else None


def _choice(posted: object) -> Pressed | None:
    """The button or row that a visitor chose."""
    choice = posted if isinstance(posted, dict) else {}
    id, title = _text(choice.get("id")), _text(choice.get("title"))
    return Pressed(id, title or id) if id and max(len(id), len(title)) <= _LONGEST_LABEL else None


def _text(posted: object) -> str:
    """Text, or a number in its place; nothing for anything else."""
    if isinstance(posted, int | float) and not isinstance(posted, bool):
        return str(posted)
    return posted if isinstance(posted, str) else ""


def _sender(hook: Webhook) -> str:
    """The visitor whom the cookie names; `verify` has looked at its seal."""
    cookies = (pair.strip().partition("=") for pair in hook.headers["cookie"].split(";"))
    value = next(value for name, _, value in cookies if name == _COOKIE)
    return value.rsplit(".", 2)[0]
