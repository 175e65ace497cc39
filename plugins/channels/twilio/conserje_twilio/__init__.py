"""The channel `twilio`: WhatsApp and SMS by Twilio's Programmable Messaging."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from conserje import (
    Account,
    Answer,
    CannotTell,
    Channel,
    Content,
    Event,
    Forged,
    Limits,
    Location,
    Media,
    Nothing,
    OutboundMessage,
    Page,
    Receipt,
    Refused,
    Text,
    Uncertain,
    Webhook,
    plain,
)
from conserje_twilio import api, events, inbound, signature

if TYPE_CHECKING:  # loads half of the SDK, which a process that never sends can do without
    from twilio.rest.api.v2010.account.message import MessageInstance

TWIML = b'<?xml version="1.0" encoding="UTF-8"?><Response/>'
CLOCK_SKEW = timedelta(seconds=5)
SETTLED_AFTER = timedelta(seconds=60)  # until then a message may be taken and not yet listed
LISTED = 200
OVERLAP = timedelta(minutes=10)  # the list lags behind, and clocks differ
WINDOW = timedelta(hours=6)  # that is listed at once, however long the gap was
TRIAL_PREFIX = "Sent from your Twilio trial account - "


class TwilioCredentials(BaseModel):
    """A Twilio account or subaccount; in a rotation `next_auth_token` signs as well."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    account_sid: str = Field(pattern="^AC[0-9a-fA-F]{32}$")
    auth_token: SecretStr = Field(min_length=1)
    next_auth_token: SecretStr | None = Field(default=None, min_length=1)

    def tokens(self) -> dict[str, str]:
        """The auth tokens by the name of their field."""
        named = {"auth_token": self.auth_token, "next_auth_token": self.next_auth_token}
        return {name: token.get_secret_value() for name, token in named.items() if token}


class TwilioOperator(BaseModel):
    """Where Twilio is, and the Twilio account of tenants that have none of their own."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    base_url: str = Field(
        default="https://api.twilio.com",
        pattern=r"^https?://[^\s/?#]+/?$",
        description="Twilio's REST interface.",
    )
    account_sid: str | None = Field(
        default=None, pattern="^AC[0-9a-fA-F]{32}$", description="The shared Twilio account's SID."
    )
    auth_token: SecretStr | None = Field(
        default=None,
        min_length=1,
        validate_default=True,
        description="The shared Twilio account's auth token.",
    )

    @field_validator("auth_token")
    @classmethod
    def _both_or_neither(cls, token: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if "account_sid" in info.data and (token is None) != (info.data["account_sid"] is None):
            raise ValueError("account_sid and auth_token go together; set both or neither")
        return token


TwilioAccount = Account[TwilioCredentials, Nothing]


class Twilio(Channel[TwilioCredentials, Nothing, TwilioOperator]):
    """WhatsApp and SMS; an account's address is what Twilio calls it: "whatsapp:+56..." or "+56..."."""

    name = "twilio"
    Credentials = TwilioCredentials
    Settings = Nothing
    Operator = TwilioOperator
    limits = Limits(text=1600, buttons=0)
    shared = frozenset({"twilio", "whatsapp"})

    def shared_credentials(self) -> TwilioCredentials | None:
        shared = self.operator
        if shared.account_sid is None or shared.auth_token is None:
            return None
        return TwilioCredentials(
            account_sid=shared.account_sid, auth_token=shared.auth_token, next_auth_token=None
        )

    def claims(self, hook: Webhook) -> Sequence[str]:
        return [events.address(hook)]

    def verify(self, hook: Webhook, account: TwilioAccount) -> str | None:
        if signature.SETTINGS_HEADER in hook.headers:
            raise Forged("The request is signed by a shared key; Conserje knows auth tokens only.")
        given = hook.headers.get(signature.HEADER, "")
        tokens = account.credentials.tokens()
        fitting = [
            name for name, token in tokens.items() if signature.signs(token, hook.url, hook.form, given)
        ]
        senders = {value for name, value in hook.form if name == "AccountSid"}
        if not fitting or senders != {account.credentials.account_sid}:
            raise Forged("No auth token of the account signs this request.")
        return fitting[0] if len(tokens) > 1 else None

    def parse(self, hook: Webhook) -> Iterable[Event]:
        return [events.read(hook)]

    def acknowledge(self, hook: Webhook) -> Answer:
        # An empty 200 to a message is an error in Twilio's console.
        return Answer(204) if hook.path == "status" else Answer(200, TWIML, "text/xml")

    async def send(self, message: OutboundMessage, account: TwilioAccount) -> Receipt:
        fields = _fields(message.content, message.to)
        transport = self._transport(account)
        await api.load()
        try:
            taken = await api.client(account.credentials.account_sid, transport).messages.create_async(
                to=message.to, from_=account.address, status_callback=message.status_url, **fields
            )
        except Exception as error:
            raise api.outcome(error, transport.retry_after) from None
        if not taken.sid:
            raise Uncertain("Twilio's answer names no message.")
        return Receipt(taken.sid)

    async def find(self, message: OutboundMessage, account: TwilioAccount) -> Receipt | None:
        await api.load()
        transport = self._transport(account)
        client = api.client(account.credentials.account_sid, transport)
        try:
            # Not narrowed by DateSent: a message still in Twilio's queue has none.
            listed = await client.messages.list_async(
                to=message.to, from_=account.address, limit=LISTED, page_size=LISTED
            )
        except Exception as error:
            raise api.unanswered(error, transport.status) from None
        recent = [entry for entry in listed if _created(entry) >= message.attempted_at - CLOCK_SKEW]
        ours = [entry.sid for entry in recent if entry.sid and _is(entry, message)]
        if ours:
            return Receipt(ours[-1])  # newest first: the last is the earliest
        if len(recent) == LISTED or datetime.now(UTC) < message.attempted_at + SETTLED_AFTER:
            raise CannotTell("Twilio lists no such message, but may not list all of them yet.")
        return None

    async def fetch(self, account: TwilioAccount, cursor: str | None) -> Page:
        now = datetime.now(UTC)
        if cursor is None:
            return Page((), now.isoformat())
        since = datetime.fromisoformat(cursor) - OVERLAP
        until = min(since + WINDOW, now)
        await api.load()
        transport = self._transport(account)
        client = api.client(account.credentials.account_sid, transport)
        try:
            listed = await api.received(client, account.address, since, until if until < now else None)
            messages = await inbound.read(client, self.operator.base_url, listed)
        except Exception as error:
            raise api.unanswered(error, transport.status) from None
        return Page(messages, until.isoformat(), more=until < now)

    def compose(self, account: TwilioAccount, url: str, sender: str, text: str) -> Webhook:
        if account.address.startswith("whatsapp:"):
            sender = "whatsapp:" + sender.removeprefix("whatsapp:")
        form = _inbound_form(account, sender, text)
        token = account.credentials.auth_token.get_secret_value()
        headers = {
            "content-type": "application/x-www-form-urlencoded; charset=utf-8",
            signature.HEADER: signature.sign(token, url.partition("#")[0], form.items()),
        }
        return Webhook("POST", "webhook", url, headers, urlencode(form).encode())

    def _transport(self, account: TwilioAccount) -> api.Transport:
        return api.Transport(self.http, self.operator.base_url, tuple(account.credentials.tokens().values()))


def _fields(content: Content, to: str) -> dict[str, Any]:
    match content:
        case Text(text=text):
            return {"body": text}
        case Media(files=files, caption=caption):
            if not all(file.ref.startswith("https://") for file in files):
                raise Refused("Twilio fetches files by https URL only; this message's file has none.")
            return {"media_url": [file.ref for file in files]} | ({"body": caption} if caption else {})
        case Location(latitude=latitude, longitude=longitude, name=name, address=address):
            if not to.startswith("whatsapp:"):
                return {"body": plain(content)}
            place = f"geo:{latitude},{longitude}" + (f"|{address}" if address else "")
            return {"body": name or address or plain(content), "persistent_action": [place]}
        case _:
            raise Refused(f"The channel twilio cannot carry a message of the kind {content.type}.")


def _created(entry: MessageInstance) -> datetime:
    """An entry without a date counts as new: it may be the one that is looked for."""
    return entry.date_created or datetime.now(UTC)


def _is(entry: MessageInstance, message: OutboundMessage) -> bool:
    body = (entry.body or "").removeprefix(TRIAL_PREFIX).strip()
    return (
        str(entry.direction).startswith("outbound")
        and entry.sid not in message.owned
        and body == _fields(message.content, message.to).get("body", "").strip()
    )


def _inbound_form(account: TwilioAccount, sender: str, text: str) -> dict[str, str]:
    sid = "SM" + secrets.token_hex(16)
    form = {
        "SmsMessageSid": sid,
        "NumMedia": "0",
        "SmsSid": sid,
        "SmsStatus": "received",
        "Body": text,
        "To": account.address,
        "NumSegments": "1",
        "MessageSid": sid,
        "AccountSid": account.credentials.account_sid,
        "From": sender,
        "ApiVersion": "2010-04-01",
    }
    if sender.startswith("whatsapp:"):
        form |= {"ProfileName": "Conserje", "MessageType": "text"}
        if number := re.fullmatch(r"whatsapp:\+([0-9]+)", sender):
            form["WaId"] = number[1]
    return form
