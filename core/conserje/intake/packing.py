"""Packing: rows as the spool holds them, by the names of their fields, so that another release opens them.

A field that comes later has a default: what was packed before it has none. A version more says that what was
packed means something else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from conserje.conversations.rows import BusinessRow, FileRow, InboundRow, RejectRow, ReportRow, Row

VERSION = 2

_TYPES: dict[str, type[Row]] = {
    "in": InboundRow,
    "business": BusinessRow,
    "report": ReportRow,
    "reject": RejectRow,
}
_KINDS = {row: kind for kind, row in _TYPES.items()}
_DIGESTS = ("event_key", "amends", "beside")

# What 0.1 packed had no version and no names, but this order.
_FIRST_ORDER = {
    "in": (
        "tenant_id", "account_id", "channel", "contact_address", "event_key", "content", "provider_id", "at",
        "identities", "name", "quotes", "wordless", "amends", "amended", "consent", "confirmation", "files",
    ),
    "report": (
        "tenant_id", "account_id", "event_key", "message_id", "provider_id", "status", "cause", "billable",
        "category", "outside_window", "consent",
    ),
    "reject": ("tenant_id", "account_id", "event_key", "raw", "cause"),
}  # fmt: skip
_FIRST_FILE = ("ref", "content_type", "name")


def pack(row: Row) -> bytes:
    """A row as the spool holds it."""
    packed = {"version": VERSION, "kind": _KINDS[type(row)], "row": _named(row)}
    return json.dumps(packed, ensure_ascii=False).encode()


def _named(row: Row | FileRow) -> dict[str, object]:
    return {name: _plain(value) for name, value in row._asdict().items()}


def _plain(value: object) -> object:
    match value:
        case bytes():
            return value.hex()
        case datetime():
            return value.isoformat()
        case FileRow():
            return _named(value)
        case tuple():
            return [_plain(each) for each in value]
        case _:
            return value


def unpack(packed: bytes) -> Row:
    """The row that `pack` packed, in whatever release; what only a later one can read is a reject."""
    told = json.loads(packed)
    if isinstance(told, list):
        return _of_first(*told)
    kind = _TYPES.get(told["kind"])
    if kind is None or told["version"] > VERSION:
        return _unknown(told["row"], packed)
    return _opened(kind, told["row"])


def _of_first(kind: str, *values: Any) -> Row:
    fields = dict(zip(_FIRST_ORDER[kind], values, strict=False))  # its first ones had fewer
    if "files" in fields:
        fields["files"] = [dict(zip(_FIRST_FILE, file, strict=True)) for file in fields["files"]]
    return _opened(_TYPES[kind], fields)


def _opened(kind: type[Row], packed: Mapping[str, Any]) -> Row:
    fields = _known(kind, packed)
    for name in _DIGESTS:
        if fields.get(name):
            fields[name] = bytes.fromhex(fields[name])
    if at := fields.get("at"):
        fields["at"] = datetime.fromisoformat(at)
    if "files" in fields:
        fields["files"] = tuple(FileRow(**_known(FileRow, file)) for file in fields["files"])
    return kind(**fields)


def _known(kind: type[Row | FileRow], packed: Mapping[str, Any]) -> dict[str, Any]:
    return {name: packed[name] for name in kind._fields if name in packed}


def _unknown(fields: Mapping[str, Any], packed: bytes) -> RejectRow:
    return RejectRow(
        fields["tenant_id"],
        fields["account_id"],
        bytes.fromhex(fields["event_key"]),
        packed.decode(),
        "A later release of Conserje spooled it, and this one cannot read it.",
    )
