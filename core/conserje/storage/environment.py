"""What the programs that we start inherit of our environment: how to run, and no secrets."""

from __future__ import annotations

import os
from collections.abc import Mapping

_NEEDED = frozenset({
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH",
    "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR", "NO_COLOR",
})  # fmt: skip
_FAMILIES = ("LC_", "PYTHON", "XDG_", "MALLOC_", "COVERAGE_")


def bare(*wanted: str, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What every program needs, and what begins with one of `wanted`."""
    return {
        name: value
        for name, value in environment.items()
        if name in _NEEDED or name.startswith((*_FAMILIES, *wanted))
    }
