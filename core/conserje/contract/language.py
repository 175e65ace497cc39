"""Which of several languages a tenant's contacts read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def in_language(said: Mapping[str, T], locale: str) -> T:
    """What of `said` is in the language of a locale such as es-CL, else the English ("en")."""
    return said.get(locale[:2].lower(), said["en"])
