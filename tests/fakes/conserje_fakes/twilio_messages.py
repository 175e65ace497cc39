"""What the Twilio stand-in keeps: accounts, the messages it took, who opted out; and what it refuses."""

from __future__ import annotations

import asyncio
import base64
import binascii
import operator
import re
import secrets
import ssl
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx2
from starlette.datastructures import FormData

from conserje_fakes import twilio_files, twilio_rules
from conserje_fakes.twilio_content import IN_SESSION_BUTTONS, Content, Library
from conserje_fakes.twilio_files import Files
from conserje_fakes.twilio_refusals import Refusal
from conserje_fakes.twilio_setup import Setup
from conserje_fakes.twilio_webhooks import Delivered, Form, Signer, deliver

Habit = Literal["in order", "late", "doubled", "out of order", "before the answer", "none"]

ADDRESS = re.compile(r"(?:whatsapp:)?\+[1-9][0-9]{6,14}|whatsapp:[A-Z]{2}\.[A-Za-z0-9]{1,128}")
STOP = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "END", "QUIT", "CANCEL", "REVOKE", "OPTOUT"})
START = frozenset({"START", "UNSTOP", "YES"})
HELP = frozenset({"HELP", "INFO"})
TRIAL_NOTICE = "Sent from your Twilio trial account - "
MESSAGES = "/2010-04-01/Accounts/{sid}/Messages.json"
MEDIA = "/2010-04-01/Accounts/{sid}/Messages/{message}/Media.json"


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """An account of the stand-in: its secrets, and the addresses that it owns.

    `services` are its Messaging Services with the addresses in the pool of each; with `shared_key`, an id
    and a secret, webhooks are signed by that.
    """

    account_sid: str
    auth_token: str
    numbers: Sequence[str]
    trial: bool = False
    services: Mapping[str, Sequence[str]] = field(default_factory=dict)
    shared_key: tuple[str, str] | None = None

    @property
    def signer(self) -> Signer:
        return Signer(self.auth_token) if self.shared_key is None else Signer(*reversed(self.shared_key))

    def service_of(self, address: str) -> str | None:
        """The Messaging Service that has `address` in its pool."""
        return next((sid for sid, pool in self.services.items() if address in pool), None)


@dataclass(slots=True)
class Message:
    """A message that was taken, as Twilio's REST interface shows it."""

    account_sid: str
    sender: str
    to: str
    body: str
    media: Sequence[str]
    status_callback: str
    sid: str
    status: str = "queued"
    error_code: int | None = None
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    sent: datetime | None = None
    direction: str = "outbound-api"
    content_types: Sequence[str] = ()  # of the media
    service: str | None = None
    content: Content | None = None
    places: Sequence[str] = ()  # geo:...

    @property
    def shown(self) -> str:
        """What the contact sees: the words, if the files show them, with what there is to choose below."""
        words = self.body
        if self.to.startswith("whatsapp:") and not all(map(twilio_files.shows_words, self.media)):
            words = ""
        return "\n".join([words, *(self.content.choices if self.content else ())])

    def json(self) -> dict[str, Any]:
        uri = MESSAGES.format(sid=self.account_sid).replace(".json", f"/{self.sid}.json")
        return {
            "account_sid": self.account_sid,
            "api_version": "2010-04-01",
            "body": self.body,
            "date_created": format_datetime(self.created),
            "date_sent": format_datetime(self.sent) if self.sent else None,
            "date_updated": format_datetime(self.sent or self.created),
            "direction": self.direction,
            "error_code": self.error_code,
            "error_message": None,
            "from": self.sender,
            "messaging_service_sid": self.service,
            "num_media": str(len(self.media)),
            "num_segments": "1",
            "price": None,
            "price_unit": "USD",
            "sid": self.sid,
            "status": self.status,
            "subresource_uris": {"media": uri.replace(".json", "/Media.json")},
            "to": self.to,
            "uri": uri,
        }

    def media_json(self) -> list[dict[str, Any]]:
        return [
            {
                "sid": url.rpartition("/")[2],
                "account_sid": self.account_sid,
                "parent_sid": self.sid,
                "content_type": content_type,
                "date_created": format_datetime(self.created),
                "date_updated": format_datetime(self.created),
                "uri": urlsplit(url).path + ".json",
            }
            for url, content_type in zip(self.media, self.content_types, strict=True)
        ]


class StandIn:
    """The state of one stand-in; a test in the same process may read it and call `deliver`."""

    def __init__(
        self,
        accounts: Iterable[TwilioAccount],
        habit: Habit,
        late: float,
        rate: int | None,
        window: timedelta | None,
        trust: Path | None = None,
    ) -> None:
        self.accounts = {account.account_sid: account for account in accounts}
        self.habit = habit
        self.late = late
        self.rate = rate
        self.window = window
        self.messages: list[Message] = []
        self.received: dict[str, Message] = {}  # by SID
        self.callbacks: list[Delivered] = []
        self.library = Library()
        self.files = Files()
        self.setup = Setup()
        self.typing: list[str] = []  # the SIDs that typing was shown for
        self._opted_out: set[tuple[str, str]] = set()
        self._last_written: dict[tuple[str, str], datetime] = {}
        self._recent: defaultdict[str, deque[float]] = defaultdict(deque)
        self._reports: set[asyncio.Task[None]] = set()
        # Every webhook has limits of its own.
        self._http = httpx2.AsyncClient(
            verify=ssl.create_default_context(cafile=trust) if trust else True,
            trust_env=False,
            limits=httpx2.Limits(max_connections=None),
        )

    async def close(self) -> None:
        for report in self._reports:
            report.cancel()
        await asyncio.gather(*self._reports, return_exceptions=True)
        await self._http.aclose()

    def sent(self, sender: str, to: str) -> list[str]:
        """The bodies taken from `sender` to `to`, in order."""
        return [m.body for m in self.messages if (m.sender, m.to) == (sender, to)]

    def inbound(self, to: str, sender: str, text: str, **fields: str) -> dict[str, str]:
        """The form that Twilio posts when `sender` writes `text` to the number `to`."""
        account = next(a for a in self.accounts.values() if to in a.numbers)
        sid = "SM" + secrets.token_hex(16)
        form = {"ToCountry": "CL", "SmsMessageSid": sid, "NumMedia": "0", "SmsSid": sid}
        form |= {"SmsStatus": "received", "Body": text, "To": to, "NumSegments": "1"}
        form |= {"MessageSid": sid, "AccountSid": account.account_sid, "From": sender}
        form |= {"ApiVersion": "2010-04-01"}
        if sender.startswith("whatsapp:+"):
            form |= {"ProfileName": "Ana", "WaId": sender.removeprefix("whatsapp:+"), "MessageType": "text"}
            form |= {"ReferralNumMedia": "0"}
        else:
            form |= {"FromCity": "", "FromState": "", "FromZip": "", "FromCountry": "CL"}
        if service := account.service_of(to):
            form |= {"MessagingServiceSid": service} | _opt_out(to, text)
        return form | fields

    async def deliver(self, url: str, form: Form, fallback: str = "") -> Delivered:
        """Post an inbound webhook to `url`, whose fragment says when it is posted again; what is not
        taken there goes to `fallback`, if there is one."""
        fields = dict(form)
        self.receive(fields)
        return await deliver(self._http, url, form, self.accounts[fields["AccountSid"]].signer, fallback)

    async def write(self, to: str, sender: str, text: str, **fields: str) -> Delivered:
        """Have `sender` write to `to`, and post it to where that is set to post."""
        form = self.inbound(to, sender, text, **fields)
        service = self.accounts[form["AccountSid"]].service_of(to)
        return await self.deliver(self.setup.webhook(to, service), list(form.items()))

    def receive(self, form: Mapping[str, str], at: datetime | None = None) -> None:
        """Keep and list what a contact wrote, posted or not."""
        self._note(form["To"], form["From"], form.get("Body", ""))
        at = at or datetime.now(UTC)
        count = range(int(form.get("NumMedia", "0")))
        self.received[form["MessageSid"]] = Message(
            account_sid=form["AccountSid"],
            sender=form["From"],
            to=form["To"],
            body=form.get("Body", ""),
            media=[form[f"MediaUrl{n}"] for n in count],
            content_types=[form[f"MediaContentType{n}"] for n in count],
            status_callback="",
            sid=form["MessageSid"],
            status="received",
            created=at,
            sent=at,
            direction="inbound",
        )

    def _note(self, number: str, contact: str, text: str) -> None:
        self._last_written[number, contact] = datetime.now(UTC)
        word = text.strip().upper()
        if word in STOP and not number.startswith("whatsapp:"):
            self._opted_out.add((number, contact))
        elif word in START:
            self._opted_out.discard((number, contact))

    def caller(self, authorization: str) -> TwilioAccount:
        """The account whose Authorization header it is. Raises Refusal."""
        scheme, _, encoded = authorization.partition(" ")
        try:
            user, _, token = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user, token = "", ""
        account = self.accounts.get(user)
        if scheme.lower() != "basic" or account is None or account.auth_token != token:
            raise Refusal(401, 20003, "Authenticate")
        return account

    def authenticate(self, authorization: str, sid: str) -> TwilioAccount:
        """The account `sid`, if the Authorization header is its own. Raises Refusal."""
        account = self.caller(authorization)
        if account.account_sid != sid:
            raise Refusal(404, 20404, f"The requested resource {MESSAGES.format(sid=sid)} was not found")
        return account

    async def accept(self, account: TwilioAccount, form: FormData) -> Message:
        """Take the message, and start to report on it. Raises Refusal."""
        self._check_rate(account)
        sender = _sender(account, form)
        has_service = bool(form.get("MessagingServiceSid"))
        _check_addresses(account, sender, str(form.get("To", "")), has_service=has_service)
        twilio_rules.check(form)
        to = str(form["To"])
        content, body = None, str(form.get("Body", ""))
        if form.get("ContentSid"):
            content, body = self.library.render(account.account_sid, form)
        if (sender, to) in self._opted_out:
            raise Refusal(400, 21610, "Attempt to send to unsubscribed recipient")
        notice = TRIAL_NOTICE if account.trial and not to.startswith("whatsapp:") else ""
        media = [str(url) for url in form.getlist("MediaUrl")]
        service = str(form.get("MessagingServiceSid", "")) or None
        message = Message(
            account_sid=account.account_sid,
            sender=sender,
            to=to,
            body=notice + body,
            media=media,
            status_callback=str(form.get("StatusCallback", "")),
            sid=("MM" if media else "SM") + secrets.token_hex(16),
            status="accepted" if service else "queued",
            service=service,
            content=content,
            places=[str(place) for place in form.getlist("PersistentAction")],
        )
        self.messages.append(message)
        await self._start_report(message)
        return message

    def show_typing(self, account: TwilioAccount, form: FormData) -> None:
        """Raises Refusal unless the message is one that somebody wrote to the account by WhatsApp."""
        message = self.received.get(str(form.get("messageId", "")))
        if form.get("channel") != "whatsapp" or message is None or message.account_sid != account.account_sid:
            raise Refusal(400, 90001, "Message SID is invalid")
        if not message.to.startswith("whatsapp:"):
            raise Refusal(400, 90001, "Message SID is invalid")
        self.typing.append(message.sid)

    def _check_rate(self, account: TwilioAccount) -> None:
        recent, now = self._recent[account.account_sid], time.monotonic()
        while recent and recent[0] <= now - 1:
            recent.popleft()
        if self.rate is not None and len(recent) >= self.rate:
            raise Refusal(429, 20429, "Too Many Requests")
        recent.append(now)

    async def _start_report(self, message: Message) -> None:
        report = asyncio.create_task(self._report(message))
        self._reports.add(report)
        report.add_done_callback(self._reports.discard)
        if self.habit == "before the answer":
            await report

    async def _trouble(self, message: Message) -> int | None:
        """The code with which the message fails after it was taken."""
        if not message.sender:
            return 21703
        if not message.to.startswith("whatsapp:"):
            return await self._media_trouble(message)
        approved = message.content is not None and message.content.approved
        if not approved and not self._is_open(message):
            return 63016
        if not approved and message.content and message.content.buttons > IN_SESSION_BUTTONS:
            return 63005
        return await self._media_trouble(message)

    async def _media_trouble(self, message: Message) -> int | None:
        for url in message.media:
            if code := await twilio_files.trouble(self._http, url):
                return code
        return None

    def _is_open(self, message: Message) -> bool:
        if self.window is None:
            return True
        written = self._last_written.get((message.sender, message.to))
        return written is not None and datetime.now(UTC) - written < self.window

    async def _report(self, message: Message) -> None:
        if self.habit == "late":
            await asyncio.sleep(self.late)
        message.error_code = await self._trouble(message)
        steps = ["sent", "delivered"] if message.error_code is None else ["failed"]
        if self.habit == "out of order":
            steps.reverse()
        if self.habit == "doubled":
            steps = [step for step in steps for _ in range(2)]
        for step in steps:
            message.status = step
            if step != "failed":
                message.sent = message.sent or datetime.now(UTC)
            if message.status_callback and self.habit != "none":
                signer = self.accounts[message.account_sid].signer
                form = list(_status_form(message).items())
                self.callbacks.append(await deliver(self._http, message.status_callback, form, signer))

    def listed(self, account: TwilioAccount, query: Mapping[str, str]) -> list[Message]:
        """The account's messages that the filters leave, newest first; DateSent leaves out unsent ones."""
        kept = sorted([*self.messages, *self.received.values()], key=lambda message: message.created)
        return [
            message
            for message in reversed(kept)
            if message.account_sid == account.account_sid
            and query.get("To", message.to) == message.to
            and query.get("From", message.sender) == message.sender
            and _was_sent_when(message, query)
        ]


def _opt_out(number: str, text: str) -> dict[str, str]:
    """What a service with Advanced Opt-Out tells of the words that it answers itself."""
    words = {"STOP": STOP, "START": START, "HELP": HELP}
    said = text.strip().upper()
    kind = next((kind for kind, known in words.items() if said in known), "")
    return {"OptOutType": kind} if kind and not number.startswith("whatsapp:") else {}


def _sender(account: TwilioAccount, form: FormData) -> str:
    """From, else the first of the service's pool that goes with To, "" where none does. Raises Refusal."""
    sender, service = str(form.get("From", "")), str(form.get("MessagingServiceSid", ""))
    if not service:
        return sender
    if service not in account.services:
        raise Refusal(404, 21701, "The Messaging Service does not exist")
    by_whatsapp = str(form.get("To", "")).startswith("whatsapp:")
    pool = [each for each in account.services[service] if each.startswith("whatsapp:") == by_whatsapp]
    if sender and sender not in account.services[service]:
        raise Refusal(400, 21703, "The Messaging Service has no such number in its pool")
    return sender or next(iter(pool), "")


def _check_addresses(account: TwilioAccount, sender: str, to: str, *, has_service: bool) -> None:
    if not to:
        raise Refusal(400, 21604, "A 'To' phone number is required.")
    if not ADDRESS.fullmatch(to):
        raise Refusal(400, 21211, "Invalid 'To' Phone Number")
    if not sender and has_service:
        return  # it fails later: by then there is no sender to tell
    if not sender:
        raise Refusal(400, 21603, "A 'From' phone number is required.")
    if sender not in account.numbers:
        code = 63007 if sender.startswith("whatsapp:") else 21606
        raise Refusal(400, code, "The 'From' number is not one of the account's senders")
    if sender.startswith("whatsapp:") != to.startswith("whatsapp:"):
        raise Refusal(400, 21910, "'From' and 'To' should be of the same channel")


def _status_form(message: Message) -> dict[str, str]:
    form = {"MessageSid": message.sid, "MessageStatus": message.status}
    form |= {"SmsSid": message.sid, "SmsStatus": message.status, "AccountSid": message.account_sid}
    form |= {"To": message.to, "ApiVersion": "2010-04-01"}
    form |= {"From": message.sender} if message.sender else {"MessagingServiceSid": message.service or ""}
    if message.to.startswith("whatsapp:"):
        form |= {"ChannelPrefix": "whatsapp", "ChannelToAddress": message.to.removeprefix("whatsapp:")}
    if message.error_code:
        form["ErrorCode"] = str(message.error_code)
    return form


_DATE_FILTERS = {"DateSent": operator.eq, "DateSent>": operator.ge, "DateSent<": operator.le}


def _was_sent_when(message: Message, query: Mapping[str, str]) -> bool:
    given = [name for name in _DATE_FILTERS if name in query]
    sent = message.sent.strftime("%Y-%m-%dT%H:%M:%SZ") if message.sent else ""
    return not given or (
        bool(sent) and all(_DATE_FILTERS[name](sent[: len(query[name])], query[name]) for name in given)
    )
