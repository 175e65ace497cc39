"""Pictures made small for models, in a process of its own that may spend little.

Run as a module it is that process: a picture on its standard input, a small JPEG of it on its output.
"""

from __future__ import annotations

import asyncio
import io
import sys

from conserje.plugins import confined

SIDE = 1024  # points of the longer side, at most
LARGEST = 20 * 2**20  # bytes of a picture
MOST_POINTS = 40_000_000  # of one: unpacked it has four bytes for each
MEMORY, CPU_SECONDS, SECONDS = 700 * 2**20, 5, 10.0  # of the process
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
_QUALITY = 80
_one_by_one = asyncio.Semaphore(1)


async def scaled(held: bytes) -> bytes | None:
    """The picture as a small JPEG; None: it is none, or takes too much."""
    if len(held) > LARGEST:
        return None
    async with _one_by_one:
        return await confined.filtered(__name__, held, SECONDS) or None


def small(held: bytes) -> bytes:
    """The picture as it is to be seen, on white. Raises whatever is wrong with it."""
    from PIL import Image, ImageOps  # the process that asks has no need of it

    with Image.open(io.BytesIO(held), formats=_FORMATS) as picture:
        if picture.width * picture.height > MOST_POINTS:
            raise ValueError(picture.size)
        picture.draft("RGB", (SIDE, SIDE))  # a JPEG is read no larger than it has to be
        upright = ImageOps.exif_transpose(picture).convert("RGBA")
    upright.thumbnail((SIDE, SIDE))
    shown, out = Image.new("RGB", upright.size, "white"), io.BytesIO()
    shown.paste(upright, mask=upright)
    shown.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


if __name__ == "__main__":
    confined.spend_little(MEMORY, CPU_SECONDS)
    sys.stdout.buffer.write(small(sys.stdin.buffer.read(LARGEST + 1)))
