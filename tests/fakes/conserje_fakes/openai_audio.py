"""Transcriptions' rules, as the stand-in keeps them.

- A form of several parts with a file and a model, of fields that the API has: 400.
- A model that transcribes: 404. `keywords` and `languages` are of gpt-transcribe alone: 400.
- A file of at most 25 MB, whose name and bytes are of one of the formats: 400, 413.

It hears what stands in the sound behind "SAYS ", up to the next NUL, and else that nobody says anything.
"""

from __future__ import annotations

import re
from typing import Any

from starlette.datastructures import FormData, UploadFile

MODELS = frozenset({"gpt-transcribe", "gpt-4o-mini-transcribe", "whisper-1"})
LARGEST = 25 * 1000 * 1000
SECONDS = 4.2  # that every sound lasts

_KNOWN = frozenset({"file", "model", "response_format", "language", "prompt", "temperature"})
_HINTS = frozenset({"keywords[]", "languages[]"})
_BEGINNINGS = {
    "ogg": b"OggS", "webm": b"\x1a\x45\xdf\xa3", "flac": b"fLaC", "wav": b"RIFF", "mp3": b"", "m4a": b"",
    "mp4": b"", "mpeg": b"", "mpga": b"",
}  # fmt: skip
_SAYS = re.compile(rb"SAYS ([^\0]*)")


async def understood(form: FormData) -> tuple[dict[str, Any], bytes]:
    """The fields as they are listed with the requests, and the sound."""
    fields: dict[str, Any] = {}
    sound = b""
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            sound = await value.read()
            fields[name] = {"name": value.filename, "type": value.content_type, "bytes": len(sound)}
        elif name.endswith("[]"):
            fields.setdefault(name, []).append(value)
        else:
            fields[name] = value
    return fields, sound


def fault(asked: dict[str, Any], sound: bytes) -> tuple[int, str]:
    """What is refused, and with which status; 0: nothing."""
    hints = _HINTS if str(asked.get("model")).startswith("gpt-transcribe") else frozenset[str]()
    if strange := set(asked) - _KNOWN - hints:
        return 400, f"Unsupported parameter: {min(strange)}."
    if not isinstance(asked.get("file"), dict):
        return 400, "A file is required."
    if asked["model"] not in MODELS:
        return 404, f"The model {asked['model']} does not exist."
    if len(sound) > LARGEST:
        return 413, "Maximum content size limit (26214400) exceeded."
    ending = str(asked["file"]["name"]).rpartition(".")[2]
    if ending not in _BEGINNINGS or not sound.startswith(_BEGINNINGS[ending]) or not sound:
        return 400, "Invalid file format."
    return 0, ""


def answer(asked: dict[str, Any], sound: bytes) -> dict[str, Any]:
    """What is heard."""
    said = _SAYS.search(sound)
    text = said[1].decode() if said else ""
    heard: dict[str, Any] = {"text": text, "usage": {"type": "duration", "seconds": SECONDS}}
    if asked["model"].startswith("gpt-transcribe"):
        heard["languages"] = [{"code": "es"}] if text else []
    return heard
