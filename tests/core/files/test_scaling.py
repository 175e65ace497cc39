"""Pictures are made small in a process of its own, which a hostile one cannot make spend much."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image
from waiting import LIMIT

from conserje.files import scaling


def picture(form: str, size: tuple[int, int], colour: str = "red", mode: str = "RGB", **how: object) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, colour).save(out, form, **how)
    return out.getvalue()


def opened(held: bytes | None) -> Image.Image:
    assert held is not None
    return Image.open(io.BytesIO(held))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_large_picture_becomes_a_small_jpeg(form: str) -> None:
    small = opened(scaling.small(picture(form, (3000, 1500))))
    assert (small.format, small.size) == ("JPEG", (1024, 512))


def test_a_small_one_grows_no_larger_and_what_is_clear_is_white() -> None:
    small = opened(scaling.small(picture("PNG", (30, 20), "#ff000000", "RGBA")))
    assert small.size == (30, 20)
    assert small.getpixel((5, 5)) == (255, 255, 255)


def test_it_stands_upright_and_says_nothing_of_where_it_was_taken() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned
    exif[0x010E] = "at home"
    small = scaling.small(picture("JPEG", (40, 20), exif=exif))
    assert opened(small).size == (20, 40)
    assert b"at home" not in small and b"Exif" not in small


def bomb(side: int) -> bytes:
    """A PNG of very many points in few bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    packed = zlib.compress(bytes(10_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


async def test_the_process_gives_what_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "SECONDS", LIMIT)
    assert opened(await scaling.scaled(picture("PNG", (2000, 1000)))).size == (1024, 512)


@pytest.mark.parametrize(
    "held",
    [b"", b"<svg/>", picture("BMP", (3, 3)), picture("JPEG", (99, 99))[:300], bomb(60_000)],
    ids=["empty", "svg", "bmp", "cut", "bomb"],
)
async def test_what_is_no_picture_or_takes_too_much_is_not_shown(held: bytes) -> None:
    assert await scaling.scaled(held) is None


async def test_one_of_too_many_bytes_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "LARGEST", 10)
    assert await scaling.scaled(picture("PNG", (3, 3))) is None
