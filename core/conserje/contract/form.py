"""A form's fields, as browsers and providers encode them."""

from __future__ import annotations

import re
from binascii import a2b_qp
from urllib.parse import parse_qsl

MOST_FIELDS = 500

# Printable ASCII and whole escapes, but of the two signs that stand between names, values and fields below.
_PLAIN = re.compile(rb"[ -$&-~]*(?:%(?!0[01])[0-9A-Fa-f]{2}[ -$&-~]*)*")
_SIGNS = bytes.maketrans(b"%+=&", b"= \0\1")  # a2b_qp undoes escapes that are written with =


def read_fields(encoded: bytes) -> list[tuple[str, str]]:
    """The fields in order, blank values kept. Raises ValueError for more than MOST_FIELDS, and for what is no
    UTF-8."""
    if encoded.count(b"&") < MOST_FIELDS and _PLAIN.fullmatch(encoded):
        text = a2b_qp(encoded.translate(_SIGNS)).decode()
        fields = [tuple(field.split("\0")) for field in text.split("\1")]
        if set(map(len, fields)) == {2}:
            return fields  # type: ignore[return-value]  # pairs, as was just seen
    return parse_qsl(encoded.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
