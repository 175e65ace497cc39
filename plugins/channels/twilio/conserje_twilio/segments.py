"""How many segments an SMS takes: each is paid for."""

from __future__ import annotations

# GSM 03.38: the basic alphabet, and what takes two places in it. Of Spanish it lacks á, í, ó, ú.
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_TWICE = frozenset("\f^{}\\[~]|€")


def segments(text: str) -> int:
    """The segments of `text`: in GSM-7 where it has only such characters, else in UCS-2."""
    if set(text) <= _GSM | _TWICE:
        return _cut([2 if character in _TWICE else 1 for character in text], 160, 153)
    return _cut([2 if ord(character) > 0xFFFF else 1 for character in text], 70, 67)


def _cut(widths: list[int], alone: int, joined: int) -> int:
    """`alone` places in a single segment, `joined` in one of several; no character is cut in two."""
    if sum(widths) <= alone:
        return 1
    count, used = 1, 0
    for width in widths:
        used += width
        if used > joined:
            count, used = count + 1, width
    return count
