"""Connections of the HTTP client that rest: at every request each is asked twice whether it has ended."""

from __future__ import annotations

import select
import ssl
from typing import Any

import httpcore2


class Backend(httpcore2.AnyIOBackend):
    """Connects as the library does, to streams that can say it at little cost."""

    async def connect_tcp(self, *place: Any, **how: Any) -> httpcore2.AsyncNetworkStream:
        return _Stream(await super().connect_tcp(*place, **how))


class _Stream(httpcore2.AsyncNetworkStream):
    """Knows its socket, which the library looks for each time."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream) -> None:
        self._socket = stream.get_extra_info("socket")
        self.read, self.write, self.aclose = stream.read, stream.write, stream.aclose  # type: ignore[method-assign]
        self._stream = stream

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        return _Stream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        if info != "is_readable":
            return self._stream.get_extra_info(info)
        if (number := self._socket.fileno()) < 0:
            return True
        poll = select.poll()
        poll.register(number, select.POLLIN)
        return bool(poll.poll(0))
