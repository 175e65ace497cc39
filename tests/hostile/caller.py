"""How a stranger calls: connections to nginx, kept or not, each from an address of the stranger's choice."""

from __future__ import annotations

import asyncio
import itertools
import re
import ssl
from collections import Counter
from dataclasses import dataclass
from ipaddress import IPv4Address

from nginx.gate import BASE

PATIENCE = 30.0  # seconds for one answer
PAUSE = 0.2  # seconds after a call that came to nothing
_addresses = itertools.count(int(IPv4Address("127.1.0.1")))

_trusting = ssl.create_default_context()
_trusting.check_hostname, _trusting.verify_mode = False, ssl.CERT_NONE

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Target:
    """What strangers know of a town: its door, its tenants, the secrets of those that they have bought."""

    port: int
    good: list[tuple[str, str]]  # slug and number at Twilio
    bought: dict[str, tuple[str, str, str]]  # by slug: number, account SID, auth token
    meta: tuple[str, str, str]  # slug, number id, app secret

    def host(self, slug: str = "") -> str:
        return f"{slug}.{BASE}" if slug else BASE


def another_address() -> str:
    """Of loopback, that nobody has had."""
    return str(IPv4Address(next(_addresses)))


@dataclass
class Caller:
    """One connection to one host, made anew when it is lost."""

    target: Target
    host: str
    answers: Counter[str]
    address: str
    _streams: Streams | None = None

    async def ask(self, request: bytes) -> None:
        """Send a request and count what is answered."""
        try:
            async with asyncio.timeout(PATIENCE):
                self._streams = self._streams or await self.connect()
                self.answers[await _exchange(*self._streams, request)] += 1
        except (OSError, EOFError, TimeoutError) as error:
            self.answers[type(error).__name__] += 1
            self.close()
            await asyncio.sleep(PAUSE)

    async def connect(self) -> Streams:
        return await asyncio.open_connection(
            "127.0.0.1",
            self.target.port,
            ssl=_trusting,
            server_hostname=self.host,
            local_addr=(self.address, 0),
        )

    def close(self) -> None:
        if self._streams:
            self._streams[1].close()
        self._streams = None


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> str:
    """The status. Raises OSError and EOFError."""
    writer.write(request)
    await writer.drain()
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    await reader.readexactly(int(length[1]) if length else 0)
    if b"connection: close" in head.lower():
        writer.close()
        raise ConnectionAbortedError(head.split(b" ", 2)[1])
    return head.split(b" ", 2)[1].decode()


def post(target: Target, host: str, path: str, body: bytes, kind: str, **headers: str) -> bytes:
    """A request that nobody need have signed."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}:{target.port}", f"Content-Type: {kind}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body
