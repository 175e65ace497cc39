"""What Meta finds wrong with a file after it has taken the message that names it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx2

from conserje_fakes import sent_files
from conserje_fakes.meta_rules import require

UPLOAD_FAILED = 131053

_TYPES = {
    "image": ("image/jpeg", "image/png"),
    "video": ("video/mp4", "video/3gpp"),
    "audio": ("audio/aac", "audio/amr", "audio/mp4", "audio/mpeg", "audio/ogg"),
    "sticker": ("image/webp",),
    "document": ("",),  # any
}
_LARGEST = sent_files.LARGEST | {"sticker": 500 * 1024, "document": 100 * 1024 * 1024}


_OFFICE = "application/vnd.openxmlformats-officedocument."
_DOCUMENTS = (
    "application/pdf", "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint",
    f"{_OFFICE}wordprocessingml.document", f"{_OFFICE}spreadsheetml.sheet",
    f"{_OFFICE}presentationml.presentation", "text/plain",
)  # fmt: skip
_TAKEN = {kind: types for kind, types in _TYPES.items() if kind != "document"} | {"document": _DOCUMENTS}


def check_upload(content: bytes, content_type: str) -> None:
    """What Meta finds wrong with a file that it is handed. Raises Refusal."""
    kinds = [kind for kind, types in _TAKEN.items() if content_type in types]
    known = ", ".join(type for types in _TAKEN.values() for type in types)
    require(
        kinds,
        f"Param file must be a file with one of the following types: {known}. Received file of type"
        f" '{content_type}'.",
    )
    require(content, "Param file is empty")
    require(len(content) <= max(_LARGEST[kind] for kind in kinds), "Param file is too large")
    is_of = sent_files.kind_of(content)
    require(is_of in (None, content_type), f"Param file is of type '{is_of}'")


def unfit(kind: str, content_type: str) -> int:
    """The code with which a message fails that shows a file as what it is not; 0: it does not."""
    return 0 if content_type.startswith(_TYPES[kind]) else UPLOAD_FAILED


async def trouble(http: httpx2.AsyncClient, body: Mapping[str, Any]) -> int:
    """The code with which the message fails; 0: its file is well, or it has none."""
    kind = body.get("type", "text")
    if kind not in _TYPES or "link" not in body[kind]:
        return 0
    found = await sent_files.look(http, body[kind]["link"])
    if found is None:
        return 0
    well = found.content_type.startswith(_TYPES[kind]) and 0 < found.size <= _LARGEST[kind]
    return 0 if well else UPLOAD_FAILED
