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


def place(error: BaseException) -> str:
    """The kind of `error` and the line that raised it; never its text, which may quote a message."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    where = f" at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
    return type(error).__name__ + where
