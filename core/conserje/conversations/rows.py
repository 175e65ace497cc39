"""Events as rows: what is dear about them is done once, before they are stored or spooled."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, assert_never

from pydantic import TypeAdapter

from conserje.contract.message import (
    BusinessMessage,
    Consent,
    Content,
    Edit,
    Fault,
    InboundMessage,
    Kept,
    Media,
    Revocation,
    Status,
    StatusUpdate,
    Unknown,
    Unreadable,
    contents,
    from_json,
    is_wordless,
    to_json,
)
from conserje.storage.text import clean
from conserje.tenants.accounts import AccountRow

UNREADABLE = "unreadable"  # the kind of what cannot be read back
EMPTIED = to_json(Unknown("emptied", {}))  # what a message says once its term is over, to every release
OLDEST_ANSWERED = timedelta(days=30)  # what was written before that starts no turn, so its key may go
OLDEST_MEANT = timedelta(days=3650)  # an earlier time is a clock's that was never set, and says nothing
NOBODYS, TO_COME = 0, -1  # turns: of what nobody answers, and of what was edited or taken back before it came
_JSON_STRINGS = TypeAdapter(list[str])
_ORDER = '"type":"order"}'  # how its JSON ends: that of a content does so with its type
FORGOTTEN = to_json(Revocation(""))  # what stands in the place of what a contact said who was forgotten


def digest(key: str) -> bytes:
    """The event key as it is stored: it outlives the content, so it says nothing."""
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def beside_key(event_key: bytes) -> bytes:
    """The key of what is kept beside the event with this key."""
    return hashlib.blake2b(event_key, digest_size=16, person=b"beside").digest()


def stored(content: Content) -> str:
    """`content` as it is stored, cleaned."""
    try:
        text = to_json(content)
    except ValueError:  # a lone surrogate
        text = ""
    if text and "\\u0000" not in text:
        return text
    try:
        return to_json(contents.validate_python(_cleaned(contents.dump_python(content))))
    except (ValueError, RecursionError):
        if not isinstance(content, Unknown):
            raise
        return to_json(Unknown(clean(content.kind), {"lost": "It was nested too deeply to be kept."}))


def restored(stored: str) -> Content:
    """The content that was stored; [unreadable] where it is none: 0.1.0 kept whatever an assistant gave."""
    try:
        return from_json(stored)
    except ValueError:
        return Unknown(UNREADABLE, {"stored": stored})


def _cleaned(value: Any) -> Any:
    match value:
        case str():
            return clean(value)
        case dict():
            return {_cleaned(key): _cleaned(item) for key, item in value.items()}
        case list() | tuple():
            return [_cleaned(item) for item in value]
        case _:
            return value


class FileRow(NamedTuple):
    """A file of a message, as its sender names it."""

    ref: str  # the provider's reference
    content_type: str
    name: str


class InboundRow(NamedTuple):
    """An inbound message as it is stored."""

    tenant_id: int
    account_id: int
    channel: str
    contact_address: str
    event_key: bytes
    content: str
    provider_id: str | None
    at: datetime | None  # when it was written, where that is earlier
    identities: str  # further names of the contact, as JSON
    name: str
    quotes: str | None = None
    wordless: bool = False  # nobody answers it by itself
    amends: bytes | None = None  # the key of the event that it replaces
    amended: str = ""  # what stands there then
    consent: Consent = ""
    confirmation: str = ""  # what the contact is told of it, where the provider has not
    files: tuple[FileRow, ...] = ()
    to_come: bool = False  # it is only the place of a message

    @property
    def turn_id(self) -> int | None:
        """The turn that it has from the beginning."""
        return TO_COME if self.to_come else NOBODYS if self.wordless else None

    @property
    def is_order(self) -> bool:
        return self.content.endswith(_ORDER)

    @property
    def takes_back(self) -> bool:
        """Whether what it amends is gone."""
        return self.amends is not None and self.amended == self.content


class BusinessRow(NamedTuple):
    """What the business wrote by another way, as it is stored."""

    tenant_id: int
    account_id: int
    channel: str
    contact_address: str
    event_key: bytes
    content: str
    provider_id: str
    at: datetime | None
    identities: str
    silences: bool  # the assistant, where it is not the provider's automatic greeting
    name: str = ""  # nobody says the contact's
    files: tuple[FileRow, ...] = ()


class ReportRow(NamedTuple):
    """A status report as it is stored."""

    tenant_id: int
    account_id: int
    event_key: bytes
    message_id: int | None
    provider_id: str
    status: Status
    cause: str | None
    billable: bool | None = None
    category: str = ""
    outside_window: bool = False
    consent: Consent = ""
    try_after: float | None = None
    account_fault: Fault = ""


class RejectRow(NamedTuple):
    """What could not be read or stored, as it came."""

    tenant_id: int
    account_id: int
    event_key: bytes
    raw: str
    cause: str
    beside: bytes | None = None  # the key of the message that it is a part of


Row = InboundRow | BusinessRow | ReportRow | RejectRow


def prepare(tenant_id: int, account: AccountRow, event: Kept) -> Row:
    """The row of an event; what Postgres cannot store is cleaned out of it."""
    key = digest(event.key)
    match event:
        case InboundMessage():
            amends, amended = _amendment(event.content)
            return InboundRow(
                tenant_id,
                account.id,
                account.channel,
                contact_address=clean(event.sender),
                event_key=key,
                content=stored(event.content),
                provider_id=clean(event.provider_id) or None,
                at=event.at,
                identities=_names(event.identities),
                name=clean(event.name)[:200],
                quotes=clean(event.quotes) or None,
                # Where there is a sign of consent, the provider has answered it.
                wordless=is_wordless(event.content) or bool(event.consent) or _is_past(event.at),
                amends=amends,
                amended=amended,
                consent=event.consent,
                files=_files(event.content),
            )
        case BusinessMessage():
            return BusinessRow(
                tenant_id,
                account.id,
                account.channel,
                contact_address=clean(event.contact),
                event_key=key,
                content=stored(event.content),
                provider_id=clean(event.key),
                at=event.at,
                identities=_names(event.identities),
                silences=not is_wordless(event.content),
                files=_files(event.content),
            )
        case StatusUpdate():
            return ReportRow(
                tenant_id,
                account.id,
                event_key=key,
                message_id=event.message_id,
                provider_id=clean(event.provider_id),
                status=event.status,
                cause=clean(event.cause)[:500] or None,
                billable=event.billable,
                category=clean(event.category)[:100],
                outside_window=event.outside_window,
                consent=event.consent,
                try_after=event.try_after,
                account_fault=event.account_fault,
            )
        case Unreadable():
            return RejectRow(tenant_id, account.id, key, clean(event.raw), clean(event.cause)[:500])
        case _:
            assert_never(event)


def _is_past(at: datetime | None) -> bool:
    """Whether nobody waits any more for the answer to what was written then."""
    if at is None:
        return False
    age = datetime.now(UTC) - (at if at.tzinfo else at.replace(tzinfo=UTC))
    return OLDEST_ANSWERED < age < OLDEST_MEANT


def _names(identities: Sequence[str]) -> str:
    names = [clean(name) for name in identities if name]
    return _JSON_STRINGS.dump_json(names).decode() if names else "[]"


def _files(content: Content) -> tuple[FileRow, ...]:
    match content:
        case Media(files=files) | Edit(content=Media(files=files)):
            return tuple(FileRow(*map(clean, (file.ref, file.content_type, file.name))) for file in files)
        case _:
            return ()


def _amendment(content: Content) -> tuple[bytes | None, str]:
    """The key of the event that `content` replaces, and what stands in its place."""
    match content:
        case Edit(of=key, content=edited):
            return digest(key), stored(edited)
        case Revocation(of=key):
            return digest(key), stored(content)
        case _:
            return None, ""
