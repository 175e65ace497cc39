"""How Twilio is asked: plain calls, and the SDK's for what is listed, over core's HTTP client."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib import import_module
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx2
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from conserje_twilio.errors import Denied

_MESSAGES = "twilio.rest.api.v2010.account.message"
_LONGEST_WAIT = 300

_Product = Literal["api", "content", "messaging"]


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

    def url(self, product: _Product, path: str) -> str:
        """Twilio's products have hosts of their own; who stands in for Twilio has one for all."""
        base = urlsplit(self.base_url)
        host = base.hostname or ""
        if host.startswith("api.") and host.endswith(".twilio.com"):
            return f"{base.scheme}://{product}.{host.removeprefix('api.')}{path}"
        return self.base_url + path

    def credentials(self) -> list[tuple[str, str]]:
        """For Basic auth, in the order in which they are to be tried."""
        return [(self.account_sid, token) for token in self._tokens.values()]

    async def request(self, method: str, product: _Product, path: str, **sent: Any) -> httpx2.Response:
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

    async def ask(self, method: str, product: _Product, path: str, **sent: Any) -> dict[str, Any]:
        """The JSON of a good answer. Raises Denied, ValueError, or what the HTTP client raises."""
        answer = await self.request(method, product, path, **sent)
        if not answer.is_success:
            retry_after = _seconds(answer.headers.get("retry-after", ""))
            raise Denied(answer.status_code, _code(answer), retry_after)
        document = answer.json() if answer.content else {}
        if not isinstance(document, dict):
            raise ValueError("not an object")
        return document

    def below(self, path: str) -> str:
        """A path of the account's own."""
        return f"/2010-04-01/Accounts/{self.account_sid}{path}"


def _code(answer: httpx2.Response) -> object:
    """Twilio's own, where the answer is Twilio's and has one."""
    try:
        document = answer.json()
    except ValueError:
        return None
    return document.get("code") if isinstance(document, dict) else None


class Transport(AsyncHttpClient):
    """Carries calls of the SDK, and keeps status and time of the last answer."""

    def __init__(self, line: Line) -> None:
        super().__init__(logging.getLogger(__name__), is_async=True)
        self._line = line
        self.status = 0  # of the last answer
        self.now = datetime.now(UTC)  # by Twilio's clock, where its answer tells the time

    async def client(self) -> Client:
        """The SDK's client. All that it would take from the process's TWILIO_* variables is given here, or
        rewritten by the transport."""
        await _load()
        return Client(  # type: ignore[no-untyped-call]
            username=self._line.account_sid,
            password="known to the transport",  # noqa: S106
            account_sid=self._line.account_sid,
            http_client=self,
        )

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
        self.now = _told(answer.headers.get("date", "")) or self.now
        return Response(answer.status_code, answer.text, answer.headers)


async def _load() -> None:
    """Load what the SDK lists messages with, for half a second at the first use, outside the event loop."""
    if _MESSAGES not in sys.modules:
        await asyncio.to_thread(import_module, _MESSAGES)


def _told(date: str) -> datetime | None:
    try:
        return parsedate_to_datetime(date).astimezone(UTC)
    except ValueError:
        return None


def _seconds(retry_after: str) -> float:
    return float(min(max(int(retry_after), 1), _LONGEST_WAIT)) if retry_after.isdecimal() else 5.0
