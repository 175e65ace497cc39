"""Text as Postgres can store it."""

from __future__ import annotations

import re

_BAD = re.compile("[\x00\ud800-\udfff]")


def clean(text: str) -> str:
    """`text` with what Postgres cannot store (NUL, lone surrogates) as U+FFFD."""
    return text if text.isprintable() else _BAD.sub("�", text)
