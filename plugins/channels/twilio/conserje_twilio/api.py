"""Twilio's REST interface: its SDK over core's HTTP client."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx2
from twilio.base import values
from twilio.base.exceptions import TwilioRestException, TwilioServiceException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from conserje import CannotTell, Refused, TryLater, Uncertain
from conserje_twilio.errors import BUSY, explain

if TYPE_CHECKING:
    from twilio.rest.api.v2010.account.message import MessageInstance

NEVER_WRITTEN = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
_REFUSED: dict[int, int] = {httpx2.codes.UNAUTHORIZED: 20003, httpx2.codes.TOO_MANY_REQUESTS: 20429}
PAGE_SIZE = 1000  # the largest that Twilio gives
_LONGEST_WAIT = 300


class Transport(AsyncHttpClient):
    """Carries one call of the SDK to the operator's base URL, and keeps status and Retry-After of its answer.

    In a rotation either auth token may be the live one: a token that is refused with 401 has had no
    effect, so the next is tried.
    """

    def __init__(self, http: httpx2.AsyncClient, base_url: str, tokens: Sequence[str]) -> None:
        super().__init__(logging.getLogger(__name__), is_async=True)
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._tokens = tokens
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
        """`timeout` and `allow_redirects` do not count: core's client has the limits."""
        account_sid = auth[0] if auth else ""
        for token in self._tokens:
            answer = await self._http.request(
                method,
                self._rewritten(uri),
                params=params,
                data=data,
                headers=headers,
                auth=(account_sid, token),
                follow_redirects=False,
            )
            if answer.status_code != httpx2.codes.UNAUTHORIZED:
                break
        self.status = answer.status_code
        self.retry_after = _seconds(answer.headers.get("retry-after", ""))
        return Response(answer.status_code, answer.text, answer.headers)

    def _rewritten(self, uri: str) -> str:
        parts = urlsplit(uri)
        return self._base_url + parts.path + (f"?{parts.query}" if parts.query else "")


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


def outcome(error: Exception, retry_after: float) -> Exception:
    """What a failed `send` means, as Refused, TryLater or Uncertain. Quotes nothing that was sent."""
    if isinstance(error, TwilioRestException | TwilioServiceException):
        return _answered(error.status, error.code, retry_after)
    if isinstance(error, NEVER_WRITTEN):
        return TryLater(f"Twilio could not be reached ({type(error).__name__}).")
    return Uncertain(f"Twilio's answer did not come, or was none of Twilio's ({type(error).__name__}).")


def unanswered(error: Exception, status: int) -> CannotTell:
    """Why Twilio's list could not be read; the SDK's error does not say with which status."""
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
    known = (
        code if isinstance(code, int) and code >= 10000 else None
    )  # without one the SDK repeats the status
    if status == httpx2.codes.TOO_MANY_REQUESTS or (400 <= status < 500 and known in BUSY):
        return TryLater(explain(known or 20429), retry_after)
    if status == httpx2.codes.UNAUTHORIZED:
        return Refused(explain(20003))
    if 400 <= status < 500 and known:
        return Refused(explain(known))
    return Uncertain(f"Twilio answered {status}, which does not say whether it took the message.")


def _seconds(retry_after: str) -> float:
    return float(min(max(int(retry_after), 1), _LONGEST_WAIT)) if retry_after.isdecimal() else 5.0
