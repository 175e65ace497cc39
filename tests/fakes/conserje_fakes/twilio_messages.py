"""What the Twilio stand-in keeps: accounts, the messages it took, who opted out; and what it refuses."""

from __future__ import annotations

import asyncio
import base64
import binascii
import operator
import re
import secrets
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx2
from starlette.datastructures import FormData

from conserje_fakes.twilio_webhooks import Delivered, Form, deliver

Habit = Literal["in order", "late", "doubled", "out of order", "before the answer", "none"]

ADDRESS = re.compile(r"(?:whatsapp:)?\+[1-9][0-9]{6,14}|whatsapp:[A-Z]{2}\.[A-Za-z0-9]{1,128}")
STOP = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "END", "QUIT", "CANCEL", "REVOKE", "OPTOUT"})
START = frozenset({"START", "UNSTOP", "YES"})
TRIAL_NOTICE = "Sent from your Twilio trial account - "
MESSAGES = "/2010-04-01/Accounts/{sid}/Messages.json"
MEDIA = "/2010-04-01/Accounts/{sid}/Messages/{message}/Media.json"


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """An account of the stand-in: its secret, and the addresses that it owns."""

    account_sid: str
    auth_token: str
    numbers: Sequence[str]
    trial: bool = False


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
            "messaging_service_sid": None,
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


class Refusal(Exception):
    """Twilio's error answer."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class StandIn:
    """The state of one stand-in; a test in the same process may read it and call `deliver`."""

    def __init__(
        self,
        accounts: Iterable[TwilioAccount],
        habit: Habit,
        late: float,
        rate: int | None,
        window: timedelta | None,
    ) -> None:
        self.accounts = {account.account_sid: account for account in accounts}
        self.habit = habit
        self.late = late
        self.rate = rate
        self.window = window
        self.messages: list[Message] = []
        self.received: dict[str, Message] = {}  # by SID
        self.callbacks: list[Delivered] = []
        self._opted_out: set[tuple[str, str]] = set()
        self._last_written: dict[tuple[str, str], datetime] = {}
        self._recent: defaultdict[str, deque[float]] = defaultdict(deque)
        self._reports: set[asyncio.Task[None]] = set()
        # Every webhook has limits of its own.
        self._http = httpx2.AsyncClient(trust_env=False, limits=httpx2.Limits(max_connections=None))

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
        else:
            form |= {"FromCity": "", "FromState": "", "FromZip": "", "FromCountry": "CL"}
        return form | fields

    async def deliver(self, url: str, form: Form) -> Delivered:
        """Post an inbound webhook to `url`, whose fragment says when it is posted again."""
        fields = dict(form)
        self.receive(fields)
        return await deliver(self._http, url, form, self.accounts[fields["AccountSid"]].auth_token)

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

    def authenticate(self, authorization: str, sid: str) -> TwilioAccount:
        """The account `sid`, if the Authorization header is its own. Raises Refusal."""
        scheme, _, encoded = authorization.partition(" ")
        try:
            user, _, token = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user, token = "", ""
        account = self.accounts.get(user)
        if scheme.lower() != "basic" or account is None or account.auth_token != token:
            raise Refusal(401, 20003, "Authenticate")
        if user != sid:
            raise Refusal(404, 20404, f"The requested resource {MESSAGES.format(sid=sid)} was not found")
        return account

    async def accept(self, account: TwilioAccount, form: FormData) -> Message:
        """Take the message, and start to report on it. Raises Refusal."""
        self._check_rate(account)
        _check_addresses(account, form)
        _check_content(form)
        sender, to = str(form["From"]), str(form["To"])
        if (sender, to) in self._opted_out:
            raise Refusal(400, 21610, "Attempt to send to unsubscribed recipient")
        notice = TRIAL_NOTICE if account.trial and not to.startswith("whatsapp:") else ""
        media = [str(url) for url in form.getlist("MediaUrl")]
        message = Message(
            account_sid=account.account_sid,
            sender=sender,
            to=to,
            body=notice + str(form.get("Body", "")),
            media=media,
            status_callback=str(form.get("StatusCallback", "")),
            sid=("MM" if media else "SM") + secrets.token_hex(16),
        )
        self.messages.append(message)
        await self._start_report(message)
        return message

    def _check_rate(self, account: TwilioAccount) -> None:
        recent, now = self._recent[account.account_sid], time.monotonic()
        while recent and recent[0] <= now - 1:
            recent.popleft()
        if self.rate is not None and len(recent) >= self.rate:
            raise Refusal(429, 20429, "Too Many Requests")
        recent.append(now)

    async def _start_report(self, message: Message) -> None:
        steps = ["sent", "delivered"] if self._is_open(message) else ["failed"]
        if self.habit == "out of order":
            steps.reverse()
        if self.habit == "doubled":
            steps = [step for step in steps for _ in range(2)]
        report = asyncio.create_task(self._report(message, steps))
        self._reports.add(report)
        report.add_done_callback(self._reports.discard)
        if self.habit == "before the answer":
            await report

    def _is_open(self, message: Message) -> bool:
        if self.window is None or not message.to.startswith("whatsapp:"):
            return True
        written = self._last_written.get((message.sender, message.to))
        return written is not None and datetime.now(UTC) - written < self.window

    async def _report(self, message: Message, steps: Sequence[str]) -> None:
        if self.habit == "late":
            await asyncio.sleep(self.late)
        for step in steps:
            message.status = step
            if step == "failed":
                message.error_code = 63016
            else:
                message.sent = message.sent or datetime.now(UTC)
            if message.status_callback and self.habit != "none":
                token = self.accounts[message.account_sid].auth_token
                form = list(_status_form(message).items())
                self.callbacks.append(await deliver(self._http, message.status_callback, form, token))

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


def _check_addresses(account: TwilioAccount, form: FormData) -> None:
    sender, to = str(form.get("From", "")), str(form.get("To", ""))
    if not to:
        raise Refusal(400, 21604, "A 'To' phone number is required.")
    if not ADDRESS.fullmatch(to):
        raise Refusal(400, 21211, "Invalid 'To' Phone Number")
    if not sender:
        raise Refusal(400, 21603, "A 'From' phone number is required.")
    if sender not in account.numbers:
        code = 63007 if sender.startswith("whatsapp:") else 21606
        raise Refusal(400, code, "The 'From' number is not one of the account's senders")
    if sender.startswith("whatsapp:") != to.startswith("whatsapp:"):
        raise Refusal(400, 21910, "'From' and 'To' should be of the same channel")


def _check_content(form: FormData) -> None:
    if not any(form.get(name) for name in ("Body", "MediaUrl", "ContentSid")):
        raise Refusal(400, 21602, "Message body is required.")
    if len(str(form.get("Body", ""))) > 1600:
        raise Refusal(400, 21617, "The concatenated message body exceeds the 1600 character limit")
    if callback := str(form.get("StatusCallback", "")):
        url = urlsplit(callback)
        if url.scheme not in ("http", "https") or not url.hostname or "_" in url.hostname:
            raise Refusal(400, 21609, "Invalid StatusCallback URL")


def _status_form(message: Message) -> dict[str, str]:
    form = {"MessageSid": message.sid, "MessageStatus": message.status}
    form |= {"SmsSid": message.sid, "SmsStatus": message.status, "AccountSid": message.account_sid}
    form |= {"From": message.sender, "To": message.to, "ApiVersion": "2010-04-01"}
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
