"""Sounds and nothing else: each format's own parts say whether there is a film, none is decoded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from conserje.files.pictures import Odd, Piece, Walk

MOST_PARTS = 20_000  # of one sound: a hostile one has millions
MOST_TAGS = 16  # at its end
_Left = Iterator[int]

_EBML, _DOC_TYPE, _SEGMENT, _CLUSTER = 0x1A45DFA3, 0x4282, 0x18538067, 0x1F43B675
_TRACKS, _TRACK, _TRACK_TYPE, _SOUND_TRACK = 0x1654AE6B, 0xAE, 0x83, b"\x02"

_SAYING = frozenset({b"udta", b"meta", b"uuid"})  # boxes about whom, where and when
_HOLDING = (b"moov", b"trak", b"mdia")  # each within the one before
_SOUND_HANDLER = b"soun"

_RATES = {  # kilobits a second of MPEG 1 and of MPEG 2, layer III
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
}
_OLD_TAGS = ((128, b"TAG"), (227, b"TAG+"))  # before each other, from the end
_SAMPLES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # by version


def ogg(held: bytes) -> list[Piece]:
    """Opus alone: each stream that begins is one of it."""
    at, streams = 0, 0
    while held[at : at + 4] == b"OggS" and _byte(held, at + 5) & 2:
        lacing = held[at + 27 : at + 27 + _byte(held, at + 26)]
        body = at + 27 + len(lacing)
        if not held.startswith(b"OpusHead", body):
            raise Odd
        at, streams = body + sum(lacing), streams + 1
        if streams > 16:
            raise Odd
    if not streams or held[at : at + 4] != b"OggS":
        raise Odd
    return [held]


def webm(held: bytes) -> list[Piece]:
    """A WebM whose tracks are all sounds."""
    left = _parts()
    header, begin, end = next(_elements(held, 0, len(held), left), (0, 0, 0))
    if header != _EBML or (_DOC_TYPE, b"webm") not in _said(held, begin, end, left):
        raise Odd
    segment, begin, end = next(_elements(held, end, len(held), left), (0, 0, 0))
    if segment != _SEGMENT or set(_track_types(held, begin, end, left)) != {_SOUND_TRACK}:
        raise Odd
    return [held]


def _track_types(held: bytes, begin: int, end: int, left: _Left) -> Iterator[bytes]:
    """What the segment's tracks are, which are told before the first sound."""
    for element, its_begin, its_end in _elements(held, begin, end, left):
        if element == _CLUSTER:
            return
        if element == _TRACKS:
            for track, track_begin, track_end in _elements(held, its_begin, its_end, left):
                if track == _TRACK:
                    said = _said(held, track_begin, track_end, left)
                    yield b"".join(value for name, value in said if name == _TRACK_TYPE)


def _said(held: bytes, begin: int, end: int, left: _Left) -> list[tuple[int, bytes]]:
    """What the small elements in here say."""
    return [(name, held[at : min(to, at + 64)]) for name, at, to in _elements(held, begin, end, left)]


def _elements(held: bytes, begin: int, end: int, left: _Left) -> Iterator[tuple[int, int, int]]:
    """Each element between the two, with where its content lies; one of unknown size, or of a recording
    that was broken off, goes to the end."""
    for _ in left:
        if begin >= end:
            return
        name, at, _ = _variable(held, begin, marked=True)
        size, at, is_unknown = _variable(held, at, marked=False)
        begin = end if is_unknown else min(at + size, end)
        yield name, at, begin
    raise Odd


def _variable(held: bytes, at: int, *, marked: bool) -> tuple[int, int, bool]:
    """A number of EBML's, what is behind it, and whether all its bits are set."""
    length = 9 - _byte(held, at).bit_length()
    if length > 8 or at + length > len(held):
        raise Odd
    number, highest = int.from_bytes(held[at : at + length]), 1 << 7 * length
    return (number if marked else number - highest), at + length, number == 2 * highest - 1


def mp4(held: bytes) -> list[Piece]:
    """An MP4 whose tracks are all sounds, without what it says of itself."""
    out = memoryview(bytearray(held))
    if held[4:8] != b"ftyp" or set(_handlers(held, out, 0, len(held), _parts())) != {_SOUND_HANDLER}:
        raise Odd
    return [out]


def _handlers(
    held: bytes, out: memoryview, begin: int, end: int, left: _Left, depth: int = 0
) -> Iterator[bytes]:
    """What handles each track; boxes that only say something are emptied, and keep their place."""
    for kind, at, to in _boxes(held, begin, end, left):
        if kind in _SAYING:
            out[at - 4 : at] = b"free"
            out[at:to] = bytes(to - at)
        elif depth == len(_HOLDING):
            if kind == b"hdlr":
                yield held[at + 8 : at + 12]
        elif kind == _HOLDING[depth]:
            yield from _handlers(held, out, at, to, left, depth + 1)


def _boxes(held: bytes, begin: int, end: int, left: _Left) -> Iterator[tuple[bytes, int, int]]:
    """Each box between the two, with where its content lies."""
    for _ in left:
        if begin == end:
            return
        at = begin + 8
        size, kind = int.from_bytes(held[begin : begin + 4]), held[begin + 4 : at]
        to = begin + size if size else end
        if not at <= to <= end:  # also one whose size is written otherwise: those have more than 4 GB
            raise Odd
        yield kind, at, to
        begin = to
    raise Odd


def mp3(held: bytes) -> list[Piece]:
    """Layer III without its tags."""
    begin, end = _behind_tags(held), _before_tags(held)
    at = begin
    for _ in range(3):
        at += _frame(held, at)
    if at > end:
        raise Odd
    return [memoryview(held)[begin:end]]


def _behind_tags(held: bytes) -> int:
    begin = 0
    for _ in range(4):
        if held.startswith(b"ID3", begin) and begin + 10 <= len(held):
            begin += 10 + _size_of_id3(held[begin + 6 : begin + 10])
    return begin


def _before_tags(held: bytes) -> int:
    """Where the sound ends, and the tags begin that stand behind it."""
    end = len(held)
    for _ in range(MOST_TAGS):
        if not (length := _tag_before(held, end)):
            return end
        if length > end:
            raise Odd
        end -= length
    raise Odd


def _tag_before(held: bytes, end: int) -> int:
    """How long the tag is that ends there; 0: there is none."""
    last = held[max(end - 32, 0) : end]
    if last.startswith(b"APETAGEX"):
        head = 32 if last[23] & 0x80 else 0
        return max(int.from_bytes(last[12:16], "little"), 32) + head
    if last[-9:] == b"LYRICS200" and last[-15:-9].isdigit():
        return int(last[-15:-9]) + 15
    if last[-10:-7] == b"3DI":
        return 20 + _size_of_id3(last[-4:])
    return next(
        (length for length, head in _OLD_TAGS if held[max(end - length, 0) : end].startswith(head)), 0
    )


def _size_of_id3(sizes: bytes) -> int:
    return sum((size & 0x7F) << 7 * (3 - n) for n, size in enumerate(sizes))


def _frame(held: bytes, at: int) -> int:
    """The length of the frame there."""
    first, second, third = _byte(held, at), _byte(held, at + 1), _byte(held, at + 2)
    version, layer, rated, sampled = second >> 3 & 3, second >> 1 & 3, third >> 4, third >> 2 & 3
    if first != 0xFF or second < 0xE0 or layer != 1 or version not in _SAMPLES or sampled == 3:
        raise Odd
    rate = _RATES[version == 3][rated]
    if not rate:
        raise Odd
    return (144 if version == 3 else 72) * rate * 1000 // _SAMPLES[version][sampled] + (third >> 1 & 1)


def _byte(held: bytes, at: int) -> int:
    if at >= len(held):
        raise Odd
    return held[at]


def _parts() -> _Left:
    """As many parts as a sound may have, for all that look through it."""
    return iter(range(MOST_PARTS))


WALKS: Mapping[str, Walk] = {
    "audio/ogg": ogg, "audio/webm": webm, "audio/mp4": mp4, "audio/mpeg": mp3,
}  # fmt: skip
