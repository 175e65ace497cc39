"""A client that waits long for everything but for an answer that a stand-in keeps back."""

from __future__ import annotations

from collections.abc import Sequence

import httpx2
from waiting import LIMIT

SHORT = 0.5  # seconds


class Transport(httpx2.AsyncHTTPTransport):
    """Gives up soon where the stand-in's next fault is not to answer."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__()
        self.faults = faults

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.faults and self.faults[0].startswith("stall"):
            request.extensions["timeout"]["read"] = SHORT
        return await super().handle_async_request(request)


def client(faults: Sequence[str]) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=Transport(faults), timeout=LIMIT, trust_env=False)
