"""What strangers upload: told by its bytes, kept without what it says beside, and never decoded."""

from __future__ import annotations

import random
import struct
import time
import tracemalloc
from contextlib import suppress

import pytest
import samples
from samples import (
    ADOBE,
    GPS,
    ICC,
    box,
    chunk,
    exif,
    extension,
    gif,
    jpeg,
    mp3,
    mp4,
    ogg,
    part,
    pdf,
    png,
    segment,
    webm,
    webp,
)

from conserje.files.kinds import judge
from conserje.files.pictures import Odd
from conserje.files.uploads import LARGEST

HTML = b"<!doctype html><script>alert(1)</script>"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
TAG_OF_MP3 = b"TAG" + b"Ana".ljust(125, b"\0")


def ape(flags: int) -> bytes:
    return b"APETAGEX" + struct.pack("<IIII8x", 2000, len(GPS) + 32, 1, flags)


APE = GPS + ape(0)
APE_WITH_HEAD = ape(0xA0000000) + GPS + ape(0x80000000)
LYRICS = b"LYRICSBEGIN" + GPS + b"%06dLYRICS200" % (len(GPS) + 11)
ID3_BEHIND = b"ID3\4\0\x10" + struct.pack(">I", len(GPS)) + GPS + b"3DI\4\0\x10" + struct.pack(">I", len(GPS))


def kept(held: bytes) -> tuple[str, bytes]:
    kind, pieces = judge(held)
    return kind, b"".join(pieces)


@pytest.mark.parametrize(
    ("held", "kind", "clean"),
    [
        (jpeg(segment(0xE1, exif()), segment(0xFE, GPS)), "image/jpeg", jpeg()),
        (jpeg(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + GPS)), "image/jpeg", jpeg()),
        (jpeg(segment(0xE2, b"MPF\0" + GPS), segment(0xED, GPS)), "image/jpeg", jpeg()),
        (jpeg(behind=jpeg() + HTML), "image/jpeg", jpeg()),
        (png(chunk(b"tEXt", GPS), chunk(b"eXIf", GPS), chunk(b"tIME", b"1234567")), "image/png", png()),
        (png(chunk(b"iTXt", GPS), chunk(b"zTXt", GPS), chunk(b"anYt", GPS)), "image/png", png()),
        (png(chunk(b"iCCP", b"profile")), "image/png", png(chunk(b"iCCP", b"profile"))),
        (png(behind=HTML), "image/png", png()),
        (webp(0x2C, part(b"EXIF", GPS), part(b"XMP ", GPS)), "image/webp", webp(0x20)),
        (webp(behind=HTML), "image/webp", webp()),
        (gif(extension(0xFE, GPS), extension(0xFF, b"XMP DataXMP", GPS)), "image/gif", gif()),
        (gif(behind=HTML), "image/gif", gif()),
        (pdf(behind=HTML), "application/pdf", pdf()),
        (mp3(GPS, TAG_OF_MP3), "audio/mpeg", mp3()),
        (mp3(behind=APE), "audio/mpeg", mp3()),
        (mp3(behind=APE_WITH_HEAD + LYRICS + TAG_OF_MP3), "audio/mpeg", mp3()),
        (mp3(GPS, b"TAG+" + GPS.ljust(223) + TAG_OF_MP3), "audio/mpeg", mp3()),
        (mp3(behind=ID3_BEHIND + APE), "audio/mpeg", mp3()),
        (mp3(), "audio/mpeg", mp3()),
        (ogg(), "audio/ogg", ogg()),
        (webm(2), "audio/webm", webm(2)),
        (mp4(b"soun"), "audio/mp4", mp4(b"soun")),
        (
            mp4(b"soun", saying=box(b"udta", GPS)),
            "audio/mp4",
            mp4(b"soun", saying=box(b"free", bytes(len(GPS)))),
        ),
    ],
)
def test_what_is_kept_says_nothing_beside(held: bytes, kind: str, clean: bytes) -> None:
    assert kept(held) == (kind, clean)
    assert GPS not in clean
    assert kept(clean) == (kind, clean)  # whoever uploads it again uploads the same


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("orientation", [1, 3, 6, 8, 9])
def test_a_picture_stays_the_way_up_that_it_was_taken(orientation: int, order: str) -> None:
    _, clean = kept(jpeg(segment(0xE1, exif(orientation, order))))
    assert GPS not in clean and ICC in clean and ADOBE in clean
    if orientation in (1, 9):
        assert clean == jpeg()
    else:
        said = segment(0xE1, exif(orientation).removesuffix(GPS))
        assert clean == jpeg(said)
        assert kept(clean)[1] == clean


@pytest.mark.parametrize("order", "<>")
def test_a_png_and_a_webp_stay_the_way_up_that_they_were_taken(order: str) -> None:
    said, clean = exif(6, order).removeprefix(b"Exif\0\0"), exif(6)[6:].removesuffix(GPS)
    assert kept(png(chunk(b"eXIf", said), chunk(b"eXIf", GPS)))[1] == png(chunk(b"eXIf", clean))
    assert kept(png(chunk(b"eXIf", clean)))[1] == png(chunk(b"eXIf", clean))
    for note in (said, b"Exif\0\0" + said):
        held = webp(0x2C, part(b"EXIF", note), part(b"XMP ", GPS))
        assert kept(held)[1] == webp(0x28, part(b"EXIF", clean))
    assert kept(webp(0x28, part(b"EXIF", clean)))[1] == webp(0x28, part(b"EXIF", clean))
    assert kept(webp(0x24, part(b"EXIF", said)))[1] == webp(0x20)  # nobody who shows it looks at that


@pytest.mark.parametrize(
    "held",
    [
        b"",
        b"\xff",
        HTML,
        SVG,
        b"\xef\xbb\xbf" + SVG,
        b"hola",
        b"PK\3\4" + bytes(99),
        b"MZ" + bytes(99),
        b"RIFF\x24\0\0\0WAVEfmt " + bytes(99),
        b"\xff\xd8\xff" + HTML,
        b"GIF89a" + HTML,
        b"GIF89a/*" + HTML + b"*/;",
        b"%PDF-" + HTML,
        HTML + pdf(),
        jpeg()[:-9],
        jpeg()[:40],
        b"\xff\xd8" + segment(0xFE, HTML) + b"\xff\xd9",
        png()[:-12],
        b"\x89PNG\r\n\x1a\n" + chunk(b"tEXt", HTML) + chunk(b"IEND"),
        webp()[:-5],
        b"RIFF\xff\xff\xff\xffWEBP" + part(b"VP8 ", b"x"),
        gif()[:-3],
        gif()[:20],
        ogg(b"\x80theora\3\2\1"),
        ogg()[:20],
        webm(1),
        webm(2, 1),
        webm(),
        webm(2, kind=b"matroska"),
        webm(2)[:30],
        mp4(b"vide"),
        mp4(b"soun", b"vide"),
        mp4(),
        mp4(b"soun")[:-5],
        b"\0\0\0\x18ftypqt  ",
        mp3(behind=TAG_OF_MP3 * 17),
        mp3(behind=b"99999LYRICS200".rjust(15, b"9")),
        mp3(behind=ape(0)[:12] + b"\xff" * 4 + bytes(16)),
        samples.FRAME_OF_MP3[:9],
        samples.FRAME_OF_MP3 + HTML * 99,
    ],
)
def test_anything_else_is_odd(held: bytes) -> None:
    with pytest.raises(Odd):
        judge(held)


WHOLE = (
    jpeg(segment(0xE1, exif(6))),
    png(chunk(b"eXIf", exif(6)[6:])),
    webp(0x2C, part(b"EXIF", exif(6)[6:])),
    gif(),
    pdf(),
    mp3(GPS, APE_WITH_HEAD + LYRICS + TAG_OF_MP3),
    ogg(),
    webm(2),
    mp4(b"soun"),
)


@pytest.mark.parametrize("whole", WHOLE)
def test_whatever_is_broken_in_it_is_odd_and_nothing_worse(whole: bytes) -> None:
    chance = random.Random(7)
    for _ in range(3000):
        broken = bytearray(whole[: chance.randrange(len(whole) + 1)] if chance.random() < 0.3 else whole)
        for _ in range(chance.randrange(6)):
            if broken:
                broken[chance.randrange(len(broken))] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
        with suppress(Odd):
            judge(bytes(broken))


def _filled(head: bytes, filling: bytes, size: int) -> bytes:
    return head + filling * ((size - len(head)) // len(filling))


HOSTILE = {
    "segments": (b"\xff\xd8", b"\xff\xe1\0\2"),
    "scans": (b"\xff\xd8", samples.SCAN[:11]),
    "stuffing": (b"\xff\xd8" + samples.SCAN, b"\xff\0"),
    "fillings": (b"\xff\xd8", b"\xff"),
    "chunks": (png()[:33], chunk(b"tEXt")),
    "notes": (png()[:33], chunk(b"eXIf", exif(1)[6:])),
    "parts": (webp()[:12], part(b"EXIF", b"")),
    "blocks": (gif()[:-7], b"\1\0\1\1"),
    "comments": (gif()[: 13 + 6], b"\x21\xfe\0"),
    "pages": (b"", ogg()[:38]),
    "elements": (webm(2)[:23] + b"\x18\x53\x80\x67\x01" + b"\xff" * 7, b"\xec\x80"),
    "boxes": (box(b"ftyp", b""), box(b"free", b"")),
    "nested": (box(b"ftyp", b""), b"\0\0\0\0moov"),
    "tags": (b"", b"ID3\4\0\0\0\0\0\0"),
    "ends": (b"%PDF-", b"%%EO"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_promise_11_a_hostile_one_of_the_largest_size_costs_little(name: str) -> None:
    held = _filled(*HOSTILE[name], size=LARGEST)
    began = time.thread_time()
    with suppress(Odd):
        judge(held)
    assert time.thread_time() - began < 1.5


@pytest.mark.parametrize(
    "whole", [jpeg(behind=bytes(LARGEST)), mp4(b"soun", saying=box(b"udta", bytes(LARGEST)))], ids=["a", "b"]
)
def test_promise_11_no_file_is_in_memory_more_than_three_times(whole: bytes) -> None:
    tracemalloc.start()
    judge(whole)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 3 * LARGEST
