"""How a provider is asked, and what it means for a message when it does not answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from json import dumps
from typing import Any

import httpx2

from conserje.contract import wire
from conserje.contract.channel import CannotTell, Malformed, TryLater, Uncertain, read_json

LARGEST = 4 * 1024 * 1024  # bytes of an answer
SHORTEST_WAIT, LONGEST_WAIT, WAIT = 1.0, 300.0, 5.0  # seconds
_NEVER_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
    httpx2.InvalidURL,
)


@dataclass(frozen=True, slots=True)
class Answered:
    """The provider did what it was asked (`ok`), or says by a 4xx why it did not.

    `json` is None where the answer is empty, or a 4xx without JSON.
    """

    status: int
    json: Any = None

    @property
    def ok(self) -> bool:
        return self.status < 300


async def ask(
    http: httpx2.AsyncClient,
    method: str,
    url: str,
    *,
    json: Any = None,
    headers: Mapping[str, str] | None = None,
    retry_after: str = "",
    **sent: Any,
) -> Answered:
    """Ask the provider for something that must not happen twice: in `send`.

    `http` is the plugin's `self.http`; `sent` is what it takes besides: data, params, auth, content, files.
    `retry_after` names the field that says how long to wait, where Retry-After does not:
    "parameters.retry_after".

    Raises TryLater where nothing was taken: 429, and a provider that cannot be reached. Raises Uncertain
    where nobody knows: the time is over, the connection is cut, 5xx, a redirect, what is not JSON. Their
    texts hold neither the address nor what was sent. A 4xx is yours to judge: raise Refused, or AccountFault
    for a token that is no good.
    """
    if json is not None:  # in ASCII, so that half a character does not end the call
        headers = {"content-type": "application/json", **(headers or {})}
        sent["content"] = dumps(json, allow_nan=False).encode()
    try:
        async with http.stream(method, url, headers=headers, follow_redirects=False, **sent) as answer:
            body = await _body(answer)
    except _NEVER_SENT as error:
        raise TryLater(f"The provider could not be reached ({type(error).__name__}).") from None
    except httpx2.RequestError as error:
        raise Uncertain(f"The provider's answer did not come ({type(error).__name__}).") from None
    return _understood(answer, body, retry_after)


async def look(http: httpx2.AsyncClient, method: str, url: str, **sent: Any) -> Answered:
    """Ask the provider for something that may be asked again: in `find`, `fetch`, `examine`, `configure`.

    As `ask`, but that whatever goes wrong is CannotTell, which is the word of all of these.
    """
    try:
        return await ask(http, method, url, **sent)
    except (TryLater, Uncertain) as error:
        raise CannotTell(str(error)) from None


async def _body(answer: httpx2.Response) -> bytes:
    body = b""
    async for part in answer.aiter_bytes():
        body += part
        if len(body) > LARGEST:
            raise Uncertain(f"The provider's answer is larger than {LARGEST:,} bytes.")
    return body


def _understood(answer: httpx2.Response, body: bytes, field: str) -> Answered:
    status = answer.status_code
    document, is_read = _json(body)
    if status == httpx2.codes.TOO_MANY_REQUESTS:
        raise TryLater("The provider takes no more for now (429).", _wait(answer.headers, document, field))
    if (answer.is_success and is_read) or (answer.is_client_error and status != httpx2.codes.REQUEST_TIMEOUT):
        return Answered(status, document)
    raise Uncertain(f"The provider answered {status}, which does not say whether it took anything.")


def _json(body: bytes) -> tuple[Any, bool]:
    if not body.strip():
        return None, True
    try:
        return read_json(body), True
    except Malformed:
        return None, False


def _wait(headers: Mapping[str, str], document: Any, field: str) -> float:
    for name in field.split(".") if field else ():
        document = document.get(name) if isinstance(document, dict) else None
    own = document if field and isinstance(document, int | float) and document > 0 else 0.0
    return float(min(max(own or wire.retry_after(headers) or WAIT, SHORTEST_WAIT), LONGEST_WAIT))
