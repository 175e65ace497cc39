"""Pictures without what they say beside what is seen: each format's own parts are walked, none is decoded."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence

Piece = bytes | memoryview
Walk = Callable[[bytes], list[Piece]]

MOST_PARTS = 20_000  # of one picture: a hostile one has millions
NOTE = 2**16  # bytes of a camera's note that are looked at
MOST_BLOCKS = 300_000  # of a GIF, which have at most 255 bytes

_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # what stands in a JPEG's coded data is no other
_FILLINGS = re.compile(rb"\xff+")
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a segment
_NONE = frozenset({*range(0xC0), 0xD8, 0xFF}) - _ALONE
_START_OF_SCAN, _END_OF_IMAGE, _COMMENT = 0xDA, 0xD9, 0xFE
_APPLICATION = range(0xE0, 0xF0)
_ORIENTATION, _SHORT = 0x0112, 3

_SHOWN_CHUNKS = frozenset(
    b"IHDR PLTE IDAT IEND tRNS cHRM gAMA iCCP sBIT sRGB cICP mDCV cLLI bKGD hIST pHYs acTL fcTL fdAT".split()
)
_SHOWN_PARTS = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ANIM", b"ANMF", b"ALPH", b"ICCP"})
_SAYS_EXIF, _SAYS_EXIF_OR_XMP = 0x08, 0x0C  # the flags of VP8X

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_CONTROL, _APPLICATION_BLOCK = 0xF9, 0xFF
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")


class Odd(Exception):
    """The bytes are of no kind that is taken, or not what they begin as."""


def jpeg(held: bytes) -> list[Piece]:
    """Without applications' segments and comments; the colour profile and the orientation stay."""
    view, kept, orientation = memoryview(held), list[Piece](), 1
    has_scan = False
    for marker, begin, end in _segments(held):
        body = held[begin + 4 : min(end, begin + 80)]
        if marker == 0xE1 and body.startswith(b"Exif\0\0"):
            orientation = max(orientation, _orientation(held[begin + 10 : end]))
        elif marker == _START_OF_SCAN:
            has_scan = True
        if _is_shown(marker, body):
            kept.append(view[begin:end])
    if not has_scan:
        raise Odd
    return [b"\xff\xd8", _oriented(orientation), *kept, b"\xff\xd9"]


def _segments(held: bytes) -> Iterator[tuple[int, int, int]]:
    """Each marker until the picture's end, with where its segment and the coded data behind it lie."""
    at = 2
    for _ in range(MOST_PARTS):
        begins = _FILLINGS.match(held, at)
        at = begins.end() - 1 if begins else len(held)
        marker = _number(held, "B", at + 1)
        if marker == _END_OF_IMAGE:
            return
        length = 0 if marker in _ALONE else _number(held, ">H", at + 2)
        end = at + 2 + length
        if marker in _NONE or length == 1 or end > len(held):
            raise Odd
        if marker == _START_OF_SCAN:
            following = _MARKER.search(held, end)
            if following is None:
                raise Odd
            end = following.start()
        yield marker, at, end
        at = end
    raise Odd


def _is_shown(marker: int, body: bytes) -> bool:
    if marker == 0xE2:
        return body.startswith(b"ICC_PROFILE\0")
    if marker == 0xEE:
        return body.startswith(b"Adobe")  # says how the colours are meant
    return marker not in _APPLICATION and marker != _COMMENT


def _orientation(tiff: bytes) -> int:
    """Which way up the picture is, 1 to 8; 1 is as it lies."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2], "")
    try:
        [first] = struct.unpack_from(f"{order}I", tiff, 4)
        [count] = struct.unpack_from(f"{order}H", tiff, first)
        for n in range(min(count, 500)):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, first + 2 + 12 * n)
            if tag == _ORIENTATION and kind == _SHORT:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass  # what an unreadable note says of the picture, nobody knows
    return 1


def _oriented(orientation: int) -> bytes:
    """The segment that says nothing but which way up the picture is."""
    if orientation == 1:
        return b""
    tiff = _note(orientation)
    return b"\xff\xe1" + struct.pack(">H", len(tiff) + 8) + b"Exif\0\0" + tiff


def _note(orientation: int) -> bytes:
    """A camera's note, of the orientation alone."""
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, _ORIENTATION, _SHORT, 1, orientation, 0, 0)


def png(held: bytes) -> list[Piece]:
    """Without its texts, dates and notes of cameras; the orientation stays."""
    view, kept, at = memoryview(held), list[Piece]([held[:8]]), 8
    seen, orientation = set[bytes](), 1
    for _ in range(MOST_PARTS):
        end = at + 12 + _number(held, ">I", at)
        kind = held[at + 4 : at + 8]
        if end > len(held) or (kind == b"IHDR") != (at == 8):
            raise Odd
        if kind in _SHOWN_CHUNKS:
            kept.append(view[at:end])
        elif kind == b"eXIf" and kind not in seen:
            orientation = _orientation(held[at + 8 : min(end - 4, at + NOTE)])
        seen.add(kind)
        if kind == b"IEND":
            break
        at = end
    if not {b"IHDR", b"IDAT", b"IEND"} <= seen:
        raise Odd
    if orientation != 1:
        kept.insert(2, _chunk(b"eXIf", _note(orientation)))
    return kept


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def webp(held: bytes) -> list[Piece]:
    """Without its notes of cameras and programs; the orientation stays."""
    view, kept, parts = memoryview(held), list[Piece](), list(_parts(held))
    oriented = _oriented_part(held, parts)
    for kind, at, end in parts:
        if kind == b"VP8X":
            says = held[at + 8] & ~_SAYS_EXIF_OR_XMP | (_SAYS_EXIF if oriented else 0)
            kept += [view[at : at + 8], bytes([says]), view[at + 9 : end]]
        elif kind in _SHOWN_PARTS:
            kept.append(view[at:end])
    if not kept:
        raise Odd
    kept.append(oriented)
    return [b"RIFF", struct.pack("<I", 4 + sum(map(len, kept))), b"WEBP", *kept]


def _parts(held: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Each part of a WebP, with where it lies."""
    at, whole = 12, 8 + _number(held, "<I", 4)
    if whole > len(held):
        raise Odd
    for _ in range(MOST_PARTS):
        if at >= whole:
            return
        kind, size = held[at : at + 4], _number(held, "<I", at + 4)
        end = at + 8 + size + size % 2
        if end > whole or (kind == b"VP8X" and size < 10):
            raise Odd
        yield kind, at, end
        at = end
    raise Odd


def _oriented_part(held: bytes, parts: Sequence[tuple[bytes, int, int]]) -> bytes:
    """The part that says nothing but which way up the picture is, if it is one that may say so."""
    may_say = any(kind == b"VP8X" and held[at + 8] & _SAYS_EXIF for kind, at, _ in parts[:1])
    note = next((held[at + 8 : min(end, at + NOTE)] for kind, at, end in parts if kind == b"EXIF"), b"")
    orientation = _orientation(note.removeprefix(b"Exif\0\0")) if may_say else 1
    if orientation == 1:
        return b""
    tiff = _note(orientation)
    return b"EXIF" + struct.pack("<I", len(tiff)) + tiff


def gif(held: bytes) -> list[Piece]:
    """Without its comments, and what programs say in it but that it goes round."""
    view, at = memoryview(held), _behind_table(held, 10, 13)
    kept: list[Piece] = [view[:at]]
    left, images = MOST_BLOCKS, 0
    while left > 0:
        begin, sign = at, _number(held, "B", at)
        if sign == _TRAILER and images:
            return [*kept, b"\x3b"]
        if sign == _IMAGE:
            at, images = _behind_table(held, at + 9, at + 10) + 1, images + 1
        elif sign == _EXTENSION:
            at += 2
        else:
            raise Odd
        at, blocks = _behind_blocks(held, at, left)
        left -= blocks
        if sign == _IMAGE or _is_shown_extension(held, begin):
            kept.append(view[begin:at])
    raise Odd


def _is_shown_extension(held: bytes, begin: int) -> bool:
    kind = held[begin + 1]
    return kind == _CONTROL or (kind == _APPLICATION_BLOCK and held[begin + 3 : begin + 14] in _LOOPS)


def _behind_table(held: bytes, flags_at: int, at: int) -> int:
    """Where the table of colours ends that may begin at `at`."""
    flags = _number(held, "B", flags_at)
    return at + (3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0)


def _behind_blocks(held: bytes, at: int, most: int) -> tuple[int, int]:
    """Where a row of blocks ends, and how many there were."""
    for count in range(1, most + 1):
        size = _number(held, "B", at)
        at += 1 + size
        if not size:
            return at, count
    raise Odd


def _number(held: bytes, form: str, at: int) -> int:
    try:
        [number] = struct.unpack_from(form, held, at)
    except struct.error:
        raise Odd from None
    return int(number)


WALKS: Mapping[str, Walk] = {"image/jpeg": jpeg, "image/png": png, "image/webp": webp, "image/gif": gif}
