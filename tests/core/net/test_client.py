"""The HTTP client: which of its connections serve again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from waiting import until

from conserje.net import resting
from conserje.net.client import client

ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass
class Server:
    """Answers each request, and keeps its connections."""

    url: str = ""
    connections: list[asyncio.StreamWriter] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        while await reader.readline():
            while await reader.readline() != b"\r\n":
                pass
            writer.write(ANSWER)
        writer.close()


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server = Server()
    listener = await asyncio.start_server(server.answer, "127.0.0.1", 0)
    host, port = listener.sockets[0].getsockname()
    server.url = f"http://{host}:{port}/"
    async with listener:
        yield server


async def test_a_connection_that_rests_is_used_again_until_its_server_ends_it() -> None:
    async with serving() as server, client() as http:
        for _ in range(3):
            assert (await http.get(server.url)).status_code == 204
        assert len(server.connections) == 1
        server.connections[0].close()
        await server.connections[0].wait_closed()
        assert (await http.get(server.url)).status_code == 204
        assert len(server.connections) == 2


async def test_the_streams_of_a_client_know_their_sockets() -> None:
    async with serving() as server, client() as http:
        async with http.stream("GET", server.url) as answer:
            stream = answer.extensions["network_stream"]
            assert isinstance(stream, resting._Stream)
            assert not stream.get_extra_info("is_readable")
            assert stream.get_extra_info("server_addr")[0] == "127.0.0.1"
        server.connections[0].close()
        await until(lambda: stream.get_extra_info("is_readable"))
        await stream.aclose()
        assert stream.get_extra_info("is_readable")
