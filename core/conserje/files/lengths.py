"""How long a sound is, as its format says it; it is not decoded."""

from __future__ import annotations

import struct

_OPUS_RATE = 48_000  # of Opus' clock, whatever it was recorded at
_UNKNOWN = 0.0


def seconds(held: bytes) -> float:
    """0: it does not say."""
    if held.startswith(b"OggS") and b"OpusHead" in held[:100]:
        return _of_opus(held)
    return _of_mp4(held) if held[4:8] == b"ftyp" else _UNKNOWN


def _of_opus(held: bytes) -> float:
    """Until the place that the last page names."""
    last = held.rfind(b"OggS")
    try:
        [granules] = struct.unpack_from("<q", held, last + 6)
    except struct.error:
        return _UNKNOWN
    return float(max(granules, 0) / _OPUS_RATE)


def _of_mp4(held: bytes) -> float:
    """As the header of the whole film says."""
    at = held.find(b"mvhd") + 4
    if at < 4:
        return _UNKNOWN
    form = ">4x8x8xIQ" if held[at : at + 1] == b"\x01" else ">4x4x4xII"
    try:
        rate, length = struct.unpack_from(form, held, at)
    except struct.error:
        return _UNKNOWN
    return float(length / rate) if rate else _UNKNOWN
