"""Phone numbers, as people write them and as providers have them."""

from __future__ import annotations

import re

from conserje.contract.channel import Malformed

_SPACERS = re.compile(r"[\s().-]")
# Mobiles that WhatsApp writes with a digit which others leave out, or the other way round.
_WITH_A_DIGIT = re.compile(r"(\+52)1([0-9]{10})|(\+54)9([0-9]{10})")
_WITHOUT = re.compile(r"(\+5[24])([0-9]{10})")
_DIGIT = {"+52": "1", "+54": "9"}
_DIGITS = re.compile(r"\+?([1-9][0-9]{5,14})", re.ASCII)


def phone_number(given: str) -> str:
    """A phone number in its one form, "+56912345678". Raises Malformed for what can be none."""
    from phonenumbers import NumberParseException, is_possible_number, parse  # for commands alone

    found = _DIGITS.fullmatch(_SPACERS.sub("", given.strip()))
    try:
        written = (
            [each for each in (f"+{found[1]}", otherwise_written(f"+{found[1]}")) if each] if found else []
        )
        possible = any(is_possible_number(parse(each)) for each in written)
    except NumberParseException:
        possible = False
    if not possible:
        raise Malformed(f"{given!r} is no phone: write it like +56912345678, its country first.")
    return written[0]


def otherwise_written(phone: str) -> str | None:
    """How else the same phone, in its one form, may be known: Mexico's (+52 1) and Argentina's (+54 9)."""
    if found := _WITH_A_DIGIT.fullmatch(phone):
        return "".join(filter(None, found.groups()))
    if found := _WITHOUT.fullmatch(phone):
        return found[1] + _DIGIT[found[1]] + found[2]
    return None
