"""The one HTTP client of a process, as plugins get it."""

from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx2

from conserje.net import exchanges, resting
from conserje.net.trust import trusted
from conserje.telemetry import clocks


class _Client(httpx2.AsyncClient):
    """Tells whoever keeps exchanges of each."""

    async def send(self, request: httpx2.Request, **how: Any) -> httpx2.Response:
        if (kept := exchanges.wanted.get()) is None:
            return await super().send(request, **how)
        try:
            answer = await super().send(request, **how)
        except httpx2.TransportError as error:
            kept.append((request, error))
            raise
        kept.append((request, answer))
        return answer


def client() -> httpx2.AsyncClient:
    """Time limits, no redirects, nothing taken from the environment.

    No cookies either: one client serves every tenant.
    """
    limits = httpx2.Limits(max_connections=100, max_keepalive_connections=100)
    transport = httpx2.AsyncHTTPTransport(verify=trusted(), trust_env=False, limits=limits)
    transport._pool._network_backend = resting.Backend()  # which cannot be given
    return _Client(
        transport=transport,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        timeout=httpx2.Timeout(10.0, connect=5.0),
        follow_redirects=False,
        trust_env=False,
        event_hooks={"response": [_note_date]},
    )


async def _note_date(answer: httpx2.Response) -> None:
    clocks.note_date(answer.headers.get("date"))
