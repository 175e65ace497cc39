"""Reads files of lines like `name = value` as certbot does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from configobj import ConfigObj, ConfigObjError

from conserje_certbot.failure import CertificateError


def read(file: Path) -> dict[str, Any]:
    """Values are texts, sections dictionaries. Raises CertificateError, OSError."""
    try:
        values: dict[str, Any] = ConfigObj(  # type: ignore[no-untyped-call]
            str(file), interpolation=False, encoding="utf-8", file_error=True
        ).dict()
    except (ConfigObjError, UnicodeDecodeError):  # their texts may show a line of it
        raise CertificateError(f"{file} has a line that is not `name = value`: correct it.") from None
    return values
