"""Twilio's REST interfaces over core's HTTP client: plain calls, and the SDK's."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Mapping
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import httpx2
from twilio.base import values
from twilio.base.exceptions import TwilioRestException, TwilioServiceException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from conserje import CannotTell, OptedOut, OutsideWindow, Refused, TryLater, Uncertain
from conserje_twilio.errors import BUSY, OPTED_OUT, OUTSIDE_WINDOW, explain

if TYPE_CHECKING:
    from twilio.rest.api.v2010.account.message import MessageInstance


_REFUSED: dict[int, int] = {httpx2.codes.UNAUTHORIZED: 20003, httpx2.codes.TOO_MANY_REQUESTS: 20429}
PAGE_SIZE = 1000  # the largest that Twilio gives
_LONGEST_WAIT = 300

Product = Literal["api", "content", "messaging"]


class Denied(Exception):
    """Twilio answered with an error; `code` is its own, where it gave one."""

    def __init__(self, status: int, code: object, retry_after: float) -> None:
        super().__init__(f"Twilio answered {status}.")
        self.status = status
        self.code = code
        self.retry_after = retry_after


class Line:
    """Calls as one Twilio account, to the operator's base URL.

    In a rotation either auth token may be the live one: a token that is refused with 401 has had no
    effect, so the next is tried. `live` is the name of the last one tried.
    """

    def __init__(
        self, http: httpx2.AsyncClient, base_url: str, account_sid: str, tokens: Mapping[str, str]
    ) -> None:
        self.http = http
        self.base_url = base_url.rstrip("/")
        self.account_sid = account_sid
        self.live = ""
        self._tokens = tokens

    def url(self, product: Product, path: str) -> str:
        """Twilio's products have hosts of their own; who stands in for Twilio has one for all."""
        base = urlsplit(self.base_url)
        host = base.hostname or ""
        if host.startswith("api.") and host.endswith(".twilio.com"):
            return f"{base.scheme}://{product}.{host.removeprefix('api.')}{path}"
        return self.base_url + path

    def credentials(self) -> list[tuple[str, str]]:
        """For Basic auth, in the order in which they are to be tried."""
        return [(self.account_sid, token) for token in self._tokens.values()]

    async def request(self, method: str, product: Product, path: str, **sent: Any) -> httpx2.Response:
        """Raises what the HTTP client raises."""
        for name, token in self._tokens.items():
            self.live = name
            answer = await self.http.request(
                method,
                self.url(product, path),
                auth=(self.account_sid, token),
                follow_redirects=False,
                **sent,
            )
            if answer.status_code != httpx2.codes.UNAUTHORIZED:
                break
        return answer

    async def ask(self, method: str, product: Product, path: str, **sent: Any) -> dict[str, Any]:
        """The JSON of a good answer. Raises Denied, ValueError, or what the HTTP client raises."""
        answer = await self.request(method, product, path, **sent)
        document = answer.json() if answer.content else {}
        if not isinstance(document, dict):
            raise ValueError("not an object")
        if not answer.is_success:
            retry_after = _seconds(answer.headers.get("retry-after", ""))
            raise Denied(answer.status_code, document.get("code"), retry_after)
        return document


class Transport(AsyncHttpClient):
    """Carries one call of the SDK, and keeps status and Retry-After of its answer."""

    def __init__(self, line: Line) -> None:
        super().__init__(logging.getLogger(__name__), is_async=True)
        self._line = line
        self.retry_after = 5.0
        self.status = 0  # of the last answer

    async def request(  # type: ignore[override]  # as the SDK's own asynchronous clients do
        self,
        method: str,
        uri: str,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """`auth`, `timeout` and `allow_redirects` do not count: the line has the tokens, core's client
        the limits."""
        parts = urlsplit(uri)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        answer = await self._line.request(method, "api", path, params=params, data=data, headers=headers)
        self.status = answer.status_code
        self.retry_after = _seconds(answer.headers.get("retry-after", ""))
        return Response(answer.status_code, answer.text, answer.headers)


_MESSAGES = "twilio.rest.api.v2010.account.message"


async def load() -> None:
    """Have the SDK load what it sends with, for half a second at the first use: not in the event loop."""
    if _MESSAGES not in sys.modules:
        await asyncio.to_thread(import_module, _MESSAGES)


def client(account_sid: str, transport: Transport) -> Client:
    """The SDK's client. All that it would take from the process's TWILIO_* variables is given here, or
    rewritten by the transport."""
    return Client(  # type: ignore[no-untyped-call]
        username=account_sid,
        password="known to the transport",  # noqa: S106
        account_sid=account_sid,
        http_client=transport,
    )


def outcome(error: Exception, retry_after: float = 5.0) -> Exception:
    """What a failed call means, as Refused, TryLater or Uncertain. Quotes nothing that was sent."""
    match error:
        case TwilioRestException() | TwilioServiceException():
            return _answered(error.status, error.code, retry_after)
        case Denied():
            return _answered(error.status, error.code, error.retry_after)
        case httpx2.ConnectError() | httpx2.ConnectTimeout() | httpx2.PoolTimeout() | httpx2.ProxyError():
            return TryLater(f"Twilio could not be reached ({type(error).__name__}).")
    return Uncertain(f"Twilio's answer did not come, or was none of Twilio's ({type(error).__name__}).")


def unanswered(error: Exception, status: int = 0) -> CannotTell:
    """Why Twilio could not be asked; the SDK's error does not say with which status."""
    status = error.status if isinstance(error, Denied) else status
    if status in _REFUSED:
        return CannotTell(f"{explain(_REFUSED[status])}.")
    return CannotTell(f"Twilio could not be asked ({type(error).__name__}).")


async def received(
    client: Client, address: str, since: datetime, until: datetime | None
) -> list[MessageInstance]:
    """What contacts wrote to `address`, oldest first; all since `since` if `until` is None.

    Twilio lists the newest first, and documents no more than dates for its filters: it may list more
    than it was asked for.
    """
    found = []
    pages = await client.messages.stream_async(
        to=address,
        date_sent_after=since,
        date_sent_before=values.unset if until is None else until,
        page_size=PAGE_SIZE,
    )
    async for entry in pages:
        sent = entry.date_sent or entry.date_created
        if sent and sent < since:
            break
        whole = str(entry.direction) == "inbound" and str(entry.status) != "receiving"
        if whole and sent and (until is None or sent <= until):
            found.append(entry)
    return found[::-1]


def _answered(status: int, code: object, retry_after: float) -> Exception:
    given = _known(code)
    if status == httpx2.codes.TOO_MANY_REQUESTS or (400 <= status < 500 and given in BUSY):
        return TryLater(explain(given or 20429), retry_after)
    if status == httpx2.codes.UNAUTHORIZED:
        return Refused(explain(20003))
    if 400 <= status < 500 and given:
        return _REFUSALS.get(given, Refused)(explain(given))
    return Uncertain(f"Twilio answered {status}, which does not say whether it took the message.")


_REFUSALS: dict[int, type[Refused]] = {OPTED_OUT: OptedOut, OUTSIDE_WINDOW: OutsideWindow}


def _known(code: object) -> int | None:
    """Twilio's own code, if it is one: where there was none the SDK repeats the status."""
    return code if isinstance(code, int) and code >= 10000 else None


def _seconds(retry_after: str) -> float:
    return float(min(max(int(retry_after), 1), _LONGEST_WAIT)) if retry_after.isdecimal() else 5.0
