"""What stands behind nginx in tests of nginx alone: it answers with the request as it arrived."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Head = tuple[str, dict[str, list[str]]]


@dataclass
class Mirror:
    """An HTTP/1.1 server of a few lines. A stream stays open until its reader leaves."""

    address: str = ""
    streams: int = 0
    status: int = 200
    paths: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            while True:
                line, headers = _parsed(await reader.readuntil(b"\r\n\r\n"))
                body = await reader.readexactly(int(headers.get("content-length", ["0"])[0]))
                path = line.split(" ")[1]
                self.paths.append(path)
                if path.startswith("/stream"):
                    return await self._stream(reader, writer)
                await self._answer(writer, line, headers, body)

    async def _answer(
        self, writer: asyncio.StreamWriter, line: str, headers: dict[str, list[str]], body: bytes
    ) -> None:
        shown = json.dumps({"line": line, "headers": headers, "size": len(body)}).encode()
        writer.write(
            b"HTTP/1.1 %d Mirrored\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
            b"x-request-id: the-core-s\r\n\r\n%b" % (self.status, len(shown), shown)
        )
        await writer.drain()

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nretry: 2000\n\n")
        self.streams += 1
        try:
            await reader.read()
        finally:
            self.streams -= 1


def _parsed(head: bytes) -> Head:
    line, *rest = head.decode("latin-1").split("\r\n")
    headers: dict[str, list[str]] = {}
    for name, _, value in (each.partition(": ") for each in rest if each):
        headers.setdefault(name.lower(), []).append(value)
    return line, headers


@asynccontextmanager
async def mirroring() -> AsyncIterator[Mirror]:
    mirror = Mirror()
    server = await asyncio.start_server(mirror.serve, "127.0.0.1", 0, backlog=1000)
    host, port = server.sockets[0].getsockname()
    mirror.address = f"{host}:{port}"
    try:
        yield mirror
    finally:
        server.close()
