"""Serves a stand-in on loopback, inside this process."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from granian.constants import Interfaces
from granian.server.embed import Server
from starlette.requests import Request
from starlette.types import ASGIApp

PORTS = range(10_000, 32_000)
STARTS_WITHIN = 60.0  # seconds, on a machine however busy


async def serve(app: ASGIApp, port: int) -> None:
    """Serve `app` at 127.0.0.1 until cancelled."""
    await _server(app, port).serve()


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """Serve `app` for as long as the block runs, at the base URL that it is given."""
    port = _free_port()
    server = _server(app, port)
    running = asyncio.create_task(server.serve())
    try:
        await _answering(port, running)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()  # type: ignore[no-untyped-call]
        await running


async def until_gone(request: Request) -> None:
    """Until whoever asks hangs up."""
    async with asyncio.timeout(120):
        while (await request.receive())["type"] != "http.disconnect":
            pass


def _server(app: ASGIApp, port: int) -> Server:
    return Server(app, address="127.0.0.1", port=port, interface=Interfaces.ASGI, log_enabled=False)


def _free_port() -> int:
    """None that a connection's own end may get before the server does: those begin at 32768."""
    while True:
        port = secrets.choice(PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


async def _answering(port: int, running: asyncio.Task[None]) -> None:
    async with asyncio.timeout(STARTS_WITHIN):
        while not running.done():
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                return
    await running
