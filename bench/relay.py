"""Between a program and Postgres: counts round trips and statements by what the server answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

SOCKET = ".s.PGSQL.5432"
READY = ord("Z")  # ReadyForQuery ends a round trip
DONE = frozenset(b"Cs")  # CommandComplete a statement, or PortalSuspended, where only one row was wanted
HEAD = 5  # bytes of a message: which it is, and how long the rest is, with these four of its own


@dataclass
class Counts:
    """What all connections asked the server."""

    trips: int = 0
    statements: int = 0

    def __sub__(self, before: Counts) -> Counts:
        return Counts(self.trips - before.trips, self.statements - before.statements)

    def add(self, kind: int) -> None:
        self.trips += kind == READY
        self.statements += kind in DONE


@dataclass
class Messages:
    """Of one connection's answers, which come in whatever pieces."""

    _head: bytes = b""
    _left: int = 0  # of a message's rest

    def kinds(self, data: bytes) -> Iterator[int]:
        """Those that begin in this piece."""
        at = 0
        while at < len(data):
            if self._left:
                taken = min(self._left, len(data) - at)
                self._left -= taken
            else:
                part = data[at : at + HEAD - len(self._head)]
                taken = len(part)
                self._head += part
                if len(self._head) == HEAD:
                    yield self._head[0]
                    self._left, self._head = int.from_bytes(self._head[1:]) - 4, b""
            at += taken


@asynccontextmanager
async def relayed(server: Path, folder: Path) -> AsyncIterator[Counts]:
    """A socket in `folder` that leads to the server's in its own, for as long as the block takes."""
    counts = Counts()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            answers, asked = await asyncio.open_unix_connection(server / SOCKET)
            try:
                await asyncio.gather(_pass(reader, asked), _pass(answers, writer, counts))
            finally:
                asked.close()
                writer.close()

    folder.mkdir(exist_ok=True)
    listener = await asyncio.start_unix_server(relay, folder / SOCKET)
    try:
        yield counts
    finally:
        listener.close()


async def _pass(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, counts: Counts | None = None
) -> None:
    """To the end of what one side says, which the other is told."""
    messages = Messages()
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
        if counts:
            for kind in messages.kinds(data):
                counts.add(kind)
    writer.close()
