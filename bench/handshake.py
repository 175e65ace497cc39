"""What a TLS connection costs nginx: its workers' processor time, with a full handshake and a resumed one."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench.nginx import Nginx, opened, trusting_all
from bench.process import Failed
from bench.webhooks import DOMAIN

COUNT = 1_000  # of each kind
REQUEST = f"GET /nothing HTTP/1.1\r\nHost: {DOMAIN}\r\nConnection: {{then}}\r\n\r\n"
TICKS = os.sysconf("SC_CLK_TCK")  # a second


@dataclass(frozen=True)
class Handshakes:
    """Milliseconds of nginx's workers for a connection with one request, which nginx answers by itself."""

    count: int
    protocol: str
    full: float
    resumed: float
    request: float  # one more over a kept connection, which is part of both


async def measure(folder: Path) -> Handshakes:
    """Raises Failed."""
    async with opened(folder / "nginx", upstream_port=1) as nginx:
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
    """Milliseconds of nginx's workers for one `act`."""
    before = _used(nginx)
    for _ in range(COUNT):
        act()
    return (_used(nginx) - before) * 1000 / COUNT


def _used(nginx: Nginx) -> float:
    """Seconds of processor time of all workers so far."""
    ticks = 0
    for pid in nginx.workers:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])  # utime and stime
    return ticks / TICKS
