"""Small files of every kind that strangers upload, made by hand from their formats' parts."""

from __future__ import annotations

import struct
import zlib

GPS = b"S 33 26 14.5 W 70 39 2.1"


def segment(marker: int, body: bytes) -> bytes:
    """One of a JPEG's."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def exif(orientation: int = 1, order: str = ">") -> bytes:
    """A note of a camera's: which way up, and where."""
    mark = b"MM" if order == ">" else b"II"
    head = mark + struct.pack(f"{order}HI", 42, 8)
    entries = struct.pack(f"{order}HHHIHH", 1, 0x0112, 3, 1, orientation, 0)
    return b"Exif\0\0" + head + entries + struct.pack(f"{order}I", 0) + GPS


ICC = segment(0xE2, b"ICC_PROFILE\0\1\1" + b"profile")
ADOBE = segment(0xEE, b"Adobe\0\x64\0\0\0\0\1")
TABLE = segment(0xDB, b"\0" + bytes(64))
FRAME = segment(0xC0, b"\x08\0\x01\0\x01\1\1\x11\0")
SCAN = segment(0xDA, b"\1\1\0\0\x3f\0") + b"\x12\xff\x00\x34\xff\xd0\x56"


def jpeg(*beside: bytes, behind: bytes = b"") -> bytes:
    return b"\xff\xd8" + b"".join(beside) + ADOBE + ICC + TABLE + FRAME + SCAN + SCAN + b"\xff\xd9" + behind


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    """One of a PNG's."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*beside: bytes, behind: bytes = b"") -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(b"\0\0"))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(beside) + data + chunk(b"IEND") + behind


def part(kind: bytes, body: bytes) -> bytes:
    """One of a WebP's."""
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def webp(flags: int = 0, *beside: bytes, behind: bytes = b"") -> bytes:
    body = part(b"VP8X", bytes([flags]) + bytes(9)) + part(b"VP8 ", b"picture") + b"".join(beside)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body + behind


def extension(kind: int, *blocks: bytes) -> bytes:
    """One of a GIF's."""
    return bytes([0x21, kind]) + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"


LOOPS = extension(0xFF, b"NETSCAPE2.0", b"\1\0\0")
CONTROL = extension(0xF9, b"\0\0\0\0")


def gif(*beside: bytes, behind: bytes = b"") -> bytes:
    screen = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6)
    image = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0x80) + bytes(6) + b"\x02\x02\x4c\x01\x00"
    return screen + LOOPS + b"".join(beside) + CONTROL + image + b"\x3b" + behind


def pdf(behind: bytes = b"") -> bytes:
    return b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n" + behind


def page_of_ogg(body: bytes, first: bool) -> bytes:
    return b"OggS\0" + bytes([2 if first else 0]) + bytes(20) + bytes([1, len(body)]) + body


def ogg(head: bytes = b"OpusHead\1\1") -> bytes:
    return page_of_ogg(head, first=True) + page_of_ogg(b"OpusTags" + bytes(20), first=False)


def element(name: bytes, body: bytes) -> bytes:
    """One of a WebM's."""
    return name + struct.pack(">Q", 1 << 56 | len(body)) + body


def webm(*types: int, kind: bytes = b"webm") -> bytes:
    """As a browser records: its segment goes on to the end, however long that is."""
    head = element(b"\x1a\x45\xdf\xa3", element(b"\x42\x82", kind))
    tracks = b"".join(element(b"\xae", element(b"\x83", bytes([each]))) for each in types)
    cluster = element(b"\x1f\x43\xb6\x75", bytes(50))
    return head + b"\x18\x53\x80\x67\x01" + b"\xff" * 7 + element(b"\x16\x54\xae\x6b", tracks) + cluster


def box(kind: bytes, body: bytes) -> bytes:
    """One of an MP4's."""
    return struct.pack(">I", len(body) + 8) + kind + body


def mp4(*handlers: bytes, saying: bytes = b"") -> bytes:
    tracks = b"".join(
        box(b"trak", box(b"mdia", box(b"hdlr", bytes(8) + handler + bytes(12)))) for handler in handlers
    )
    return box(b"ftyp", b"M4A \0\0\0\0") + box(b"mdat", b"sound") + box(b"moov", tracks + saying)


FRAME_OF_MP3 = b"\xff\xfb\x90\x00" + bytes(413)  # 128 kbit/s at 44,100 Hz


def mp3(tag: bytes = b"", behind: bytes = b"") -> bytes:
    head = b"ID3\4\0\0" + struct.pack(">I", len(tag)) + tag if tag else b""
    return head + FRAME_OF_MP3 * 4 + behind
