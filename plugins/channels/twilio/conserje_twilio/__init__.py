"""The channel `twilio`: WhatsApp and SMS by Twilio's Programmable Messaging."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import timedelta
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

import httpx2
from pydantic import Field, SecretStr, ValidationInfo, field_validator

from conserje import (
    Account,
    Answer,
    Buttons,
    Channel,
    Content,
    Event,
    File,
    Finding,
    Forged,
    Limits,
    List,
    Location,
    Malformed,
    Media,
    NotOffered,
    OutboundMessage,
    Pace,
    Page,
    Pressed,
    Reaction,
    Receipt,
    Text,
    TryLater,
    Uncertain,
    Urls,
    Webhook,
    in_language,
    phone_number,
)
from conserje.kit import Closed
from conserje_twilio import api, doctor, files, listing, reading, signature, writing
from conserje_twilio.errors import NO_SUCH_CONTENT, explain, outcome, unanswered
from conserje_twilio.words import LANGUAGES
from conserje_twilio.writing import WHATSAPP

# An empty 200 to a message is an error in Twilio's console.
_TO_MESSAGE = Answer(200, b'<?xml version="1.0" encoding="UTF-8"?><Response/>', "text/xml")
_TO_STATUS = Answer(204)
_CUSTOMER_SERVICE = timedelta(hours=24)  # WhatsApp takes anything that long after the contact wrote
_WHATSAPP_PHONE = re.compile(r"whatsapp:\+([0-9]+)")


class TwilioCredentials(Closed):
    """The Twilio account or subaccount that owns the number; in a rotation `next_auth_token` signs as well.

    `shared_keys` are the secrets of Twilio's shared keys that sign webhooks instead, by their ids.
    """

    account_sid: str = Field(pattern="^AC[0-9a-fA-F]{32}$")
    auth_token: SecretStr = Field(min_length=1)
    next_auth_token: SecretStr | None = Field(default=None, min_length=1)
    shared_keys: dict[str, SecretStr] = Field(default_factory=dict)

    @field_validator("shared_keys")
    @classmethod
    def _no_blanks(cls, keys: dict[str, SecretStr]) -> dict[str, SecretStr]:
        if not all(key and secret.get_secret_value() for key, secret in keys.items()):
            raise ValueError("a shared key needs an id and a secret")
        return keys

    def tokens(self) -> dict[str, str]:
        """The auth tokens by the name of their field."""
        named = {"auth_token": self.auth_token, "next_auth_token": self.next_auth_token}
        return {name: token.get_secret_value() for name, token in named.items() if token}


class TwilioSettings(Closed):
    """With a Messaging Service, messages leave by it, from the account's address all the same."""

    messaging_service_sid: str | None = Field(default=None, pattern="^MG[0-9a-fA-F]{32}$")


class TwilioOperator(Closed):
    """Where Twilio is, and the Twilio account of tenants that have none of their own."""

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


_TwilioAccount = Account[TwilioCredentials, TwilioSettings]

_WHATSAPP = Limits(
    text=1600,
    buttons=3,
    rows=10,
    captions=frozenset({"image", "video"}),  # Twilio drops words that come with others
    files=1,
    carries=frozenset({"media", "location", "template"}),
    markup="whatsapp",
    takes=files.TAKES,
)
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")  # what is shorter, or a name, is an SMS that a machine sent
_SHORT_CODE = re.compile(r"[1-9][0-9]{2,5}")
# No files: MMS is for three countries.
_SMS = Limits(text=1600, carries=frozenset({"template"}))


# As fast as Twilio's queue of the sender empties, or an answer would wait at its end. WhatsApp takes 80 in a
# second of a sender, what contacts write among them, and more than one in 6 s to a contact for a while.
_OF_WHATSAPP = Pace(60, burst=40, pause=6)
_OF_PHONE = Pace(1)
_OF_SHORT_CODE = Pace(10)


class Twilio(Channel[TwilioCredentials, TwilioSettings, TwilioOperator]):
    """WhatsApp and SMS; an account's address is what Twilio calls it: "whatsapp:+56..." or "+56..."."""

    name = "twilio"
    contract = 1
    Credentials = TwilioCredentials
    Settings = TwilioSettings
    Operator = TwilioOperator
    limits = _WHATSAPP
    shared = frozenset({"twilio", "whatsapp"})

    def __init__(self, operator: TwilioOperator, http: httpx2.AsyncClient) -> None:
        super().__init__(operator, http)
        self._contents = writing.Contents()
        self._signing: WeakKeyDictionary[Webhook, list[str]] = WeakKeyDictionary()  # addresses

    def shared_credentials(self) -> TwilioCredentials | None:
        shared = self.operator
        if shared.account_sid is None or shared.auth_token is None:
            return None
        return TwilioCredentials(
            account_sid=shared.account_sid, auth_token=shared.auth_token, next_auth_token=None
        )

    def limits_of(self, address: str) -> Limits:
        return _WHATSAPP if address.startswith(WHATSAPP) else _SMS

    def pace(self, address: str) -> Pace:
        if address.startswith(WHATSAPP):
            return _OF_WHATSAPP
        return _OF_SHORT_CODE if _SHORT_CODE.fullmatch(address) else _OF_PHONE

    def reach(self, phone: str, address: str) -> str:
        return (WHATSAPP if address.startswith(WHATSAPP) else "") + phone

    def window(self, address: str) -> timedelta | None:
        return _CUSTOMER_SERVICE if address.startswith(WHATSAPP) else None

    def automatic(self, sender: str) -> bool:
        return ":" not in sender and not _PHONE.fullmatch(sender)

    def address(self, given: str) -> str:
        scheme, _, number = given.strip().rpartition(":")
        if not scheme and _SHORT_CODE.fullmatch(number):
            return number
        if scheme.lower() not in ("", "whatsapp"):
            raise Malformed(f"{given!r} is no sender: write +56912345678, or whatsapp:+56912345678.")
        return (WHATSAPP if scheme else "") + phone_number(number)

    def claims(self, hook: Webhook) -> Sequence[str]:
        return [named] if (named := reading.address(hook)) else ()

    def verify(self, hook: Webhook, account: _TwilioAccount) -> str | None:
        own = account.credentials
        tokens = own.tokens()
        keys = {id: secret.get_secret_value() for id, secret in own.shared_keys.items()}
        signer = signature.signer(hook, tokens, keys)
        senders = {value for name, value in hook.form if name == "AccountSid"}
        if signer is None or senders != {own.account_sid}:
            raise Forged("The signature fits no secret of the account; check account_sid and auth_token.")
        if hook.path == "status":  # which may name no account
            self._signing.setdefault(hook, []).append(account.address)
        return signer if len(tokens) + len(keys) > 1 else None

    def parse(self, hook: Webhook) -> Iterable[Event]:
        signing = self._signing.get(hook, ()) if hook.path == "status" else ()
        return reading.read(hook, signing)

    def acknowledge(self, hook: Webhook) -> Answer:
        return _TO_STATUS if hook.path == "status" else _TO_MESSAGE

    async def send(self, message: OutboundMessage, account: _TwilioAccount) -> Receipt:
        line = self._line(account)
        said = in_language(LANGUAGES, account.locale)
        fields = await writing.write(message, line, self._contents, said)
        form = {"From": account.address} | self._service(account) | fields
        try:
            taken = await line.ask("POST", "api", line.below("/Messages.json"), data=form)
        except Exception as error:
            if isinstance(message.content, Buttons | List) and getattr(error, "code", 0) == NO_SUCH_CONTENT:
                self._contents.forget(line, message.content, said)
                raise TryLater(explain(NO_SUCH_CONTENT)) from None
            raise outcome(error) from None
        sid = taken.get("sid")
        if not (isinstance(sid, str) and sid):
            raise Uncertain("Twilio's answer names no message.")
        return writing.receipt(sid, message)

    def _service(self, account: _TwilioAccount) -> dict[str, str]:
        sid = account.settings.messaging_service_sid
        return {"MessagingServiceSid": sid} if sid else {}

    async def find(self, message: OutboundMessage, account: _TwilioAccount) -> Receipt | None:
        service = account.settings.messaging_service_sid
        return await listing.find(self._line(account), message, account.address, service)

    def media(self, file: File, account: _TwilioAccount) -> AsyncIterator[bytes]:
        return files.read(self._line(account), file, self.limits_of(account.address))

    async def attend(self, provider_id: str, account: _TwilioAccount) -> None:
        if not account.address.startswith(WHATSAPP):
            raise NotOffered("SMS shows no typing.")
        form = {"channel": "whatsapp", "messageId": provider_id}
        try:
            await self._line(account).ask("POST", "messaging", "/v2/Indicators/Typing.json", data=form)
        except Exception as error:
            raise unanswered(error) from None

    async def examine(self, account: _TwilioAccount, urls: Urls) -> Sequence[Finding]:
        service = account.settings.messaging_service_sid
        return await doctor.examine(self._line(account), account.address, service, urls, self.shared)

    async def configure(self, account: _TwilioAccount, urls: Urls) -> None:
        service = account.settings.messaging_service_sid
        await doctor.configure(self._line(account), account.address, service, urls)

    async def fetch(self, account: _TwilioAccount, cursor: str | None) -> Page:
        return await listing.fetch(self._line(account), account.address, cursor)

    def compose(self, account: _TwilioAccount, url: str, sender: str, said: str | Content) -> Webhook:
        if account.address.startswith(WHATSAPP):
            sender = WHATSAPP + sender.removeprefix(WHATSAPP)
        form = _inbound_form(account, sender, said)
        token = account.credentials.auth_token.get_secret_value()
        headers = {
            "content-type": "application/x-www-form-urlencoded; charset=utf-8",
            signature.HEADER: signature.sign(token, url.partition("#")[0], form.items()),
        }
        return Webhook("POST", "webhook", url, headers, urlencode(form).encode())

    def _line(self, account: _TwilioAccount) -> api.Line:
        credentials = account.credentials
        return api.Line(self.http, self.operator.base_url, credentials.account_sid, credentials.tokens())


def _sent(said: str | Content) -> dict[str, str]:
    """The fields that say what the contact sent. Raises NotOffered."""
    match said:
        case str(words) | Text(text=words):
            return {"Body": words, "MessageType": "text"}
        case Media(files=[first, *_] as files, caption=caption):
            named = {f"MediaUrl{n}": file.ref for n, file in enumerate(files)}
            named |= {f"MediaContentType{n}": file.media_type or "image/jpeg" for n, file in enumerate(files)}
            kind = "sticker" if first.sticker else named["MediaContentType0"].partition("/")[0]
            return {"Body": caption, "NumMedia": str(len(files)), "MessageType": kind, **named}
        case Location():
            place = {"Latitude": str(said.latitude), "Longitude": str(said.longitude)}
            place |= {"Label": said.name, "Address": said.address}
            return {"Body": "", "MessageType": "location", **place}
        case Pressed():
            button = {"ButtonPayload": said.id, "ButtonText": said.title}
            return {"Body": said.title, "MessageType": "button", **button}
        case Reaction():
            return {"Body": said.emoji, "MessageType": "reaction", "OriginalRepliedMessageSid": said.to}
        case _:
            raise NotOffered(f"The channel twilio writes no {said.type} as a contact.")


def _inbound_form(account: _TwilioAccount, sender: str, said: str | Content) -> dict[str, str]:
    sid = "SM" + secrets.token_hex(16)
    form = {
        "SmsMessageSid": sid,
        "NumMedia": "0",
        **_sent(said),
        "SmsSid": sid,
        "SmsStatus": "received",
        "To": account.address,
        "NumSegments": "1",
        "MessageSid": sid,
        "AccountSid": account.credentials.account_sid,
        "From": sender,
        "ApiVersion": "2010-04-01",
    }
    if sender.startswith(WHATSAPP):
        form |= {"ProfileName": "Conserje"}
        if number := _WHATSAPP_PHONE.fullmatch(sender):
            form["WaId"] = number[1]
    else:
        del form["MessageType"]
    return form
