"""Phone numbers, as people write them and as providers have them."""

from __future__ import annotations

import re

from conserje.contract.channel import Malformed

_SPACERS = re.compile(r"[\s().-]")
_DIGITS = re.compile(r"\+?([1-9][0-9]{5,14})", re.ASCII)


def phone_number(given: str) -> str:
    """A phone number in its one form, "+56912345678". Raises Malformed for what can be none."""
    from phonenumbers import NumberParseException, is_possible_number, parse  # for commands alone

    found = _DIGITS.fullmatch(_SPACERS.sub("", given.strip()))
    try:
        possible = found is not None and is_possible_number(parse(f"+{found[1]}"))
    except NumberParseException:
        possible = False
    if not found or not possible:
        raise Malformed(f"{given!r} is no phone: write it like +56912345678, its country first.")
    return f"+{found[1]}"
