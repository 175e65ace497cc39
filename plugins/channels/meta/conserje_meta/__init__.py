"""The channel `meta`: WhatsApp by Meta's Cloud API."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field, SecretStr

from conserje import (
    Account,
    AccountFault,
    Answer,
    Channel,
    ContactCard,
    Content,
    Edit,
    Event,
    File,
    Finding,
    Forged,
    Limits,
    Location,
    Malformed,
    Media,
    NotOffered,
    Order,
    OrderItem,
    OutboundMessage,
    Pace,
    Pressed,
    Reaction,
    Receipt,
    Refused,
    Revocation,
    Text,
    Uncertain,
    Urls,
    Webhook,
    in_language,
    phone_number,
)
from conserje.kit import Closed, logger, matching
from conserje_meta import doctor, files, reading, signature, writing
from conserje_meta.api import Graph
from conserje_meta.errors import GraphError, NoAnswer, outcome
from conserje_meta.words import LIST_BUTTONS

_log = logger(__name__)

_Secret = Annotated[
    SecretStr, matching(r"[\x21-\x7e]+", "letters, digits and signs, without spaces; copy it again")
]


class MetaCredentials(Closed):
    """An app's secrets and a token for one phone number; what is not given is the operator's.

    In a rotation `next_app_secret` signs as well.
    """

    access_token: _Secret | None = None
    app_secret: _Secret | None = None
    next_app_secret: _Secret | None = None
    verify_token: SecretStr | None = Field(default=None, min_length=1)
    waba_id: str = Field(default="", pattern="^[0-9]{0,32}$")


class MetaSettings(Closed):
    """What a tenant may want otherwise."""

    list_button: str | None = Field(default=None, min_length=1, max_length=20)  # opens a list
    silenced_by_echoes: bool = True  # what the business writes on its telephone silences the assistant


class MetaOperator(Closed):
    """Where Meta is, and the app of tenants that have none of their own."""

    base_url: str = Field(
        default="https://graph.facebook.com",
        pattern=r"^https?://[^\s/?#@]+/?$",
        description="Meta's Graph API.",
    )
    version: str = Field(
        default="v26.0", pattern=r"^v[0-9]{1,3}\.[0-9]{1,2}$", description="The Graph API's version."
    )
    app_secret: _Secret | None = Field(default=None, description="The shared app's secret.")
    verify_token: SecretStr | None = Field(
        default=None, min_length=1, description="What Meta says when the shared app's webhook is set up."
    )
    access_token: _Secret | None = Field(
        default=None, description="The shared system user's access token, for accounts without one."
    )


_PHONE_ID = re.compile(r"[0-9]{5,20}", re.ASCII)
_LONGEST_PHONE = 13  # digits; ids have 15 and more


def _is_phone(digits: str) -> bool:
    try:
        return len(phone_number(digits)) <= 1 + _LONGEST_PHONE
    except Malformed:
        return False


_MetaAccount = Account[MetaCredentials, MetaSettings]


class Meta(Channel[MetaCredentials, MetaSettings, MetaOperator]):
    """WhatsApp; an account's address is the phone number's id at Meta, not the phone number."""

    name = "meta"
    contract = 1
    Credentials = MetaCredentials
    Settings = MetaSettings
    Operator = MetaOperator
    methods = frozenset({"GET", "POST"})
    body_limit = 3 * 1024 * 1024  # Meta's largest post
    shared = frozenset({"meta"})
    limits = Limits(
        text=4096,
        body=1024,
        buttons=3,
        button_title=20,
        button_id=200,
        rows=10,
        row_title=24,
        row_description=72,
        caption=1024,
        captions=frozenset({"image", "video", "document"}),
        files=1,
        carries=frozenset({"media", "location", "contact_card", "reaction", "template"}),
        markup="whatsapp",
        file_bytes=100 * 1024 * 1024,
        takes=files.TAKES,
    )

    def shared_credentials(self) -> MetaCredentials | None:
        own = self.operator
        given = {
            name: value
            for name in ("access_token", "app_secret", "verify_token")
            if (value := getattr(own, name)) is not None
        }
        return MetaCredentials.model_validate(given) if given else None

    def pace(self, address: str) -> Pace:
        # Meta takes 80 a second of a number, what contacts write among them, and more than one in 6 s to a
        # contact for a while.
        return Pace(60, burst=40, pause=6)

    def reach(self, phone: str, address: str) -> str:
        return phone.removeprefix("+")

    def window(self, address: str) -> timedelta | None:
        return timedelta(hours=24)

    def silenced(self, settings: MetaSettings) -> bool:
        return settings.silenced_by_echoes

    def address(self, given: str) -> str:
        if not _PHONE_ID.fullmatch(given.strip()) or _is_phone(given.strip()):
            raise Malformed(
                f"{given!r} is no phone number's id: write its digits, which WhatsApp Manager shows."
            )
        return given.strip()

    def claims(self, hook: Webhook) -> Sequence[str]:
        return () if hook.method == "GET" else reading.post_of(hook).named

    def verify(self, hook: Webhook, account: _MetaAccount) -> str | None:
        if hook.method == "GET":
            self._greet(hook, account)
            return None
        if not (held := self._app_secrets(account)):
            raise Forged(_missing("app_secret"))
        signer = signature.APP.verify(hook, held)
        numbers = reading.post_of(hook).numbers
        if account.address and numbers and account.address not in numbers:
            raise Forged("The post is for other phone numbers of the app.")
        return signer

    def parse(self, hook: Webhook) -> Iterable[Event]:
        return () if hook.method == "GET" else reading.post_of(hook).events()

    def acknowledge(self, hook: Webhook) -> Answer:
        if hook.method == "GET":
            return Answer(body=signature.challenge(hook).encode())
        for news in reading.post_of(hook).news:  # it names no number, so it is no account's
            _log.warning("Meta tells: %s", news)
        return Answer()

    async def send(self, message: OutboundMessage, account: _MetaAccount) -> Receipt:
        button = account.settings.list_button or in_language(LIST_BUTTONS, account.locale)
        graph = self._graph(account)
        writing.recipient(message.to)  # nothing is handed in for nobody
        body = writing.write(await files.handed_in(graph, account.address, message), button)
        try:
            taken = await graph.post(f"{account.address}/messages", body)
        except (GraphError, NoAnswer) as error:
            raise outcome(error) from None
        return Receipt(_id(taken))

    def media(self, file: File, account: _MetaAccount) -> AsyncIterator[bytes]:
        return files.read(self._graph(account), file.ref)

    async def attend(self, provider_id: str, account: _MetaAccount) -> None:
        body = {"messaging_product": "whatsapp", "status": "read", "message_id": provider_id}
        typing = {"typing_indicator": {"type": "text"}}
        await self._graph(account).post(f"{account.address}/messages", body | typing)

    async def examine(self, account: _MetaAccount, urls: Urls) -> Sequence[Finding]:
        missing = [] if self._app_secrets(account) else [_missing("app_secret")]
        missing += [] if self._verify_token(account) else [_missing("verify_token")]
        try:
            graph = self._graph(account)
        except AccountFault as error:
            return [Finding("error", text) for text in (str(error), *missing)]
        found = await doctor.examine(graph, account.address, account.credentials.waba_id, urls.webhook)
        return [*(Finding("error", text) for text in missing), *found]

    async def configure(self, account: _MetaAccount, urls: Urls) -> None:
        if not (verify_token := self._verify_token(account)):
            raise Refused(_missing("verify_token"))
        business = account.credentials.waba_id
        try:
            graph = self._graph(account)
        except AccountFault as error:
            raise Refused(str(error)) from None
        await doctor.configure(graph, account.address, business, urls.webhook, verify_token)

    def compose(self, account: _MetaAccount, url: str, sender: str, said: str | Content) -> Webhook:
        held = self._app_secrets(account)
        if not held:
            raise NotOffered(_missing("app_secret"))
        body = json.dumps(_inbound(account, sender, said)).encode()
        signed = signature.APP.sign(next(iter(held.values())), body)
        headers = {"content-type": "application/json"} | signed
        return Webhook("POST", "webhook", url, headers, body)

    def _greet(self, hook: Webhook, account: _MetaAccount) -> None:
        """The handshake by which Meta asks whether the webhook is ours. Raises Forged or Malformed."""
        signature.challenge(hook)
        if not (expected := self._verify_token(account)):
            raise Forged(_missing("verify_token"))
        if not signature.greets(hook, expected):
            raise Forged("The verify token is not the account's; give Meta the same.")

    def _graph(self, account: _MetaAccount) -> Graph:
        """The Graph API with the account's access token. Raises AccountFault."""
        token = account.credentials.access_token or self.operator.access_token
        if token is None:
            raise AccountFault(_missing("access_token"), retry=False)
        url = f"{self.operator.base_url.rstrip('/')}/{self.operator.version}"
        return Graph(self.http, url, token.get_secret_value())

    def _app_secrets(self, account: _MetaAccount) -> Mapping[str, SecretStr]:
        """The app secrets by the name of their field."""
        own = account.credentials
        named = {"app_secret": own.app_secret or self.operator.app_secret}
        named["next_app_secret"] = own.next_app_secret
        return {name: secret for name, secret in named.items() if secret}

    def _verify_token(self, account: _MetaAccount) -> str:
        token = account.credentials.verify_token or self.operator.verify_token
        return token.get_secret_value() if token else ""


def _missing(field: str) -> str:
    return f"The account has no {field}; seal one, or set CONSERJE_META_{field.upper()}."


def _id(taken: Mapping[str, Any]) -> str:
    """The id of the message in Meta's answer. Raises Uncertain."""
    match taken:
        case {"messages": [{"id": str(id)}, *_]} if id:
            return id
    raise Uncertain("Meta's answer names no message.")


def _sent(said: str | Content) -> dict[str, Any]:
    """What of the contact's message says what it is. Raises NotOffered."""
    match said:
        case str(words) | Text(text=words):
            return {"type": "text", "text": {"body": words}}
        case Media(files=[file], caption=caption):
            type = file.media_type or ("image/webp" if file.sticker else "image/jpeg")
            kind = replace(file, content_type=type).kind
            about = {"id": file.ref, "mime_type": type, "caption": caption, "filename": file.name}
            return {"type": kind, kind: {name: value for name, value in about.items() if value}}
        case Location(latitude=latitude, longitude=longitude, name=name, address=address):
            place = {"latitude": latitude, "longitude": longitude, "name": name, "address": address}
            return {"type": "location", "location": place}
        case Pressed():
            reply = {"type": "button_reply", "button_reply": {"id": said.id, "title": said.title}}
            return {"type": "interactive", "interactive": reply}
        case Order(items=items, currency=currency, text=text):
            ordered = [_ordered(item, currency) for item in items]
            return {"type": "order", "order": {"product_items": ordered, "text": text}}
        case _:
            return _done(said)


def _done(said: Content) -> dict[str, Any]:
    """The same of what is not written by itself. Raises NotOffered."""
    match said:
        case ContactCard():
            return {"type": "contacts", "contacts": [writing.card(each) for each in said.cards]}
        case Reaction():
            return {"type": "reaction", "reaction": {"message_id": said.to, "emoji": said.emoji}}
        case Edit():
            edited = {"original_message_id": said.of, "message": _sent(said.content)}
            return {"type": "edit", "edit": edited}
        case Revocation():
            return {"type": "revoke", "revoke": {"original_message_id": said.of}}
        case _:
            raise NotOffered(f"The channel meta writes no {said.type} as a contact.")


def _ordered(item: OrderItem, currency: str) -> dict[str, Any]:
    price = {} if item.price is None else {"item_price": float(item.price)}
    return {"product_retailer_id": item.product, "quantity": item.quantity, "currency": currency, **price}


def _inbound(account: _MetaAccount, sender: str, said: str | Content) -> dict[str, Any]:
    known = _known(sender)
    name = "from" if "wa_id" in known else "from_user_id"
    message = {
        "id": f"wamid.{secrets.token_urlsafe(32)}",
        "timestamp": str(int(time.time())),
        **_sent(said),
        name: next(iter(known.values())),
    }
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "", "phone_number_id": account.address},
        "contacts": [{"profile": {"name": "Conserje"}, **known}],
        "messages": [message],
    }
    entry = {"id": account.credentials.waba_id or "0", "changes": [{"field": "messages", "value": value}]}
    return {"object": "whatsapp_business_account", "entry": [entry]}


def _known(sender: str) -> dict[str, str]:
    """What Meta knows of `sender`. Raises NotOffered."""
    try:
        found = writing.recipient(sender.removeprefix("whatsapp:"))
    except Refused as error:
        raise NotOffered(str(error)) from None
    return {"wa_id": found["to"]} if "to" in found else {"user_id": found["recipient"]}
