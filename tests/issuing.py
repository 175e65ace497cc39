"""Somebody whom a stand-in for an issuer knows, and the browser that is sent there and comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
from pydantic import SecretStr

from conserje.net import fetch
from conserje_fakes.oidc import StandIn
from conserje_fakes.server import serving

ANA = {"sub": "ana-1", "email": "ana@example.com", "email_verified": True}
LOOPBACK = (ip_network("127.0.0.0/8"),)


@asynccontextmanager
async def issuing(back: str) -> AsyncIterator[StandIn]:
    """An issuer on this machine, which knows Ana, and sends her back to that address alone."""
    stand_in = StandIn(back=(back,), person=dict(ANA))
    former = fetch._fetcher.allowed
    fetch.allow(LOOPBACK)
    try:
        async with serving(stand_in.app()) as stand_in.url:
            yield stand_in
    finally:
        fetch.allow(former)


def settings_of(stand_in: StandIn) -> dict[str, Any]:
    """As the operator names it."""
    return {
        "oidc_client_id": stand_in.client_id,
        "oidc_client_secret": SecretStr(stand_in.client_secret),
        "oidc_issuer": stand_in.url,
        "fetch_allow": LOOPBACK,
    }


async def visit(way: str) -> dict[str, str]:
    """What stands in the address by which the issuer sends the browser back."""
    async with httpx2.AsyncClient() as browser:
        answer = await browser.get(way)
    assert answer.status_code == 307, answer.text
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))
