"""What the address of a file tells of it: a name, and a type where nobody has said one."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

UNSAID = frozenset({"", "application/octet-stream", "binary/octet-stream"})
LONGEST_NAME = 240  # characters

_TYPES = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "mp4": "video/mp4",
    "3gp": "video/3gpp",
    "mov": "video/quicktime",
    "ogg": "audio/ogg",
    "oga": "audio/ogg",
    "opus": "audio/ogg",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "amr": "audio/amr",
    "wav": "audio/wav",
    "pdf": "application/pdf",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ppt": "application/vnd.ms-powerpoint",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "txt": "text/plain",
    "csv": "text/csv",
    "zip": "application/zip",
}
_ENDINGS = {media_type: ending for ending, media_type in reversed(_TYPES.items())}
_ENDING = re.compile(r"\.([A-Za-z0-9]{1,8})\Z")
_UNNAMABLE = re.compile(r"[\x00-\x1f\x7f]+")


def type_of(address: str) -> str:
    """The type that goes with the ending of an address; "" if it has none that is known."""
    ending = _ENDING.search(_last_part(address))
    return _TYPES.get(ending[1].lower(), "") if ending else ""


def name_of(address: str, media_type: str) -> str:
    """The last part of an address as the name of a file of that type; "" for what is no web address."""
    if not (name := _last_part(address)):
        return ""
    ending = _ENDINGS.get(media_type, "")
    if not _ENDING.search(name) and ending:
        name = f"{name[: LONGEST_NAME - len(ending) - 1]}.{ending}"
    return name[-LONGEST_NAME:]


def _last_part(address: str) -> str:
    """What is behind the last slash, decoded; the host where there is no path."""
    if not address.startswith(("https://", "http://")):
        return ""
    try:
        parts = urlsplit(address)
        place = unquote(parts.path).rstrip("/") or (parts.hostname or "")
    except ValueError:
        return ""
    return _UNNAMABLE.sub(" ", place.rpartition("/")[2]).strip()
