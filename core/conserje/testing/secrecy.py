"""What is secret, and whether somebody said it: in an error, a log, on the screen."""

from __future__ import annotations

import base64
import io
import logging
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from urllib.parse import quote

from pydantic import BaseModel, SecretBytes, SecretStr

_OTHERS = ("httpx2", "httpcore2", "asyncio")  # loggers that are core's to redact


def secrets_of(*held: object) -> list[str]:
    """What is typed as secret in models, wherever it is."""
    return list(dict.fromkeys(each for part in held for each in _secrets(part) if each))


def _secrets(held: object) -> Iterator[str]:
    match held:
        case SecretStr():
            yield held.get_secret_value()
        case SecretBytes():
            yield held.get_secret_value().decode("utf-8", "replace")
        case BaseModel():
            yield from (each for _, value in held for each in _secrets(value))
        case dict():
            yield from (each for value in held.values() for each in _secrets(value))
        case list() | tuple() | set() | frozenset():
            yield from (each for value in held for each in _secrets(value))


def leaked(text: str, private: Iterable[str]) -> list[str]:
    """Which of the private words are in the text, as they are or as an address or a header has them."""
    return [each for each in private if any(spelled in text for spelled in _spellings(each))]


def _spellings(private: str) -> set[str]:
    return {private, quote(private), quote(private, safe=""), base64.b64encode(private.encode()).decode()}


def check_error(error: BaseException, private: Iterable[str]) -> None:
    """An error, and what it came from, says nothing private."""
    whole = "".join(traceback.TracebackException.from_exception(error).format_exception_only())
    links: list[BaseException] = [error]
    while following := links[-1].__cause__ or (not links[-1].__suppress_context__ and links[-1].__context__):
        links.append(following)
        whole += "".join(traceback.TracebackException.from_exception(following).format_exception_only())
    assert not (found := leaked(whole, private)), (
        f"The error, or what it came from, says {found}: name what went wrong in words of your own, and "
        "`raise ... from None`."
    )


@contextmanager
def discreet(private: Iterable[str]) -> Iterator[None]:
    """Fails if something private is logged or printed meanwhile."""
    handler, printed = _Kept(), io.StringIO()
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with redirect_stdout(printed), redirect_stderr(printed):
            yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    assert not (found := leaked("\n".join(handler.lines), private)), (
        f"{found} is logged: take it out of the line."
    )
    assert not (found := leaked(printed.getvalue(), private)), (
        f"{found} is printed: plugins log, and never that."
    )


class _Kept(logging.Handler):
    """The lines of a log as they would be written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(_OTHERS):
            self.lines.append(self.format(record))
