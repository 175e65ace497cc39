"""What strangers may upload: kinds told by their bytes, and kept without what they say beside."""

from __future__ import annotations

from conserje.files import pictures, sounds
from conserje.files.pictures import Odd, Piece

_BEGINNINGS = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (8, b"WEBP", "image/webp"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"OggS", "audio/ogg"),
    (0, b"\x1a\x45\xdf\xa3", "audio/webm"),
    (4, b"ftyp", "audio/mp4"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff", "audio/mpeg"),
)
_ENDS_PDF = b"%%EOF"


def _pdf(held: bytes) -> list[Piece]:
    """Until its last end."""
    end = held.rfind(_ENDS_PDF)
    if end < 0:
        raise Odd
    return [memoryview(held)[: end + len(_ENDS_PDF)], b"\n"]


_WALKS = {**pictures.WALKS, **sounds.WALKS, "application/pdf": _pdf}

TYPES = tuple(_WALKS)


def judge(held: bytes) -> tuple[str, list[Piece]]:
    """The type that the bytes are of, and what of them is kept, in order. Raises Odd for any other."""
    for at, beginning, kind in _BEGINNINGS:
        if held.startswith(beginning, at):
            return kind, _WALKS[kind](held)
    raise Odd
