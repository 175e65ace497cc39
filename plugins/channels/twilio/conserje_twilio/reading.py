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
    Ignored,
    InboundMessage,
    Location,
    Malformed,
    Media,
    Note,
    Pressed,
    Reaction,
    Status,
    StatusUpdate,
    Text,
    Unknown,
    Unreadable,
    Webhook,
    judged,
)
from conserje_twilio.errors import explain, judgement
from conserje_twilio.writing import WHATSAPP

_STATUSES: dict[str, Status] = {
    "accepted": "sent",
    "queued": "sent",
    "scheduled": "sent",
    "sending": "sent",
    "sent": "sent",
    "delivered": "delivered",
    "partially_delivered": "delivered",
    "read": "read",
    "failed": "failed",
    "undelivered": "failed",
    "canceled": "failed",
}

# Twilio, having been set so, has answered these words itself.
_CONSENTS: dict[str, Consent] = {"STOP": "out", "START": "in"}

_IGNORED = frozenset({"receiving", "received"})  # statuses of what contacts write

# What nobody wrote to the business, by the letters of its kind; words beside it are words.
_DONE = {
    "pin": "Pinned a message",
    "edit": "Edited a message, and Twilio does not say how",
    "revoke": "Deleted a message, and Twilio does not say which",
    "pollupdate": "Voted in a poll",
    "keepinchat": "Kept a message in the chat",
}

_MOST_FILES = 10
_LONGEST_CODE = 20  # of an error
_PHONE = re.compile(r"\+?([0-9]{5,20})")
_USER_ID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")
_SID = re.compile(r"[SM]M[0-9a-fA-F]{32}")
_OUR_ID = re.compile(r"[0-9]{1,18}")


class _Unclear(Exception):
    """A field is missing or makes no sense."""


class _Form:
    """The posted fields; the first counts where a name comes twice. `odd` says what of them is."""

    def __init__(self, hook: Webhook) -> None:
        self.odd: list[str] = []
        self.values = _values(hook)
        self._fields = hook.form

    def get(self, *names: str) -> str:
        """The first of `names` that is there and not blank."""
        for name in names:  # each webhook asks for a dozen, and a generator is dearer
            if value := self.values.get(name):
                return value
        return ""

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
        values: dict[str, list[str]] = {}
        for name, value in self._fields:
            values.setdefault(name, []).append(value)
        return {name: each[0] if len(each) == 1 else each for name, each in values.items()}


def _values(hook: Webhook) -> dict[str, str]:
    """The fields' first values by name, which are looked for once."""
    if hook.read is None:
        hook.read = dict(reversed(hook.form))
    values: dict[str, str] = hook.read
    return values


def address(hook: Webhook) -> str:
    """The account's address that the form names; "": a status names none. Raises Malformed.

    A Messaging Service that found no sender for a message names none in what became of it.
    """
    name = "From" if hook.path == "status" else "To"
    if value := _values(hook).get(name):
        return value
    for given, value in hook.form:
        if given == name and value:
            return value
    if hook.path == "status":
        return ""
    raise Malformed(f"The form has no {name}.")


def key(sid: str) -> str:
    """What names an inbound message, whether it is posted or fetched."""
    return f"in:{sid}"


def read(hook: Webhook, signing: Sequence[str] = ()) -> list[Event]:
    """The event of the form, behind a note where Twilio tells more; Unreadable if it makes no sense.

    A status that names no account is told of each that is `signing`: the message is one's.
    """
    concerned = _concerned(hook, signing)
    try:
        return [_status(hook, each) for each in concerned] if hook.path == "status" else _written(hook)
    except (_Unclear, Malformed) as unclear:
        return [_unreadable(hook, each, str(unclear)) for each in concerned[:1]]


def _concerned(hook: Webhook, signing: Sequence[str]) -> list[str]:
    """The account that is named, else those that sign and go with whom the message was for."""
    if named := address(hook):
        return [named]
    by_whatsapp = dict(hook.form).get("To", "").startswith(WHATSAPP)
    return [each for each in signing if each.startswith(WHATSAPP) == by_whatsapp]


def _written(hook: Webhook) -> list[Event]:
    form = _Form(hook)
    sid = form.sid("MessageSid", "SmsMessageSid", "SmsSid")
    message = _message(form, sid, address(hook))
    odd = " ".join(form.odd)
    said = replace(message, beside=_unreadable(hook, message.address, odd)) if odd else message
    if referral := _referral(form):
        return [replace(message, key=f"{message.key}:referral", content=referral, provider_id=""), said]
    return [said]


def _unreadable(hook: Webhook, address: str, cause: str) -> Unreadable:
    key = f"unreadable:{hook.path}:{hashlib.sha256(hook.body).hexdigest()}"
    return Unreadable(address, key, hook.body.decode("ascii"), cause)


def _message(form: _Form, sid: str, address: str) -> InboundMessage:
    sender = form.require("From")
    names = (_name(form.get(field)) for field in ("WaId", "ExternalUserId"))
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


def _name(given: str) -> str:
    """A name at WhatsApp as Twilio writes addresses, known by its form: a phone or a user id."""
    bare = given.removeprefix(WHATSAPP)
    if phone := _PHONE.fullmatch(bare):
        return f"{WHATSAPP}+{phone[1]}"
    return WHATSAPP + bare if _USER_ID.fullmatch(bare) else ""


def _referral(form: _Form) -> Note | None:
    """Where the contact came from: the advertisement that was pressed."""
    told = [
        f"{name.removeprefix('Referral')}: {value}"
        for name, value in reversed(form.values.items())
        if name.startswith("Referral") and name != "ReferralNumMedia" and value  # which each message has
    ]
    return Note(f"The contact came by a referral. {'; '.join(told)}") if told else None


def _content(form: _Form) -> Content:
    text, kind = form.get("Body"), form.get("MessageType")
    if form.get("OptOutType") == "HELP":
        return Note(text)  # Twilio has answered it
    if kind == "reaction":
        return Reaction(form.get("OriginalRepliedMessageSid"), text)
    if files := _files(form, sticker=kind == "sticker"):
        return Media(files, caption=text)
    return _place(form, kind) or _choice(form) or _words(form, text, kind)


def _words(form: _Form, text: str, kind: str) -> Content:
    """The words, whatever kind they come under: Twilio adds kinds without notice."""
    if text.strip():
        return Text(text)
    if told := _DONE.get("".join(filter(str.isalpha, kind.lower()))):
        return Note(told)
    is_empty = kind in ("", "text") and not form.odd
    return Note("An empty message") if is_empty else Unknown(kind or "unknown", form.raw())


def _choice(form: _Form) -> Pressed | None:
    """What was pressed; the words of the message are its title again."""
    id = form.get("ButtonPayload", "ButtonText", "ListId")
    return Pressed(id, form.get("Body", "ButtonText", "ListTitle") or id) if id else None


def _files(form: _Form, *, sticker: bool) -> tuple[File, ...]:
    count = form.get("NumMedia") or "0"
    if count == "0" and "MediaUrl0" not in form.values:
        return ()  # most have none
    named = [n for n in range(_MOST_FILES) if form.get(f"MediaUrl{n}")]
    if count != str(len(named)):
        form.odd.append("NumMedia is not the number of files.")
    return tuple(
        File(form.get(f"MediaUrl{n}"), form.get(f"MediaContentType{n}"), sticker=sticker) for n in named
    )


def _place(form: _Form, kind: str) -> Location | Text | None:
    """The place; its name and address, and the words, where it is not on the map."""
    if kind != "location" and not form.get("Latitude", "Longitude"):
        return None
    latitude, longitude = _degrees(form, "Latitude", 90), _degrees(form, "Longitude", 180)
    if latitude is not None and longitude is not None:
        return Location(latitude, longitude, form.get("Label"), form.get("Address"))
    words = "\n".join(filter(None, map(form.get, ("Label", "Address", "Body"))))
    return Text(words) if words.strip() else None


def _degrees(form: _Form, name: str, largest: int) -> float | None:
    try:
        degrees = float(form.get(name))
    except ValueError:
        degrees = float("nan")
    if -largest <= degrees <= largest:
        return degrees
    form.odd.append(f"{name} is not a number of degrees.")
    return None


def _status(hook: Webhook, address: str) -> StatusUpdate | Ignored:
    form = _Form(hook)
    sid = form.sid("MessageSid", "SmsSid")
    word = form.require("MessageStatus", "SmsStatus")
    if word in _IGNORED:
        return Ignored(address, word)
    if word not in _STATUSES:
        raise _Unclear("MessageStatus is not one of a sent message's.")
    status, query = _STATUSES[word], dict(hook.query)
    code, segments = form.get("ErrorCode")[:_LONGEST_CODE], query.get("segments", "")
    report = StatusUpdate(
        address=address,
        key=f"status:{sid}:{word}",
        status=status,
        provider_id=sid,
        message_id=_number(query.get("message", "")),
        cause=(explain(code) if code else word) if status == "failed" else "",
        category=f"{segments} segments" if _number(segments) else "",
    )
    known = _number(code)
    return judged(report, judgement(known)) if known else report


def _number(given: str) -> int | None:
    """What `send` put into the URL that Twilio signs."""
    return int(given) if _OUR_ID.fullmatch(given) else None
