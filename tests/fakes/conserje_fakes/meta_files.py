"""What Meta finds wrong with a file after it has taken the message that names it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx2

from conserje_fakes import sent_files

UPLOAD_FAILED = 131053

_TYPES = {
    "image": ("image/jpeg", "image/png"),
    "video": ("video/mp4", "video/3gpp"),
    "audio": ("audio/aac", "audio/amr", "audio/mp4", "audio/mpeg", "audio/ogg"),
    "sticker": ("image/webp",),
    "document": ("",),  # any
}
_LARGEST = sent_files.LARGEST | {"sticker": 500 * 1024, "document": 100 * 1024 * 1024}


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
