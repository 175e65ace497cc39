"""The changes in a post, read into events: messages, what became of ours, what contacts want."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from conserje import Consent, Event, InboundMessage, Note, Status, StatusUpdate, Unreadable, plain
from conserje_meta import content
from conserje_meta.errors import OUTSIDE_WINDOW, STOPPED_MARKETING, explain
from conserje_meta.item import Item, Unclear

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
    address = change.number
    try:
        value = Item(change.value)
        match change.field:
            case "messages":
                people = _people(value)
                yield from _each(
                    address, value.many("messages"), lambda each: _message(address, each, people)
                )
                yield from _each(address, value.many("statuses"), lambda each: [_status(address, each)])
                yield from _each(address, value.many("errors"), lambda each: [_trouble(address, each)])
            case "user_preferences":
                wishes = value.many("user_preferences")
                people = _people(value)
                yield from _each(address, wishes, lambda each: [_wish(address, each, people)])
            case "smb_message_echoes" | "message_echoes":
                yield from _each(address, value.many("message_echoes"), lambda each: _echo(address, each))
            case field:
                yield _unreadable(address, change.value, f"Conserje does not read the field {field}.")
    except Unclear as unclear:
        yield _unreadable(address, change.value, str(unclear))


def _each(
    address: str, items: Sequence[object], reader: Callable[[Item], Sequence[Event]]
) -> Iterator[Event]:
    for item in items:
        try:
            yield from reader(Item(item))
        except Unclear as unclear:
            yield _unreadable(address, item, str(unclear))


def _unreadable(address: str, item: object, cause: str) -> Unreadable:
    try:
        raw = json.dumps(item, ensure_ascii=False)
    except RecursionError:
        raw, cause = "{}", "The item is nested too deep to be kept."
    digest = hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()
    return Unreadable(address, f"unreadable:{digest}", raw, cause)


@dataclass(frozen=True, slots=True)
class _Person:
    """Who wrote: where an answer goes, further names, and what the contact is called."""

    sender: str
    identities: tuple[str, ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class _Contact:
    """Who is named beside the messages of a change."""

    ids: tuple[str, ...]
    name: str


_People = dict[str, _Contact]  # by each of their ids; "": the one who must have written, being alone


def _people(value: Item) -> _People:
    """Those contacts of the change that can be read; what they wrote can be taken without them."""
    contacts = [contact for each in value.many("contacts") if (contact := _contact(each))]
    found = {id: contact for contact in contacts for id in contact.ids}
    alone = len(contacts) == 1 and len(value.many("messages")) <= 1
    return found | {"": contacts[0]} if alone else found


def _contact(given: object) -> _Contact | None:
    try:
        contact = Item(given)
        ids = (contact.text(name) for name in ("wa_id", "user_id", "parent_user_id"))
        return _Contact(tuple(filter(None, ids)), contact.part("profile").text("name", "username"))
    except Unclear:
        return None


def _person(people: _People, *ids: str) -> _Person:
    """Whoever has these ids; where a phone is among them, an answer goes there."""
    given = [id for id in ids if id]
    contact = next((people[id] for id in (*given, "") if id in people), _Contact((), ""))
    names = (*given, *contact.ids)
    phones = [name for name in names if name.isdecimal()]
    sender, *others = dict.fromkeys((*phones, *names)) or [""]
    if not sender:
        raise Unclear("The message names no sender.")
    return _Person(sender, tuple(others), contact.name)


def _message(address: str, message: Item, people: _People) -> Sequence[InboundMessage]:
    id = message.require("id")
    person = _changed_person(message) or _person(
        people, message.text("from"), message.text("from_user_id"), message.text("from_parent_user_id")
    )
    written = InboundMessage(
        address=address,
        key=id,
        sender=person.sender,
        content=Note(""),
        identities=person.identities,
        name=person.name,
        provider_id=id,
        at=_late(message),
        quotes=message.part("context").text("id"),
    )
    notes = [
        replace(written, key=f"{id}:note:{n}", content=note, provider_id="", quotes="")
        for n, note in enumerate(content.notes(message))
    ]
    said = [
        replace(written, key=f"{id}:{n}" if n else id, content=each)
        for n, each in enumerate(content.read(message))
    ]
    return [*notes, *said]


def _changed_person(message: Item) -> _Person | None:
    """A contact by new names: an answer goes to the new one, and the old ones say who it is."""
    system = message.part("system")
    if message.text("type") != "system" or not system.text("wa_id", "user_id"):
        return None
    new = [system.text(name) for name in ("wa_id", "user_id", "parent_user_id")]
    old = [system.text(name) for name in ("previous_user_id", "previous_parent_user_id", "customer")]
    old += [message.text("from"), message.text("from_user_id")]
    sender, *others = dict.fromkeys(name for name in (*new, *old) if name)
    return _Person(sender, tuple(others))


def _late(item: Item) -> datetime | None:
    """When it was written, if Meta could not post it at once."""
    seconds = item.text("timestamp")
    if not _SECONDS.fullmatch(seconds):
        return None
    at = datetime.fromtimestamp(int(seconds), UTC)
    return at if datetime.now(UTC) - at > _LATE else None


def _status(address: str, status: Item) -> StatusUpdate:
    id, word = status.require("id"), status.require("status").lower()
    if word not in _STATUSES:
        raise Unclear("status is not one of a sent message's.")
    errors, pricing = status.parts("errors"), status.part("pricing")
    billable = pricing.fields.get("billable")
    codes = [error.fields.get("code") for error in errors]
    return StatusUpdate(
        address=address,
        key=f"{id}:{word}",
        status=_STATUSES[word],
        provider_id=id,
        message_id=_our_id(status.text("biz_opaque_callback_data")),
        cause=_causes(errors) if word == "failed" else "",
        consent="marketing out" if STOPPED_MARKETING in codes else "",
        billable=billable if isinstance(billable, bool) else None,
        category=pricing.text("category"),
        outside_window=OUTSIDE_WINDOW in codes,
    )


def _our_id(mark: str) -> int | None:
    found = _OUR_ID.fullmatch(mark)
    return int(found[1]) if found else None


def _trouble(address: str, error: Item) -> Unreadable:
    """What went wrong at Meta with the number itself."""
    return _unreadable(address, error.fields, _causes([error]))


def _causes(errors: Sequence[Item]) -> str:
    codes = [code for error in errors if isinstance(code := error.fields.get("code"), int)]
    return "; ".join(map(explain, dict.fromkeys(codes))) or "Meta gives no cause"


def _wish(address: str, wish: Item, people: _People) -> InboundMessage:
    """What a contact decided about marketing messages in WhatsApp itself."""
    value, at = wish.require("value").lower(), wish.text("timestamp")
    person = _person(people, wish.text("wa_id"), wish.text("user_id"), wish.text("parent_user_id"))
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
    )


def _echo(address: str, echo: Item) -> Sequence[InboundMessage]:
    """What the business wrote to a contact from its own telephone."""
    id = echo.require("id")
    person = _person({}, echo.text("to"), echo.text("to_user_id"), echo.text("to_parent_user_id"))
    said = "\n".join(plain(each) for each in content.read(echo))
    note = Note(f"Written by the business on its telephone: {said}")
    return [
        InboundMessage(address, id, person.sender, note, person.identities, provider_id=id, at=_late(echo))
    ]
