"""Events as rows: what is dear about them is done once, before they are stored or spooled."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from conserje.contract.message import (
    WORDLESS,
    Content,
    Edit,
    Event,
    InboundMessage,
    Media,
    Revocation,
    StatusUpdate,
    Unknown,
    Unreadable,
    contents,
    to_json,
)
from conserje.storage.text import clean
from conserje.tenants.accounts import Account

_JSON_STRINGS = TypeAdapter(list[str])


def digest(key: str) -> bytes:
    """The event key as it is stored: it outlives the content, so it says nothing."""
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()


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


class InboundRow(NamedTuple):
    """An inbound message as it is stored."""

    tenant_id: int
    account_id: int
    channel: str
    sender: str
    event_key: bytes
    content: str
    provider_id: str | None
    at: datetime | None  # when it was written, where that is earlier
    others: str  # further names of the sender, as JSON
    name: str
    quotes: str | None = None
    wordless: bool = False  # nobody answers it by itself
    amends: bytes | None = None  # the key of the event that it replaces
    amended: str = ""  # what stands there then
    consent: str = ""
    confirmation: str = ""  # what the contact is told of it, where the provider has not
    files: tuple[tuple[str, ...], ...] = ()  # of each the provider's reference, its content type and its name


class ReportRow(NamedTuple):
    """A status report as it is stored."""

    tenant_id: int
    account_id: int
    event_key: bytes
    message_id: int | None
    provider_id: str
    status: str
    cause: str | None
    billable: bool | None = None
    category: str = ""
    outside_window: bool = False
    consent: str = ""


class RejectRow(NamedTuple):
    """What could not be read or stored, as it came."""

    tenant_id: int
    account_id: int
    event_key: bytes
    raw: str
    cause: str


Row = InboundRow | ReportRow | RejectRow


def prepare(tenant_id: int, account: Account, event: Event) -> Row:
    """The row of an event; what Postgres cannot store is cleaned out of it."""
    place, key = (tenant_id, account.id), digest(event.key)
    match event:
        case InboundMessage():
            others = _JSON_STRINGS.dump_json([clean(name) for name in event.identities if name]).decode()
            amends, amended = _amendment(event.content)
            return InboundRow(
                *place,
                account.channel,
                clean(event.sender),
                key,
                stored(event.content),
                clean(event.provider_id) or None,
                event.at,
                others,
                clean(event.name)[:200],
                clean(event.quotes) or None,
                isinstance(event.content, WORDLESS) or bool(event.consent),  # the provider has answered it
                amends,
                amended,
                event.consent,
                files=_files(event.content),
            )
        case StatusUpdate():
            return ReportRow(
                *place,
                key,
                event.message_id,
                clean(event.provider_id),
                event.status,
                clean(event.cause)[:500] or None,
                event.billable,
                clean(event.category)[:100],
                event.outside_window,
                event.consent,
            )
        case Unreadable():
            return RejectRow(*place, key, clean(event.raw), clean(event.cause)[:500])


def _files(content: Content) -> tuple[tuple[str, ...], ...]:
    match content:
        case Media(files=files) | Edit(content=Media(files=files)):
            return tuple((clean(each.ref), clean(each.content_type), clean(each.name)) for each in files)
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


KEYS = {"event_key", "amends"}
_KINDS: dict[str, type[Row]] = {"in": InboundRow, "report": ReportRow, "reject": RejectRow}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def pack(row: Row) -> bytes:
    """A row as the spool holds it."""
    return json.dumps([_NAMES[type(row)], *map(_packed, row)], ensure_ascii=False).encode()


def _packed(value: object) -> object:
    match value:
        case bytes():
            return value.hex()
        case datetime():
            return value.isoformat()
        case _:
            return value


def unpack(packed: bytes) -> Row:
    """The row that `pack` packed."""
    name, *values = json.loads(packed)
    kind = _KINDS[name]
    fields = dict(zip(kind._fields, values, strict=False))  # an earlier release may have packed fewer
    for name in KEYS & fields.keys():
        fields[name] = bytes.fromhex(fields[name]) if fields[name] else None
    if at := fields.get("at"):
        fields["at"] = datetime.fromisoformat(at)
    if "files" in fields:
        fields["files"] = tuple(map(tuple, fields["files"]))
    return kind(**fields)
