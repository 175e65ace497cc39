"""Patches: changes to settings, which leave alone what they do not name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def patched(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """By RFC 7396: what is not named stays, null removes it, an object is merged."""
    kept = {name: value for name, value in settings.items() if name not in changes}
    for name, value in changes.items():
        if isinstance(value, dict):
            before = settings.get(name)
            kept[name] = patched(before if isinstance(before, dict) else {}, value)
        elif value is not None:
            kept[name] = value
    return kept
