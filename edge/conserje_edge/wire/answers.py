"""What a client is told: a channel's acknowledgement, or a problem without detail for strangers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from conserje.contract.channel import Answer

Header = tuple[bytes, bytes]
Messages = tuple[dict[str, Any], dict[str, Any]]

_PROBLEM = (b"content-type", b"application/problem+json")
_RETRY_AFTER = (b"retry-after", b"5")
_CLOSE = (b"connection", b"close")
_NO_SNIFFING = (b"x-content-type-options", b"nosniff")


class Problem(Exception):
    """The request is answered with this status; `cause` is for the log alone.

    `told` are further members of the document, for callers who are known.
    """

    def __init__(
        self, status: HTTPStatus, cause: str = "", *headers: Header, told: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(cause)
        self.status = status
        self.cause = cause
        self.headers = headers
        self.told = told or {}

    def answer(self, request_id: str) -> Messages:
        known = {"title": self.status.phrase, "status": self.status, "request_id": request_id}
        document = {**known, **self.told}
        own = [_PROBLEM, (b"x-request-id", request_id.encode()), *self.headers]
        return _messages(self.status, own, json.dumps(document).encode())

    def page(self, page: bytes, request_id: str, *headers: Header) -> Messages:
        """The same to a person: `headers` say of what kind the page is."""
        return _messages(self.status, [(b"x-request-id", request_id.encode()), *headers], page)


def unread(status: HTTPStatus) -> Problem:
    """The rest of the body is not read, so the connection cannot go on."""
    return Problem(status, "", _CLOSE)


def unavailable(cause: str) -> Problem:
    """The request was not judged, or could not be stored: it may come again."""
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, cause, _RETRY_AFTER)


@lru_cache(256)  # most are the same
def acknowledgement(answer: Answer) -> Messages:
    """Raises ValueError for a status that is no success: a verified provider gets 2xx or 503."""
    if not 200 <= answer.status < 300:
        raise ValueError(f"{answer.status} acknowledges nothing")
    if answer.status == HTTPStatus.NO_CONTENT:
        return {"type": "http.response.start", "status": 204, "headers": []}, {"type": "http.response.body"}
    own = [(b"content-type", answer.content_type.encode("ascii")), _NO_SNIFFING]
    return _messages(answer.status, own, answer.body)


def _messages(status: int, headers: list[Header], body: bytes) -> Messages:
    headers.append((b"content-length", b"%d" % len(body)))
    return (
        {"type": "http.response.start", "status": int(status), "headers": headers},
        {"type": "http.response.body", "body": body},
    )
