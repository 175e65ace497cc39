"""The forms that Twilio posts, read into events: messages, and what became of ours."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from conserje import (
    Consent,
    Content,
    Event,
    File,
    InboundMessage,
    Location,
    Malformed,
    Media,
    Note,
    Pressed,
    Status,
    StatusUpdate,
    Text,
    Unknown,
    Unreadable,
    Webhook,
)
from conserje_twilio.errors import OPTED_OUT, OUTSIDE_WINDOW, explain

_STATUSES: dict[str, Status] = {
    "accepted": "sent",
    "queued": "sent",
    "scheduled": "sent",
    "sending": "sent",
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "failed": "failed",
    "undelivered": "failed",
    "canceled": "failed",
}

# Twilio, having been set so, has answered these words itself.
_CONSENTS: dict[str, Consent] = {"STOP": "out", "START": "in"}

# What is not among these and carries no file, place or choice is kept as Unknown.
_KINDS = frozenset(
    {"", "text", "image", "audio", "video", "document", "sticker", "location", "button", "interactive"}
)
_EMPTY = "empty"  # the kind of a message that says nothing
_COUNT = re.compile(r"[0-9]{1,3}")
_SID = re.compile(r"[SM]M[0-9a-fA-F]{32}")
_OUR_ID = re.compile(r"[0-9]{1,18}")


class _Unclear(Exception):
    """A field is missing or makes no sense."""


class _Form:
    """The posted fields by name; the first counts where a name comes twice."""

    def __init__(self, fields: Sequence[tuple[str, str]]) -> None:
        self.values: dict[str, list[str]] = {}
        for name, value in fields:
            self.values.setdefault(name, []).append(value)

    def get(self, *names: str) -> str:
        """The first of `names` that is there and not blank."""
        return next((self.values[name][0] for name in names if self.values.get(name, [""])[0]), "")

    def require(self, *names: str) -> str:
        if value := self.get(*names):
            return value
        raise _Unclear(f"The form has no {names[0]}.")

    def sid(self, *names: str) -> str:
        """A message's id, of its whole form: what is signed does not tell where a value ends."""
        sid = self.require(*names)
        if not _SID.fullmatch(sid):
            raise _Unclear(f"{names[0]} is not SM or MM and 32 hexadecimal digits.")
        return sid

    def raw(self) -> dict[str, Any]:
        return {name: values[0] if len(values) == 1 else values for name, values in self.values.items()}


def address(hook: Webhook) -> str:
    """The account's address that the form names. Raises Malformed."""
    name = "From" if hook.path == "status" else "To"
    for given, value in hook.form:
        if given == name and value:
            return value
    raise Malformed(f"The form has no {name}.")


def key(sid: str) -> str:
    """What names an inbound message, whether it is posted or fetched."""
    return f"in:{sid}"


def read(hook: Webhook) -> list[Event]:
    """The event of the form, behind a note where Twilio tells more; Unreadable if it makes no sense."""
    try:
        return [_status(hook)] if hook.path == "status" else _written(hook)
    except (_Unclear, Malformed) as unclear:
        return [
            Unreadable(
                address=address(hook),
                key=f"unreadable:{hook.path}:{hashlib.sha256(hook.body).hexdigest()}",
                raw=hook.body.decode("ascii"),
                cause=str(unclear),
            )
        ]


def _written(hook: Webhook) -> list[Event]:
    form = _Form(hook.form)
    sid = form.sid("MessageSid", "SmsMessageSid", "SmsSid")
    message = _message(form, sid, address(hook))
    if referral := _referral(form):
        return [replace(message, key=f"{message.key}:referral", content=referral, provider_id=""), message]
    return [message]


def _message(form: _Form, sid: str, address: str) -> InboundMessage:
    sender = form.require("From")
    number = form.get("WaId")
    names = (f"whatsapp:+{number}" if number else "", form.get("ExternalUserId"))
    return InboundMessage(
        address=address,
        key=key(sid),
        sender=sender,
        content=_content(form),
        identities=tuple(dict.fromkeys(name for name in names if name and name != sender)),
        name=form.get("ProfileName"),
        provider_id=sid,
        quotes=form.get("OriginalRepliedMessageSid"),
        consent=_CONSENTS.get(form.get("OptOutType"), ""),
    )


def _referral(form: _Form) -> Note | None:
    """Where the contact came from: the advertisement that was pressed."""
    told = [
        f"{name.removeprefix('Referral')}: {values[0]}"
        for name, values in form.values.items()
        if name.startswith("Referral") and name != "ReferralNumMedia" and values[0]  # which each message has
    ]
    return Note(f"The contact came by a referral. {'; '.join(told)}") if told else None


def _content(form: _Form) -> Content:
    text, kind = form.get("Body"), form.get("MessageType")
    if form.get("OptOutType") == "HELP":
        return Note(text)  # Twilio has answered it
    if files := _files(form, sticker=kind == "sticker"):
        return Media(files, caption=text)
    if kind == "location" or form.get("Latitude", "Longitude"):
        return _location(form)
    if form.get("ButtonPayload", "ButtonText"):
        return Pressed(form.get("ButtonPayload", "ButtonText"), form.get("ButtonText") or text)
    if form.get("ListId"):
        return Pressed(form.get("ListId"), form.get("ListTitle") or text)
    if kind not in _KINDS:
        return Unknown(kind, form.raw())
    return Text(text) if text else Unknown(_EMPTY, form.raw())


def _files(form: _Form, *, sticker: bool) -> tuple[File, ...]:
    count = form.get("NumMedia") or "0"
    if not _COUNT.fullmatch(count):
        raise _Unclear("NumMedia is not a number of files.")
    return tuple(
        File(form.require(f"MediaUrl{n}"), form.get(f"MediaContentType{n}"), sticker=sticker)
        for n in range(int(count))
    )


def _location(form: _Form) -> Location:
    return Location(
        _degrees(form, "Latitude", 90),
        _degrees(form, "Longitude", 180),
        form.get("Label"),
        form.get("Address"),
    )


def _degrees(form: _Form, name: str, largest: int) -> float:
    try:
        degrees = float(form.require(name))
    except ValueError:
        degrees = float("nan")
    if not -largest <= degrees <= largest:
        raise _Unclear(f"{name} is not a number of degrees.")
    return degrees


def _status(hook: Webhook) -> StatusUpdate:
    form = _Form(hook.form)
    sid = form.sid("MessageSid", "SmsSid")
    word = form.require("MessageStatus", "SmsStatus")
    if word not in _STATUSES:
        raise _Unclear("MessageStatus is not one of a sent message's.")
    status, query = _STATUSES[word], dict(hook.query)
    code, segments = form.get("ErrorCode"), query.get("segments", "")
    return StatusUpdate(
        address=address(hook),
        key=f"status:{sid}:{word}",
        status=status,
        provider_id=sid,
        message_id=_number(query.get("message", "")),
        cause=(explain(code) if code else word) if status == "failed" else "",
        consent="out" if code == str(OPTED_OUT) else "",
        category=f"{segments} segments" if _number(segments) else "",
        outside_window=code == str(OUTSIDE_WINDOW),
    )


def _number(given: str) -> int | None:
    """What `send` put into the URL that Twilio signs."""
    return int(given) if _OUR_ID.fullmatch(given) else None
