"""What a TLS connection costs nginx: its processor time, with a full handshake and a resumed one."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from bench.cost import processor_time
from bench.nginx import Nginx, opened, trusting_all
from bench.place import Place
from bench.process import Failed
from bench.webhooks import DOMAIN

COUNT = 1_000  # of each kind
REQUEST = f"GET /nothing HTTP/1.1\r\nHost: {DOMAIN}\r\nConnection: {{then}}\r\n\r\n"


@dataclass(frozen=True)
class Handshakes:
    """Milliseconds of nginx for a connection with one request, which nginx answers by itself."""

    count: int
    protocol: str
    full: float
    resumed: float
    request: float  # one more over a kept connection, which is part of both


async def measure(place: Place) -> Handshakes:
    """Raises Failed."""
    async with opened(place.folder / "nginx", upstream_port=1) as nginx:
        return await asyncio.to_thread(_measure, nginx)


def _measure(nginx: Nginx) -> Handshakes:
    context = trusting_all()
    with closing(_connected(nginx, context)) as connection:
        _ask(connection, then="close")
        session, protocol = connection.session, connection.version()

    def once(session: ssl.SSLSession | None) -> None:
        with closing(_connected(nginx, context, session)) as connection:
            if connection.session_reused != (session is not None):
                raise Failed("nginx did not resume the session." if session else "A new session was resumed.")
            _ask(connection, then="close")

    full = _cost(nginx, lambda: once(None))
    resumed = _cost(nginx, lambda: once(session))
    with closing(_connected(nginx, context)) as connection:
        request = _cost(nginx, lambda: _ask(connection, then="keep-alive"))
    return Handshakes(COUNT, str(protocol), full, resumed, request)


def _connected(nginx: Nginx, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", nginx.port), timeout=5)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(plain, server_hostname=DOMAIN, session=session)


def _ask(connection: ssl.SSLSocket, then: str) -> None:
    """Read the whole answer; in TLS 1.3 the session comes with it."""
    connection.sendall(REQUEST.format(then=then).encode())
    answer = b""
    while not answer.endswith(b"}"):  # of the problem document
        if not (part := connection.recv(65536)):
            raise Failed(f"nginx closed the connection after {answer!r}.")
        answer += part


def _cost(nginx: Nginx, act: Callable[[], None]) -> float:
    """Milliseconds of nginx for one `act`."""
    kinds = {"nginx": [nginx.pid]}
    before = processor_time(kinds)["nginx"]
    for _ in range(COUNT):
        act()
    return (processor_time(kinds)["nginx"] - before) / 1000 / COUNT
