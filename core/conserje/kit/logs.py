"""The log of a plugin, out of which secrets are taken."""

from __future__ import annotations

import logging
import re

from conserje.plugins.redaction import HIDDEN, redacted
from conserje.telemetry.log import place

LONGEST = 1000  # characters of a line
_BEHIND_HOST = re.compile(r"(https?://[^\s/?#]++)[/?#][^\s\"'<>]++")


def logger(name: str) -> logging.Logger:
    """The logger of a module (`logger(__name__)`), whose lines may be shown to anybody who operates.

    What looks like a secret is taken out, and of an address all behind its host. A record is one line of at
    most 1,000 characters; of an error that is logged with its trace, kind and place are left. What contacts
    write looks like nothing in particular: leave it out yourself.
    """
    made = logging.getLogger(name)
    made.addFilter(_redact)
    return made


def _redact(record: logging.LogRecord) -> bool:
    text = " ".join(_said(record)[: 10 * LONGEST].split())
    text = _BEHIND_HOST.sub(rf"\1/{HIDDEN}", redacted(text))[:LONGEST]
    if record.exc_info and record.exc_info[1]:
        text += f" ({place(record.exc_info[1])})"
    record.msg, record.args = text, ()
    record.exc_info = record.exc_text = record.stack_info = None
    return True


def _said(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # arguments that do not fit the text must not end the plugin's call
        return str(record.msg)
