"""The log: plain lines on stderr."""

from __future__ import annotations

import logging

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def set_up(level: str) -> None:
    """Log at `level`; below info only our own and the plugins' lines, since libraries show requests there."""
    logging.basicConfig(level=level.upper(), format=FORMAT, force=True)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_ours_or_important)
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # its info lines show URLs
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)  # traces for as long as Postgres is away


def _ours_or_important(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.INFO or record.name.startswith("conserje")
