"""A listener answers beside the streams of many open pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, Router

from conserje_edge.server import listener
from conserje_edge.wire.addresses import address

PAGES = 300  # granian's own bound is 128


async def _stream(request: Request) -> Response:
    """It has no end."""

    async def said() -> AsyncIterator[bytes]:
        yield b":"
        await asyncio.Event().wait()

    return StreamingResponse(said())


async def _page(request: Request) -> Response:
    return Response("answered")


APPLICATION = Router([Route("/open", _stream), Route("/", _page)])


async def _ask(socket: Path, path: str) -> tuple[bytes, asyncio.StreamWriter]:
    async with asyncio.timeout(30):
        reader, writer = await asyncio.open_unix_connection(socket)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        return await reader.readuntil(b"\r\n\r\n"), writer


async def test_open_pages_keep_nobody_out(tmp_path: Path) -> None:
    socket = tmp_path / "s"
    server = listener._server(APPLICATION, address(str(socket)))
    serving = asyncio.create_task(server.serve())
    while not socket.exists():
        assert not serving.done()
        await asyncio.sleep(0.01)
    writers = []
    try:
        for _ in range(PAGES):
            head, writer = await _ask(socket, "/open")
            writers.append(writer)
            assert head.startswith(b"HTTP/1.1 200")
        head, writer = await _ask(socket, "/")
        writers.append(writer)
        assert head.startswith(b"HTTP/1.1 200")
    finally:
        for writer in writers:
            writer.close()
        server.stop()  # type: ignore[no-untyped-call]
        await asyncio.wait({serving}, timeout=5)
