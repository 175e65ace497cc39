"""The changes in a post, read into events: messages, what became of ours, what contacts want."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from conserje import (
    BusinessMessage,
    Consent,
    Event,
    Ignored,
    InboundMessage,
    Note,
    Status,
    StatusUpdate,
    Unreadable,
    judged,
)
from conserje.kit import unreadable
from conserje_meta import content, people
from conserje_meta.errors import details, explain, judgement
from conserje_meta.item import Item, Unclear
from conserje_meta.people import NOBODY, People

OUR_MARK = "conserje:"  # before our message's id, which Meta returns: others may send from the same number
_LATE = timedelta(minutes=1)  # Meta's time is in whole seconds, and on time it says nothing

_STATUSES: dict[str, Status] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "played": "read",
    "failed": "failed",
}
_WISHES: dict[str, Consent] = {
    "stop": "marketing out",
    "resume": "marketing in",
    "signup": "marketing in",
}
_IGNORED = frozenset({"history", "smb_app_state_sync"})  # fields that tell what was, and who is whose contact
_NUMBER = re.compile(r"[0-9]{1,32}")
_WORD = re.compile(r"[\w .:+-]{1,80}")
_SECONDS = re.compile(r"[0-9]{1,11}")
_OUR_ID = re.compile(rf"{OUR_MARK}([0-9]{{1,18}})")


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a WhatsApp Business Account; no number: it is one of the account's as a whole."""

    account: str
    field: str
    number: str
    value: Any


def changes(body: dict[str, Any]) -> Iterator[Change]:
    """Every change in the body that is an object."""
    for entry in _objects(body.get("entry")):
        for change in _objects(entry.get("changes")):
            value = change.get("value")
            metadata = value.get("metadata") if isinstance(value, dict) else None
            number = metadata.get("phone_number_id") if isinstance(metadata, dict) else None
            is_number = isinstance(number, str) and _NUMBER.fullmatch(number)
            yield Change(
                _word(entry.get("id")), _word(change.get("field")), str(number) if is_number else "", value
            )


def _objects(found: object) -> Iterator[dict[str, Any]]:
    yield from (each for each in found if isinstance(each, dict)) if isinstance(found, list) else ()


def _word(found: object) -> str:
    """A name that may be logged; "?" in the place of anything else."""
    return found if isinstance(found, str) and _WORD.fullmatch(found) else "?"


def headline(change: Change) -> str:
    """A change of the account as a whole, in words."""
    value = change.value if isinstance(change.value, dict) else {}
    told = (value.get(name) for name in ("event", "message_template_name", "display_phone_number", "reason"))
    words = (_word(each) for each in told if each)
    return f"{change.field} of WhatsApp Business Account {change.account}: {', '.join(words) or '?'}"


def read(change: Change) -> Iterator[Event]:
    """The events of a change of a number's; what makes no sense is an event too."""
    address, value = change.number, Item(change.value)
    who = People(Item(change.value))
    match change.field:
        case "messages":
            yield from _each(address, value.many("messages"), lambda each: _message(address, each, who))
            yield from _each(address, value.many("statuses"), lambda each: [_status(address, each)])
            yield from _each(address, value.many("errors"), lambda each: [_trouble(address, each)])
        case "user_preferences":
            wishes = value.many("user_preferences")
            yield from _each(address, wishes, lambda each: [_wish(address, each, who)])
        case "smb_message_echoes" | "message_echoes":
            yield from _each(address, value.many("message_echoes"), lambda each: _echo(address, each))
        case "calls":
            calls = value.many("calls") or [{}]
            yield from _each(address, calls, lambda each: [_call(address, each, who)])
        case field if field in _IGNORED or field.startswith("group_"):
            yield Ignored(address, field)
        case field:
            yield unreadable(address, change.value, f"Conserje does not read the field {field}.")
    if value.odd:
        yield unreadable(address, change.value, _told(value.odd))


def _each(
    address: str, items: Sequence[object], reader: Callable[[Item], Sequence[Event]]
) -> Iterator[Event]:
    for item in items:
        if not isinstance(item, dict):
            yield unreadable(address, item, "The item is not an object.")
            continue
        try:
            yield from reader(Item(item))
        except Unclear as unclear:
            yield unreadable(address, item, str(unclear))


def _beside(address: str, item: Item, who: People = NOBODY) -> Unreadable | None:
    """What of an item, and of the contacts beside it, was left out, with all of them as they came."""
    odd = [*item.odd, *who.odd]
    raw = [item.fields, who.given] if who.odd else item.fields
    return unreadable(address, raw, _told(odd)) if odd else None


def _told(odd: Sequence[str]) -> str:
    return " ".join(dict.fromkeys(odd))


def _message(address: str, message: Item, who: People) -> Sequence[Event]:
    if message.fields.get("group_id"):
        return [Ignored(address, "group")]  # whoever wrote to a group would be answered in private
    id = message.text("id")
    key = id or f"unnamed:{hashlib.sha256(repr(message.fields).encode('utf-8', 'surrogatepass')).hexdigest()}"
    names = (message.text(field) for field in ("from", "from_user_id", "from_parent_user_id"))
    person = people.changed(message) or who.person(*names)
    written = InboundMessage(
        address=address,
        key=key,
        sender=person.sender,
        content=Note(""),
        identities=person.identities,
        name=person.name,
        provider_id=id,
        at=_late(message),
        quotes=message.part("context").text("id"),
    )
    notes = [
        replace(written, key=f"{key}:note:{n}", content=note, provider_id="", quotes="")
        for n, note in enumerate(content.notes(message))
    ]
    said = content.read(message)
    return [*notes, replace(written, content=said, beside=_beside(address, message, who))]


def _late(item: Item) -> datetime | None:
    """When it was written, if Meta could not post it at once."""
    seconds = item.text("timestamp")
    if not _SECONDS.fullmatch(seconds):
        return None
    at = datetime.fromtimestamp(int(seconds), UTC)
    return at if datetime.now(UTC) - at > _LATE else None


def _status(address: str, status: Item) -> StatusUpdate | Ignored:
    id, word = status.require("id"), status.require("status").lower()
    if word == "deleted":
        return Ignored(address, word)
    if word not in _STATUSES:
        raise Unclear("status is not one of a sent message's.")
    errors, pricing = status.parts("errors"), status.part("pricing")
    billable = pricing.fields.get("billable")
    told = _explained(errors)
    report = StatusUpdate(
        address=address,
        key=f"{id}:{word}",
        status=_STATUSES[word],
        provider_id=id,
        message_id=_our_id(status.text("biz_opaque_callback_data")),
        cause=("; ".join(told.values()) or "Meta gives no cause") if word == "failed" else "",
        billable=billable if isinstance(billable, bool) else None,
        category=pricing.text("category"),
        beside=_beside(address, status),
    )
    for code, text in told.items():
        report = judged(report, judgement(code, text))
    return report


def _our_id(mark: str) -> int | None:
    found = _OUR_ID.fullmatch(mark)
    return int(found[1]) if found else None


def _trouble(address: str, error: Item) -> Unreadable:
    """What went wrong at Meta with the number itself."""
    return unreadable(address, error.fields, _causes([error]))


def _causes(errors: Sequence[Item]) -> str:
    return "; ".join(_explained(errors).values()) or "Meta gives no cause"


def _explained(errors: Sequence[Item]) -> dict[int, str]:
    """What each error means, by its code."""
    return {
        int(code): explain(int(code), details(error.fields))
        for error in errors
        if (code := error.number("code")) is not None
    }


def _call(address: str, call: Item, who: People) -> InboundMessage | Ignored:
    """A call that nobody took is shown."""
    is_missed = call.text("event") == "terminate" and not call.number("duration")
    if not is_missed or call.text("direction").startswith("BUSINESS"):
        return Ignored(address, "calls")
    person, at = who.person(call.text("from"), call.text("from_user_id")), call.text("timestamp")
    return InboundMessage(
        address=address,
        key=f"call:{call.text('id') or f'{person.sender}:{at}'}",
        sender=person.sender,
        content=Note("Called, and nobody took the call"),
        identities=person.identities,
        name=person.name,
        at=_late(call),
        beside=_beside(address, call, who),
    )


def _wish(address: str, wish: Item, who: People) -> InboundMessage:
    """What a contact decided about marketing messages in WhatsApp itself."""
    value, at = wish.require("value").lower(), wish.text("timestamp")
    person = who.person(wish.text("wa_id"), wish.text("user_id"), wish.text("parent_user_id"))
    is_marketing = wish.text("category").lower() in ("", "marketing_messages")
    return InboundMessage(
        address=address,
        key=f"preference:{person.sender}:{at}:{value}",
        sender=person.sender,
        content=Note(wish.text("detail") or f"Marketing messages: {value}"),
        identities=person.identities,
        name=person.name,
        at=_late(wish),
        consent=_WISHES.get(value, "") if is_marketing else "",
        beside=_beside(address, wish, who),
    )


def _echo(address: str, echo: Item) -> Sequence[Event]:
    """What the business wrote to a contact on its telephone, or in Meta's inbox."""
    if echo.fields.get("group_id"):
        return [Ignored(address, "group")]
    id = echo.require("id")
    person = NOBODY.person(echo.text("to"), echo.text("to_user_id"), echo.text("to_parent_user_id"))
    said = BusinessMessage(address, id, person.sender, content.read(echo), person.identities, at=_late(echo))
    return [replace(said, beside=_beside(address, echo))]
