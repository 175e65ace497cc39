"""The one HTTP client of a process, as plugins get it."""

from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx2

from conserje.net.trust import trusted
from conserje.telemetry import clocks


def client() -> httpx2.AsyncClient:
    """Time limits, no redirects, nothing taken from the environment.

    No cookies either: one client serves every tenant.
    """
    return httpx2.AsyncClient(
        verify=trusted(),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        timeout=httpx2.Timeout(10.0, connect=5.0),
        limits=httpx2.Limits(max_connections=100, max_keepalive_connections=100),
        follow_redirects=False,
        trust_env=False,
        event_hooks={"response": [_note_date]},
    )


async def _note_date(answer: httpx2.Response) -> None:
    clocks.note_date(answer.headers.get("date"))
